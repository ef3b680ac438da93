"""The names that somebody may have meant: for advice, never for a decision."""

import difflib
from collections.abc import Iterable

# Of 0 to 1. What passes for advice beside a list is too little where nobody asked.
ALIKE = 0.5
VERY_ALIKE = 0.8
# Comparing takes the square of the length.
_LONGEST = 256


def nearest_names(
    wanted: str, names: Iterable[str], *, most: int = 3, likeness: float = ALIKE
) -> list[str]:
    """The names that are like `wanted`, the nearest first; capitals make no difference."""
    by_plain = {name.casefold()[:_LONGEST]: name for name in names}
    plain = wanted.casefold()[:_LONGEST]
    return [by_plain[near] for near in difflib.get_close_matches(plain, by_plain, most, likeness)]


def nearest_name(wanted: str, names: Iterable[str], *, likeness: float = ALIKE) -> str | None:
    """The one name that is most like `wanted`; None where none is like it."""
    return next(iter(nearest_names(wanted, names, most=1, likeness=likeness)), None)
