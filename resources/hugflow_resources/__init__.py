"""Dagster resources: thin shells from a setting to a plain object."""
