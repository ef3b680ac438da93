"""Whether an MP3 of ours is sound: it decodes to its end, and is what is recorded of it."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from hugflow.audio.clip import Clip, ClipRules
from hugflow.audio.decoders.sound_file import open_clip, open_clip_file
from hugflow.audio.info_tag import are_frames_as_tagged, crc16
from hugflow.store.atomic import read_file

_ANY_LENGTH: Final = ClipRules(max_hours=0)
# Longer ones, of hours, are not taken into memory.
_MOST_BYTES_IN_MEMORY: Final = 8 << 20
_PIECE_BYTES: Final = 1 << 20


class FindFaults(Protocol):
    """What `find_faults` is, and all that does as it does."""

    def __call__(self, mp3: Path, *, sampling_rate: int, num_samples: int) -> list[str]:
        """See `find_faults`."""


def find_faults(mp3: Path, *, sampling_rate: int, num_samples: int) -> list[str]:
    """Decode an MP3 file to its end: it must be one, mono, of its rate and of its exact length.

    sampling_rate (Hz), num_samples: as recorded. A fault in words for each that differs.

    Raises AudioBad when it cannot be decoded, OSError when it cannot be read.
    """
    with _open(mp3) as clip:
        frames = sum(len(block) for block in clip.blocks)
    wanted = {
        "format": ("mp3", clip.source_format),
        "channels": (1, clip.channels),
        "sampling_rate": (sampling_rate, clip.sampling_rate),
        "num_samples": (num_samples, frames),
    }
    faults = [
        f"its {field} is {found}, where {told} is recorded"
        for field, (told, found) in wanted.items()
        if told != found
    ]
    # Most flipped bits are heard, and change no length.
    return faults or _find_flipped(mp3)


def _find_flipped(mp3: Path) -> list[str]:
    with mp3.open("rb") as file:

        def stream_crc(offset: int) -> int:
            crc = 0
            file.seek(offset)
            while piece := file.read(_PIECE_BYTES):
                crc = crc16(piece, crc)
            return crc

        is_whole = are_frames_as_tagged(file.read(1024), stream_crc)
    return [] if is_whole else ["its bytes are not those that were written (CRC-16)"]


def _open(mp3: Path) -> AbstractContextManager[Clip]:
    # The length that libsndfile says is a guess where the MP3 has no Info tag.
    if mp3.stat().st_size > _MOST_BYTES_IN_MEMORY:
        return open_clip_file(mp3, promised=0, rules=_ANY_LENGTH)
    return open_clip(read_file(mp3), promised=0, rules=_ANY_LENGTH)
