"""The chunks of a WAV file, and where its samples are.

`RIFF`, the size of all that follows, `WAVE`, then chunks of a name, a size and as many bytes, made
even. `fmt ` says how the samples are coded, `data` holds them. `RIFX` is the same, big-endian; an
`RF64` says the sizes in 64 bits in its chunk `ds64`, and 0xffffffff where they would stand.

A program that writes into a pipe leaves sizes of 2 GiB less a few pages and above: all that follows
is sound. One that never came to write its sizes leaves zeros, and one that counts wrongly counts its
header as sound.

Our own chunk `SOURCE_CHUNK` names the format of the clip that a WAV was cut out of, as `flac`.
"""

import re
import struct
from typing import Final

from hugflow.late_dataclass import dataclass

# sox writes 0x7ffff000 into a pipe, ffmpeg 0xffffffff.
UNKNOWN_SIZE: Final = 0x7FFF_F000
SOURCE_CHUNK: Final = b"hugf"
_SOURCE_FORMAT: Final = re.compile(rb"[a-z0-9_]{1,16}")
_IN_DS64: Final = 0xFFFF_FFFF
_MAX_CHUNKS: Final = 10_000
_EXTENSIBLE: Final = 0xFFFE
# They look like chunks, and begin a file of their own.
_OTHER_FILES: Final = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"OggS", b"caff", b"fLaC")
_TAG_NAMES: Final = (b"ID3", b"TAG", b"APETAGEX")


@dataclass(frozen=True, slots=True)
class Wave:
    """Where the samples of a WAV are, and how they are coded.

    coding: the format's tag, None without a chunk `fmt `; block_size: bytes of a sample of all
    channels. start, size: of the samples, as the header says, size None where it is not known.
    whole: the size of the file, as the header says.
    source_format: of the clip that it was cut out of; None of any other WAV.
    """

    order: str
    coding: int | None
    block_size: int
    start: int
    size: int | None
    whole: int
    source_format: str | None = None


def read_wave(view: memoryview) -> Wave | None:
    """Read the chunks up to the samples and behind them; None where there are no samples."""
    order = ">" if bytes(view[:4]) == b"RIFX" else "<"
    header, at = struct.Struct(f"{order}4sI"), 12
    whole = header.unpack_from(view)[1] + 8
    coding, block_size, long_size, source_format = None, 1, None, None
    for _ in range(_MAX_CHUNKS):
        if at + header.size > len(view):
            return None
        name, size = header.unpack_from(view, at)
        at += header.size
        if name == b"fmt " and size >= 16:
            coding, block_size = _read_format(view[at : at + size], order)
        elif name == SOURCE_CHUNK:
            found = _SOURCE_FORMAT.fullmatch(view[at : at + size])
            source_format = found[0].decode() if found is not None else None
        elif name == b"ds64" and at + 16 <= len(view):
            whole = int.from_bytes(view[at : at + 8], "little") + 8
            long_size = int.from_bytes(view[at + 8 : at + 16], "little")
        elif name == b"data":
            known = long_size if size == _IN_DS64 and long_size is not None else size
            is_known = known < UNKNOWN_SIZE or known is long_size
            told = known if is_known else None
            return Wave(order, coding, block_size, at, told, whole, source_format)
        at += size + size % 2
    return None


def chunks_end(view: memoryview, at: int, order: str) -> int:
    """Where the chunks that begin here end: at the file's end, at another file, or at no chunk."""
    header = struct.Struct(f"{order}4sI")
    for _ in range(_MAX_CHUNKS):
        at += at % 2
        if at + header.size > len(view):
            break
        name, size = header.unpack_from(view, at)
        is_name = all(32 <= byte < 127 for byte in name)
        if name in _OTHER_FILES or not is_name or at + 8 + size > len(view) + 1:
            break
        at += header.size + size
    return at


def is_tag_or_padding(view: memoryview) -> bool:
    """Whether what stands behind the chunks is known to be no sound: a tag, or zeros."""
    return bytes(view[:8]).startswith(_TAG_NAMES) or not any(view)


def _read_format(body: memoryview, order: str) -> tuple[int | None, int]:
    if len(body) < 16:
        return None, 1
    coding, _, _, _, block_size = struct.unpack_from(f"{order}HHIIH", body)
    if coding == _EXTENSIBLE and len(body) >= 26:
        (coding,) = struct.unpack_from(f"{order}H", body, 24)
    return coding, max(block_size, 1)
