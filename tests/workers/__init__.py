"""Warm child processes that answer questions."""
