"""Pieces of a comment, and how many of them fit."""

from collections.abc import Sequence

from hugflow.errors import show_fix
from hugflow.notify.escape import md_block
from hugflow.notify.notices import Failure

# GitHub's limit is one character more.
LONGEST = 65_535
LONGEST_PATH = 300
LONGEST_SENTENCE = 1_000


def failure_block(failure: Failure) -> str:
    """The three lines of an error."""
    lines = [failure.what, f"why: {failure.why}", show_fix(failure.mend)]
    return md_block(lines, LONGEST_SENTENCE)


def fold(summary_html: str, blocks: Sequence[str]) -> str:
    """Blocks that the reader can unfold."""
    body = "\n\n".join(blocks)
    return f"<details><summary>{summary_html}</summary>\n\n{body}\n\n</details>"


def fit(texts: Sequence[str], room: int) -> tuple[list[str], int]:
    """The first texts that fit, and the number of texts left out."""
    for number, text in enumerate(texts):
        room -= length(text) + 2
        if room < 0:
            return list(texts[:number]), len(texts) - number
    return list(texts), 0


def length(text: str) -> int:
    """Length of a text in UTF-16 units, which is the strictest way to count."""
    return len(text) + sum(character > "\uffff" for character in text)
