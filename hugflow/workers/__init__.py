"""Warm child processes that answer questions, so that a crash costs one answer and nothing else."""
