"""What Dagster is told and shows: materializations, checks, metadata, pictures."""
