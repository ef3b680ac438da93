"""Everything that Dagster loads of the project in the working directory.

dagster dev                                            (with workspace.yaml)
dagster asset list -m hugflow_assets.definitions
"""

import gc

import dagster as dg

from hugflow_assets.loading import load_definitions
from hugflow_resources.dagster_private import types_looked_up_once
from hugflow_resources.plain_log import use_plain_log
from hugflow_resources.project import open_project

__all__ = ["defs", "load", "load_definitions"]


def load() -> dg.Definitions:
    """Load everything with the garbage collector off, and exempt what was loaded for good.

    A thousand datasets are a million objects that all stay; scanning them repeatedly takes a fifth
    of the loading time.
    """
    gc.disable()
    try:
        with types_looked_up_once():
            return load_definitions(open_project())
    finally:
        gc.freeze()
        gc.enable()


use_plain_log()
defs = load()
