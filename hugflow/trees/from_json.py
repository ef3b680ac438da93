"""JSON text to a tree, with the line of each key, which Python's json module does not give."""

import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import suppress
from typing import NoReturn

from hugflow.trees.tree import PAST, Faults, Node, Stopped, Tree

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_DECODER = json.JSONDecoder()
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
_MEND = "write JSON: keys and texts in double quotes, a comma between entries and none at the end"


def parse_json(text: str) -> Tree:
    """Read one JSON value, as strictly as YAML; errors are returned as faults, not raised."""
    faults = Faults()
    root: Node | None = None
    with suppress(Stopped):
        root = _JsonReader(text, faults).read()
    return Tree(root, tuple(faults.found))


class _JsonReader:
    """Reads values from a position in the text."""

    def __init__(self, text: str, faults: Faults) -> None:
        self._text = text
        self._faults = faults
        self._breaks = [found.start() for found in re.finditer("\n", text)]
        self._at = 0

    def read(self) -> Node | None:
        self._skip_space()
        if self._at == len(self._text):
            return None
        root = self._read_value(None, depth=1)
        self._skip_space()
        if self._at < len(self._text):
            self._stop("text follows the end of the value")
        return root

    @property
    def _line(self) -> int:
        return bisect_left(self._breaks, self._at) + 1

    @property
    def _sign(self) -> str:
        return self._text[self._at : self._at + 1]

    def _read_value(self, key_line: int | None, *, depth: int) -> Node:
        line = self._line
        at = line if key_line is None else key_line
        if self._sign == "{":
            self._faults.check_depth(line, depth)
            return Node(self._read_object(depth), at)
        if self._sign == "[":
            self._faults.check_depth(line, depth)
            return Node(self._read_array(depth), at)
        if self._sign == '"':
            return Node(self._read_string(), at)
        for word, meaning in _WORDS.items():
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return Node(meaning, at)
        return Node(self._read_number(), at)

    def _read_object(self, depth: int) -> Mapping[str, Node]:
        nodes: dict[str, Node] = {}
        while self._goes_on("}", is_first=not nodes and self._sign == "{"):
            line = self._line
            if self._sign != '"':
                self._stop("a key in double quotes is missing")
            key = self._read_string()
            self._skip_space()
            if self._sign != ":":
                self._stop("a colon is missing after a key")
            self._at += 1
            self._skip_space()
            node = self._read_value(line, depth=depth + 1)
            if key in nodes:
                self._faults.note_repeated(key, line, nodes[key])
            # If a caller ignores the fault, as for a legacy file, the last value counts.
            nodes[key] = node
        return nodes

    def _read_array(self, depth: int) -> tuple[Node, ...]:
        items: list[Node] = []
        while self._goes_on("]", is_first=not items):
            items.append(self._read_value(None, depth=depth + 1))
        return tuple(items)

    def _goes_on(self, end: str, *, is_first: bool) -> bool:
        """Whether an object or array has another entry; skips the text before it."""
        if is_first:
            self._at += 1
        self._skip_space()
        if self._sign == end:
            self._at += 1
            return False
        if not is_first:
            if self._sign != ",":
                self._stop(f"a comma or {end} is missing")
            self._at += 1
            self._skip_space()
        return True

    def _read_string(self) -> str:
        line = self._line
        try:
            text, self._at = _DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = error.pos
            self._stop("a text is not closed, or holds what JSON does not take")
        return self._faults.check_text(line, str(text))

    def _read_number(self) -> int | float | None:
        found = _NUMBER.match(self._text, self._at)
        if found is None:
            self._stop("a value is missing, or is not one that JSON knows")
        line = self._line
        self._at = found.end()
        if not self._faults.check_number(line, found[0]):
            return None
        return float(found[0]) if found[1] or found[2] else int(found[0])

    def _skip_space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _stop(self, what: str) -> NoReturn:
        self._faults.stop(self._line, f"the text is not JSON: {what}", PAST, _MEND)
