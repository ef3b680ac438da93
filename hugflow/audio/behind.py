"""What is behind the sound of a file: another file, or more samples than its header says."""

from typing import Final

import numpy as np

from hugflow.audio.container import find_words, sniff_container
from hugflow.audio.flac import read_info
from hugflow.audio.mp3_frames import has_mp3_frames
from hugflow.audio.mpeg import find_run
from hugflow.audio.strangers import name_stranger

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
_TAGS: Final = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS")
# Of WAV and AIFF; what begins like one and says a wrong size is no sound all the same.
_CHUNKS: Final = (
    *(b"LIST", b"id3 ", b"bext", b"iXML", b"_PMX", b"cue ", b"smpl", b"JUNK", b"PAD ", b"FLLR"),
    *(b"DISP", b"cart", b"axml", b"SAUR", b"PEAK", b"APPL", b"ANNO", b"NAME", b"MARK"),
)
_PIECE: Final = 1 << 16
# Fewer bytes that are not zero are no sound: what programs leave behind a file is smaller.
_LEAST_SAMPLES: Final = 1024
_TEXT_SHARE: Final = 0.8


def sound_behind(view: memoryview, end: int) -> int | None:
    """Where another file begins, whose first byte is at `end` or behind a tag or zeros there.

    None where nothing else is there, or nothing that is sound.
    """
    at = end
    if bytes(view[at : at + 3]) == _TAG:
        at += _ID3V1_SIZE
    at = _skip_zeros(view, at)
    return at if at < len(view) and _is_sound(view[at:]) else None


def find_sound(view: memoryview, start: int) -> int | None:
    """Where the first other file begins, at `start` or later; None where there is none."""
    file, run = find_file(view, start), find_run(view, start, start, None)
    begins = [at for at in (file, None if run is None else run.start) if at is not None]
    return min(begins, default=None)


def find_file(view: memoryview, start: int) -> int | None:
    """Where the first other file that is no MP3 begins, at `start` or later."""
    found = (start + at for at in find_words(view[start:], _WORDS))
    return next((at for at in found if _is_sound(view[at:])), None)


def is_sampled(behind: memoryview) -> bool:
    """Whether the bytes behind samples are more samples: no tag, text, padding or known format."""
    head = behind[_skip_zeros(behind, 0) :][:_PIECE]
    if (
        bytes(head[:8]).startswith((*_TAGS, *_CHUNKS))
        or name_stranger(head) is not None
        or _is_text(head)
    ):
        return False
    return bool(np.count_nonzero(np.frombuffer(behind, np.uint8)) >= _LEAST_SAMPLES)


def _is_text(head: memoryview) -> bool:
    text = bytes(head).decode("utf-8", "replace")
    readable = sum(
        char.isspace() or (char.isprintable() and char != "\N{REPLACEMENT CHARACTER}")
        for char in text
    )
    return readable > len(text) * _TEXT_SHARE


def _skip_zeros(view: memoryview, at: int) -> int:
    while at < len(view):
        piece = bytes(view[at : at + _PIECE])
        rest = piece.lstrip(b"\0")
        at += len(piece) - len(rest)
        if rest:
            break
    return at


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
