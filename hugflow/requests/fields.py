"""The text of a request file to its fields with their places: a small, strict part of YAML.

The text is read as a stream of parser events: nothing is built, called or expanded. Anchors,
aliases, tags, merge keys and repeated keys are problems. More than eight levels, a thousand events,
sixty-four keys or one document are problems too. An unquoted value that YAML 1.1 or 1.2 reads as a
number, a date or a truth value is not taken for text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn, Protocol

import yaml
from yaml.resolver import Resolver

from hugflow.late_dataclass import dataclass
from hugflow.requests.problems import Problem
from hugflow.requests.syntax import EXAMPLE, SyntaxFault, find_conflict, find_fault
from hugflow.show_key import show_key

MAX_DEPTH = 8
MAX_EVENTS = 1_000
MAX_KEYS = 64
MAX_PROBLEMS = 20

_PLAIN_FILE = "a request is a plain list of fields, so that everyone reads it in the same way"
_NOT_YAML = (
    "the file cannot be read past this place",
    'write one "field: value" a line, and put the value in quotes when it holds : or #',
)
# libyaml, if PyYAML was built with it: the same events, about thirty times as fast.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER = Resolver()
# PyYAML follows YAML 1.1; in YAML 1.2, and so in many editors, these are numbers.
_NUMBER_IN_YAML_1_2 = re.compile(r"[-+]?(?:[0-9]+[eE][-+]?[0-9]+|0o[0-7]+)")
# A decimal that YAML 1.1 and 1.2 read alike.
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,11})\.[0-9]{1,12}")
_COUNT = re.compile(r"-?(?:0|[1-9][0-9]{0,11})")
_TRUE = frozenset({"yes", "true", "on"})
_KIND_BY_TAG = {
    "null": "nothing",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "timestamp": "a date",
    "merge": "a sign of YAML's own",
    "value": "a sign of YAML's own",
}


class UnusableValue:
    """Placeholder for a value that no field accepts, such as a date."""


@dataclass(frozen=True, slots=True)
class FieldText:
    """A value as it was written, with its place; line and column count from 1.

    kind: YAML's type of the value, in words: "text", "a number", "a list" ...
    source: characters of a value that is not text, if they may be shown; else "".
    is_refused: there is a problem about this value already.
    key: the place of its key. inner: the values of a mapping or a list.
    """

    value: object
    kind: str
    line: int
    column: int
    source: str = ""
    is_refused: bool = False
    key: tuple[int, int] | None = None
    inner: "Mapping[str, FieldText] | Sequence[FieldText]" = ()

    def place_of(self, path: Sequence[str | int]) -> tuple[int, int]:
        """Line and column of a key or an item below this value, or of the last that exists."""
        place, found = (self.line, self.column), self
        for step in path:
            inner = found.inner
            if isinstance(inner, Mapping):
                below = inner.get(str(step))
            else:
                below = inner[step] if isinstance(step, int) and step < len(inner) else None
            if below is None:
                break
            found, place = below, below.key or (below.line, below.column)
        return place


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a file, and errors in how it is written.

    is_whole: the file was read to its end, so a missing field is really missing.
    """

    by_name: dict[str, FieldText]
    problems: tuple[Problem, ...]
    is_whole: bool


def parse_fields(
    text: str, path: str, *, loader: type[yaml.SafeLoader | yaml.CSafeLoader] = _LOADER
) -> Fields:
    """Parse one document whose top level is a mapping; problems are returned, not raised."""
    reader = _Reader(path, yaml.parse(text, Loader=loader))
    fields: dict[str, FieldText] = {}
    is_whole = False
    try:
        if conflict := find_conflict(text):
            reader.note_fault(conflict)
        else:
            reader.read_document(fields)
            is_whole = True
    except _Stopped:
        pass
    except yaml.MarkedYAMLError as error:
        reader.note_fault(find_fault(text, error))
        _refuse_last(fields)
    # The pure parser raises ValueError for an escape such as "\U00110000", which is no character.
    except (yaml.YAMLError, ValueError):
        reader.note((1, 1), None, "is not YAML", *_NOT_YAML)
    return Fields(fields, tuple(reader.problems), is_whole)


def _refuse_last(fields: dict[str, FieldText]) -> None:
    """Mark the last field as refused: it may have swallowed the line with the error."""
    if fields:
        name, written = fields.popitem()
        fields[name] = replace(written, is_refused=True)


class _Mark(Protocol):
    """The common part of libyaml's marks and the pure parser's."""

    line: int
    column: int


class _Stopped(Exception):
    """Reading stops here; the problem is noted."""


