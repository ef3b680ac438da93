"""What strict YAML and strict JSON share: plain values with their lines, and faults.

    meta:                     line 1
      version: "1.0"          line 2
    steps: [a, b]             line 3

Repeated keys, anchors, aliases, tags, merge keys and more than eight levels (or what the caller
allows) are faults. A fault repeats only plain keys of the text, no values.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias

from hugflow.late_dataclass import dataclass
from hugflow.show_key import show_key

MAX_DEPTH = 8
MAX_FAULTS = 20
MAX_DIGITS = 100
PLAIN = "the file takes plain keys and values only, so that everyone reads it in the same way"
PAST = "the file cannot be read past this place"

Scalar: TypeAlias = str | int | float | bool | None
Value: TypeAlias = "Scalar | tuple[Node, ...] | Mapping[str, Node]"

_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Node:
    """A value, and the line (from 1) of its key, or of the value itself if it has no key."""

    value: Value
    line: int

    @property
    def plain(self) -> object:
        """The value as dicts, lists, texts, numbers, truth values and None."""
        if isinstance(self.value, Mapping):
            return {key: node.plain for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain for node in self.value]
        return self.value

    def line_of(self, path: Sequence[str | int]) -> int:
        """The line of the value at a path below this node, or of its nearest parent that exists."""
        node = self
        for step in path:
            inner: Node | None = None
            if isinstance(node.value, Mapping):
                inner = node.value.get(str(step))
            elif isinstance(node.value, tuple) and isinstance(step, int):
                inner = node.value[step] if step < len(node.value) else None
            if inner is None:
                break
            node = inner
        return node.line


@dataclass(frozen=True, slots=True)
class Fault:
    """An error in one line, in the three parts of an error message."""

    line: int
    what: str
    why: str
    mend: str


@dataclass(frozen=True, slots=True)
class Tree:
    """The content of a text and its faults. root: None if the text is empty or cannot be read."""

    root: Node | None
    faults: tuple[Fault, ...] = ()


class Stopped(Exception):
    """Reading stops here; the fault is noted."""


class Faults:
    """Collects faults, up to a number that people read."""

    def __init__(self, max_depth: int = MAX_DEPTH) -> None:
        self.found: list[Fault] = []
        self._max_depth = max_depth

    def note(self, line: int, what: str, why: str, mend: str) -> None:
        if len(self.found) < MAX_FAULTS:
            self.found.append(Fault(line, what, why, mend))

    def stop(self, line: int, what: str, why: str, mend: str) -> NoReturn:
        self.note(line, what, why, mend)
        raise Stopped

    def check_depth(self, line: int, depth: int) -> None:
        if depth > self._max_depth:
            self.note_depth(line)
            raise Stopped

    def note_depth(self, line: int) -> None:
        what = f"the text is nested deeper than {self._max_depth} levels"
        self.note(line, what, PLAIN, "use fewer levels")

    def check_text(self, line: int, text: str) -> str:
        if _UNUSABLE.search(text):
            what = "a text holds a character that no text may hold (U+0000 or half a pair)"
            self.note(line, what, PLAIN, "delete that character")
        return text

    def check_number(self, line: int, text: str) -> bool:
        """Whether a number is short enough to be read; a longer one is noted as a fault."""
        if len(text) <= MAX_DIGITS:
            return True
        self.note(line, f"a number has more than {MAX_DIGITS} digits", PLAIN, "write fewer")
        return False

    def note_repeated(self, key: str, line: int, first: Node) -> None:
        why = f"line {line} has it a second time, after line {first.line}, and only one could count"
        self.note(line, f"the key {show_key(key)} is written twice", why, "delete one of the two")
