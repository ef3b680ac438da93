"""What Dagster shows of datasets: materializations, checks, metadata, pictures."""
