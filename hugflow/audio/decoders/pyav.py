"""PyAV (FFmpeg) as a decoder, for what libsndfile cannot read: m4a, aac, alac, amr, wma and webm.

It needs the extra `av`; without it such a clip is a failed row that says so. Only the container that
the first bytes show is opened, from memory, with a white list of codecs; no protocol is allowed, so
a file that names others leads nowhere.

Lengths: m4a and mp4 are exact, by their edit lists and the durations of their packets; webm is by its
codec delay and padding. aac, amr and wma say no length: such a clip is as long as its frames, with
what the encoder put in front.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import BLOCK_FRAMES, Clip, ClipRules, check_shape
from hugflow.audio.decoders.webm_end import ends_inside
from hugflow.audio.mono import Samples

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# What FFmpeg calls the demuxer of each container; no other is opened.
_DEMUXERS: Final = {"m4a": "mov", "webm": "matroska", "aac": "aac", "wma": "asf", "amr": "amr"}
_CODECS: Final = frozenset(
    {"aac", "aac_latm", "alac", "amrnb", "amrwb", "flac", "mp3", "mp3float", "opus", "vorbis"}
    | {"wmav1", "wmav2", "wmapro", "wmalossless", "pcm_s16le", "pcm_s16be"}
)
_BEGINNINGS: Final = (
    (b"\x1a\x45\xdf\xa3", "webm"),
    (b"#!AMR", "amr"),
    (b"\xff\xf0", "aac"),
    (b"\xff\xf1", "aac"),
    (b"\xff\xf8", "aac"),
    (b"\xff\xf9", "aac"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wma"),
)
# Samples of one packet at 48 kHz.
_OPUS_FRAMES: Final = (480, 960, 1920, 2880)
_OPUS_FRAME: Final = max(_OPUS_FRAMES)
_JOINED_FRAMES: Final = BLOCK_FRAMES // 4
_INSTALL: Final = "pip install 'hugflow[av]'"


def recognise(data: bytes | memoryview) -> str | None:
    """Name the container by its first bytes; None for what is not ours."""
    head = bytes(data[:16])
    if head[4:8] == b"ftyp":
        return "m4a"
    return next((name for begin, name in _BEGINNINGS if head.startswith(begin)), None)


@contextmanager
def open_bytes(data: bytes | memoryview, container: str, rules: ClipRules) -> Iterator[Clip]:
    """Open the bytes of one clip; see `ClipDecoder`."""
    if find_spec("av") is None:
        raise AudioBad("audio_unsupported", f"the audio is {container}, which needs {_INSTALL}")
    from av.error import FFmpegError

    try:
        frames = _count_frames(data, container)
        with _opened(data, container) as (opened, stream):
            decoded = _decode(opened, stream)
            first = next(decoded, None)
            if first is None:
                raise AudioBad("audio_empty", f"the {container} has no sample")
            rate, channels = first.sample_rate, first.layout.nb_channels
            check_shape(channels, rate)
            if frames is not None:
                rules.check_length(frames, rate)
            blocks = _to_blocks(first, decoded, _lacking_skip(stream, first), frames, rules)
            yield Clip(container, rate, channels, frames, _told(blocks))
    except FFmpegError as error:
        raise _undecodable(error) from error


@contextmanager
def _opened(
    data: bytes | memoryview, container: str
) -> Iterator[tuple["InputContainer", "AudioStream"]]:
    """The container and its first audio stream; raises AudioBad and FFmpegError."""
    import av
    import av.logging

    av.logging.set_level(av.logging.PANIC)
    options = {
        # The bytes are here: whatever they name is not opened.
        "protocol_whitelist": "none",
        "format_whitelist": ",".join({_DEMUXERS[container], *_ALIASES[container]}),
        "codec_whitelist": ",".join(sorted(_CODECS)),
    }
    file: Any = _Memory(data)
    with av.open(file, "r", format=_DEMUXERS[container], options=options) as opened:
        if not opened.streams.audio:
            raise AudioBad("audio_unsupported", f"the {container} holds no audio that is read")
        stream = opened.streams.audio[0]
        codec = stream.codec_context
        if codec.name not in _CODECS:
            raise AudioBad(
                "audio_unsupported", f"the {container} holds {codec.name}, which is not read"
            )
        codec.thread_count = 1
        yield opened, stream


_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "m4a": ("mov,mp4,m4a,3gp,3g2,mj2", "mp4", "m4a", "3gp", "3g2", "mj2"),
    "webm": ("matroska,webm", "webm"),
    "aac": (),
    "wma": (),
    "amr": ("amrnb", "amrwb"),
}


def _count_frames(data: bytes | memoryview, container: str) -> int | None:
    """The samples that the container promises; None if it does not say.

    Raises AudioBad (`audio_truncated`) if packets are missing.
    """
    if container not in ("m4a", "webm"):
        return None
    with _opened(data, container) as (opened, stream):
        end = Fraction(0)
        base = Fraction(stream.time_base or 1)
        for packet in opened.demux(stream):
            if packet.pts is not None and not packet.is_discard:
                end = max(end, (packet.pts + (packet.duration or 0)) * base)
        if container == "webm":
            told = None if opened.duration is None else Fraction(opened.duration, 1_000_000)
            if told is not None and end + Fraction(1, 5) < told:
                raise AudioBad("audio_truncated", "the webm lacks its end")
            is_short = told is None or end + Fraction(1, 50) < told
            if ends_inside(memoryview(data), is_sound=not is_short):
                raise AudioBad("audio_truncated", "the webm ends inside a block")
            return None
        rate = stream.rate or 1
        told = None if stream.duration is None else stream.duration * base
        # Edit lists are in milliseconds, mostly.
        tick = Fraction(1, 1000) + Fraction(1, rate)
        if told is not None and end + tick < told:
            raise AudioBad("audio_truncated", "the m4a lacks packets that its index names")
        whole = min(end, told) if told is not None and told + tick < end else end
        return int(whole * rate)


def _lacking_skip(stream: "AudioStream", first: "AudioFrame") -> int:
    """Samples in front of Opus that FFmpeg leaves, where the container names too small a delay.

    The header of the stream is what counts: https://www.rfc-editor.org/rfc/rfc7845#section-5.1
    """
    codec = stream.codec_context
    head = codec.extradata or b""
    if codec.name != "opus" or len(head) < 12 or first.samples > _OPUS_FRAME:
        return 0
    # Of a first frame that is cut, FFmpeg gives the rest.
    whole = next((size for size in _OPUS_FRAMES if size >= first.samples), first.samples)
    skip: int = int.from_bytes(head[10:12], "little") - (whole - first.samples)
    return max(0, skip)


def _decode(opened: "InputContainer", stream: "AudioStream") -> Iterator["AudioFrame"]:
    for packet in opened.demux(stream):
        for frame in packet.decode():
            if frame.is_corrupt:
                raise AudioBad("audio_undecodable", "FFmpeg: a frame is damaged")
            if frame.samples:
                yield frame


def _to_blocks(
    first: "AudioFrame",
    others: Iterator["AudioFrame"],
    skip: int,
    frames: int | None,
    rules: ClipRules,
) -> Iterator[Samples]:
    """The samples in blocks, up to the promised number; raises AudioBad if there are fewer."""
    rate, layout = first.sample_rate, first.layout.nb_channels
    done = size = 0
    waiting: list[Samples] = []
    for frame in _chain(first, others):
        if (frame.sample_rate, frame.layout.nb_channels) != (rate, layout):
            raise AudioBad("audio_unsupported", "the audio changes its rate or its channels")
        samples = _to_samples(frame)[skip:]
        skip = max(0, skip - frame.samples)
        if frames is not None:
            samples = samples[: frames - done]
        done += len(samples)
        rules.check_length(done, rate)
        waiting.append(samples)
        size += len(samples)
        if size >= _JOINED_FRAMES:
            yield from _cut(np.concatenate(waiting))
            waiting, size = [], 0
    if size:
        yield from _cut(np.concatenate(waiting))
    if frames is not None and done < frames:
        raise AudioBad("audio_truncated", f"{done} of {frames} samples could be decoded")


def _chain(first: "AudioFrame", others: Iterator["AudioFrame"]) -> Iterator["AudioFrame"]:
    yield first
    yield from others


def _cut(samples: npt.NDArray[Any]) -> Iterator[Samples]:
    for start in range(0, len(samples), BLOCK_FRAMES):
        yield samples[start : start + BLOCK_FRAMES]


def _to_samples(frame: "AudioFrame") -> Samples:
    """A frame as (frames, channels): int16 as it is, wider numbers as float32."""
    array: npt.NDArray[Any] = frame.to_ndarray()
    array = array.T if frame.format.is_planar else array.reshape(-1, frame.layout.nb_channels)
    if array.dtype == np.int16:
        return array.astype(np.int16)
    if array.dtype == np.int32:
        return (array / 2.0**31).astype(np.float32)
    if array.dtype == np.uint8:
        return (array.astype(np.int16) - 2**7) << 8
    return array.astype(np.float32)


def _told(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """The blocks; an error of FFmpeg is AudioBad."""
    from av.error import FFmpegError

    try:
        yield from blocks
    except FFmpegError as error:
        raise _undecodable(error) from error


def _undecodable(error: Exception) -> AudioBad:
    return AudioBad("audio_undecodable", f"FFmpeg: {getattr(error, 'strerror', None) or error}")


class _Memory:
    """Bytes as the file that PyAV reads; they are never copied whole."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data, self._at = memoryview(data), 0

    def read(self, size: int) -> bytes:
        found = bytes(self._data[self._at : self._at + size])
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._at, len(self._data))[whence]
        self._at = min(max(start + offset, 0), len(self._data))
        return self._at

    def tell(self) -> int:
        return self._at
