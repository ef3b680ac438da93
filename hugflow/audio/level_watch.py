"""Whether a clip comes out of its conversion as it went in: no square wave, no silence.

anti_phase            its channels cancel each other out when they are mixed
beyond_full_scale     most of its samples are beyond full scale: floats that were never divided
by 32768 are, and a loud clip is not
not_numbers           some of its samples are no numbers (NaN), and become silence
silent_after_scaling  nothing is left of it at 16 bits: 16-bit numbers in a type of 32 are so
small
quiet_after_scaling   none of its 32-bit samples needs more than 24 bits: 24-bit numbers in a type
of 32 are so small
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from hugflow.audio.mono import FULL_SCALE, Samples, to_reals

ANTI_PHASE: Final = "anti_phase"
BEYOND_FULL_SCALE: Final = "beyond_full_scale"
NOT_NUMBERS: Final = "not_numbers"
SILENT_AFTER_SCALING: Final = "silent_after_scaling"
QUIET_AFTER_SCALING: Final = "quiet_after_scaling"
# By code: what has become of such clips, for people.
LEVELS: Final = {
    ANTI_PHASE: "the channels cancel each other out (anti-phase), so that the MP3 is nearly silent",
    BEYOND_FULL_SCALE: "most samples lie beyond full scale, so that the MP3 is clipped throughout; "
    "floats that were never divided by 32768 are like that",
    NOT_NUMBERS: "at least one sample in a hundred is no number (NaN), and is silence in the MP3",
    SILENT_AFTER_SCALING: "nothing is left at 16 bits, so that the MP3 is silent; 16-bit samples in "
    "a type of 32 bits are like that",
    QUIET_AFTER_SCALING: "the MP3 is 48 dB or more below full scale; 24-bit samples in a type of 32 "
    "bits are like that",
}

# Some of the samples tell as well how loud all of them are.
_WATCHED_EVERY: Final = 7
# Rounded to 16 bits, this is 0.
_LOWEST: Final = 0.5 / FULL_SCALE
# The loudest sample of 24-bit numbers in a type of 32 bits; the lowest peak of a clip of
# such numbers is 24 dB less.
_LOUDEST_24: Final = 2.0**-8
_LOWEST_24: Final = 2.0**-12
_STEP_24: Final = 2.0**-23
_STEP_32: Final = 2.0**-31
# These round to nothing themselves what is too quiet to be heard.
_LOSSY: Final = frozenset({"mp3", "ogg", "opus"})


class LevelWatch:
    """Watches the blocks of a clip on their way. Of 16-bit blocks of one channel it asks nothing."""

    def __init__(self, blocks: Iterable[Samples], source_format: str) -> None:
        self._blocks = blocks
        self._is_lossy = source_format in _LOSSY
        self._energy = self._mono_energy = self._peak = 0.0
        self._beyond = self._sounding = self._seen = self._no_numbers = 0
        self._is_whole_32, self._is_whole_24 = True, True

    def __iter__(self) -> Iterator[Samples]:
        """The blocks, as they are."""
        for block in self._blocks:
            if block.dtype == np.float32:
                self._watch_peak(block)
            if block.shape[1] > 1:
                some = to_reals(block[::_WATCHED_EVERY]).astype(np.float64)
                self._energy += float(np.square(some).mean(axis=1).sum())
                self._mono_energy += float(np.square(some.mean(axis=1)).sum())
            yield block

    @property
    def level(self) -> str | None:
        """The code of what is wrong; None of a clip that is as it was."""
        # Less than a hundredth (20 dB) of what the channels have.
        if self._mono_energy < self._energy / 100:
            return ANTI_PHASE
        if self._beyond > self._sounding / 2:
            return BEYOND_FULL_SCALE
        if self._no_numbers and self._no_numbers >= self._seen / 100:
            return NOT_NUMBERS
        if 0 < self._peak <= _LOWEST and not self._is_lossy:
            return SILENT_AFTER_SCALING
        is_32_bits = self._is_whole_32 and not self._is_whole_24
        if _LOWEST_24 < self._peak <= _LOUDEST_24 and is_32_bits and not self._is_lossy:
            return QUIET_AFTER_SCALING
        return None

    def _watch_peak(self, block: Samples) -> None:
        some = block[::_WATCHED_EVERY]
        peak = _peak(some)
        if peak <= _LOWEST and self._peak <= _LOWEST:
            # Which of all its samples are the loudest counts only as long as none was loud.
            peak = _peak(block)
        self._peak = max(self._peak, peak)
        if peak > 1:
            self._beyond += int(np.count_nonzero(np.abs(some) > 1))
        no_numbers = int(np.count_nonzero(np.isnan(some)))
        self._seen += some.size
        self._no_numbers += no_numbers
        self._sounding += int(np.count_nonzero(some)) - no_numbers
        if self._peak <= _LOUDEST_24 and self._is_whole_32:
            self._is_whole_32 = _is_whole(some, _STEP_32)
            self._is_whole_24 = self._is_whole_24 and _is_whole(some, _STEP_24)


def _is_whole(samples: Samples, step: float) -> bool:
    """Whether all samples are multiples of a step."""
    steps = samples[np.isfinite(samples)] / np.float32(step)
    return bool((steps == np.rint(steps)).all())


def _peak(samples: Samples) -> float:
    """The loudest sample, whatever is no number left aside."""
    return max(
        float(np.fmax.reduce(samples, axis=None)), -float(np.fmin.reduce(samples, axis=None))
    )
