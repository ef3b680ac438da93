"""Values that have no place in the planned columns: counted while rows are read."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from hugflow.redact import in_a_line

_MOST_NAMES: Final = 20
_LONGEST_NAME: Final = 100
_OTHERS: Final = "other fields"
_collected: ContextVar[Counter[str] | None] = ContextVar("lost_values", default=None)


@contextmanager
def collect_lost() -> Iterator[Counter[str]]:
    """Collects the lost values of rows that are read inside, in this thread, by field."""
    lost = Counter[str]()
    token = _collected.set(lost)
    try:
        yield lost
    finally:
        _collected.reset(token)


def note_lost(lost: Mapping[str, int]) -> None:
    """Count values that a layout has left out, by field; of many fields the most frequent."""
    collected = _collected.get()
    if collected is None:
        return
    for at, (name, count) in enumerate(Counter(lost).most_common()):
        collected[in_a_line(name)[:_LONGEST_NAME] if at < _MOST_NAMES else _OTHERS] += count
