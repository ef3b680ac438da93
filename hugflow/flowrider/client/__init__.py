"""Results of runs, by the names that the document of flowrider uses."""
