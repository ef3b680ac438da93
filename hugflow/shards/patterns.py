"""Patterns of a form: which paths they match."""

import re
from collections.abc import Callable, Sequence

from hugflow.requests.sources import TableForm
from hugflow.shards.globs import Token, Wild, to_expression
from hugflow.shards.plan_request import PlanRequest


def to_regex(pattern: str, subset: str | None, split: str) -> str:
    """A pattern of a form as a regular expression over whole paths.

    `*` is any part of a name, `**` any folders. A pattern with `{subset}` matches nothing without
    one.
    """
    tokens: list[Token] = []
    for part in re.split(r"(\*\*/|\*\*|\*|\{subset\}|\{split\})", pattern):
        match part:
            case "**/" | "**" | "*":
                tokens.append(Wild(part))
            case "{subset}":
                tokens.append(re.escape(subset) if subset is not None else r"[^\s\S]")
            case "{split}":
                tokens.append(re.escape(split))
            case _:
                tokens.append(re.escape(part))
    return to_expression(tokens)


def to_regexes(patterns: Sequence[str], form: TableForm, request: PlanRequest) -> list[str]:
    """The patterns for the subset and the split of a request."""
    split = dict(form.splits).get(request.split, request.split)
    return [to_regex(pattern, request.subset, split) for pattern in patterns]


def matcher(regexes: Sequence[str]) -> Callable[[str], bool]:
    """Whether one of the regular expressions matches a whole path."""
    compiled = [re.compile(regex) for regex in regexes]
    return lambda path: any(each.fullmatch(path) for each in compiled)
