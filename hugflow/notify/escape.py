"""Letting words of strangers be words: nothing that they write becomes a link, a mention or markup.

On GitHub they stand in code, which is where neither Markdown nor GitHub itself looks for anything:
mentions, numbers of issues, commits, addresses and emoji are made out of text alone, after Markdown
is read, so that a backslash before them would not help.
https://github.github.com/gfm/#code-spans

On Slack `&`, `<` and `>` are what begins a mention or a link.
https://docs.slack.dev/messaging/formatting-message-text
"""

import html
import re
from collections.abc import Sequence
from itertools import accumulate
from unicodedata import category
from urllib.parse import urlsplit

MOST_CHARACTERS = 200
ELLIPSIS = "…"

_SPACES = re.compile(r"\s+")
_SLACK = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_TICKS = re.compile(r"`+")
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#!$&+,;=%-]+")
# Controls, format characters (bidi overrides and joiners too), lone surrogates, private use.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})


def to_line(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text as one line of characters that can be seen, cut where it is longer than `most`."""
    # What lies far beyond is cut before it can cost anything.
    head = text[: most * 4]
    line = _SPACES.sub(" ", head).strip()
    line = "".join("?" if category(each) in _UNSEEN else each for each in line)
    is_whole = len(line) <= most and len(head) == len(text)
    return line if is_whole else line[: most - 1] + ELLIPSIS


def md_code(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text as code within a paragraph; nothing where it is empty."""
    line = to_line(text, most)
    if not line:
        return ""
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def md_cell(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text as code within a cell of a table."""
    return md_code(text, most).replace("|", "\\|")


def md_block(lines: Sequence[str], most: int = MOST_CHARACTERS) -> str:
    """Lines as a block of code; each is cut where it is longer than `most`."""
    shown = [to_line(line, most) for line in lines]
    fence = "`" * max(3, *(_longest_run(line) + 1 for line in shown), 3)
    return "\n".join([fence, *shown, fence])


def html_code(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text as code within a line of HTML."""
    return f"<code>{html.escape(to_line(text, most))}</code>"


def slack_text(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text as Slack takes it, without a meaning of its own; `most` counts it as it is sent."""
    sent = [_SLACK.get(character, character) for character in to_line(text, most)]
    if sum(map(len, sent)) <= most:
        return "".join(sent)
    # Never within an entity: half of one would be shown as it is.
    ends = accumulate(map(len, sent))
    kept = [piece for piece, end in zip(sent, ends, strict=True) if end < most]
    return "".join(kept) + ELLIPSIS


def slack_code(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text as code within Slack's own markup; nothing where it is empty."""
    shown = slack_text(text.replace("`", "'"), most)
    return f"`{shown}`" if shown else ""


def safe_url(url: str | None) -> str | None:
    """The address, where it is a plain one: http or https, without a user, nothing to be escaped."""
    if url is None or len(url) > 1_000 or not _PLAIN_URL.fullmatch(url):
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return url if host else None


def _longest_run(line: str) -> int:
    return max(map(len, _TICKS.findall(line)), default=0)
