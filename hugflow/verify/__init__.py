"""Comparing what is stored with what was made."""
