"""A codec that crashes on a marked clip, in every process that decodes it."""

from pathlib import Path

import numpy as np

from tests.audio.clips import write

# No recording has this rate.
MARKED_HZ = 7_777
_HOOK = f"""\
import ctypes, os, soundfile
real = soundfile.SoundFile.__init__

def begin(sound, *args, **kwargs):
    real(sound, *args, **kwargs)
    if sound.samplerate == {MARKED_HZ}:
        ctypes.string_at(0) if os.environ["CRASH"] == "native" else os._exit(1)

soundfile.SoundFile.__init__ = begin
"""


def marked_clip(seconds: float = 0.1) -> bytes:
    """A sound clip, on which `crashing_codec` crashes."""
    return write(np.zeros(int(MARKED_HZ * seconds), np.int16), MARKED_HZ)


def crashing_codec(folder: Path, crash: str = "native") -> dict[str, str]:
    """The environment of a process whose codec crashes: by SIGSEGV, or it leaves (`exit`)."""
    (folder / "sitecustomize.py").write_text(_HOOK, "utf-8")
    return {"PYTHONPATH": str(folder), "CRASH": crash}
