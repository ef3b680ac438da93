"""How much is in a dataset: counted on its index, as values, in words, as a histogram."""
