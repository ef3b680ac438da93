"""What libsndfile is given of an MP3: its frames alone, and their number."""

from dataclasses import replace
from itertools import pairwise
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.behind import find_file, sound_behind
from hugflow.audio.clip import ClipRules
from hugflow.audio.decoders.framing import Framing
from hugflow.audio.decoders.parts import Part
from hugflow.audio.decoders.sound_file import open_clip
from hugflow.audio.info_tag import render_frame_count
from hugflow.audio.mp3_frames import Mp3File, Mp3Stream, read_mp3

_ANY_LENGTH: Final = ClipRules(max_hours=0)


def mp3_parts(data: bytes | memoryview) -> Framing:
    """The streams of an MP3, each to be decoded by itself.

    Raises AudioBad: `audio_truncated` where sound is missing, `audio_undecodable` where there is no
    frame, or where most of the bytes are something else.
    """
    file = read_mp3(data)
    if file is None:
        raise AudioBad("audio_undecodable", "the mp3 has no whole frame")
    other = _other_file(memoryview(data), file)
    if other is not None and other < file.end:
        return replace(mp3_parts(memoryview(data)[:other]), end=other)
    if file.missing is not None:
        raise AudioBad("audio_truncated", file.missing)
    junk_size = file.junk_size if other is None else file.junk_size - (len(data) - other)
    if junk_size > sum(stream.size_bytes for stream in file.streams):
        raise AudioBad("audio_undecodable", "most of the mp3 is not made of frames")
    parts = tuple(_to_part(memoryview(data), stream) for stream in file.streams)
    return Framing(parts, file.repaired, end=other)


def _other_file(view: memoryview, file: Mp3File) -> int | None:
    """Where another file begins, between the frames or behind them."""
    spans = [span for stream in file.streams for span in stream.spans]
    for (_, end), (start, _) in pairwise(spans):
        between = find_file(view[:start], end) if start > end else None
        if between is not None:
            return between
    return sound_behind(view, file.end) or find_file(view, file.end)


def count_copyable(data: bytes | memoryview) -> tuple[Mp3Stream, int] | None:
    """The frames and the decoded length of an MP3 that may be copied unchanged.

    None where the MP3 must be encoded again: it is not mono, not whole, or of a length that a
    decoder does not see as the frames have it.
    """
    file = read_mp3(data)
    if file is None or not file.is_tidy or file.missing is not None:
        return None
    stream = file.streams[0]
    is_mono_layer_3 = stream.first.channels == 1 and stream.first.side_info_size
    if not is_mono_layer_3 or stream.promised not in (None, stream.frames):
        return None
    frames = _count_by_libsndfile(data)
    if stream.promised is None:
        return (stream, stream.num_samples) if frames >= stream.num_samples else None
    return (stream, frames) if 0 < frames <= stream.num_samples else None


def _count_by_libsndfile(*pieces: bytes | memoryview) -> int:
    """What libsndfile says, without decoding, of an MP3's length; 0 when it refuses it.

    With a tag this is exact, and without the encoder's delay and padding. Without one it is
    guessed from the first bitrate: too high does no harm, and too low makes it stop early.
    """
    try:
        with open_clip(*pieces, rules=_ANY_LENGTH) as clip:
            return clip.frames or 0
    except AudioBad:
        return 0


def _to_part(whole: memoryview, stream: Mp3Stream) -> Part:
    """Leave out what is not sound, on which mpg123 may stumble, and make the length known."""
    pieces = tuple(whole[start:end] for start, end in stream.spans)
    if stream.promised == stream.frames:
        return Part(pieces)
    if stream.promised is not None:
        # The Info frame was written before the end was known.
        (start, end), before, after = stream.spans[0], stream.promised_at, stream.promised_at + 4
        count = stream.frames.to_bytes(4, "big")
        return Part((whole[start:before], count, whole[after:end], *pieces[1:]))
    if _count_by_libsndfile(*pieces) >= stream.num_samples:
        return Part(pieces, stream.num_samples)
    counted, silent = render_frame_count(stream.first, stream.frames)
    return Part((counted, *pieces), stream.num_samples, silent)
