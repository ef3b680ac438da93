"""Steps: what the root does with its composed sources, one after the other.

from hugflow.hierarchy.steps.registry import register_step
"""
