"""Patterns with wildcards as regular expressions, matched without exponential backtracking.

A wildcard whose next fixed text is followed by a wildcard that takes at least as much needs only
the first place of that text: every later match can also be reached from there. Atomic groups say
so to the regular expression, which then returns to no such wildcard.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import pairwise


class Wild(Enum):
    """What a wildcard takes: a part of a name, any folders, or anything."""

    PART = "*"
    FOLDERS = "**/"
    ALL = "**"


Token = str | Wild
_GREEDY = {None: "", Wild.FOLDERS: "(?:.*/)?", Wild.ALL: ".*"}
_LAZY = {None: "", Wild.FOLDERS: "(?:|.*?/)", Wild.ALL: ".*?"}


def to_expression(tokens: Sequence[Token]) -> str:
    """The regular expression of wildcards and of fixed texts, which are expressions themselves.

    A fixed text matches texts of one length; `/` is in it only as itself.
    """
    pieces = list(_pieces(_simplify(tokens)))
    found = []
    for (leader, own), (follower, _) in pairwise([*pieces, (None, [])]):
        is_first_enough = follower is Wild.ALL or (
            follower is Wild.FOLDERS and bool(own) and str(own[-1]).endswith("/")
        )
        text = _to_text(own, is_first_enough=is_first_enough)
        if leader is not None and is_first_enough:
            found.append(f"(?>{_LAZY[leader]}{text})")
        else:
            found.append(_GREEDY[leader] + text)
    return "".join(found)


def _simplify(tokens: Sequence[Token]) -> list[Token]:
    """The tokens with neighbouring texts as one, and one wildcard for several without a text."""
    kept: list[Token] = []
    for token in tokens:
        before = kept[-1] if kept else None
        if token == "":
            continue
        if isinstance(before, str) and isinstance(token, str):
            kept[-1] = before + token
        elif isinstance(before, Wild) and (token is before or token is Wild.ALL):
            kept[-1] = token
        elif before is not Wild.ALL or isinstance(token, str):
            kept.append(token)
    return kept


def _pieces(tokens: Sequence[Token]) -> Iterator[tuple[Wild | None, list[Token]]]:
    """The tokens, cut before each wildcard that may take folders."""
    leader: Wild | None = None
    own: list[Token] = []
    for token in tokens:
        if token in (Wild.FOLDERS, Wild.ALL):
            yield leader, own
            leader, own = Wild(token), []
        else:
            own.append(token)
    yield leader, own


def _to_text(own: Sequence[Token], *, is_first_enough: bool) -> str:
    """Texts with `*` between them."""
    found = []
    last = len(own) - 1
    for at, token in enumerate(own):
        if isinstance(token, str):
            found.append(token if at == 0 else "")
            continue
        text = str(own[at + 1]) if at < last else ""
        is_followed = at + 1 < last or (is_first_enough and at < last)
        found.append(f"(?>[^/]*?{text})" if is_followed else f"[^/]*{text}")
    return "".join(found)
