"""Dagster assets and what Dagster shows of them."""
