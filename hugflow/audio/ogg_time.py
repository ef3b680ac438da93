"""How long the packets of an Ogg stream are, counted without decoding them.

opus    in the first byte: RFC 6716, section 3.1; always counted at 48 kHz
vorbis  a quarter of the packet's window and of the one before it; which of two windows a packet
has depends on its mode, and the modes stand at the end of the third header (Vorbis I,
sections 4.2.4 and 4.3.1)
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from hugflow.audio.ogg import Page

# Samples of a packet that begins with these two bytes; it remembers what it needs to.
Duration: TypeAlias = Callable[[bytes], int]

OPUS_RATE_HZ: Final = 48_000
_SILK: Final = (480, 960, 1920, 2880)
_HYBRID: Final = (480, 960)
_CELT: Final = (120, 240, 480, 960)
_OPUS_FRAMES: Final = (*_SILK * 3, *_HYBRID * 2, *_CELT * 4)
_MODE_BITS: Final = 41
_MAX_MODES: Final = 64


def opus_duration(head: bytes) -> int:
    """Samples of an Opus packet, at 48 kHz."""
    if not head:
        return 0
    samples, code = _OPUS_FRAMES[head[0] >> 3], head[0] & 3
    if code == 3:
        return samples * (head[1] & 63) if len(head) > 1 else 0
    return samples if code == 0 else 2 * samples


def vorbis_duration(identification: bytes, setup: bytes) -> Duration | None:
    """What tells the samples of each Vorbis packet in order; None where the headers make no sense."""
    if len(identification) < 30:
        return None
    windows = (1 << (identification[28] & 15), 1 << (identification[28] >> 4))
    modes = _vorbis_modes(setup)
    if not modes:
        return None
    mask = (1 << (len(modes) - 1).bit_length()) - 1
    by_byte = [
        0 if byte & 1 or byte >> 1 & mask >= len(modes) else windows[modes[byte >> 1 & mask]]
        for byte in range(256)
    ]
    previous = 0

    def duration(head: bytes) -> int:
        nonlocal previous
        window = by_byte[head[0]] if head else 0
        # A packet that is no sound is skipped by decoders.
        if not window:
            return 0
        samples = (previous + window) // 4 if previous else 0
        previous = window
        return samples

    return duration


def page_times(view: memoryview, pages: Sequence[Page], duration: Duration) -> list[int]:
    """For each page the samples up to the end of the last packet that ends on it."""
    total, head, times = 0, None, []
    for page in pages:
        at = start = page.body
        for size in page.sizes:
            at += size
            if size < 255:
                total += duration(bytes(view[start : min(start + 2, at)]) if head is None else head)
                head, start = None, at
        if page.sizes and page.sizes[-1] == 255 and head is None:
            head = bytes(view[start : start + 2])
        times.append(total)
    return times


def _vorbis_modes(setup: bytes) -> list[int]:
    """Which of the two windows each mode has, from the header's end; a mode has 41 bits.

    The count of modes stands in the six bits before the first of them.
    """
    bits = int.from_bytes(setup, "little")
    end = bits.bit_length() - 1
    windows: list[int] = []
    found: list[int] = []
    for at in range(end - _MODE_BITS, _MODE_BITS, -_MODE_BITS):
        mode = bits >> at
        if mode >> 1 & 0xFFFFFFFF or mode >> 33 & 0xFF > 63 or len(windows) == _MAX_MODES:
            break
        windows.append(mode & 1)
        if (bits >> (at - 6) & 63) + 1 == len(windows):
            found = windows[::-1]
    return found
