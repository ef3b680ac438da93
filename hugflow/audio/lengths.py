"""Where the sound ends by the headers of AIFF, AU, W64, CAF and NIST SPHERE.

libsndfile decodes such a file that was cut short to a shorter clip and reports nothing.

    aiff    `FORM`, size, `AIFF` or `AIFC`, then chunks of name, size, bytes, big-endian; the samples
            are in `SSND`
    au      `.snd`, offset of the samples, size of the samples, number of the coding
    w64     chunks of a 16-byte name and a 64-bit size that counts both; the samples are in `data...`
    caf     `caff`, version, flags, chunks of name, 64-bit size, bytes, big-endian; the samples are in
            `data`, of size -1 where all that follows is sound; `desc` names the coding
    sphere  `NIST_1A`, the size of the header, then lines of name, type and value

A size of zero, or of 2 GiB less a few pages and above, is how a program that wrote into a pipe says
that it did not know: it promises nothing.
"""

import struct
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.riff import UNKNOWN_SIZE

_MAX_CHUNKS: Final = 10_000
_W64_HEADER: Final = struct.Struct("<16sq")
_CAF_HEADER: Final = struct.Struct(">4sq")
_CAF_CODINGS: Final = (b"lpcm", b"alaw", b"ulaw", b"alac")
# mu-law, PCM of 8 to 32 bits, float, double, G.721, G.723 at 24 and 40 kbit/s, A-law.
_AU_CODINGS: Final = frozenset({1, 2, 3, 4, 5, 6, 7, 23, 25, 26, 27})
_AU_G722: Final = 24
# Of a file that ends before its sound begins.
_BEYOND: Final = 1 << 62
_MAX_SPHERE_HEADER: Final = 1 << 16


def sound_end(data: bytes | memoryview, container: str) -> int | None:
    """Where the sound ends, as the header says; behind the end of what was cut short.

    data: from the container's first byte on. None where the header does not say it, and for
    containers that are not named above.

    Raises AudioBad (`audio_unsupported`) for a coding that libsndfile does not read.
    """
    match container:
        case "aiff":
            return _known_end(*_find_chunk(data, b"SSND"))
        case "au":
            return _au_end(data)
        case "w64":
            return _w64_end(data)
        case "caf":
            return _caf_end(data)
        case "sphere":
            return _sphere_end(data)
        case _:
            return None


def _au_end(data: bytes | memoryview) -> int | None:
    if len(data) < 16:
        return _BEYOND
    start, size, coding = struct.unpack_from("<III" if data[0:1] == b"d" else ">III", data, 4)
    if coding not in _AU_CODINGS:
        name = "G.722" if coding == _AU_G722 else f"the coding {coding}"
        raise AudioBad("audio_unsupported", f"the au holds {name}")
    return _known_end(start, size)


def _w64_end(data: bytes | memoryview) -> int:
    at = 40
    for _ in range(_MAX_CHUNKS):
        if at + _W64_HEADER.size > len(data):
            break
        name, size = _W64_HEADER.unpack_from(data, at)
        if name[:4] == b"data":
            return int(at + size)
        at += max(size, _W64_HEADER.size) + -size % 8
    return _BEYOND


def _caf_end(data: bytes | memoryview) -> int | None:
    coding = bytes(data[28:32])
    if bytes(data[8:12]) == b"desc" and coding not in _CAF_CODINGS:
        name = coding.decode("ascii", "replace").strip()
        raise AudioBad("audio_unsupported", f"the caf holds {name or 'nothing'}")
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at + _CAF_HEADER.size > len(data):
            break
        name, size = _CAF_HEADER.unpack_from(data, at)
        at += _CAF_HEADER.size
        if name == b"data":
            return int(at + size) if size >= 0 else None
        at += max(size, 0)
    return _BEYOND


def _sphere_end(data: bytes | memoryview) -> int | None:
    size_line = bytes(data[8:16]).strip()
    header_size = int(size_line) if size_line.isdigit() else 1024
    text = bytes(data[16 : min(header_size, _MAX_SPHERE_HEADER)]).decode("ascii", "replace")
    fields = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        fields[name] = rest.partition(" ")[2].strip()
    coding = fields.get("sample_coding", "pcm")
    if "shorten" in coding:
        raise AudioBad(
            "audio_unsupported",
            "the audio is NIST SPHERE compressed with shorten, which `sph2pipe` turns into wav",
        )
    sizes = [fields.get(name, "") for name in ("sample_count", "channel_count", "sample_n_bytes")]
    if not all(size.isdigit() for size in sizes):
        return None
    count, channels, width = (int(size[:18]) for size in sizes)
    return header_size + count * channels * width


def _known_end(start: int, size: int) -> int | None:
    return start + size if size < UNKNOWN_SIZE else None


def _find_chunk(data: bytes | memoryview, name: bytes) -> tuple[int, int]:
    """Where an IFF chunk's bytes start, and its size; `(0, 0)` without such a chunk."""
    header, at = struct.Struct(">4sI"), 12
    for _ in range(_MAX_CHUNKS):
        if at + header.size > len(data):
            break
        found, size = header.unpack_from(data, at)
        at += header.size
        if found == name:
            return at, size
        at += size + size % 2
    return 0, 0
