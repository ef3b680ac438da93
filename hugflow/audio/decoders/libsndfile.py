"""libsndfile as a decoder: wav, w64, aiff, au, caf, sphere, ogg, flac and mp3.

libsndfile says nothing when a clip is shorter than its framing promises, so the framing is read
first: one module of this package for each that may need more than that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import Clip, ClipRules
from hugflow.audio.container import Container, id3v2_size, sniff_container
from hugflow.audio.decoders.flac_parts import flac_parts
from hugflow.audio.decoders.framing import Framing, refuse_repairs
from hugflow.audio.decoders.mp3_parts import mp3_parts
from hugflow.audio.decoders.ogg_parts import ogg_parts
from hugflow.audio.decoders.parts import Part, open_parts
from hugflow.audio.decoders.wav_parts import wav_parts
from hugflow.audio.lengths import is_cut_short
from hugflow.audio.mp3_frames import has_mp3_frames
from hugflow.audio.strangers import name_stranger


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
    if container == "mp3":
        return mp3_parts(data)
    body = memoryview(data)[id3v2_size(data) :]
    match container:
        case "wav":
            return wav_parts(body)
        case "ogg":
            return ogg_parts(body)
        case "flac":
            return flac_parts(body)
        case _:
            return _plain_parts(body, container)


def _plain_parts(body: memoryview, container: str) -> Framing:
    if is_cut_short(body, container):
        raise AudioBad("audio_truncated", f"the {container} lacks a part that its framing names")
    return Framing((Part((body,)),))
