"""How loud a clip is along its way: what a picture of its waveform is drawn from."""

from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from hugflow.audio.bad import AudioBad
from hugflow.late_dataclass import dataclass

# Half a minute decodes in 6 ms (8 kHz) to 25 ms (48 kHz); of a whole hour nobody would see more.
LONGEST_S: Final = 30


@dataclass(frozen=True, slots=True)
class Levels:
    """The loudest samples of a clip, piece by piece.

    peaks: of pieces of equal length, in order, in [0.0, 1.0], where 1.0 is full scale; none where
    the clip has no samples. shown_s: how much of the clip they cover, from its begin, of `total_s`.
    """

    peaks: tuple[float, ...]
    shown_s: float
    total_s: float


def read_levels(path: Path, pieces: int) -> Levels:
    """The levels of the first LONGEST_S seconds of a sound file; nothing behind them is decoded.

    pieces: how many there are at most; a clip of fewer samples has a piece for each.

    Raises AudioBad (`audio_undecodable`) when the file cannot be read.
    """
    try:
        with soundfile.SoundFile(path) as sound:
            rate, frames = sound.samplerate, sound.frames
            samples = sound.read(LONGEST_S * rate, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise AudioBad("audio_undecodable", f"no levels can be read: {error}") from error
    if not len(samples):
        return Levels((), 0.0, 0.0)
    loudest = np.nan_to_num(np.abs(samples).max(axis=1))
    pieces = min(pieces, len(loudest))
    starts = np.arange(pieces) * len(loudest) // pieces
    peaks = np.minimum(np.maximum.reduceat(loudest, starts), 1.0)
    return Levels(tuple(peaks.tolist()), len(loudest) / rate, max(frames, len(loudest)) / rate)
