"""What people ask for: the request file, its grammar, and reading it."""
