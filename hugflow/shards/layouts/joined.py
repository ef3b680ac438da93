"""Several files, or pieces of them, read as one; nothing is copied."""

import io
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

from hugflow.late_dataclass import dataclass

_BUFFER_BYTES: Final = 128 << 10
# Of many parts, so many are open at once.
_MOST_OPEN: Final = 4


class Opened(Protocol):
    """What is needed of an open file."""

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """The first bytes of a file. open: opens that file; it may be called again."""

    size_bytes: int
    open: Callable[[], Opened]


def local_pieces(paths: Sequence[Path]) -> list[Piece]:
    """Whole local files."""
    return [Piece(path.stat().st_size, partial(_open, path)) for path in paths]


def open_joined(paths: Sequence[Path]) -> BinaryIO:
    """Local files as one."""
    return _open(paths[0]) if len(paths) == 1 else join_pieces(local_pieces(paths))


def join_pieces(pieces: Sequence[Piece]) -> BinaryIO:
    """The pieces as one file for reading, which closes what it opens."""
    return cast(BinaryIO, io.BufferedReader(cast(Any, _Joined(pieces)), _BUFFER_BYTES))


def total_bytes(pieces: Sequence[Piece]) -> int:
    """The size of the pieces together."""
    return sum(piece.size_bytes for piece in pieces)


def head_of(pieces: Sequence[Piece], size_bytes: int) -> list[Piece]:
    """The pieces up to a position."""
    kept: list[Piece] = []
    for piece in pieces:
        if size_bytes <= 0:
            break
        kept.append(Piece(min(piece.size_bytes, size_bytes), piece.open))
        size_bytes -= piece.size_bytes
    return kept


class _Joined(io.RawIOBase):
    """The pieces one after the other; a read ends at the end of a piece."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        """Open nothing yet."""
        super().__init__()
        self._pieces = [piece for piece in pieces if piece.size_bytes]
        self._starts = [0, *accumulate(piece.size_bytes for piece in self._pieces)]
        self._opened: dict[int, Opened] = {}
        self._at = 0

    def readable(self) -> bool:
        """Always True."""
        return True

    def seekable(self) -> bool:
        """Always True."""
        return True

    def tell(self) -> int:
        """Position of the next read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position; nothing is read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            raise ValueError(f"a position of {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as the piece reaches."""
        number = bisect_right(self._starts, self._at) - 1
        if number >= len(self._pieces):
            return 0
        file = self._open(number)
        file.seek(self._at - self._starts[number])
        view = memoryview(buffer).cast("B")
        data = file.read(min(len(view), self._starts[number + 1] - self._at))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the files."""
        for file in self._opened.values():
            file.close()
        self._opened.clear()
        super().close()

    def _open(self, number: int) -> Opened:
        if number not in self._opened:
            if len(self._opened) == _MOST_OPEN:
                self._opened.pop(next(iter(self._opened))).close()
            self._opened[number] = self._pieces[number].open()
        return self._opened[number]


def _open(path: Path) -> BinaryIO:
    return path.open("rb")
