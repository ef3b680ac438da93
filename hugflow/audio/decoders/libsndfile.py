"""libsndfile as a decoder: wav, aiff, au, ogg, flac and mp3.

libsndfile says nothing when a clip is shorter than its framing promises, so the framing is read
first: see `container` and `mp3_frames`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import Clip
from hugflow.audio.container import (
    Container,
    id3v2_size,
    is_cut_short,
    sniff_container,
    split_ogg_links,
)
from hugflow.audio.decoders.mp3_parts import mp3_parts
from hugflow.audio.decoders.parts import Part, open_parts


def recognise(data: bytes | memoryview) -> Container | None:
    """Name the container by its first bytes; see `sniff_container`."""
    return sniff_container(data)


@contextmanager
def open_bytes(data: bytes | memoryview, container: str) -> Iterator[Clip]:
    """Open the bytes of one clip; see `ClipDecoder`."""
    with open_parts(_to_parts(data, container)) as clip:
        yield clip


def _to_parts(data: bytes | memoryview, container: str) -> tuple[Part, ...]:
    if container == "mp3":
        return mp3_parts(data)
    body = memoryview(data)[id3v2_size(data) :]
    if is_cut_short(body, container):
        raise AudioBad("audio_truncated", f"the {container} lacks a part that its framing names")
    links = split_ogg_links(body) if container == "ogg" else [body]
    return tuple(Part((link,)) for link in links)
