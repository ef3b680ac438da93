"""Whether an MP3 of ours is sound: it decodes to its end, and is what is recorded of it."""

from hugflow.audio.bad import AudioBad
from hugflow.audio.decode import open_clip


def find_faults(mp3: bytes, *, sampling_rate: int, num_samples: int) -> list[str]:
    """Decode an MP3 to its end: it must be one, mono, of its rate and of its exact length.

    sampling_rate (Hz), num_samples: as recorded. A fault in words for each that differs.

    Raises AudioBad when it cannot be decoded.
    """
    with open_clip(mp3) as clip:
        frames = sum(len(block) for block in clip.blocks)
    wanted = {
        "format": ("mp3", clip.source_format),
        "channels": (1, clip.channels),
        "sampling_rate": (sampling_rate, clip.sampling_rate),
        "num_samples": (num_samples, frames),
    }
    return [
        f"its {field} is {found}, where {told} is recorded"
        for field, (told, found) in wanted.items()
        if told != found
    ]


def is_sound(mp3: bytes, *, sampling_rate: int, num_samples: int) -> bool:
    """Whether there is no fault to be found."""
    try:
        return not find_faults(mp3, sampling_rate=sampling_rate, num_samples=num_samples)
    except AudioBad:
        return False
