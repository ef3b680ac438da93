"""YAML text to a tree: only parser events are read; nothing is built, called or expanded.

A YAML date is read as text, because JSON has no dates.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from hugflow.trees.tree import MAX_DEPTH, PAST, PLAIN, Faults, Node, Scalar, Stopped, Tree

# libyaml, if PyYAML was built with it: the same events, about thirty times as fast.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER, _CONSTRUCTOR = Resolver(), SafeConstructor()
_BUILD_BY_TAG: Mapping[str, Callable[[yaml.ScalarNode], Any]] = {
    "tag:yaml.org,2002:null": _CONSTRUCTOR.construct_yaml_null,
    "tag:yaml.org,2002:bool": _CONSTRUCTOR.construct_yaml_bool,
    "tag:yaml.org,2002:int": _CONSTRUCTOR.construct_yaml_int,
    "tag:yaml.org,2002:float": _CONSTRUCTOR.construct_yaml_float,
}
# An unclosed quote or bracket swallows the lines below it: the mistake is where it begins.
_BEGUN_ABOVE = re.compile("quoted|flow (?:sequence|mapping)|simple key")
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
_MEND = 'write one "key: value" a line, and put the value in quotes when it holds : or #'


def parse_yaml(
    text: str,
    *,
    loader: type[yaml.SafeLoader | yaml.CSafeLoader] = _LOADER,
    max_depth: int = MAX_DEPTH,
) -> Tree:
    """Read one YAML document; errors are returned as faults, not raised."""
    faults = Faults(max_depth)
    if conflict := _CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        why = "git could not join two versions of the file, and left both in it"
        mend = "keep one version, and delete the lines that begin with <<<<<<<, ======= and >>>>>>>"
        faults.note(line, "the file holds the marks of a merge conflict", why, mend)
        return Tree(None, tuple(faults.found))
    root: Node | None = None
    try:
        root = _YamlReader(text, loader, faults).read()
    except Stopped:
        pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if "nesting depth" in (error.problem or ""):
            # libyaml reads ahead, and has a depth limit of its own.
            faults.note_depth(mark.line + 1 if mark else 1)
            return Tree(None, tuple(faults.found))
        if error.context_mark is not None and _BEGUN_ABOVE.search(error.context or ""):
            mark = error.context_mark
        faults.note(mark.line + 1 if mark else 1, "the text is not YAML from here on", PAST, _MEND)
    # The pure parser raises ValueError for an escape such as "\U00110000", which is no character.
    except (yaml.YAMLError, ValueError):
        faults.note(1, "the text is not YAML", PAST, _MEND)
    return Tree(root, tuple(faults.found))


class _YamlReader:
    """Reads one parser event after the other."""

    def __init__(self, text: str, loader: type, faults: Faults) -> None:
        self._events = yaml.parse(text, Loader=loader)
        self._faults = faults

    def read(self) -> Node | None:
        next(self._events)
        start = next(self._events)
        if not isinstance(start, yaml.DocumentStartEvent):
            return None
        if getattr(start, "tags", None):
            self._note(start, "tags are declared", "delete the %TAG line")
        root = self._read_value(next(self._events), None, depth=1)
        next(self._events)
        end = next(self._events)
        if not isinstance(end, yaml.StreamEndEvent):
            self._faults.stop(
                _line(end), "a second document begins", PLAIN, "keep one, without a --- line"
            )
        return root

    def _read_value(self, event: yaml.Event, key_line: int | None, *, depth: int) -> Node:
        line = _line(event)
        at = line if key_line is None else key_line
        if isinstance(event, yaml.AliasEvent):
            self._note(event, "an alias (*) is used", "write the value out")
            return Node(None, at)
        self._note_properties(event)
        if isinstance(event, yaml.ScalarEvent):
            return Node(self._read_scalar(event, line), at)
        self._faults.check_depth(line, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
                items.append(self._read_value(item, None, depth=depth + 1))
            return Node(tuple(items), at)
        nodes: dict[str, Node] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            name = self._read_key(key, depth)
            node = self._read_value(next(self._events), _line(key), depth=depth + 1)
            if name is None:
                continue
            if name in nodes:
                self._faults.note_repeated(name, _line(key), nodes[name])
            else:
                nodes[name] = node
        return Node(nodes, at)

    def _read_key(self, event: yaml.Event, depth: int) -> str | None:
        """A key as it is written; None, with a fault, for a key that is not one word."""
        if not isinstance(event, yaml.ScalarEvent):
            self._read_value(event, None, depth=depth + 1)
            self._note(event, "a key is not one word", "write a name, a colon and a space")
            return None
        self._note_properties(event)
        if event.value == "<<" and event.implicit[0]:
            self._note(event, "another mapping is merged (<<)", "write the entries out")
            return None
        return self._faults.check_text(_line(event), event.value)

    def _read_scalar(self, event: yaml.ScalarEvent, line: int) -> Scalar:
        text = event.value
        if not event.implicit[0]:
            return self._faults.check_text(line, text)
        tag: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        build = _BUILD_BY_TAG.get(tag)
        if build is None:
            return self._faults.check_text(line, text)
        if not self._faults.check_number(line, text):
            return None
        try:
            built: Scalar = build(yaml.ScalarNode(tag, text))
        except ValueError:
            # `0b_` looks like a number to YAML, and is none.
            return text
        return built

    def _note_properties(self, event: yaml.Event) -> None:
        if getattr(event, "anchor", None) is not None:
            self._note(event, "an anchor (&) is set", "delete the anchor")
        if getattr(event, "tag", None) is not None:
            self._note(event, "a tag (!) is used", "delete the tag")

    def _note(self, event: yaml.Event, what: str, mend: str) -> None:
        self._faults.note(_line(event), what, PLAIN, mend)


def _line(event: yaml.Event) -> int:
    return int(event.start_mark.line) + 1 if event.start_mark else 1
