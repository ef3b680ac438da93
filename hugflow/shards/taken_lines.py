"""Which lines of tables have a clip in an archive, so that those in none can be named.

Rows of tables beside several archives are in the shard of their archive. Only all shards together
say which rows are in none.
"""

import base64
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_collected: ContextVar[list[str] | None] = ContextVar("taken_lines", default=None)
_MOST_BYTES: Final = 64 << 20


@contextmanager
def collect_taken() -> Iterator[list[str]]:
    """Collects the lines of an archive that is read inside, in this thread; the last is the whole."""
    taken: list[str] = []
    token = _collected.set(taken)
    try:
        yield taken
    finally:
        _collected.reset(token)


def note_taken(lines: bytes | bytearray) -> None:
    """Keep the lines that have a clip in the archive; lines: 1 for each of them, else 0."""
    collected = _collected.get()
    if collected is not None:
        collected.append(base64.b64encode(zlib.compress(lines)).decode())


def find_untaken(taken: Iterable[str], count: int, most: int) -> list[int]:
    """The first lines that no archive has; count: of all lines.

    taken: of each archive, as `note_taken` gave it. Empty if one says nothing that fits.
    """
    union = 0
    for each in taken:
        lines = _unpack(each, count)
        if lines is None:
            return []
        union |= int.from_bytes(lines)
    found: list[int] = []
    together, at = union.to_bytes(count), -1
    while len(found) < most and (at := together.find(b"\0", at + 1)) >= 0:
        found.append(at)
    return found


def _unpack(text: str, count: int) -> bytes | None:
    try:
        unpacker = zlib.decompressobj()
        lines = unpacker.decompress(base64.b64decode(text), min(count + 1, _MOST_BYTES))
    except (ValueError, zlib.error):
        return None
    return lines if len(lines) == count else None
