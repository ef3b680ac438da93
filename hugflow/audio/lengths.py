"""Where the sound ends by the headers of AIFF, AU, W64, CAF and NIST SPHERE.

libsndfile decodes such a file that was cut short to a shorter clip and reports nothing.

    aiff    `FORM`, size, `AIFF` or `AIFC`, then chunks of name, size, bytes, big-endian; the samples
            are in `SSND`
    au      `.snd`, offset of the samples, size of the samples, number of the coding
    w64     chunks of a 16-byte name and a 64-bit size that counts both; the samples are in `data...`
    caf     `caff`, version, flags, chunks of name, 64-bit size, bytes, big-endian; the samples are in
            `data`, of size -1 where all that follows is sound; `desc` names the coding
    sphere  `NIST_1A`, the size of the header, then lines of name, type and value

A size of zero, or of 2 GiB less a few pages and above (of W64, 2**62), is how a program that wrote
into a pipe says that it did not know: all that follows is sound.
"""

import struct
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.riff import UNKNOWN_SIZE
from hugflow.late_dataclass import dataclass

_MAX_CHUNKS: Final = 10_000
_AIFF_HEADER: Final = struct.Struct(">4sI")
# sox writes 0x7f000008 into a pipe.
_AIFF_UNKNOWN: Final = 0x7F00_0000
_W64_HEADER: Final = struct.Struct("<16sq")
_CAF_HEADER: Final = struct.Struct(">4sq")
_CAF_CODINGS: Final = (b"lpcm", b"alaw", b"ulaw", b"alac")
# mu-law, PCM of 8 to 32 bits, float, double, G.721, G.723 at 24 and 40 kbit/s, A-law.
_AU_CODINGS: Final = frozenset({1, 2, 3, 4, 5, 6, 7, 23, 25, 26, 27})
_AU_G722: Final = 24
# Of a file that ends before its sound begins.
_BEYOND: Final = 1 << 62
_MAX_SPHERE_HEADER: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class SizeField:
    """The size of the sound in a header: where it is, and how it is written (for `struct`).

    start: where the bytes that it counts begin. size: how many there are; None where the program
    that wrote the header did not know, and all that follows is sound.
    """

    at: int
    form: str
    start: int
    size: int | None


_NOWHERE: Final = SizeField(0, ">I", _BEYOND, 0)


def sound_end(data: bytes | memoryview, container: str) -> int | None:
    """Where the sound ends, as the header says; behind the end of what was cut short.

    data: from the container's first byte on. None where the header does not say it, and for
    containers that are not named above.

    Raises AudioBad (`audio_unsupported`) for a coding that libsndfile does not read.
    """
    if container == "sphere":
        return _sphere_end(data)
    field = find_size(data, container)
    return None if field is None or field.size is None else field.start + field.size


def find_size(data: bytes | memoryview, container: str) -> SizeField | None:
    """Find the size of the sound in a header; None of containers that have no such field.

    Raises AudioBad as `sound_end` does.
    """
    match container:
        case "aiff":
            return _aiff_size(data)
        case "au":
            return _au_size(data)
        case "w64":
            return _w64_size(data)
        case "caf":
            return _caf_size(data)
        case _:
            return None


def has_chunk(data: bytes | memoryview, at: int, container: str) -> bool:
    """Whether a whole chunk begins here, of a container that has chunks."""
    rest = data[at : at + _W64_HEADER.size]
    if container not in ("aiff", "caf", "w64") or len(rest) < _W64_HEADER.size:
        return False
    if container == "aiff":
        name, size = _AIFF_HEADER.unpack_from(rest)
    else:
        name, size = (_CAF_HEADER if container == "caf" else _W64_HEADER).unpack_from(rest)
    return all(32 <= byte < 127 for byte in name[:4]) and 0 <= size <= len(data) - at


def _aiff_size(data: bytes | memoryview) -> SizeField | None:
    at = 12
    for _ in range(_MAX_CHUNKS):
        if at + _AIFF_HEADER.size > len(data):
            break
        found, size = _AIFF_HEADER.unpack_from(data, at)
        at += _AIFF_HEADER.size
        if found == b"SSND":
            return SizeField(at - 4, ">I", at, size if 0 < size < _AIFF_UNKNOWN else None)
        at += size + size % 2
    return None


def _au_size(data: bytes | memoryview) -> SizeField:
    if len(data) < 16:
        return _NOWHERE
    order = "<" if data[0:1] == b"d" else ">"
    start, size, coding = struct.unpack_from(f"{order}III", data, 4)
    if coding not in _AU_CODINGS:
        name = "G.722" if coding == _AU_G722 else f"the coding {coding}"
        raise AudioBad("audio_unsupported", f"the au holds {name}")
    return SizeField(8, f"{order}I", start, size if 0 < size < UNKNOWN_SIZE else None)


def _w64_size(data: bytes | memoryview) -> SizeField:
    at = 40
    for _ in range(_MAX_CHUNKS):
        if at + _W64_HEADER.size > len(data):
            break
        name, size = _W64_HEADER.unpack_from(data, at)
        if name[:4] == b"data":
            return SizeField(at + 16, "<q", at, size if 0 < size < _BEYOND else None)
        at += max(size, _W64_HEADER.size) + -size % 8
    return _NOWHERE


def _caf_size(data: bytes | memoryview) -> SizeField:
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
            return SizeField(at - 8, ">q", at, size if size >= 0 else None)
        at += max(size, 0)
    return _NOWHERE


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
