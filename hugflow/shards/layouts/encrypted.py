"""Which columns of a parquet file are encrypted, from the bytes of its footer.

pyarrow kills the process when it reads the metadata of an encrypted column chunk without a key, so
this module reads the footer first. The footer is a struct in Thrift's compact protocol. These
fields matter (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift):

    FileMetaData   4: list<RowGroup>
    RowGroup       1: list<ColumnChunk>, in the order of the schema's leaves
    ColumnChunk    8: crypto_metadata, 9: encrypted_column_metadata; absent if not encrypted
"""

import io
import struct
from typing import Final

MAGIC: Final = b"PAR1"
_TAIL_BYTES: Final = 8
# The first row group is enough, because keys belong to columns. Wider footers are not checked.
_MOST_FOOTER_BYTES: Final = 16 << 20
_MOST_NESTED: Final = 32
_BOOLEANS: Final = frozenset({1, 2})
_BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 3, 7, 8, 9, 10, 12
_INTEGERS: Final = frozenset({4, 5, 6})


class _FooterDamaged(Exception):
    """The bytes are not a footer; the reader of the file will report that better."""


def find_encrypted(file: io.BufferedIOBase) -> list[int]:
    """Numbers of the encrypted leaf columns, from 0; empty if there are none or it is unknown.

    file: open and seekable; its position afterwards is undefined.
    """
    size = file.seek(0, io.SEEK_END)
    if size < _TAIL_BYTES + len(MAGIC):
        return []
    file.seek(size - _TAIL_BYTES)
    tail = file.read(_TAIL_BYTES)
    (length,) = struct.unpack("<I", tail[:4])
    if tail[4:] != MAGIC or not 0 < length <= min(size - _TAIL_BYTES, _MOST_FOOTER_BYTES):
        return []
    file.seek(size - _TAIL_BYTES - length)
    try:
        return _find_in_footer(_Reader(file.read(length)))
    except (_FooterDamaged, IndexError):
        return []


def _find_in_footer(footer: "_Reader") -> list[int]:
    for field, kind in footer.fields():
        if field == 4 and kind == _LIST:
            count, _ = footer.list_header()
            return _find_in_row_group(footer) if count else []
        footer.skip(kind)
    return []


def _find_in_row_group(footer: "_Reader") -> list[int]:
    for field, kind in footer.fields():
        if field == 1 and kind == _LIST:
            count, _ = footer.list_header()
            return [number for number in range(count) if _is_encrypted(footer)]
        footer.skip(kind)
    return []


def _is_encrypted(footer: "_Reader") -> bool:
    """Read the next column chunk; whether it is encrypted."""
    found = False
    for field, kind in footer.fields():
        found = found or field in (8, 9)
        footer.skip(kind)
    return found


class _Reader:
    """A position in bytes of Thrift's compact protocol."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def fields(self) -> "_Fields":
        """The fields of the next struct; the caller must read or skip each."""
        return _Fields(self)

    def byte(self) -> int:
        """The next byte."""
        self._at += 1
        return self._data[self._at - 1]

    def number(self) -> int:
        """A variable-length number, with its sign still in zigzag form."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise _FooterDamaged

    def list_header(self) -> tuple[int, int]:
        """The number of items of a list, and their kind."""
        byte = self.byte()
        return (byte >> 4 if byte >> 4 < 15 else self.number()), byte & 0x0F

    def skip(self, kind: int, depth: int = 0, *, in_list: bool = False) -> None:
        """Skip a value."""
        if depth > _MOST_NESTED:
            raise _FooterDamaged
        if kind in _BOOLEANS:
            self._at += in_list
        elif kind == _BYTE:
            self._at += 1
        elif kind in _INTEGERS:
            self.number()
        elif kind == _DOUBLE:
            self._at += 8
        elif kind == _BINARY:
            size = self.number()
            self._at += size
        elif kind in (_LIST, _SET):
            count, item = self.list_header()
            for _ in range(count):
                self.skip(item, depth + 1, in_list=True)
        elif kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        else:
            raise _FooterDamaged


class _Fields:
    """Iterates over the fields of a struct, as (number, kind)."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._last = 0

    def __iter__(self) -> "_Fields":
        return self

    def __next__(self) -> tuple[int, int]:
        header = self._reader.byte()
        if header == 0:
            raise StopIteration
        if header >> 4:
            self._last += header >> 4
        else:
            folded = self._reader.number()
            self._last = (folded >> 1) ^ -(folded & 1)
        return self._last, header & 0x0F
