"""GitOps for Hugging Face datasets, as a Dagster data platform.

From Python: `hugflow.scan(NAME)` gives the rows of a stored dataset as a polars LazyFrame,
`hugflow.datasets()` what is stored, `hugflow.path(NAME)` the folder, and `hugflow.load(NAME)` the
dataset as `datasets` loads it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hugflow.frames import datasets, load, path, scan

__all__ = ["datasets", "load", "path", "scan"]


def __getattr__(name: str) -> object:
    """The functions, imported with polars when somebody asks for one."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hugflow import frames

    return getattr(frames, name)


def __dir__() -> list[str]:
    """Also what is not brought in yet."""
    return sorted({*globals(), *__all__})
