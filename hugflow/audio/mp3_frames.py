"""The streams of an MP3, counted without decoding them: all that is sound, and what is between.

An MP3 is a row of frames; see `mpeg`. What else may stand in the file:

    tags        ID3v2 in front, ID3v1 (128 bytes) and APE behind; around each of several MP3s that
                were put one behind another
    Info frame  a first frame without sound that says `Xing` or `Info` behind its side information,
                and then how many frames follow it. LAME writes it where a frame without a checksum
                has it, even if its own frames have one; libsndfile and ffmpeg look there too.
                Fraunhofer's says `VBRI`, 36 bytes on; libsndfile takes that one for sound
    junk        zeros, half a frame of a stream that was cut out of a longer one, and anything else

A new stream begins where rate, layer or number of channels change, with each Info frame, and behind
the frames that an Info frame promises: each is decoded by itself, else the decoder stops there.
"""

import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Final

from hugflow.audio.bad import AudioBad
from hugflow.audio.container import find_words, id3v2_size
from hugflow.audio.mpeg import (
    FrameHeader,
    Run,
    cut_run,
    find_run,
    header_at,
    header_like,
    last_frame,
    run_at,
)
from hugflow.late_dataclass import dataclass

MP3_JUNK: Final = "mp3_junk"
MP3_ID3_SIZE: Final = "mp3_id3_size"

_ID3V1_SIZE: Final = 128
_VBRI_AT: Final = 36
_TAG_NAMES: Final = (b"Xing", b"Info")
# With the last four bytes of a side information that is silent, they are found faster.
_SILENT_TAGS: Final = tuple(bytes(4) + name for name in _TAG_NAMES)


@dataclass(frozen=True, slots=True)
class Mp3Stream:
    """Frames of one rate, layer and number of channels, in one or several places of a file.

    spans: where they are, the Info frame's included. `frames` are without the Info frame;
    `promised` are the frames that it speaks of, at `promised_at`, None without such a frame.
    """

    first: FrameHeader
    spans: tuple[tuple[int, int], ...]
    frames: int
    promised: int | None
    promised_at: int

    @property
    def num_samples(self) -> int:
        """Of all frames of sound, with the encoder's delay and padding."""
        return self.frames * self.first.samples

    @property
    def size_bytes(self) -> int:
        return sum(end - start for start, end in self.spans)

    @property
    def bitrate_kbps(self) -> int:
        """The mean over all frames, the Info frame included, rounded."""
        frames = self.frames + (self.promised is not None)
        bits = 8 * self.size_bytes
        return round(bits * self.first.sampling_rate / (1000 * frames * self.first.samples))


@dataclass(frozen=True, slots=True)
class Mp3File:
    """All streams of an MP3, in order: at least one, each of at least one frame of sound.

    repaired: codes of what stood before or between the frames. junk_size: bytes that are neither
    frames nor tags. end: of the last frame. missing: what shows that sound is missing, in words, None if nothing does.
    is_tidy: there is one stream, and nothing but ID3 tags around it.
    """

    streams: tuple[Mp3Stream, ...]
    repaired: tuple[str, ...]
    junk_size: int
    end: int
    missing: str | None
    is_tidy: bool


def read_mp3(data: bytes | memoryview) -> Mp3File | None:
    """Count the frames of an MP3; None of what holds none.

    Only headers are read, half a microsecond a frame: damage inside a frame goes unnoticed.

    Raises AudioBad (`audio_undecodable`) of what is mostly made to look like frames.
    """
    data = memoryview(data)
    found = _find_runs(data)
    streams = tuple(_to_streams(data, found.runs))
    if not streams:
        return None
    first, tail = found.runs[0], bytes(data[found.end : found.end + _ID3V1_SIZE + 1])
    is_tagged = first.start == id3v2_size(data)
    is_only = len(streams) == len(streams[0].spans) == len(found.runs) == 1
    return Mp3File(
        streams=streams,
        repaired=found.repaired,
        junk_size=found.junk_size,
        end=found.end,
        missing=found.missing or _missing_of(streams, data, found.end),
        is_tidy=(
            is_only
            and is_tagged
            and streams[0].spans[0][0] == first.start
            and (not tail or _is_id3v1(tail))
        ),
    )


