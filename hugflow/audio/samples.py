"""Sound that comes as numbers: arrays, lists, and what a decoder object returns.

What full scale is follows from the type of the numbers:

    float                   from -1.0 to 1.0
    int8, int16, int32      their own range; int16 passes as it is
    uint8, uint16, uint32   their own range, with silence in its middle, as in an 8-bit WAV
    int64, uint64           16 bits, and refused beyond: a list of Python's whole numbers is of this
                            type whatever it was recorded with
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import BLOCK_FRAMES, MAX_RATE_HZ, Clip, ClipRules, check_shape
from hugflow.audio.mono import Samples
from hugflow.audio.value import DecoderAudio, SampledAudio

Numbers: TypeAlias = npt.NDArray[Any]

# numpy's letter and size in bytes.
_KINDS: Final = frozenset({"f2", "f4", "f8", "f16", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"})
_OF_NO_WIDTH: Final = frozenset({"i8", "u8"})


def open_array(audio: SampledAudio, rules: ClipRules) -> Clip:
    """Read an array, or a list or a list of lists, as a clip.

    Of two axes the shorter one is the channels, and the first one where they are of one length.

    Raises AudioBad: `audio_unsupported` for what is no array of numbers with one or two axes,
    `rate_unsupported`, `audio_empty`, `audio_too_long`.
    """
    rate_hz = _read_rate(audio.sampling_rate)
    numbers = _read_numbers(audio.array)
    is_channels_first = numbers.ndim == 2 and numbers.shape[0] <= numbers.shape[1]
    return _to_clip("array", numbers.T if is_channels_first else numbers, rate_hz, rules)


def open_decoder(audio: DecoderAudio, rules: ClipRules) -> Clip:
    """Ask a decoder object for its sound.

    Raises AudioBad as `open_array` does, and `audio_undecodable` whatever the object raises.
    """
    try:
        found = audio.decoder.get_all_samples()
        data, rate = _leave_torch(found.data), found.sample_rate
    except Exception as error:
        words = f"the decoder object raised {type(error).__name__}: {error}"
        raise AudioBad("audio_undecodable", words) from error
    return _to_clip("decoder", _read_numbers(data).T, _read_rate(rate), rules)


def _leave_torch(data: Any) -> Any:
    """A tensor as numpy takes it: without its gradient, and out of the graphics card."""
    for step in ("detach", "cpu"):
        if hasattr(data, step):
            data = getattr(data, step)()
    return np.asarray(data)


def _read_rate(word: object) -> int:
    number = word.item() if isinstance(word, np.generic) else word
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise AudioBad("rate_unsupported", f"the sampling rate is of type {type(word).__name__}")
    # Neither NaN nor infinity has a remainder.
    if not (abs(number) <= MAX_RATE_HZ and number % 1 == 0):
        shown = f"{number}" if abs(number) < 1e18 else "no number of samples"
        raise AudioBad("rate_unsupported", f"the sampling rate is {shown}")
    return int(number)


def _read_numbers(array: object) -> Numbers:
    """The numbers, in one or two axes, not copied where they lie in an array already."""
    if not isinstance(array, np.ndarray | list | tuple):
        raise AudioBad("audio_unsupported", f"the array is of type {type(array).__name__}")
    try:
        numbers = np.asarray(array)
        if numbers.dtype == object:
            # Of rows that are arrays themselves, as pandas has them.
            numbers = np.asarray(numbers.tolist())
    except (TypeError, ValueError, OverflowError) as error:
        raise AudioBad("audio_unsupported", "the array's rows are not of one length") from error
    if _kind(numbers) not in _KINDS:
        raise AudioBad("audio_unsupported", f"the array holds values of type {numbers.dtype.name}")
    if numbers.ndim not in (1, 2):
        raise AudioBad("audio_unsupported", f"the array has {numbers.ndim} axes")
    return numbers


def _to_clip(source_format: str, numbers: Numbers, rate_hz: int, rules: ClipRules) -> Clip:
    """A clip of numbers of shape (frames,) or (frames, channels)."""
    if not numbers.size:
        raise AudioBad("audio_empty", "the array has no samples")
    frames = numbers[:, None] if numbers.ndim == 1 else numbers
    check_shape(frames.shape[1], rate_hz)
    rules.check_length(len(frames), rate_hz)
    if _kind(frames) in _OF_NO_WIDTH and (frames.min() < -(2**15) or frames.max() >= 2**15):
        raise AudioBad("audio_unsupported", f"the array is {frames.dtype.name}, and above 16 bits")
    return Clip(source_format, rate_hz, frames.shape[1], len(frames), _cut(frames))


def _cut(frames: Numbers) -> Iterator[Samples]:
    for start in range(0, len(frames), BLOCK_FRAMES):
        yield _to_samples(frames[start : start + BLOCK_FRAMES])


def _to_samples(block: Numbers) -> Samples:
    match _kind(block):
        case "i2" | "i8" | "u8":
            return block.astype(np.int16, copy=False)
        case "i1":
            return block.astype(np.int16) << 8
        case "u1":
            return (block.astype(np.int16) - 2**7) << 8
        case "u2":
            return (block.astype(np.int32) - 2**15).astype(np.int16)
        case "i4":
            return (block / 2.0**31).astype(np.float32)
        case "u4":
            return (block / 2.0**31 - 1.0).astype(np.float32)
        case _:
            # What is too large for 32 bits becomes infinity, which is as loud.
            with np.errstate(over="ignore"):
                return block.astype(np.float32, copy=False)


def _kind(numbers: Numbers) -> str:
    return numbers.dtype.str[1:]
