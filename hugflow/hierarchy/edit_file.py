"""Edits of the project file that change one value's text and nothing else: comments stay.

The place of a value comes from the YAML parser, which reads JSON as well. The result is parsed
again, and written only if exactly the wanted value differs.
"""

import copy
import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

from hugflow.hierarchy.errors import ConfigError
from hugflow.project_file import parse_project_file

# Texts that are themselves in block and in flow style, in every YAML.
_PLAIN = re.compile(r"[A-Za-z./~][A-Za-z0-9._/+@~-]*(?::[A-Za-z0-9._/+@~-]+)*")


def set_value(data: bytes, name: str, path: Sequence[str], value: str) -> bytes:
    """The bytes of a project file with a text at a path, added if it is missing.

    Raises ConfigError if the file must be edited by hand.
    """
    text = data.decode("utf-8-sig")
    bom = "\ufeff" if data.startswith(b"\xef\xbb\xbf") else ""
    is_json = name.endswith(".json")
    wanted = _with_value(_read(data, name), path, value)
    edited = (bom + _edit(text, path, value, is_json=is_json)).encode()
    if _read(edited, name) != wanted:
        raise ConfigError(
            f"{'.'.join(path)} cannot be written in place",
            why="the file is laid out in a way that only people should edit",
            mend=f"write {value!r} there by hand",
            file=name,
        )
    return edited


def _read(data: bytes, name: str) -> dict[str, Any] | None:
    file = parse_project_file(data, name)
    if file.problems:
        return None
    return {key: node.plain for key, node in file.nodes.items()}


def _with_value(
    values: dict[str, Any] | None, path: Sequence[str], value: str
) -> dict[str, Any] | None:
    result = copy.deepcopy(values) if values is not None else {}
    at = result
    for key in path[:-1]:
        inner = at.get(key)
        at[key] = inner if isinstance(inner, dict) else {}
        at = at[key]
    at[path[-1]] = value
    return result


def _edit(text: str, path: Sequence[str], value: str, *, is_json: bool) -> str:
    # Tabs are white space in JSON, and no YAML; the places stay the same.
    readable = text.replace("\t", " ") if is_json else text
    try:
        node = yaml.compose(readable, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return text
    if node is None:
        return _append_block(text, path, value)
    depth = 0
    while depth < len(path) and isinstance(node, yaml.MappingNode):
        inner = _find(node, path[depth])
        if inner is None or (depth + 1 < len(path) and not isinstance(inner, yaml.MappingNode)):
            if inner is not None:
                return _replace(text, inner, _nested(path[depth + 1 :], value, is_json=is_json))
            return _insert(text, node, path[depth:], value, is_json=is_json)
        node, depth = inner, depth + 1
    if isinstance(node, yaml.ScalarNode):
        return _replace(text, node, _quote(value, node.style, is_json=is_json))
    return text


def _find(node: yaml.MappingNode, key: str) -> yaml.Node | None:
    for name, value in node.value:
        if isinstance(name, yaml.ScalarNode) and name.value == key:
            found: yaml.Node = value
            return found
    return None


def _replace(text: str, node: yaml.Node, written: str) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    # A missing value has no text of its own, and follows its colon.
    space = " " if start == end and not text[:start].endswith(" ") else ""
    ending = "\n" if text[start:end].endswith("\n") else ""
    return text[:start] + space + written + ending + text[end:]


def _insert(
    text: str, node: yaml.MappingNode, path: Sequence[str], value: str, *, is_json: bool
) -> str:
    """Add a key at the end of a mapping."""
    entry = _quote(path[0], None, is_json=is_json) + ": "
    entry += _nested(path[1:], value, is_json=is_json)
    if node.flow_style:
        close = node.end_mark.index - 1
        if not node.value:
            return text[:close].rstrip() + entry + text[close:]
        last = node.value[-1][1].end_mark.index
        first_key = node.value[0][0].start_mark
        before = text[: first_key.index]
        lines = before.rsplit("\n", 1)
        is_alone = len(lines) == 2 and not lines[1].strip()
        return text[:last] + ("," + "\n" + lines[1] if is_alone else ", ") + entry + text[last:]
    indent: int = node.value[0][0].start_mark.column
    before = text[: _end_of(node)].rstrip()
    line_end = text.find("\n", len(before))
    head = text if line_end < 0 else text[: line_end + 1]
    newline = "\r\n" if "\r\n" in text else "\n"
    head = head if head.endswith("\n") else head + newline
    return head + " " * indent + entry + newline + text[len(head) if line_end >= 0 else len(text) :]


def _end_of(node: yaml.Node) -> int:
    """Where the text of a value ends; the parser counts comments after a block to it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _end_of(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end_of(node.value[-1])
    end: int = node.end_mark.index
    return end


def _append_block(text: str, path: Sequence[str], value: str) -> str:
    start = text if not text or text.endswith("\n") else text + "\n"
    return f"{start}{path[0]}: {_nested(path[1:], value, is_json=False)}\n"


def _nested(path: Sequence[str], value: str, *, is_json: bool) -> str:
    """A value below some keys, in flow style, which fits everywhere."""
    written = _quote(value, '"' if is_json or path else None, is_json=is_json)
    for key in reversed(path):
        written = "{" + _quote(key, None, is_json=is_json) + ": " + written + "}"
    return written


def _quote(text: str, style: str | None, *, is_json: bool) -> str:
    if is_json or style == '"':
        return json.dumps(text, ensure_ascii=False)
    if style == "'":
        return "'" + text.replace("'", "''") + "'"
    is_plain = _PLAIN.fullmatch(text) and yaml.safe_load(text) == text
    return text if is_plain else json.dumps(text, ensure_ascii=False)
