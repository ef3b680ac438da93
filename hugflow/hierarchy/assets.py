"""The hierarchy as assets of Dagster, for a code location of your own.

from hugflow.hierarchy.assets import build_hierarchy_defs

defs = build_hierarchy_defs(".")

This is the one module of the core that brings in Dagster, and nothing in the core imports it.
"""

from hugflow_assets.hierarchy.definitions import build_hierarchy_defs

__all__ = ["build_hierarchy_defs"]
