"""Everything Dagster about assets."""
