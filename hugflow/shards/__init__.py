"""The plan of a dataset: its published files, and the rows in them."""
