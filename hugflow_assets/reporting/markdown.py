"""Strangers' text in Dagster, escaped: shown as it was written, never as markup."""

import re
import unicodedata
from typing import Final

# A backslash escapes each of them: https://spec.commonmark.org/0.31.2/#backslash-escapes
_MARKUP: Final = re.compile(r"([!-/:-@\[-`{-~])")
# They change the direction of the text that follows, even outside their cell: UAX #9.
_TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def quote_markdown(text: str) -> str:
    """Text as a quotation in markdown, line by line, in which nothing is markup."""
    lines = (_MARKUP.sub(r"\\\1", line.strip()) for line in text.splitlines())
    return "\n".join(f"> {line}  " for line in lines)


def to_cell(text: str, limit: int) -> str:
    r"""Text for one cell of a table: one line of at most `limit` characters.

    Characters that cannot be stored, or that would disturb the text around, show as in `\x1b`.
    """
    line = " ".join(text[: limit + 1].split())
    shown = "".join(_show(char) for char in line[:limit])
    return f"{shown}…" if len(text) > limit else shown


def _show(char: str) -> str:
    if char in _TURNS or unicodedata.category(char) in ("Cc", "Cs"):
        return char.encode("unicode_escape").decode("ascii")
    return char
