"""Taking a dataset out of storage, and bringing it back."""
