"""What is wrong with a request file, said so that its author can mend it.

A problem never repeats a value from the file. Keys and short signs are shown when they can hold
no secret; see `hugflow.show_key`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hugflow.errors import RequestInvalid

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one file; line and column count from 1."""

    path: str
    line: int | None
    column: int | None
    field: str | None
    what: str
    why: str
    mend: str

    @property
    def headline(self) -> str:
        """Say where and what in one line: `path:line: field: what`."""
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        headline = ": ".join(part for part in (where, self.field, self.what) if part)
        return show_path(headline)

    def render(self) -> str:
        """Say it all in three lines, as every error does."""
        return f"{self.headline}\n  why:  {self.why}\n  mend: {self.mend}"


class RequestFileInvalid(RequestInvalid):
    """A request file cannot be taken as it is written; `problems` says all that is wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Gather the problems, at least one, into one error."""
        self.problems = tuple(problems)
        super().__init__(
            "\n".join(problem.headline for problem in self.problems),
            why=_join_once(problem.why for problem in self.problems),
            mend=_join_once(problem.mend for problem in self.problems),
        )

    def __str__(self) -> str:
        """Give three lines for each problem."""
        return "\n".join(problem.render() for problem in self.problems)


def show_path(path: str) -> str:
    """Give a path fit to be shown: strangers write paths too, and none breaks out of its line."""
    return _UNPRINTABLE.sub("?", path)


def _join_once(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))
