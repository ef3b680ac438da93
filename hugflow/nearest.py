"""Names that a person may have meant: for advice, never for a decision."""

import difflib
from collections.abc import Iterable

# From 0 to 1. ALIKE is enough beside a list of names; unasked advice needs VERY_ALIKE.
ALIKE = 0.5
VERY_ALIKE = 0.8
# The time of a comparison grows with the square of the length.
_LONGEST = 256


def nearest_names(
    wanted: str, names: Iterable[str], *, most: int = 3, likeness: float = ALIKE
) -> list[str]:
    """The names that are similar to `wanted`, the nearest first; case does not matter."""
    by_plain = {name.casefold()[:_LONGEST]: name for name in names}
    plain = wanted.casefold()[:_LONGEST]
    return [by_plain[near] for near in difflib.get_close_matches(plain, by_plain, most, likeness)]


def nearest_name(wanted: str, names: Iterable[str], *, likeness: float = ALIKE) -> str | None:
    """The one name that is most similar to `wanted`; None if none is similar."""
    return next(iter(nearest_names(wanted, names, most=1, likeness=likeness)), None)
