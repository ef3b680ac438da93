"""The hierarchy of repositories in Dagster: own data, parents, composed sources, steps."""