class _Reader:
    """Reads one event after the other, and notes what is not allowed."""

    def __init__(self, path: str, events: Iterator[yaml.Event]) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._events = events
        self._event_count = 0

    def note(
        self, place: tuple[int, int], field: str | None, what: str, why: str, mend: str
    ) -> None:
        noted = {(problem.line, problem.field, problem.what) for problem in self.problems}
        if len(noted) < MAX_PROBLEMS and (place[0], field, what) not in noted:
            self.problems.append(Problem(self._path, *place, field, what, why, mend))

    def note_fault(self, fault: SyntaxFault) -> None:
        place = (fault.line, fault.column)
        self.note(place, fault.field, fault.what, fault.why, fault.mend)

    def read_document(self, fields: dict[str, FieldText]) -> None:
        """Fill `fields`; if reading stops early, the fields so far stay."""
        self._next()
        start = self._next()
        if not isinstance(start, yaml.DocumentStartEvent):
            mend = f"write at least hf_id and description into it: {EXAMPLE}"
            self._stop(start, "is empty", mend=mend)
        if getattr(start, "tags", None):
            self._note_unplain(start, None, "declares tags", "delete the %TAG line")
        root = self._next()
        if not isinstance(root, yaml.MappingStartEvent):
            self._refuse_root(root)
        self._note_properties(root, None)
        self._read_mapping(fields, root, None, depth=1)
        self._next()
        end = self._next()
        if not isinstance(end, yaml.StreamEndEvent):
            self._stop(end, "holds several documents", mend="write one file for each request")

    def _refuse_root(self, root: yaml.Event) -> NoReturn:
        if isinstance(root, yaml.SequenceStartEvent):
            mend = f"take away the dash before each field: {EXAMPLE}"
            self._stop(root, "holds no fields but a list", mend=mend)
        mend = f"write one field a line, with a colon and a space behind its name: {EXAMPLE}"
        self._stop(root, "holds no fields", mend=mend)

    def _read_mapping(
        self, fields: dict[str, FieldText], start: yaml.Event, parent: str | None, *, depth: int
    ) -> None:
        self._check_depth(start, parent, depth)
        line_by_key: dict[str, int] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key, field = self._read_key(event, parent, depth)
            value = self._read_value(self._next(), field, depth)
            if key is None:
                continue
            if key in line_by_key:
                again = f"appears again, after line {line_by_key[key]}"
                self._note_unplain(event, field, again, "delete one of the two lines")
                continue
            line_by_key[key] = _place(event.start_mark)[0]
            if len(line_by_key) > MAX_KEYS:
                self._stop(event, f"has more than {MAX_KEYS} keys", mend="keep the fields you need")
            fields[key] = replace(value, key=_place(event.start_mark))

    def _read_key(
        self, event: yaml.Event, parent: str | None, depth: int
    ) -> tuple[str | None, str | None]:
        """The key, or None for an invalid one, and the field name for its problems."""
        if not isinstance(event, yaml.ScalarEvent):
            self._read_value(event, parent, depth)
            self._note_unplain(
                event, parent, "has a key that is not a word", "write a field's name"
            )
            return None, parent
        field = parent or show_key(event.value)
        self._note_properties(event, field)
        if event.value == "<<" and event.implicit[0]:
            self._note_unplain(event, field, "merges another mapping", "write the fields out")
            return None, field
        return event.value, field

    def _read_value(self, event: yaml.Event, field: str | None, depth: int) -> FieldText:
        line, column = _place(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._note_unplain(event, field, "is an alias (*)", "write the value out")
            return FieldText(UnusableValue(), "an alias", line, column, is_refused=True)
        is_refused = self._note_properties(event, field)
        value: object
        if isinstance(event, yaml.ScalarEvent):
            value, kind, source = _resolve(event.value, is_plain=event.implicit[0])
            return FieldText(value, kind, line, column, source, is_refused)
        if isinstance(event, yaml.SequenceStartEvent):
            self._check_depth(event, field, depth + 1)
            items = []
            while not isinstance(item := self._next(), yaml.SequenceEndEvent):
                items.append(self._read_value(item, field, depth + 1))
            values = [written.value for written in items]
            return FieldText(
                values, "a list", line, column, is_refused=is_refused, inner=tuple(items)
            )
        inner: dict[str, FieldText] = {}
        self._read_mapping(inner, event, field, depth=depth + 1)
        value = {key: written.value for key, written in inner.items()}
        return FieldText(value, "a mapping", line, column, is_refused=is_refused, inner=inner)

    def _note_properties(self, event: yaml.Event, field: str | None) -> bool:
        """Note an anchor or a tag; True if there was one."""
        if anchor := getattr(event, "anchor", None) is not None:
            self._note_unplain(event, field, "has an anchor (&)", "delete the anchor")
        if tag := getattr(event, "tag", None) is not None:
            self._note_unplain(event, field, "has a tag (!)", "delete the tag")
        return anchor or tag

    def _check_depth(self, event: yaml.Event, field: str | None, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._stop(
                event, f"is nested deeper than {MAX_DEPTH} levels", field, mend="use fewer levels"
            )

    def _next(self) -> yaml.Event:
        event = next(self._events)
        self._event_count += 1
        if self._event_count > MAX_EVENTS:
            self._stop(event, "holds far more than a request", mend="keep the fields you need")
        return event

    def _note_unplain(self, event: yaml.Event, field: str | None, what: str, mend: str) -> None:
        self.note(_place(event.start_mark), field, what, _PLAIN_FILE, mend)

    def _stop(
        self, event: yaml.Event, what: str, field: str | None = None, *, mend: str
    ) -> NoReturn:
        self._note_unplain(event, field, what, mend)
        raise _Stopped


def _resolve(text: str, *, is_plain: bool) -> tuple[object, str, str]:
    """A scalar's value, its kind in words, and its characters if it is not text."""
    if not is_plain:
        return text, "text", ""
    resolved: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    tag = resolved.rpartition(":")[2]
    if _NUMBER_IN_YAML_1_2.fullmatch(text):
        tag = "float"
    kind = _KIND_BY_TAG.get(tag, "text")
    if kind == "text":
        return text, kind, ""
    if tag == "null":
        return None, kind, text
    if tag == "bool":
        return text.lower() in _TRUE, kind, text
    if tag == "int" and _COUNT.fullmatch(text):
        return int(text), kind, text
    if _DECIMAL.fullmatch(text):
        return float(text), kind, text
    return UnusableValue(), kind, text


def _place(mark: _Mark | None) -> tuple[int, int]:
    """The line and the column, from 1."""
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
