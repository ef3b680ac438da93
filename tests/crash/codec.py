"""A codec that crashes on a marked clip, in every process that decodes it."""

from pathlib import Path

import numpy as np

from tests.audio.clips import tone, write, write_bare_mp3

# No recording has this rate; and no other MP3 of these tests has that one.
MARKED_HZ, MARKED_MP3_HZ = 7_777, 11_025
_HOOK = f"""\
import ctypes, os, pathlib, soundfile
real = soundfile.SoundFile.read
crashed = pathlib.Path(__file__).with_name("crashed")

def read(sound, *args, **kwargs):
    if sound.samplerate == ({MARKED_MP3_HZ} if sound.format == "MP3" else {MARKED_HZ}):
        match os.environ["CRASH"]:
            case "exit":
                os._exit(1)
            case "once" if crashed.exists():
                return real(sound, *args, **kwargs)
        crashed.touch()
        ctypes.string_at(0)
    return real(sound, *args, **kwargs)

soundfile.SoundFile.read = read
"""


def marked_clip(seconds: float = 0.1) -> bytes:
    """A sound clip, on which `crashing_codec` crashes."""
    return write(np.zeros(int(MARKED_HZ * seconds), np.int16), MARKED_HZ)


def marked_mp3(seconds: float = 0.5) -> bytes:
    """A sound MP3, which is copied, and on which `crashing_codec` crashes once it is decoded."""
    return write_bare_mp3(tone(int(MARKED_MP3_HZ * seconds), MARKED_MP3_HZ), MARKED_MP3_HZ)


def crashing_codec(folder: Path, crash: str = "native") -> dict[str, str]:
    """The environment of processes whose codec crashes them.

    crash: `native`: by SIGSEGV; `once`: only the first of them; `exit`: they leave.
    """
    (folder / "sitecustomize.py").write_text(_HOOK, "utf-8")
    return {"PYTHONPATH": str(folder), "CRASH": crash}
