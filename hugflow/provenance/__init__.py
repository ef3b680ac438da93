"""Where a file comes from."""
