"""What a worker and its owner send each other: a JSON and bytes, in both directions.

A message is a frame on a pipe: two lengths, the JSON, and the bytes. Bytes that fit into the
sender's half of a shared memory area go there instead, which saves a pipe's many small copies; the
frame then says so by the sign of the second length.
"""

import json
import mmap
import os
import select
import struct
import tempfile
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from hugflow.late_dataclass import dataclass

Bytes: TypeAlias = bytes | bytearray | memoryview
Header: TypeAlias = dict[str, Any]
Take: TypeAlias = Callable[[Bytes], object]
Look: TypeAlias = Callable[[], None]

# Half a minute of MP3, 15 s of FLAC. Only what is used of it takes memory.
HALF_BYTES: Final = 1 << 20
_LENGTHS = struct.Struct("<Iq")
_PIECE_BYTES: Final = 1 << 20
_FRAME_BYTES: Final = 4 << 10
_LOOK_EVERY_S: Final = 0.2


class ChannelClosed(Exception):
    """The other side has gone, within a message or before one."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One side of a conversation.

    reads, writes: descriptors of pipes. area: memory that both sides see. at: where this side's half
    of it begins. look: called now and then while the other side keeps us waiting; what it raises ends
    the wait. None: wait as long as it takes.
    """

    reads: int
    writes: int
    area: mmap.mmap
    at: int
    look: Look | None = None

    def send(self, header: Header, pieces: Iterable[Bytes] = (), size: int = 0) -> None:
        """Send a JSON, and `size` bytes in pieces; raises ChannelClosed."""
        text = json.dumps(header).encode()
        if 0 < size <= HALF_BYTES:
            at = self.at
            for piece in pieces:
                view = memoryview(piece).cast("B")
                self.area[at : at + len(view)] = view
                at += len(view)
            self._write(_LENGTHS.pack(len(text), -size) + text)
            return
        self._write(_LENGTHS.pack(len(text), size) + text)
        for piece in pieces:
            self._write(piece)

    def receive(self, take: Take) -> Header:
        """The JSON of the next message; `take` is told its bytes. Raises ChannelClosed.

        A piece that `take` is told is valid until it returns.
        """
        # Most often all that the pipe holds of a message comes at once.
        frame = bytearray()
        while len(frame) < _LENGTHS.size:
            frame += self._read_piece(_FRAME_BYTES)
        text_bytes, size = _LENGTHS.unpack_from(frame)
        end = _LENGTHS.size + text_bytes
        while len(frame) < end:
            frame += self._read_piece(end - len(frame))
        if size < 0:
            theirs = HALF_BYTES - self.at
            with memoryview(self.area) as area, area[theirs : theirs - size] as piece:
                take(piece)
        else:
            if begin := frame[end:]:
                take(begin)
            self._read(size - len(begin), take)
        header = json.loads(frame[_LENGTHS.size : end])
        if not isinstance(header, dict):
            raise ChannelClosed
        return header

    def _read(self, size: int, take: Take) -> None:
        while size:
            piece = self._read_piece(min(size, _PIECE_BYTES))
            size -= len(piece)
            take(piece)

    def _read_piece(self, most_bytes: int) -> bytes:
        self._wait(self.reads, select.POLLIN)
        piece = os.read(self.reads, most_bytes)
        if not piece:
            raise ChannelClosed
        return piece

    def _write(self, data: Bytes) -> None:
        view = memoryview(data).cast("B")
        while view:
            try:
                view = view[os.write(self.writes, view[:_PIECE_BYTES]) :]
            except BlockingIOError:
                self._wait(self.writes, select.POLLOUT)
            except BrokenPipeError as error:
                raise ChannelClosed from error

    def _wait(self, descriptor: int, event: int) -> None:
        if self.look is None:
            return
        # Not `select`, which takes no descriptor above 1023.
        ready = select.poll()
        ready.register(descriptor, event)
        while not ready.poll(_LOOK_EVERY_S * 1000):
            self.look()


def new_area() -> int:
    """A descriptor of memory for both sides of a channel; it vanishes with the last of them."""
    if hasattr(os, "memfd_create"):
        area = os.memfd_create("hugflow-worker")
    else:
        with tempfile.TemporaryFile() as file:
            area = os.dup(file.fileno())
    os.ftruncate(area, 2 * HALF_BYTES)
    return area
