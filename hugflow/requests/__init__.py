"""Requests: the request file, its grammar, and reading it."""
