"""A pull request's requests: found, planned, told of, made, and merged, as a workflow goes through it."""
