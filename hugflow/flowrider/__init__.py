"""Runs of flows, each described by a YAML."""
