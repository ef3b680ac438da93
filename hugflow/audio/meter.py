"""Measuring a clip while it is encoded: level, noise, bandwidth and a hash of its samples.

The meter sees the mono 16-bit samples that become the MP3, block by block. Sums, peaks and the hash
cover every sample. Noise and bandwidth come from the spectrum of some frames of about 40 ms, picked
evenly over the clip, so memory and time for them are the same for a clip of seconds and of hours.

clipped    samples at full scale, as a share of all
silence    frames below SILENT_DBFS, as a share of all
snr        power of the whole clip without its noise, over the power of the noise, in dB. The noise
           is what the quietest frames hold, without tones; in a clip without pauses, what lies
           between the tones of its first half second. A constant offset is neither. Between
           LOWEST_SNR and the noise of 16 bits; None for a clip of less than a quarter of a second
bandwidth  highest frequency within BANDWIDTH_DB of the strongest one, and above the noise of 16 bits
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128

from hugflow.audio.mono import FULL_SCALE, Samples, to_mono_pcm16
from hugflow.audio.quality import Quality

Pcm = npt.NDArray[np.int16]
Reals = npt.NDArray[Any]

SILENT_DBFS: Final = -50.0
LOWEST_SNR: Final = -10.0
BANDWIDTH_DB: Final = -50.0

_NO_PCM: Final[Pcm] = np.empty(0, np.int16)
_LITTLE_ENDIAN: Final = np.dtype("<i2")
# Power of rounding to whole numbers: no noise of 16 bits is lower.
_ROUNDING: Final = 1 / 12
_SILENT_POWER: Final = FULL_SCALE**2 * 10 ** (SILENT_DBFS / 10)
_LOUDEST: Final = FULL_SCALE - 1
# Samples: half a megabyte.
_HELD: Final = 1 << 18
# A frame has this many samples per 23 Hz, rounded to a power of two.
_BIN_HZ: Final = 23
_MOST_FRAMES: Final = 256
_FEWEST_FRAMES: Final = 6
# Spectra of each kind, quiet and any: they cost more than all else here.
_SPECTRA: Final = 8
# Quiet is what has at most twice the power of the quietest twentieth.
_QUIETEST: Final = 0.05
_QUIET_FACTOR: Final = 1.5
# A bin is a tone if it has this many times the median of its group. A group is wider than a tone and
# its window, and so narrow that noise of any colour is about even in it.
_TONE_FACTOR: Final = 4.0
_GROUP_BINS: Final = 15
_MOST_GROUPS: Final = 32
# Below it, the window spreads a constant offset.
_FIRST_BIN: Final = 3
_BANDWIDTH_RATIO: Final[float] = 10 ** (BANDWIDTH_DB / 10)
_LOWEST_RATIO: Final[float] = 10 ** (LOWEST_SNR / 10)
# A clip has no pauses if its quiet frames have this share of its power.
_NO_PAUSE: Final = 0.25
# Its tones may lie closer than a frame can tell: it is looked at once more, so many frames as one.
_LONG: Final = 16
_LONG_GROUP_BINS: Final = 64
# The mean median of such a group of noise, whose power in a bin is distributed exponentially.
_MEDIAN: Final = sum(1 / at for at in range(_LONG_GROUP_BINS // 2, _LONG_GROUP_BINS + 1))
# The main lobe of the window reaches this many bins beyond a tone.
_LOBE_BINS: Final = 2


class Meter:
    """Measures the mono samples of one clip; `quality` is asked for at its end.

    An encoder that runs between two clips drives numpy's code out of the processor's cache. So the
    time for a short clip depends on how many of numpy's functions are called, and a few hundred
    numbers are sorted, counted and summed as a list.
    """

    def __init__(self, sampling_rate: int) -> None:
        """Measure nothing yet. sampling_rate: Hz."""
        self._rate = sampling_rate
        self._frame = 1 << round(math.log2(sampling_rate / _BIN_HZ))
        self._hash = xxh3_128()
        self._samples = self._clipped = self._frames = self._silent = 0
        self._high = self._low = 0
        self._energy = self._sum = 0.0
        self._rest = _NO_PCM
        # Of every so many frames: its samples, their energy, their sum.
        self._stride = 1
        self._kept: list[Pcm] = []
        self._energies: list[float] = []
        self._sums: list[float] = []
        self._first: list[Pcm] = []
        self._found: Quality | None = None

    def watch(self, blocks: Iterable[Samples]) -> Iterator[Pcm]:
        """The blocks, mixed down to one channel of 16 bits, shape (frames, 1).

        About `_HELD` samples are measured before the first of them is given, and the last ones when
        all is measured: the less an encoder runs in between, the less time it takes.
        """
        held: list[Pcm] = []
        for block in blocks:
            if sum(map(len, held)) >= _HELD:
                yield from self._measured(held)
                held = []
            held.append(own_pcm(block))
        last = self._measured(held)
        self._found = self._measure()
        yield from last

    def _measured(self, held: list[Pcm]) -> list[Pcm]:
        """As blocks, once they are measured."""
        for pcm in held:
            self.add(pcm)
        return [pcm[:, None] for pcm in held]

    def add(self, pcm: Pcm) -> None:
        """Take the next samples, shape (frames,); how a clip is cut does not change its figures.

        They are not copied: what is in them must not change while this clip is measured.
        """
        if not len(pcm):
            return
        self._found = None
        self._hash.update(np.ascontiguousarray(pcm, _LITTLE_ENDIAN).data)
        high, low = pcm.item(pcm.argmax()), pcm.item(pcm.argmin())
        if high >= _LOUDEST or low <= -_LOUDEST:
            self._clipped += int(np.count_nonzero((pcm >= _LOUDEST) | (pcm <= -_LOUDEST)))
        self._high, self._low = max(self._high, high), min(self._low, low)
        self._samples += len(pcm)
        if len(self._rest):
            pcm = np.concatenate([self._rest, pcm])
        whole = len(pcm) // self._frame * self._frame
        if whole:
            self._add_frames(pcm[:whole].reshape(-1, self._frame))
        self._rest = pcm[whole:]

    @property
    def quality(self) -> Quality:
        """The figures of all samples so far, rounded; a clip of no samples has none to measure."""
        if self._found is None:
            self._found = self._measure()
        return self._found

    def _measure(self) -> Quality:
        energies, sums = _energies_and_sums(self._rest[None])
        samples = max(self._samples, 1)
        power = (self._energy + energies[0]) / samples
        mean = (self._sum + sums[0]) / samples
        peak = max(self._high, -self._low)
        silent = self._silent if self._stride > 1 else self._count_silent(self._energies)
        snr, bandwidth_hz = self._read_spectra(power - mean**2) if peak else (None, 0)
        return Quality(
            peak_dbfs=_decibels(peak**2 / FULL_SCALE**2),
            rms_dbfs=_decibels(power / FULL_SCALE**2),
            clipped=round(self._clipped / samples, 6),
            silence=round(silent / self._frames, 4) if self._frames else float(not peak),
            snr=snr,
            bandwidth_hz=bandwidth_hz,
            dc_offset=round(mean / FULL_SCALE, 6) + 0.0,
            pcm=self._hash.hexdigest(),
        )

    def _add_frames(self, frames: Pcm) -> None:
        energies, sums = _energies_and_sums(frames)
        self._energy, self._sum = sum(energies, self._energy), sum(sums, self._sum)
        if self._frames < _LONG:
            self._first.append(frames[: _LONG - self._frames])
        first = -self._frames % self._stride
        self._frames += len(frames)
        if self._stride > 1:
            self._silent += self._count_silent(energies)
            frames = frames[first :: self._stride].copy()
        self._kept.append(frames)
        self._energies += energies[first :: self._stride]
        self._sums += sums[first :: self._stride]
        while len(self._energies) > _MOST_FRAMES:
            self._thin_out()

    def _thin_out(self) -> None:
        """Keep half as many frames."""
        if self._stride == 1:
            # Until now, none was left out.
            self._silent = self._count_silent(self._energies)
        before = 0
        for index, frames in enumerate(self._kept):
            self._kept[index] = frames[before % 2 :: 2].copy()
            before += len(frames)
        self._energies, self._sums = self._energies[::2], self._sums[::2]
        self._stride *= 2

    def _count_silent(self, energies: list[float]) -> int:
        limit = _SILENT_POWER * self._frame
        return len([energy for energy in energies if energy < limit])

    def _take(self, indices: list[int]) -> Pcm:
        """Some of the kept frames."""
        if len(self._kept) == 1:
            return self._kept[0].take(indices, 0)
        frames = list(chain.from_iterable(self._kept))
        return np.stack([frames[index] for index in indices])

    def _read_spectra(self, power: float) -> tuple[float | None, int]:
        """The signal-to-noise ratio in dB, and the bandwidth in Hz.

        power: of the whole clip, as all power here without a constant offset.
        """
        if not self._kept:
            padded = np.zeros((1, self._frame), np.int16)
            padded[0, : len(self._rest)] = self._rest
            return None, self._bandwidth(_spectra(padded))
        share = 1 / self._frame
        powers = [
            (energy - total * total * share) * share
            for energy, total in zip(self._energies, self._sums, strict=True)
        ]
        count = len(powers)
        by_power = sorted(range(count), key=powers.__getitem__)
        powers.sort()
        # Digital silence says nothing of the noise of a recording.
        first = bisect_right(powers, 0.0)
        if first == count:
            return None, 0
        quietest = powers[first + int(_QUIETEST * (count - first))]
        last = max(bisect_right(powers, _QUIET_FACTOR * max(quietest, _ROUNDING)), first + 1)
        quiet = by_power[first : last : -((first - last) // _SPECTRA)]
        others = by_power[last :: max(1, -((last - count) // _SPECTRA))]
        spectra = _spectra(self._take(quiet + others))
        bandwidth_hz = self._bandwidth(spectra)
        if count < _FEWEST_FRAMES:
            return None, bandwidth_hz
        quiet_power = self._power(by_power[first:last])
        noise = quiet_power * _untonal(spectra[: len(quiet)])
        if quiet_power > _NO_PAUSE * power and self._frames >= _LONG:
            noise = min(noise, _between_tones(np.concatenate(self._first).ravel()))
        ratio = max(power / max(noise, _ROUNDING) - 1, _LOWEST_RATIO)
        return round(10 * math.log10(ratio), 1), bandwidth_hz

    def _power(self, indices: list[int]) -> float:
        """The power of some kept frames, without what offset they have in common."""
        samples = len(indices) * self._frame
        mean = sum([self._sums[index] for index in indices]) / samples
        return sum([self._energies[index] for index in indices]) / samples - mean**2

    def _bandwidth(self, spectra: Reals) -> int:
        loudest = np.maximum.reduce(spectra).tolist()
        limit = max(max(loudest) * _BANDWIDTH_RATIO, _least(self._frame))
        above = len(loudest)
        while above and loudest[above - 1] <= limit:
            above -= 1
        if not above:
            return 0
        top, highest = _FIRST_BIN + above - 1, self._frame // 2
        # Beyond the highest frequency there is nothing that the window could reach into.
        edge = highest if top >= highest - _LOBE_BINS else top - _LOBE_BINS
        return round(edge * self._rate / self._frame)


def own_pcm(block: Samples) -> Pcm:
    """A decoder's block as `to_mono_pcm16` mixes it, but never in the memory of the block.

    A decoder may write its next block over this one.
    """
    pcm = to_mono_pcm16(block)
    return pcm.copy() if np.may_share_memory(pcm, block) else pcm


def _energies_and_sums(frames: Pcm) -> tuple[list[float], list[float]]:
    """The sum of squares and the sum of each frame.

    In C, by one thread: the same digits on every run. Sums are exact, but for long frames with an
    offset near full scale.
    """
    reals = frames.astype(np.float32)
    ones = _ones(frames.shape[1])
    return _as_floats(np.vecdot(reals, reals)), _as_floats(np.vecdot(reals, ones))


def _as_floats(numbers: Reals) -> list[float]:
    floats: list[float] = numbers.tolist()
    return floats


def _spectra(frames: Pcm) -> Reals:
    """The power of each frame by frequency, from _FIRST_BIN on."""
    count, frame = frames.shape
    found = np.empty((count, frame // 2 + 1), np.complex64)
    np.fft.rfft(frames * _window(frame), out=found)
    found = found[:, _FIRST_BIN:]
    power: Reals = np.square(found.real) + np.square(found.imag)
    return power


def _untonal(spectra: Reals) -> float:
    """The share of the power that is no tone."""
    by_bin = _as_floats(np.add.reduce(spectra))
    width = max(_GROUP_BINS, len(by_bin) // _MOST_GROUPS)
    end = len(by_bin) // width * width
    # In the lowest group noise may fall steeply; in this form, pink noise is even.
    lowest = [power * bin_ for bin_, power in enumerate(by_bin[:width], _FIRST_BIN)]
    median = sorted(lowest)[width // 2]
    noise = sum(
        (power if power <= _TONE_FACTOR * median else median) / bin_
        for bin_, power in enumerate(lowest, _FIRST_BIN)
    )
    for start in range(width, end, width):
        group = sorted(by_bin[start : start + width])
        median = group[width // 2]
        tones = bisect_right(group, _TONE_FACTOR * median)
        noise += sum(group[:tones]) + median * (width - tones)
    # Some bins are in no group, among them the lowest ones.
    scale = (len(by_bin) + _FIRST_BIN) / end
    total = sum(by_bin)
    return min(scale * noise / total, 1.0) if total else 1.0


def _between_tones(piece: Reals) -> float:
    """The power of the noise in a piece of sound: most of its bins hold no tone."""
    bins, shares = _long_groups(len(piece))
    spectrum = _spectra(piece[None])[0, : bins.size].reshape(bins.shape)
    # In this form, noise is about even in each group, whatever its colour.
    spectrum *= bins
    spectrum.sort()
    return float(np.vecdot(spectrum[:, _LONG_GROUP_BINS // 2], shares))


@cache
def _long_groups(samples: int) -> tuple[Reals, Reals]:
    """The numbers of the bins of such a piece by group; and what makes a group's median its power.

    Their sum over the groups is the power of the piece.
    """
    groups = (samples // 2 + 1 - _FIRST_BIN) // _LONG_GROUP_BINS
    end = _FIRST_BIN + groups * _LONG_GROUP_BINS
    bins = np.arange(_FIRST_BIN, end, dtype=np.float64).reshape(groups, _LONG_GROUP_BINS)
    energy = np.square(_window(samples)).sum(dtype=np.float64)
    shares = np.reciprocal(bins).mean(axis=1) / (groups * _MEDIAN * energy)
    return bins.astype(np.float32), shares


@cache
def _window(frame: int) -> npt.NDArray[np.float32]:
    return np.blackman(frame).astype(np.float32)


@cache
def _ones(count: int) -> npt.NDArray[np.float32]:
    return np.ones(count, np.float32)


@cache
def _least(frame: int) -> float:
    """What counts as more than rounding: the loudest of many random values is many times their mean."""
    return 20 * _ROUNDING * float(np.square(_window(frame)).sum())


def _decibels(power: float) -> float | None:
    """In dB, to a hundredth; None for no power, because JSON has no infinity."""
    return round(10 * math.log10(power), 2) if power > 0 else None
