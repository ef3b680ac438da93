"""Runs of flows that a YAML describes."""
