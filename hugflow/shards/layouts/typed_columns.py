"""Columns of text in the types that a card declares, where all values of them fit.

A csv has only text. The card of its dataset may say that a column is a number, or a class:

    ("age", "int64")                      the name of an Arrow type
    ("label", '["no", "yes"]')            classes, by name or by number; the column is int64

An empty field is null. A column with a value that does not fit stays text.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

import pyarrow as pa

from hugflow.redact import in_a_line
from hugflow.shards.arrow import is_text

# Name of a column, and what is declared of it.
Types: TypeAlias = tuple[tuple[str, str], ...]

_NUMBERS: Final = frozenset(
    {"bool", "float32", "float64"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)


def declared_types(features: Mapping[str, Any]) -> Types:
    """What features of a card, in the spelling of metadata, say of columns of text."""
    found: list[tuple[str, str]] = []
    for name, feature in features.items():
        match feature:
            case {"_type": "Value", "dtype": str(dtype)} if dtype in _NUMBERS:
                found.append((name, dtype))
            case {"_type": "ClassLabel", "names": list(names)} if names:
                found.append((name, json.dumps(names, ensure_ascii=False)))
            case _:
                pass
    return tuple(found)


def settle_types(
    tables: Sequence[pa.Table], types: Types, keys: Collection[str | None]
) -> tuple[Types, list[str]]:
    """Those of the types that fit the values of all tables, and a warning for each other one.

    keys: columns that stay text.
    """
    settled: list[tuple[str, str]] = []
    warnings: list[str] = []
    for name, told in types:
        columns = [table.column(name) for table in tables if name in table.column_names]
        if name in keys or not any(is_text(column.type) for column in columns):
            continue
        if all(_to_type(column, told) is not None for column in columns):
            settled.append((name, told))
        else:
            what = "a class" if told.startswith("[") else told
            warnings.append(
                f"the card says that the column {in_a_line(name)!r} is {what}, and not all of its "
                "values are: it stays text"
            )
    return tuple(settled), warnings


def with_types(table: pa.Table, types: Types) -> pa.Table:
    """The table with columns of text in these types; one that does not fit stays text."""
    for name, told in types:
        if name in table.column_names:
            typed = _to_type(table.column(name), told)
            if typed is not None:
                table = table.set_column(table.column_names.index(name), name, typed)
    return table


def _to_type(column: pa.ChunkedArray, told: str) -> pa.ChunkedArray | None:
    """A column of text in a declared type; None if a value does not fit, or it is no text."""
    if not is_text(column.type):
        return None
    # Slow to load, and needed only here.
    import pyarrow.compute as pc

    filled = pc.replace_with_mask(
        column.combine_chunks(), pc.equal(column.combine_chunks(), ""), pa.scalar(None, column.type)
    )
    if told.startswith("["):
        return _to_classes(filled, json.loads(told))
    try:
        return pa.chunked_array([pc.cast(filled, pa.type_for_alias(told))])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _to_classes(column: pa.Array, names: Sequence[str]) -> pa.ChunkedArray | None:
    """Numbers of classes, of words that are their names or numbers."""
    number_by_word = {str(number): number for number in range(len(names))}
    number_by_word |= {name: number for number, name in enumerate(names)}
    words = column.to_pylist()
    if not all(word is None or word in number_by_word for word in words):
        return None
    numbers = [None if word is None else number_by_word[word] for word in words]
    return pa.chunked_array([pa.array(numbers, pa.int64())])
