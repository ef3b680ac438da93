"""Lines of a result: what was done, and the fields of what it was done to.

At a terminal the verbs and labels end in one column, and verbs are green, as uv and gh print them:

        wrote requests/add/speech.yaml
         rows 1,200, in 3 files
       linked processed/acme__speech -> datasets/acme__speech

Elsewhere a line is plain, so that a script can read it.
"""

import sys
from collections.abc import Sequence

from hugflow.amounts import count
from hugflow.cli.output import is_terminal, paint, paint_data, print_data, print_talk

# Columns of verbs and labels: `would remove` is the longest.
_COLUMNS = 12
_MOST_FAILED = 5
_DONE, _KEPT, _NEXT = "1;32", "1;33", "1;36"


def print_done(verb: str, words: str, plain: str | None = None) -> None:
    """Print what was done. plain: the line without a terminal; default: the verb and the words."""
    if sys.stdout.isatty():
        print_data(f"{paint_data(verb.rjust(_COLUMNS), _DONE)} {words}")
    else:
        print_data(f"{verb} {words}" if plain is None else plain)


def print_kept(verb: str, words: str) -> None:
    """Print to stderr what was left as it is."""
    print_talk(f"{paint(verb.rjust(_COLUMNS), _KEPT) if is_terminal() else verb} {words}")


def print_next(words: str) -> None:
    """Print to stderr what to do next."""
    told = f"{paint('next'.rjust(_COLUMNS), _NEXT)} " if is_terminal() else "next: "
    print_talk(told + words)


def print_tally(
    names: Sequence[str], failed: Sequence[str], *, verb: str = "done", untried: Sequence[str] = ()
) -> None:
    """Print to stderr how many of several datasets failed, and which; nothing if none failed.

    names: of all, once for each request: two that conflict are one dataset.
    untried: those that the command did not come to.
    """
    total, failed = len(set(names)), list(dict.fromkeys(failed))
    if total < 2 or not failed:
        return
    left = len(set(untried) - set(failed))
    more = f" and {len(failed) - _MOST_FAILED:,} more" if len(failed) > _MOST_FAILED else ""
    not_tried = f", {left:,} not tried" if left else ""
    print_talk(
        f"{total - len(failed) - left:,} of {count(total, 'dataset')} {verb}{not_tried}, "
        f"{len(failed):,} failed: {', '.join(failed[:_MOST_FAILED])}{more}"
    )


def print_field(label: str, value: object, plain_columns: int = 13) -> None:
    """Print one field. plain_columns: of the label, without a terminal."""
    print_data(render_field(label, value, plain_columns, is_aligned=sys.stdout.isatty()))


def render_field(label: str, value: object, plain_columns: int, *, is_aligned: bool) -> str:
    """The line of one field. is_aligned: its label ends where the verbs end."""
    if is_aligned:
        return f"{label.rjust(_COLUMNS)} {value}"
    return f"  {label:<{plain_columns}}{value}"
