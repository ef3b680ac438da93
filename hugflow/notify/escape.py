"""Escaping of foreign text: nothing in it becomes a link, a mention or markup.

On GitHub such text is put into code spans. Neither Markdown nor GitHub looks inside code. GitHub
finds mentions, issue numbers, commits, addresses and emoji after Markdown is read, so a backslash
before them would not help. https://github.github.com/gfm/#code-spans

On Slack, `&`, `<` and `>` begin a mention or a link.
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
# Control and format characters (bidi overrides and joiners too), lone surrogates, private use.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})


def to_line(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text as one line of visible characters, at most `most` of them."""
    # Very long text is cut first, so that escaping stays cheap.
    head = text[: most * 4]
    line = _SPACES.sub(" ", head).strip()
    line = "".join("?" if category(each) in _UNSEEN else each for each in line)
    is_whole = len(line) <= most and len(head) == len(text)
    return line if is_whole else line[: most - 1] + ELLIPSIS


def md_code(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text as code within a paragraph; empty text gives ""."""
    line = to_line(text, most)
    if not line:
        return ""
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def md_cell(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text as code within a table cell."""
    return md_code(text, most).replace("|", "\\|")


def md_block(lines: Sequence[str], most: int = MOST_CHARACTERS) -> str:
    """Lines as a block of code; each is cut after `most` characters."""
    shown = [to_line(line, most) for line in lines]
    fence = "`" * max(3, *(_longest_run(line) + 1 for line in shown), 3)
    return "\n".join([fence, *shown, fence])


def html_code(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text as code within a line of HTML."""
    return f"<code>{html.escape(to_line(text, most))}</code>"


def slack_text(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text escaped for Slack; `most` limits the length as it is sent."""
    sent = [_SLACK.get(character, character) for character in to_line(text, most)]
    if sum(map(len, sent)) <= most:
        return "".join(sent)
    # Never cut inside an entity: half an entity would be shown as text.
    ends = accumulate(map(len, sent))
    kept = [piece for piece, end in zip(sent, ends, strict=True) if end < most]
    return "".join(kept) + ELLIPSIS


def slack_code(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text as code in Slack's markup; empty text gives ""."""
    shown = slack_text(text.replace("`", "'"), most)
    return f"`{shown}`" if shown else ""


def safe_url(url: str | None) -> str | None:
    """The address if it is plain: http or https, without a user, nothing to escape; else None."""
    if url is None or len(url) > 1_000 or not _PLAIN_URL.fullmatch(url):
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return url if host else None


def _longest_run(line: str) -> int:
    return max(map(len, _TICKS.findall(line)), default=0)
