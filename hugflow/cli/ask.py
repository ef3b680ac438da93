"""Questions to the person at the terminal."""

import sys
from collections.abc import Sequence

import typer

from hugflow.cli.output import print_talk
from hugflow.cli.status_line import hidden
from hugflow.errors import UsageWrong

_MOST_SHOWN = 20


class NoAnswer(Exception):
    """A person ended the command at a question, by Ctrl-C or Ctrl-D; nothing was changed."""


def can_ask() -> bool:
    """Whether a person can read a question and answer it."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Whether a person agrees. Raises NoAnswer for Ctrl-C or Ctrl-D."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        raise NoAnswer from None


def choose(field: str, names: Sequence[str], default: str | None, flag: str) -> str:
    """The name that the person chooses; Enter takes the default.

    flag: the option that answers the question in advance. Raises UsageWrong when nobody can be
    asked, or when three answers fit nothing, and NoAnswer for Ctrl-C or Ctrl-D.
    """
    listed = ", ".join(names[:_MOST_SHOWN]) + (
        f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    )
    if not can_ask():
        raise UsageWrong(
            f"there are {len(names)} choices for {field}",
            why=f"they are {listed}, and nobody can be asked without a terminal",
            mend=f"add {flag} and one of them",
        )
    print_talk(f"{field}: {listed}")
    for _ in range(3):
        answer = _read_line(f"{field}{f' [{default}]' if default else ''}: ") or default or ""
        if answer in names:
            return answer
        print_talk(f"{answer!r} is none of them" if answer else "one of them is needed")
    raise UsageWrong(
        f"no {field} was chosen",
        why="three answers were none of the choices",
        mend=f"add {flag} and one of them",
    )


def _read_line(question: str) -> str:
    with hidden():
        sys.stderr.write(question)
        sys.stderr.flush()
    try:
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        raise NoAnswer from None
    if not line:
        raise NoAnswer
    return line.strip()
