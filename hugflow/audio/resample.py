"""Another sampling rate, for sources at one that MP3 lacks."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hugflow.audio.clip import BLOCK_FRAMES
from hugflow.audio.mono import Samples, to_mono_float32
from hugflow.lean_start import Late

if TYPE_CHECKING:
    import soxr
else:
    soxr = Late("soxr")


def resample(
    blocks: Iterable[Samples], from_hz: int, to_hz: int
) -> Iterator[npt.NDArray[np.float32]]:
    """Mix blocks down to one channel, and bring them to another rate.

    blocks: as `to_mono_pcm16` takes them, of any length; how the sound is cut into blocks does not
    change what comes out: `round(frames * to_hz / from_hz)` samples and at least one, each heard
    when it was, in blocks of shape (frames, 1).
    """
    # Its steepest filters are called HQ and VHQ. HQ is exact to 20 bits, more than the 16 that LAME
    # is given, and is computed in the 32 bits of our floats.
    stream = soxr.ResampleStream(from_hz, to_hz, num_channels=1, dtype="float32", quality="HQ")
    # Of a very low rate, a short block becomes a very long one.
    step = max(1, BLOCK_FRAMES * from_hz // max(from_hz, to_hz))
    taken = given = 0
    for block in blocks:
        mono = to_mono_float32(block)
        taken += len(mono)
        for start in range(0, len(mono), step):
            made = stream.resample_chunk(mono[start : start + step])
            given += len(made)
            yield made[:, None]
    if taken:
        rest = stream.resample_chunk(np.empty(0, np.float32), last=True)
        missing = max(1, round(taken * to_hz / from_hz)) - given
        # It rounds a half up, and of very few samples it makes none.
        yield np.pad(rest[:missing], (0, max(0, missing - len(rest))))[:, None]
