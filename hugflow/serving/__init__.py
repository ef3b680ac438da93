"""Flows served to other users, and their instances."""
