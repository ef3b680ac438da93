"""Time ranges of clips, without what cuts them: planning needs no decoder."""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final, Self

from hugflow.late_dataclass import dataclass

_SECONDS: Final = re.compile(
    r"(?:[0-9]{1,9}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][-+]?[0-9]{1,2})?"
)


def to_seconds(value: object) -> str:
    """A time as decimal text; raises ValueError for what is no number of seconds from 0."""
    text = str(value).strip()
    if isinstance(value, bool) or not _SECONDS.fullmatch(text):
        raise ValueError("it is no number of seconds")
    return text


@dataclass(frozen=True, slots=True)
class Cut:
    """A time range in seconds, as decimal text; channel: from 0, None for all of them.

    end: None for the clip's end.
    """

    start: str
    end: str | None
    channel: int | None = None

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Self:
        """A range of what `to_json` gave."""
        return cls(*value)

    def to_json(self) -> list[Any]:
        """Begin, end and channel."""
        return [self.start, self.end, self.channel]

    @property
    def is_empty(self) -> bool:
        """Whether it ends before it begins, or where it begins."""
        return self.end is not None and Fraction(self.end) <= Fraction(self.start)

    @property
    def order(self) -> tuple[Fraction, Fraction, int]:
        """What pieces of one clip are sorted by."""
        return Fraction(self.start), Fraction(self.end or "0"), self.channel or 0

    @property
    def seconds(self) -> float | None:
        """How long it is; None if it goes to the clip's end."""
        if self.end is None:
            return None
        return float(Fraction(self.end) - Fraction(self.start))

    def frames(self, rate_hz: int) -> tuple[int, int | None]:
        """The first sample, and the one behind the last: the nearest ones to the times."""
        end = None if self.end is None else _nearest(Fraction(self.end) * rate_hz)
        return _nearest(Fraction(self.start) * rate_hz), end


# What a row has whose times are none.
NO_RANGE: Final = Cut("0", "0")


def _nearest(number: Fraction) -> int:
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)
