"""Names of datasets in the columns of a table: shortened, and still different from each other."""

from collections import defaultdict
from collections.abc import Sequence
from os.path import commonprefix

_CUT = "…"


def in_the_middle(name: str, columns: int) -> str:
    """The name in so many columns; of a longer one its two ends, in which most datasets differ."""
    if len(name) <= columns:
        return name
    end = (columns - 1) // 2
    return f"{name[: columns - 1 - end]}{_CUT}{name[-end:]}"


def shorten_names(names: Sequence[str], columns: int) -> list[str]:
    """The names in so many columns, in order; two that differ stay different.

    A name whose difference from the others has no room is longer than `columns`.
    """
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        alike[in_the_middle(name, columns)].add(name)
    shown = {name: short for short, group in alike.items() for name in group}
    for group in alike.values():
        if len(group) > 1:
            shown |= _keep_difference(group, columns)
    if len(set(shown.values())) < len(shown):
        return list(names)
    return [shown[name] for name in names]


def _keep_difference(names: set[str], columns: int) -> dict[str, str]:
    """`acme__two…subset_en…rev_main`: both ends of each name, and the part in which it differs."""
    before = commonprefix(list(names))  # noqa: RUF071  # of characters
    start = before.rfind("__") + 2 if "__" in before else len(before)
    after = len(commonprefix([name[len(before) :][::-1] for name in names]))  # noqa: RUF071
    shown = {}
    for name in names:
        part = name[start : len(name) - after]
        room = columns - len(part) - 2 * len(_CUT)
        head, tail = room - room // 2, room // 2
        fits = tail > 0 and head < start and tail < after
        shown[name] = f"{name[:head]}{_CUT}{part}{_CUT}{name[-tail:]}" if fits else name
    return shown
