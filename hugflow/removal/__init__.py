"""Removing a dataset from storage, and restoring it."""
