"""The choices that an error offers, in words: the nearest name first."""

import difflib
import json
from collections.abc import Sequence

MOST_NAMED = 12
_ALIKE = 0.4


def nearest_first(wanted: str | None, names: Sequence[str]) -> list[str]:
    """The names, those most similar to `wanted` first; in their own order without one."""
    if not wanted:
        return list(names)
    return sorted(names, key=lambda name: -_likeness(wanted, name))


def name_choices(wanted: str | None, names: Sequence[str]) -> str:
    """`'ms', 'en' and 98 more`; `none` if there is nothing to choose."""
    shown = ", ".join(map(repr, nearest_first(wanted, names)[:MOST_NAMED]))
    more = len(names) - MOST_NAMED
    return (shown or "none") + (f" and {more} more" if more > 0 else "")


def advise(field: str, wanted: str | None, names: Sequence[str]) -> str:
    """The line to put into the request: `set subset: "ms"`.

    It has the nearest name if one is similar, else any name as an example.
    """
    if not names:
        return f"choose another revision: here is no {field} at all"
    nearest = nearest_first(wanted, names)[0]
    is_alike = bool(wanted) and _likeness(str(wanted), nearest) >= _ALIKE
    if is_alike or len(names) == 1:
        return set_field(field, nearest)
    return f"set {field} to the one you mean, for example {set_field(field, nearest)[4:]}"


def set_field(field: str, value: str) -> str:
    """Advice to put one line into the request, ready to paste."""
    return f"set {field}: {json.dumps(value, ensure_ascii=False)}"


def _likeness(wanted: str, name: str) -> float:
    return difflib.SequenceMatcher(None, wanted.casefold(), name.casefold()).ratio()
