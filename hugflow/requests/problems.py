"""What is wrong with a request file, in words that help its author to fix it.

A problem never repeats a value from the file. Keys and short signs are shown if they cannot be
secrets; see `hugflow.show_key`.
"""

import re
from collections.abc import Iterable, Sequence

from hugflow.errors import RequestInvalid, explain
from hugflow.late_dataclass import dataclass

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
        """Place and error in one line: `path:line: field: what`."""
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        headline = ": ".join(part for part in (where, self.field, self.what) if part)
        return show_path(headline)

    def render(self) -> str:
        """The three lines of an error."""
        return explain(self.headline, self.why, self.mend)


class RequestFileInvalid(RequestInvalid):
    """A request file is not valid; `problems` lists everything that is wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Join the problems, at least one, into one error."""
        self.problems = tuple(problems)
        super().__init__(
            "\n".join(problem.headline for problem in self.problems),
            why=_join_once(problem.why for problem in self.problems),
            mend=_join_once(problem.mend for problem in self.problems),
        )

    def __str__(self) -> str:
        """Three lines for each problem."""
        return "\n".join(problem.render() for problem in self.problems)


def show_path(path: str) -> str:
    """A path that is safe to show: strangers write paths too, and none breaks out of its line."""
    return _UNPRINTABLE.sub("?", path)


def _join_once(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))
