"""Acoustic fingerprints by Chromaprint: the same sound, encoded again or trimmed, has a similar one.

A fingerprint is a list of whole numbers of 32 bits, one for each HOP_S of sound; a clip of less than
about three seconds has none. Of a trimmed clip the hops begin elsewhere, so each clip has SHIFTS
fingerprints, each of which begins a part of a hop later.

Asked in a child process (`hugflow.workers`), because the MP3s were copied from strangers:

    {"module": "hugflow.audio.fingerprint", "path": "/data/.../audio/a.mp3"}
    {"lengths": [24, 24, 23, 23]}                and the numbers, little-endian
    {"lengths": []}                              where the file cannot be read now
"""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

from hugflow.errors import UsageWrong
from hugflow.workers.channel import Bytes, Header
from hugflow.workers.child import Answer

Prints = npt.NDArray[np.uint32]

SHIFTS: Final = 4
# Chromaprint takes a window of 4096 samples at 11,025 Hz every third of it.
HOP_S: Final = 4096 / 3 / 11_025
# Of a longer clip, its beginning tells it from all others.
LONGEST_S: Final = 120


def check_installed() -> None:
    """Raise UsageWrong where Chromaprint cannot be used."""
    try:
        import chromaprint  # noqa: F401  # to see whether it is there
    except ImportError as error:
        raise UsageWrong(
            "sounds cannot be compared: Chromaprint is not installed",
            why=str(error),
            mend="install it: pip install 'hugflow[overlaps]', and apt install libchromaprint1",
        ) from error


def find_prints(path: Path) -> list[Prints]:
    """The fingerprints of a sound file, one for each shift; empty ones for a short clip."""
    with soundfile.SoundFile(path) as sound:
        rate = sound.samplerate
        pcm = sound.read(LONGEST_S * rate, dtype="int16", always_2d=True)[:, 0]
    return [
        _prints_of(pcm[round(shift * HOP_S * rate / SHIFTS) :], rate) for shift in range(SHIFTS)
    ]


def answer(header: Header, data: Bytes) -> Answer:
    """In a child process: the fingerprints of the MP3 at a path; no lengths where it cannot be read."""
    try:
        found = find_prints(Path(header["path"]))
    except (OSError, soundfile.SoundFileError):
        found = []
    body = b"".join(prints.astype("<u4").tobytes() for prints in found)
    return Answer({"lengths": [len(prints) for prints in found]}, [body], len(body))


def _prints_of(pcm: npt.NDArray[np.int16], rate: int) -> Prints:
    import chromaprint

    printer = chromaprint.Fingerprinter()
    printer.start(rate, 1)
    printer.feed(pcm.tobytes())
    numbers, _ = chromaprint.decode_fingerprint(printer.finish())
    return np.array([number & 0xFFFFFFFF for number in numbers], np.uint32)
