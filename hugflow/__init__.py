"""GitOps for Hugging Face datasets, as a Dagster data platform.

From Python: `hugflow.scan(NAME)` gives the rows of a stored dataset as a polars LazyFrame,
`hugflow.datasets()` what is stored.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hugflow.frames import datasets, scan

__all__ = ["datasets", "scan"]


def __getattr__(name: str) -> object:
    """`scan` and `datasets`, brought in with polars when somebody asks for them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hugflow import frames

    return getattr(frames, name)


def __dir__() -> list[str]:
    """Also what is not brought in yet."""
    return sorted({*globals(), *__all__})
