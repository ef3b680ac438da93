"""Another file behind a file: sound that a decoder of the first one never sees."""

from typing import Final

from hugflow.audio.container import find_words, sniff_container
from hugflow.audio.flac import read_info
from hugflow.audio.mp3_frames import has_mp3_frames
from hugflow.audio.mpeg import find_run

# How files of the other containers begin; what follows the word is checked.
_WORDS: Final = (
    b"RIFF",
    b"RIFX",
    b"RF64",
    b"riff",
    b"FORM",
    b"OggS",
    b"caff",
    b".snd",
    b"NIST",
    b"fLaC",
)
_FIRST_PAGE: Final = b"OggS\0\x02"
_CAF_VERSION: Final = b"caff\0\x01\0\0"
_TAG: Final = b"TAG"
_ID3V1_SIZE: Final = 128


def sound_behind(view: memoryview, end: int) -> int | None:
    """Where another file begins, whose first byte is at `end` or behind a tag or zeros there.

    None where nothing else is there, or nothing that is sound.
    """
    at = end
    if bytes(view[at : at + 3]) == _TAG:
        at += _ID3V1_SIZE
    rest = bytes(view[at:])
    at += len(rest) - len(rest.lstrip(b"\0"))
    return at if at < len(view) and _is_sound(view[at:]) else None


def find_sound(view: memoryview, start: int) -> int | None:
    """Where the first other file begins, at `start` or later; None where there is none."""
    found = (start + at for at in find_words(view[start:], _WORDS))
    word = next((at for at in found if _is_sound(view[at:])), None)
    run = find_run(view, start, start, None)
    begins = [at for at in (word, None if run is None else run.start) if at is not None]
    return min(begins, default=None)


def _is_sound(rest: memoryview) -> bool:
    match sniff_container(rest):
        case None:
            return False
        case "mp3":
            return has_mp3_frames(rest)
        case "flac":
            return read_info(rest) is not None
        case "ogg":
            return bytes(rest[: len(_FIRST_PAGE)]) == _FIRST_PAGE
        case "caf":
            return bytes(rest[: len(_CAF_VERSION)]) == _CAF_VERSION
        case "au":
            return not any(rest[4:6])
        case _:
            return True
