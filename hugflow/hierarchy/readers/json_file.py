"""JSON and YAML files: a workbook written as JSON, or one document of a `json` source.

A workbook is what `pull` writes itself:

    {"meta": {}, "sheets": {"people": [{"name": "Ada", "born": "1815"}]}}
"""

import json
import re
from typing import Any, NoReturn

from hugflow.hierarchy.readers.cells import Place, WorkbookInvalid
from hugflow.hierarchy.readers.packed import MAX_PACKED_BYTES, too_large
from hugflow.hierarchy.readers.table import Rows, to_rows
from hugflow.trees.from_yaml import parse_yaml

YAML_SUFFIXES = (".yaml", ".yml")
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_json_workbook(data: bytes, workbook: str) -> dict[str, Rows]:
    """The sheets of a workbook written as JSON."""
    document = _load(data, workbook)
    sheets = document.get("sheets") if isinstance(document, dict) else None
    if not isinstance(sheets, dict):
        raise _no_workbook(workbook, 'it has no mapping "sheets"')
    return {name: _to_rows(rows, Place(workbook, name)) for name, rows in sheets.items()}


def check_json(data: bytes, name: str) -> bytes:
    """The bytes of a JSON document as they are stored: the file's own, so all digits are kept."""
    _load(data, name)
    return data.removeprefix(b"\xef\xbb\xbf").strip() + b"\n"


def yaml_to_json(data: bytes, name: str) -> bytes:
    """A YAML document as JSON, in the order of the file."""
    tree = parse_yaml(_decode(data, name))
    for fault in tree.faults:
        raise WorkbookInvalid(f"{name}:{fault.line}: {fault.what}", why=fault.why, mend=fault.mend)
    plain = tree.root.plain if tree.root is not None else None
    try:
        return json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False).encode() + b"\n"
    except ValueError:
        return _refuse(name, "it holds a number that JSON has no form for", "write it as text")


def _load(data: bytes, name: str) -> Any:
    try:
        return json.loads(
            _decode(data, name),
            object_pairs_hook=lambda pairs: _to_dict(pairs, name),
            parse_constant=lambda word: _refuse(name, f"{word} is no JSON", "write it as text"),
        )
    except json.JSONDecodeError as error:
        _refuse(f"{name}:{error.lineno}", error.msg, "correct the file there")
    except RecursionError:
        _refuse(name, "it is nested too deeply", "use fewer levels")
    except ValueError:
        _refuse(name, "it holds a number of thousands of digits", "write it as text")


def _to_dict(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        _refuse(name, f"the key {twice!r} is written twice in one object", "delete one of the two")
    return made


def _to_rows(rows: Any, place: Place) -> Rows:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _no_workbook(str(place), "a sheet is a list of rows, and a row a mapping")
    names = list(dict.fromkeys(key for row in rows for key in row))
    for row in rows:
        for key, value in row.items():
            if not isinstance(value, str | int | float | bool | None):
                raise _no_workbook(str(place), f"the value of {key!r} is no text")
            if any(_SURROGATE.search(text) for text in (key, str(value))):
                _refuse(str(place), f"{key!r} holds half of a character", "write it whole")
    grid: list[list[Any]] = [names, *([row.get(name) for name in names] for row in rows)]
    # A sheet without rows has no names to lose.
    return to_rows(grid, place) if rows else []


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_PACKED_BYTES:
        raise too_large(name, f"it has more than {MAX_PACKED_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        _refuse(name, "it is not UTF-8", "save it as UTF-8")


def _refuse(name: str, why: str, mend: str) -> NoReturn:
    raise WorkbookInvalid(f"{name} cannot be read as JSON", why=why, mend=mend)


def _no_workbook(name: str, why: str) -> WorkbookInvalid:
    shape = {"meta": {}, "sheets": {"name": [{"column": "value"}]}}
    return WorkbookInvalid(f"{name} is no workbook", why=why, mend=f"write {json.dumps(shape)}")
