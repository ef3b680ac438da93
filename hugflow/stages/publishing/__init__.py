"""Completing a tree: the gate, the files around the rows, the link."""
