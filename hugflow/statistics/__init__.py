"""Statistics of a dataset, counted on its index: as values, in words, as a histogram."""