def has_mp3_frames(data: bytes | memoryview) -> bool:
    """Whether frames stand in bytes that do not begin with one, and are most of them."""
    found = _find_runs(memoryview(data))
    return sum(run.end - run.start for run in found.runs) > found.junk_size


@dataclass(slots=True)
class _Found:
    """All runs of frames in a file, and where the last one ends."""

    runs: list[Run]
    codes: dict[str, None]
    junk_size: int = 0
    end: int = 0
    missing: str | None = None

    @property
    def repaired(self) -> tuple[str, ...]:
        return tuple(self.codes)


def _find_runs(data: memoryview) -> _Found:
    found, at = _Found([], {}), 0
    while True:
        # Behind the last frame of a run, or inside it where it was cut and others follow.
        clean = _skip_tags(data, at)
        run = _expected_run(data, clean)
        if run is None and (at < clean or not found.runs or clean < len(data)):
            run = _lost_run(data, at, clean, found.runs)
        if run is None:
            break
        if found.runs and run.start < found.runs[-1].end:
            found.missing = "a frame was cut in the middle"
        _note_gap(data, found, at, clean, run)
        found.runs.append(run)
        at = run.end
    found.end = at
    # An APE tag at the end may say anything of its size.
    found.junk_size += 0 if _is_ape(data, at) else len(data) - clean
    return found


def _expected_run(data: memoryview, at: int) -> Run | None:
    """The run that begins here; none of a single frame that is followed by something else."""
    run = run_at(data, at)
    if run is None or run.frames > 1 or _tag_of(data, run)[0]:
        return run
    return run if _skip_tags(data, run.end) == len(data) else None


def _lost_run(data: memoryview, at: int, clean: int, runs: list[Run]) -> Run | None:
    try:
        return _find_lost(data, at, clean, runs)
    except AudioBad:
        if runs:
            raise
        # Nothing is left out of what holds no frame so far.
        return None


def _find_lost(data: memoryview, at: int, clean: int, runs: list[Run]) -> Run | None:
    known = runs[-1].first.stream if runs else None
    if clean > at and bytes(data[at : at + 3]) == b"ID3":
        # The tag may say that it is longer than it is, or than the file.
        return find_run(data, at + 10, clean if clean < len(data) else at + 10, known)
    if clean > at:
        return find_run(data, at + 8, clean, known)
    return find_run(data, last_frame(data, runs[-1]) + 4 if runs else 0, at, known)


def _note_gap(data: memoryview, found: _Found, at: int, clean: int, run: Run) -> None:
    gap = run.start - clean
    found.junk_size += max(gap, 0)
    is_id3 = clean > at and bytes(data[at : at + 3]) == b"ID3"
    if is_id3 and (gap < 0 or any(data[clean : run.start])):
        found.codes[MP3_ID3_SIZE] = None
    elif gap > 0:
        found.codes[MP3_JUNK] = None


def _to_streams(data: memoryview, runs: list[Run]) -> Iterator[Mp3Stream]:
    """The runs, cut at each Info frame and joined where one goes on behind a gap."""
    stream: Mp3Stream | None = None
    for run in chain.from_iterable(_cut_at_tags(data, whole) for whole in runs):
        is_tag, tag_at, promised = _tag_of(data, run)
        goes_on = stream is not None and not is_tag and stream.first.stream == run.first.stream
        if stream is not None and goes_on and stream.frames != stream.promised:
            spans = (*stream.spans, (run.start, run.end))
            stream = replace(stream, spans=spans, frames=stream.frames + run.frames)
            continue
        if stream is not None and stream.frames:
            yield from _cut_at_promise(data, stream)
        stream = _to_stream(run, is_tag, tag_at, promised)
    if stream is not None and stream.frames:
        yield from _cut_at_promise(data, stream)


def _to_stream(run: Run, is_tag: bool, tag_at: int, promised: int | None) -> Mp3Stream:
    # An Info frame that counts nothing is a silent frame to a decoder.
    skipped = run.first.size if is_tag and promised is None else 0
    return Mp3Stream(
        first=run.first,
        spans=((run.start + skipped, run.end),),
        frames=run.frames - is_tag,
        promised=promised,
        promised_at=tag_at + 8,
    )


