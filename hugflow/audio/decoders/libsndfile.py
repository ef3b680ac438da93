"""libsndfile as a decoder: wav, w64, aiff, au, caf, sphere, ogg, flac and mp3.

libsndfile says nothing when a clip is shorter than its framing promises, so the framing is read
first: one module of this package for each that may need more than that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import Clip, ClipRules
from hugflow.audio.container import Container, id3v2_size, sniff_container
from hugflow.audio.decoders.flac_parts import flac_parts
from hugflow.audio.decoders.framing import Framing, refuse_repairs
from hugflow.audio.decoders.mp3_parts import mp3_parts
from hugflow.audio.decoders.ogg_parts import ogg_parts
from hugflow.audio.decoders.parts import open_parts
from hugflow.audio.decoders.plain_parts import plain_parts
from hugflow.audio.decoders.wav_parts import wav_parts
from hugflow.audio.mp3_frames import has_mp3_frames
from hugflow.audio.strangers import name_stranger

# Each costs a search of what follows it.
_MOST_FILES: Final = 1_000


def recognise(data: bytes | memoryview) -> Container | None:
    """Name the container by its first bytes; of what begins like nothing known, by its frames."""
    container = sniff_container(data)
    if container is None and name_stranger(data) is None and has_mp3_frames(data):
        return "mp3"
    return container


@contextmanager
def open_bytes(data: bytes | memoryview, container: str, rules: ClipRules) -> Iterator[Clip]:
    """Open the bytes of one clip; see `ClipDecoder`."""
    framing = _read_framing(data, container)
    if not rules.repair:
        refuse_repairs(framing)
    with open_parts(framing.parts, rules) as clip:
        name = framing.source_format or clip.source_format
        yield replace(clip, source_format=name, repaired=framing.repaired)


def _read_framing(data: bytes | memoryview, container: str) -> Framing:
    """The framing of a file, and of the files that stand behind it."""
    body, found = memoryview(data), container
    framings: list[Framing] = []
    while len(framings) < _MOST_FILES:
        # Of an MP3, the tag in front is looked at with its frames.
        body = body if found == "mp3" else body[id3v2_size(body) :]
        framing = _read_own_framing(body, found)
        framings.append(framing)
        if framing.end is None:
            return _join(framings)
        body = body[framing.end :]
        found = recognise(body) or "mp3"
    raise AudioBad("audio_unsupported", f"the audio is more than {_MOST_FILES} files")


def _join(framings: list[Framing]) -> Framing:
    if len(framings) == 1:
        return framings[0]
    parts = chain.from_iterable(framing.parts for framing in framings)
    codes = dict.fromkeys(chain.from_iterable(framing.repaired for framing in framings))
    return Framing(tuple(parts), tuple(codes), framings[0].source_format)


def _read_own_framing(body: memoryview, container: str) -> Framing:
    match container:
        case "mp3":
            return mp3_parts(body)
        case "wav":
            return wav_parts(body)
        case "ogg":
            return ogg_parts(body)
        case "flac":
            return flac_parts(body)
        case _:
            return plain_parts(body, container)
