"""Bytes that become more and more: the last of them in memory, those before in a file."""

import os
import tempfile
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from threading import Event
from typing import Final

from hugflow.errors import Stopped

# Seven minutes of MP3: whatever is called a clip never touches the disk.
MAX_BYTES_IN_MEMORY: Final = 8 << 20
_PIECE_BYTES: Final = 1 << 20


class Spool:
    """Bytes to append to and then to read, as often as needed, until `close`.

    Above 8 MiB they go to a file without a name in `folder`, None for the system's own folder for
    such files; a kill leaves nothing of it. stop: once it is set, nothing more is taken.

    Raises OSError where the disk refuses them, and Stopped.
    """

    def __init__(self, folder: Path | None, stop: Event | None = None) -> None:
        self._folder = folder
        self._stop = stop
        self._file: FileIO | None = None
        self._in_file = 0
        self._in_memory = bytearray()

    def __len__(self) -> int:
        return self._in_file + len(self._in_memory)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        if self._stop is not None and self._stop.is_set():
            raise Stopped
        view = memoryview(data)
        for start in range(0, len(view), _PIECE_BYTES):
            self._in_memory += view[start : start + _PIECE_BYTES]
            if len(self._in_memory) > MAX_BYTES_IN_MEMORY:
                self._spill()

    def pieces(self) -> Iterator[bytes | bytearray]:
        """All of them, in order."""
        at = 0
        while self._file is not None and at < self._in_file:
            piece = os.pread(self._file.fileno(), min(_PIECE_BYTES, self._in_file - at), at)
            at += len(piece)
            yield piece
        yield self._in_memory

    def close(self) -> None:
        """Give the file's room back; closing twice does no harm."""
        if self._file is not None:
            self._file.close()

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(  # noqa: SIM115  # `close` closes it
                dir=self._folder, buffering=0
            )
        # Without a buffer, a disk that is full says so here and not again when the file is closed.
        view = memoryview(self._in_memory)
        while view:
            view = view[self._file.write(view) :]
        self._in_file += len(self._in_memory)
        self._in_memory = bytearray()
