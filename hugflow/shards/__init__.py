"""What a dataset consists of: published files, and the rows in them."""
