"""What is wrong with a request file, said so that its author can mend it.

A problem never repeats a value from the file. Keys and short signs are shown when they can hold
no secret; see `show_key`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hugflow.errors import RequestInvalid

HIDDEN = "(not shown)"

_MAX_SHOWN_CHARACTERS = 32
_PLAIN_KEY = re.compile(r"<<|[A-Za-z_][A-Za-z_ -]*[0-9]{0,2}")
# What has a name like that is no field, and likely a token that happens to hold no digit.
_TOKEN_LIKE = re.compile(
    r"[A-Za-z]{16}|\A(?:hf|gh[a-z]|github|glpat|sk|xox[a-z])[_-].{5}", re.IGNORECASE
)
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


def show_key(key: str) -> str:
    """Give the key itself when it is plainly a word, `(not shown)` when it may be a secret."""
    is_plain = (
        len(key) <= _MAX_SHOWN_CHARACTERS
        and _PLAIN_KEY.fullmatch(key) is not None
        and _TOKEN_LIKE.search(key) is None
    )
    return key if is_plain else HIDDEN


def _join_once(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))
