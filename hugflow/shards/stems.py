"""Stems of the MP3 files, and the rows whose stem needs a number to be unique.

A row is named by its `audio_filename`, else by its number. Where a name repeats (compared
casefolded and NFC, because file systems do), all rows but the first get `-<row>`. A name that
some row has by itself is never given to another.
"""

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from hugflow.names import safe_stem, stem_key
from hugflow.shards.arrow import is_text

FILENAME_COLUMN = "audio_filename"
_NAMES_AT_ONCE = 10_000


def to_filenames(column: pa.Array | pa.ChunkedArray) -> list[str | None]:
    """The column `audio_filename` as names: None for what is not text, and for broken UTF-8.

    The plan and the row path both use this function, so that they agree on the names.
    """
    type_ = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not is_text(type_):
        return [None] * len(column)
    try:
        names: list[str | None] = column.to_pylist()
    except UnicodeDecodeError:
        names = [text_or_none(scalar) for scalar in column]
    return names


def iterate_filenames(column: pa.ChunkedArray) -> Iterator[str | None]:
    """What `to_filenames` gives, of which only a part is Python's at a time."""
    for chunk in column.chunks:
        for start in range(0, len(chunk), _NAMES_AT_ONCE):
            yield from to_filenames(chunk.slice(start, _NAMES_AT_ONCE))


def row_stem(row: int, filename: object, suffixes: Mapping[int, int]) -> str:
    """The stem of a row's MP3: from `filename` if it is text with usable characters.

    suffixes: the result of `plan_suffixes` for the whole dataset.
    """
    return _natural_stem(row, filename) + f"-{row}" * suffixes.get(row, 0)


def plan_suffixes(filenames: pa.ChunkedArray) -> dict[int, int]:
    """How often `-<row>` must be appended, for the rows that need it.

    filenames: the column `audio_filename` of the whole dataset, in row order.

    It takes eight more bytes a row, because it compares stems by a 64-bit hash. At worst a row gets
    a number that it does not need.
    """
    stems = (
        _natural_stem(row, name.as_py())
        for row, name in enumerate(name for chunk in filenames.chunks for name in chunk)
    )
    keys = np.fromiter(map(_key, stems), dtype=np.uint64, count=len(filenames))
    natural, first_rows = np.unique(keys, return_index=True)
    is_repeated = np.ones(len(keys), dtype=bool)
    is_repeated[first_rows] = False

    def is_taken(stem: str) -> bool:
        key = np.uint64(_key(stem))
        place = int(np.searchsorted(natural, key))
        return place < len(natural) and bool(natural[place] == key)

    suffixes: dict[int, int] = {}
    for row in np.flatnonzero(is_repeated).tolist():
        stem, times = _natural_stem(row, filenames[row].as_py()) + f"-{row}", 1
        while is_taken(stem):
            stem, times = stem + f"-{row}", times + 1
        suffixes[row] = times
    return suffixes


def text_or_none(scalar: pa.Scalar) -> str | None:
    """A value that should be text; None if it is null, or bytes that are not UTF-8."""
    try:
        value = scalar.as_py()
    except Exception:  # noqa: BLE001  # an unknown type may need a missing package
        return None
    return value if isinstance(value, str) else None


def _natural_stem(row: int, filename: object) -> str:
    """The stem of a row before repeated stems get a number."""
    stem = safe_stem(filename) if isinstance(filename, str) else None
    return stem or str(row)


def _key(stem: str) -> int:
    digest = hashlib.blake2b(stem_key(stem).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
