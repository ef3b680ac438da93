"""Patterns of files, as `datasets` matches them in a repository.

`*` and `?` stay within one part of a path, `**` is any number of folders. Hidden files and folders
that start with `__` are matched only by a pattern that names as many of them.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final, Self

from hugflow.late_dataclass import dataclass
from hugflow.shards.globs import Token, Wild, to_expression


class NotKnown(Exception):
    """A card or a name that only `datasets` can judge; the message says what it is."""


# Unless a pattern ends with one of these names.
_NEVER_DATA: Final = frozenset(
    {"README.md", "config.json", "dataset_info.json", "dataset_infos.json"}
    | {"dummy_data.zip", "dataset_dict.json"}
)
_WILD: Final = re.compile(r"[*?\[]")
# The default patterns have the first one.
_SET: Final = r"\[-\._ 0-9\]|\[(?:0-9|a-z|A-Z|[A-Za-z0-9_])+\]"
_TOKENS: Final = re.compile(rf"{_SET}|[*?]|[^*?\[\]]+")
_ODD_PARTS: Final = ("", ".", "..", "~")


@dataclass(frozen=True, slots=True)
class Paths:
    """All files of a repository, by path."""

    ordered: tuple[str, ...]
    every: frozenset[str]

    @classmethod
    def of(cls, paths: Iterable[str]) -> Self:
        """The paths, sorted; raises NotKnown for names that are addresses for `datasets`."""
        every = frozenset(paths)
        for path in every:
            if "::" in path or "\\" in path:
                raise NotKnown(f"the file name {path!r}")
        return cls(tuple(sorted(every)), every)

    def find(self, pattern: str) -> list[str]:
        """The files that a pattern matches, sorted; raises NotKnown for an unusual pattern."""
        matches = _compile(pattern).fullmatch
        name = pattern.rpartition("/")[2]
        if not is_wild(pattern):
            return [pattern] if pattern in self.every else []
        literal = _longest_literal(pattern)
        hidden, special = _count_hidden(pattern)
        return [
            path
            for path in self.ordered
            if literal in path
            and matches(path)
            and _count_hidden(path) == (hidden, special)
            and ((base := path.rpartition("/")[2]) not in _NEVER_DATA or base == name)
        ]


def is_wild(pattern: str) -> bool:
    """Whether a pattern may match several files, and no file is no error."""
    return _WILD.search(pattern) is not None


def check_pattern(pattern: str) -> None:
    """Raise NotKnown for a pattern that is not matched here."""
    _compile(pattern)


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    parts = pattern.split("/")
    if any(part in _ODD_PARTS for part in parts) or re.search(r"::|:/|[\\{}]", pattern):
        raise NotKnown(f"the pattern {pattern!r}")
    tokens: list[Token] = []
    for part in parts[:-1]:
        tokens.extend([Wild.FOLDERS] if part == "**" else [*_translate(part, pattern), "/"])
    tokens.extend([Wild.ALL] if parts[-1] == "**" else _translate(parts[-1], pattern))
    return re.compile(to_expression(tokens), re.DOTALL)


def _translate(part: str, pattern: str) -> list[Token]:
    """One part of a pattern; one that is `*` takes a whole name, which is not empty."""
    found = _TOKENS.findall(part)
    if "".join(found) != part or "**" in part:
        raise NotKnown(f"the pattern {pattern!r}")
    if part == "*":
        return ["[^/]", Wild.PART]
    wild: dict[str, Token] = {"*": Wild.PART, "?": "[^/]"}
    return [wild.get(each) or (each if each.startswith("[") else re.escape(each)) for each in found]


@cache
def _longest_literal(pattern: str) -> str:
    """A text that every match contains: most files are sorted out by it, which is fast."""
    return max(re.split(r"\[[^\]]*\]|\*\*/|/\*\*|[*?]", pattern), key=len)


def _count_hidden(path: str) -> tuple[int, int]:
    """The hidden parts of a path, and its folders that start with `__`."""
    if not path.startswith((".", "__")) and "/." not in path and "/__" not in path:
        return 0, 0
    parts = path.split("/")
    hidden = sum(part.startswith(".") and set(part) != {"."} for part in parts)
    return hidden, sum(part.startswith("__") for part in parts[:-1])
