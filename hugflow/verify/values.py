"""A row's JSON compared with its row of the index: the same fields, and equal values.

Some types differ: a date is text in the JSON and a date in the index. Text, whole numbers, numbers,
truth values, and lists and objects of these are compared. For all other types it is enough that the
field exists.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.errors import StateUnreadable
from hugflow.late_dataclass import dataclass
from hugflow.names import info_names, mp3_paths
from hugflow.redact import in_a_line
from hugflow.rows.record import json_names
from hugflow.shards.column_path import find_path
from hugflow.shards.features import TEXT, index_names
from hugflow.stages.tree.index_rows import PIECE_ROWS
from hugflow.stages.tree.manifest import Manifest

# Tolerance for numbers that were published with 64 bits while the index has 32.
_RELATIVE, _SMALLEST = 1e-6, 1e-37

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TreeForm:
    """The fields of a dataset's JSONs, and the index column of each.

    columns: index column by JSON field, without the audio columns.
    infos: the fields that say what the MP3s are, the main audio column's first.
    mp3s: the field with the path of an MP3, by audio column, the main one first.
    text: the field that repeats the text; None if there is none.
    """

    fields: frozenset[str]
    columns: Mapping[str, str]
    infos: tuple[str, ...]
    mp3s: Mapping[str, str]
    text: str | None

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """The form that a manifest describes."""
        columns, audio, text = manifest.columns, manifest.all_audio, manifest.text_column
        names = dict(zip(columns, json_names(columns, audio, text), strict=True))
        in_index = dict(zip(columns, index_names(columns, audio), strict=True))
        ours = {*info_names(audio), *({"text"} if text is not None else set())}
        by_json = {names[column]: in_index[column] for column in columns if column not in audio}
        own_text = {"text": in_index[text]} if text is not None and text in in_index else {}
        return cls(
            frozenset({*names.values(), *ours}),
            by_json | (own_text if text not in audio else {}),
            info_names(audio),
            {column: names[column] for column in audio},
            text,
        )

    def find_faults(self, told: Values, known: Values, tree: str, stem: str) -> Iterator[str]:
        """Where a JSON is wrong, in words, except in `audio_info`.

        told: the JSON.
        known: the row of the index.
        tree: the dataset's folder from the last part of STORAGE_ROOT on.
        stem: of the row's MP3.
        """
        for name in sorted(self.fields - told.keys() - set(self.infos)):
            yield f"it has no {name}"
        for name in sorted(told.keys() - self.fields):
            yield f"it has a field {name}, and the dataset has none"
        for field, mp3 in zip(self.mp3s.values(), mp3_paths(stem, tuple(self.mp3s)), strict=True):
            path = f"{tree}/{mp3}"
            if field in told and told[field] != path:
                yield f"its {field} is {told[field]!r}, where {path!r} is meant"
        for name, column in self.columns.items():
            if name not in told or column not in known:
                continue
            value = known[column]
            # The text of a row may be the name of a class, or the texts of a list.
            is_derived = name == "text" and self.text and not isinstance(value, str | None)
            if not is_derived and not _agree(told[name], value):
                yield f"its {name} is not what the index says"
        if self.text is not None and "text" in told and "text" not in self.columns:
            has_own = TEXT in known and TEXT not in self.columns.values()
            value = known[TEXT] if has_own else _find_value(known, self.text)
            if isinstance(value, str) and told["text"] != value:
                yield "its text is not what the index says"


def _find_value(known: Values, name: str) -> Any:
    """The value of a field that may lie in a column; None where there is none."""
    value: Any = known
    for part in find_path(known, name) or ():
        value = value[part]
    return None if value is known else value


def read_values(index: Path) -> Iterator[Values]:
    """The comparable values of each row of an index, in order.

    Raises StateUnreadable if the file is damaged.
    """
    try:
        with index.open("rb") as file, pq.ParquetFile(file) as table:
            columns = [
                field.name for field in table.schema_arrow if _is_comparable(field.type)
            ] or ["row"]
            for batch in table.iter_batches(PIECE_ROWS, columns=columns):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StateUnreadable(
            f"the index {index} cannot be read",
            why=in_a_line(str(error), 200) or type(error).__name__,
            mend="delete the file and sync the request again: it is made again",
        ) from error


def _is_comparable(type_: pa.DataType) -> bool:
    is_plain = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_integer,
        pa.types.is_float32,
        pa.types.is_float64,
        pa.types.is_boolean,
    )
    if any(is_type(type_) for is_type in is_plain):
        return True
    if pa.types.is_struct(type_):
        names = [field.name for field in type_]
        return len(names) == len(set(names)) and all(_is_comparable(field.type) for field in type_)
    is_list = pa.types.is_list(type_) or pa.types.is_large_list(type_)
    return is_list and _is_comparable(type_.value_type)


def _agree(told: Any, known: Any) -> bool:
    """Whether a value of a JSON equals one of the index, as far as they can be compared.

    Values without a JSON form are accepted: NaN is null there, a class number has a name beside it,
    and a column of JSON texts is there as parsed values.
    """
    match told, known:
        case None, None:
            return True
        case None, float():
            return not math.isfinite(known)
        case None, str():
            return known.strip() == "null"
        case (None, _) | (_, None):
            return False
        case (bool(), bool()) | (str(), str()):
            return bool(told == known)
        case (bool(), _) | (_, bool()):
            return False
        case (int(), int()):
            return bool(told == known)
        case (int() | float(), int() | float()):
            return _is_close(told, known)
        case list(), list():
            return len(told) == len(known) and all(map(_agree, told, known))
        case {"index": int(index)}, int():
            return bool(index == known)
        case dict(), dict():
            return told.keys() == known.keys() and all(_agree(told[k], known[k]) for k in known)
        case (_, str()) | (list(), dict()):
            # A column of JSON texts, and one entry of a map, which is a pair in JSON.
            return True
        case _:
            return False


def _is_close(told: float, known: float) -> bool:
    """Whether a number equals the one of the index, which may have 32 bits."""
    if not math.isfinite(known):
        # The number is too large for 32 bits.
        return True
    try:
        return math.isclose(told, known, rel_tol=_RELATIVE, abs_tol=_SMALLEST)
    except OverflowError:
        return False
