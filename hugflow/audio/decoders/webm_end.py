"""Whether a WebM or Matroska file ends inside one of its elements (RFC 8794, sections 5 and 6).

An element is an id, a size and as many bytes. The bits in front of the first 1 of an id or a size say
how many bytes follow its first one; a size of all ones is unknown. Segment and Cluster hold elements;
what is sent live has them without a size, and no duration.
"""

from typing import Final

_HOLDERS: Final = frozenset({0x18538067, 0x1F43B675})
_SEGMENT: Final = 0x18538067
# Cluster, BlockGroup and SimpleBlock: they hold the sound.
_SOUND: Final = frozenset({0x1F43B675, 0xA0, 0xA3})
_MAX_ID_BYTES: Final = 4
_MAX_SIZE_BYTES: Final = 8


def ends_inside(view: memoryview, *, is_sound: bool = False) -> bool:
    """Whether the last element lacks a part; what follows the elements is not looked at.

    is_sound: whether only an element with sound counts, as an index may follow it.
    """
    at = 0
    while at < len(view):
        id_size, size_at = _width(view[at]), at + _width(view[at])
        if id_size > _MAX_ID_BYTES:
            return False
        if size_at >= len(view):
            return not is_sound
        size_end = size_at + _width(view[size_at])
        if size_end - size_at > _MAX_SIZE_BYTES:
            return False
        if size_end > len(view):
            return not is_sound
        name = int.from_bytes(view[at:size_at], "big")
        ones = (1 << 7 * (size_end - size_at)) - 1
        size = int.from_bytes(view[size_at:size_end], "big") & ones
        at = size_end
        if size != ones and at + size > len(view) and not (is_sound and name == _SEGMENT):
            return not is_sound or name in _SOUND
        if name not in _HOLDERS:
            if size == ones:
                return False
            at += size
    return False


def _width(first: int) -> int:
    """How many bytes an id or a size of this first byte has; 9 of a byte that begins neither."""
    return 9 - first.bit_length()
