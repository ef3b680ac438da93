"""One clip on its way from its source to an MP3, and how much of one we take."""

from collections.abc import Iterator
from dataclasses import field
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.encoding import Encoding
from hugflow.audio.mono import Samples
from hugflow.late_dataclass import dataclass

BLOCK_FRAMES: Final = 65_536
MAX_CHANNELS: Final = 64
MAX_HOURS: Final = 6
# What the fastest converters for sound deliver.
MAX_RATE_HZ: Final = 768_000


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip that is being read.

    `frames` is what its source says, None where it says nothing. `repaired`: codes of what was wrong
    with its framing. `blocks` may be taken once: each
    is of shape (frames, channels) as `to_mono_pcm16` takes it, at most `BLOCK_FRAMES` long, and
    overwritten by the next. Taking one raises AudioBad (`audio_undecodable`, `audio_truncated`,
    `audio_too_long`).
    """

    source_format: str
    sampling_rate: int
    channels: int
    frames: int | None
    blocks: Iterator[Samples]
    repaired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClipRules:
    """What may become a clip, what is found out of it, and how it is encoded.

    max_hours: how long it may be, 0 for any length. repair: whether a framing is repaired where all samples are there; else such a clip is refused.
    measure: whether its quality is measured; "all" includes clips that are copied.
    """

    repair: bool = True
    max_hours: float = MAX_HOURS
    measure: str = "false"
    encoding: Encoding = field(default_factory=Encoding)

    def check_length(self, frames: int, rate_hz: int) -> None:
        """Raise AudioBad above the limit: a few bytes of FLAC can stand for an hour of silence."""
        if self.max_hours and frames > self.max_hours * 3600 * rate_hz:
            limit = f"{self.max_hours:g} hour{'' if self.max_hours == 1 else 's'}"
            raise AudioBad("audio_too_long", f"the audio is longer than {limit}")


DEFAULT_RULES: Final = ClipRules()


def check_shape(channels: int, rate_hz: int) -> None:
    """Raise AudioBad for more channels, or another rate, than any recording has."""
    if channels > MAX_CHANNELS:
        raise AudioBad("audio_unsupported", f"the audio has {channels} channels")
    if not 1 <= rate_hz <= MAX_RATE_HZ:
        raise AudioBad("rate_unsupported", f"the audio has {rate_hz} samples a second")
