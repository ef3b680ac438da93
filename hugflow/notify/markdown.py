"""Pieces of a comment, and how many of them it has room for."""

from collections.abc import Sequence

from hugflow.notify.escape import md_block
from hugflow.notify.notices import Failure

# GitHub takes one character more.
LONGEST = 65_535
LONGEST_PATH = 300
LONGEST_SENTENCE = 1_000


def failure_block(failure: Failure) -> str:
    """The three lines of an error."""
    lines = [failure.what, f"why:  {failure.why}", f"mend: {failure.mend}"]
    return md_block(lines, LONGEST_SENTENCE)


def fold(summary_html: str, blocks: Sequence[str]) -> str:
    """Blocks that unfold when somebody wants to see them."""
    body = "\n\n".join(blocks)
    return f"<details><summary>{summary_html}</summary>\n\n{body}\n\n</details>"


def fit(texts: Sequence[str], room: int) -> tuple[list[str], int]:
    """The texts that there is room for, from the first on, and how many are left out."""
    for number, text in enumerate(texts):
        room -= length(text) + 2
        if room < 0:
            return list(texts[:number]), len(texts) - number
    return list(texts), 0


def length(text: str) -> int:
    """How long a text is for the one who counts most carefully: in units of UTF-16."""
    return len(text) + sum(character > "\uffff" for character in text)
