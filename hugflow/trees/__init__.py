"""Strict reading of YAML and JSON that people write: plain values with their line numbers."""