def _cut_at_promise(data: memoryview, stream: Mp3Stream) -> Iterator[Mp3Stream]:
    """Two streams where more frames follow than the Info frame promises; else the one."""
    if not stream.promised or stream.promised >= stream.frames:
        yield stream
        return
    wanted = stream.promised + 1
    before: list[tuple[int, int]] = []
    behind: list[tuple[int, int]] = []
    first = stream.first
    for start, end in stream.spans:
        run = run_at(data, start, stop=end)
        if run is None or not wanted:
            first = first if behind or run is None else run.first
            behind.append((start, end))
        elif run.frames <= wanted:
            before.append((start, end))
            wanted -= run.frames
        else:
            head, rest = cut_run(data, run, wanted)
            before.append((head.start, head.end))
            behind.append((rest.start, rest.end))
            first, wanted = rest.first, 0
    yield replace(stream, spans=tuple(before), frames=stream.promised)
    yield Mp3Stream(first, tuple(behind), stream.frames - stream.promised, None, 0)


def _cut_at_tags(data: memoryview, run: Run) -> Iterator[Run]:
    """The run, cut in front of each Info frame inside."""
    is_tag, _, promised = _tag_of(data, run)
    if is_tag and promised == run.frames - 1:
        yield run
        return
    base = run.start + run.first.size
    for found in find_words(data[base : run.end], _SILENT_TAGS):
        at = base + found - run.first.side_info_size
        before = run_at(data, run.start, stop=at) if at > run.start else None
        header = header_at(data, at) if before is not None and before.end == at else None
        if before is None or header is None:
            continue
        yield before
        rest = run_at(data, at, stop=run.end)
        run = rest or run
    yield run


def _tag_of(data: memoryview, run: Run) -> tuple[bool, int, int | None]:
    """Whether a run begins with an Info frame, where its tag is, and how many frames it promises."""
    at = run.start + 4 + run.first.side_info_size
    if bytes(data[run.start + _VBRI_AT : run.start + _VBRI_AT + 4]) == b"VBRI":
        return True, at, None
    tag = bytes(data[at : at + 12])
    if tag[:4] not in _TAG_NAMES or len(tag) < 12 or not run.first.side_info_size:
        return False, at, None
    flags, frames = struct.unpack_from(">II", tag, 4)
    return True, at, frames if flags & 1 else None


def _missing_of(streams: tuple[Mp3Stream, ...], data: memoryview, end: int) -> str | None:
    for stream in streams:
        if stream.promised is not None and stream.frames < stream.promised:
            return f"the mp3 has {stream.frames} whole frames of the {stream.promised} promised"
    # Behind all that a tag promises may stand anything; else half a frame is half of the sound.
    if streams[-1].promised is None and _is_half_frame(data, end, streams[-1].first):
        return f"the mp3 has {streams[-1].frames} whole frames, and a part of one"
    return None


def _is_half_frame(data: memoryview, at: int, known: FrameHeader) -> bool:
    rest = bytes(data[at : at + 4])
    if len(rest) < 4:
        return rest[:1] == b"\xff"
    header = header_like(data, at, known)
    return header is not None and at + header.size > len(data)


def _skip_tags(data: memoryview, at: int) -> int:
    """Where the tags that begin here end, by what they say of their size; never behind the end."""
    while True:
        head = bytes(data[at : at + 32])
        if head.startswith(b"ID3"):
            size = id3v2_size(data[at:])
        elif head.startswith(b"APETAGEX") and len(head) == 32:
            size = int.from_bytes(head[12:16], "little") + (32 if head[23] & 0x80 else 0)
        elif head.startswith(b"TAG") and at + _ID3V1_SIZE <= len(data):
            size = _ID3V1_SIZE
        else:
            return at
        if not size:
            return at
        at = min(at + size, len(data))


def _is_ape(data: memoryview, at: int) -> bool:
    return bytes(data[at : at + 8]) == b"APETAGEX"


def _is_id3v1(rest: bytes) -> bool:
    return len(rest) == _ID3V1_SIZE and rest.startswith(b"TAG")
