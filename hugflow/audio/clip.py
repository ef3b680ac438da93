"""One clip on its way from its source to an MP3, and how much of one we take."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.mono import Samples

BLOCK_FRAMES: Final = 65_536
MAX_CHANNELS: Final = 64
MAX_HOURS: Final = 6
# What the fastest converters for sound deliver.
MAX_RATE_HZ: Final = 768_000


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip that is being read.

    `frames` is what its source says, None where it says nothing. `blocks` may be taken once: each
    is of shape (frames, channels) as `to_mono_pcm16` takes it, at most `BLOCK_FRAMES` long, and
    overwritten by the next. Taking one raises AudioBad (`audio_undecodable`, `audio_truncated`,
    `audio_too_long`).
    """

    source_format: str
    sampling_rate: int
    channels: int
    frames: int | None
    blocks: Iterator[Samples]


def check_shape(channels: int, rate_hz: int) -> None:
    """Raise AudioBad for more channels, or another rate, than any recording has."""
    if channels > MAX_CHANNELS:
        raise AudioBad("audio_unsupported", f"the audio has {channels} channels")
    if not 1 <= rate_hz <= MAX_RATE_HZ:
        raise AudioBad("rate_unsupported", f"the audio has {rate_hz} samples a second")


def check_length(frames: int, rate_hz: int) -> None:
    """Raise AudioBad above six hours: a few bytes of FLAC can stand for an hour of silence."""
    if frames > MAX_HOURS * 3600 * rate_hz:
        raise AudioBad("audio_too_long", f"the audio is longer than {MAX_HOURS} hours")
