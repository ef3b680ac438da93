"""libsndfile as a decoder: wav, aiff, au, ogg, flac and mp3.

libsndfile says nothing when a clip is shorter than its framing promises, so the framing is read
first: see `container` and `mpeg`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import Clip
from hugflow.audio.container import (
    Container,
    id3v2_size,
    is_cut_short,
    sniff_container,
    split_ogg_links,
)
from hugflow.audio.decoders.sound_file import open_clip, open_links
from hugflow.audio.info_tag import render_frame_count
from hugflow.audio.mono import Samples
from hugflow.audio.mpeg import Mp3Stream, read_mp3_stream


def recognise(data: bytes | memoryview) -> Container | None:
    """Name the container by its first bytes; see `sniff_container`."""
    return sniff_container(data)


@contextmanager
def open_bytes(data: bytes | memoryview, container: str) -> Iterator[Clip]:
    """Open the bytes of one clip; see `ClipDecoder`."""
    stream = read_mp3_stream(data) if container == "mp3" else None
    if stream is not None:
        with _open_stream(data, stream) as clip:
            yield clip
        return
    body = memoryview(data)[id3v2_size(data) :]
    if is_cut_short(body, container):
        raise AudioBad("audio_truncated", f"the {container} lacks a part that its framing names")
    with open_links(split_ogg_links(body) if container == "ogg" else [body]) as clip:
        yield clip


def count_copyable(data: bytes | memoryview) -> tuple[Mp3Stream, int] | None:
    """The frames and the decoded length of an MP3 that may be copied unchanged.

    None where the MP3 must be encoded again: it is not mono, not whole, or of a length that a
    decoder does not see as the frames have it.
    """
    stream = read_mp3_stream(data)
    if stream is None or not stream.is_tidy or stream.is_cut_short or stream.first.channels != 1:
        return None
    if stream.promised not in (None, stream.frames):
        return None
    frames = _count_by_libsndfile(data)
    if stream.promised is None:
        return (stream, stream.num_samples) if frames >= stream.num_samples else None
    return (stream, frames) if 0 < frames <= stream.num_samples else None


@contextmanager
def _open_stream(data: bytes | memoryview, stream: Mp3Stream) -> Iterator[Clip]:
    if stream.is_cut_short:
        of = "" if stream.promised is None else f" of the {stream.promised} promised"
        raise AudioBad("audio_truncated", f"the mp3 has {stream.frames} whole frames{of}")
    if stream.junk_size > stream.end - stream.start:
        raise AudioBad("audio_undecodable", "most of the mp3 is not made of frames")
    # Where something else stands between two frames, a decoder may lose the next one.
    expected = 0 if stream.gaps else stream.num_samples
    pieces, silent = _strip_to_frames(data, stream)
    with open_clip(*pieces, expected=expected) as clip:
        yield replace(clip, blocks=_drop(clip.blocks, silent)) if silent else clip


def _count_by_libsndfile(data: bytes | memoryview) -> int:
    """What libsndfile says, without decoding, of an MP3's length; 0 when it refuses it.

    With a tag this is exact, and without the encoder's delay and padding. Without one it is
    guessed from the first bitrate: too high does no harm, and too low makes it stop early.
    """
    try:
        with open_clip(data) as clip:
            return clip.frames or 0
    except AudioBad:
        return 0


def _drop(blocks: Iterable[Samples], count: int) -> Iterator[Samples]:
    """Leave out the first `count` samples."""
    for block in blocks:
        if count < len(block):
            yield block[count:]
        count = max(0, count - len(block))


def _strip_to_frames(
    data: bytes | memoryview, stream: Mp3Stream
) -> tuple[list[bytes | memoryview], int]:
    """Leave out what is not sound, on which mpg123 may stumble, and make the length known.

    Gives the pieces, and how many samples a decoder returns before the first of the sound.

    A tag that promises too little was written before the end was known, or another MP3 was put
    behind its own.
    """
    whole = memoryview(data)
    frames = whole[stream.start : stream.end]
    if stream.promised is not None and stream.promised < stream.frames:
        before, after = stream.promised_at, stream.promised_at + 4
        count = stream.frames.to_bytes(4, "big")
        return [whole[stream.start : before], count, whole[after : stream.end]], 0
    if stream.promised is not None or _count_by_libsndfile(frames) >= stream.num_samples:
        return [frames], 0
    counted, silent = render_frame_count(stream.first, stream.frames)
    return [counted, frames], silent
