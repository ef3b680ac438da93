"""Any audio value to one mono MP3."""

from hugflow.audio.bad import AudioBad
from hugflow.audio.container import id3v2_size, is_cut_short, name_stranger, sniff_container
from hugflow.audio.decode import open_clip
from hugflow.audio.info_tag import render_frame_count
from hugflow.audio.mp3 import BITRATE_KBPS_BY_RATE, AudioInfo, Mp3, encode_mp3
from hugflow.audio.mpeg import Mp3Stream, read_mp3_stream
from hugflow.audio.value import AudioValue, EncodedAudio, read_audio_value


def make_mp3(value: AudioValue, *, copy_mp3: bool) -> Mp3:
    """Make one row's MP3: of one channel, at its source's rate, and as long, to the sample.

    value: see `read_audio_value`. copy_mp3: pass an MP3 through byte for byte, ID3 tags and all,
    when it is mono, whole, and of a length that libsndfile reads as we count it.

    The same value gives the same bytes, in any thread. Raises AudioBad, see `REASONS`.
    """
    audio = read_audio_value(value)
    container = sniff_container(audio.data)
    if container is None:
        raise AudioBad("audio_unsupported", f"the audio begins like {name_stranger(audio.data)}")
    stream = read_mp3_stream(audio.data) if container == "mp3" else None
    if stream is not None:
        return _make_from_stream(audio, stream, copy_mp3=copy_mp3)
    body = memoryview(audio.data)[id3v2_size(audio.data) :]
    if is_cut_short(body, container):
        raise AudioBad("audio_truncated", f"the {container} lacks a part that its framing names")
    return _encode(body, audio.path)


def _make_from_stream(audio: EncodedAudio, stream: Mp3Stream, *, copy_mp3: bool) -> Mp3:
    if stream.is_cut_short:
        of = "" if stream.promised is None else f" of the {stream.promised} promised"
        raise AudioBad("audio_truncated", f"the mp3 has {stream.frames} whole frames{of}")
    if stream.junk_size > stream.end - stream.start:
        raise AudioBad("audio_undecodable", "most of the mp3 is not made of frames")
    if copy_mp3 and (num_samples := _count_copyable(audio.data, stream)):
        return _copy(audio, stream, num_samples)
    # Where something else stands between two frames, a decoder may lose the next one.
    expected = 0 if stream.gaps else stream.num_samples
    return _encode(_strip_to_frames(audio.data, stream), audio.path, expected=expected)


def _count_copyable(data: bytes | memoryview, stream: Mp3Stream) -> int:
    """Samples a decoder returns of an MP3 that can pass as it is, 0 of one that cannot."""
    is_known = stream.promised in (None, stream.frames)
    if not (stream.is_tidy and is_known and stream.first.channels == 1):
        return 0
    frames = _count_by_libsndfile(data)
    if stream.promised is None:
        return stream.num_samples if frames >= stream.num_samples else 0
    return frames if frames <= stream.num_samples else 0


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


def _copy(audio: EncodedAudio, stream: Mp3Stream, num_samples: int) -> Mp3:
    info = AudioInfo(
        sampling_rate=stream.first.sampling_rate,
        num_samples=num_samples,
        source_format="mp3",
        source_sampling_rate=stream.first.sampling_rate,
        source_channels=1,
        bitrate_kbps=stream.bitrate_kbps,
        copied=True,
        source_path=audio.path,
    )
    return Mp3(bytes(audio.data), info)


def _strip_to_frames(data: bytes | memoryview, stream: Mp3Stream) -> bytes | memoryview:
    """Leave out what is not sound, on which mpg123 may stumble, and make the length known.

    A tag that promises too little was written before the end was known, or another MP3 was put
    behind its own.
    """
    whole = memoryview(data)
    frames = whole[stream.start : stream.end]
    if stream.promised is not None and stream.promised < stream.frames:
        before, after = stream.promised_at, stream.promised_at + 4
        count = stream.frames.to_bytes(4, "big")
        return b"".join((whole[stream.start : before], count, whole[after : stream.end]))
    if stream.promised is not None or _count_by_libsndfile(frames) >= stream.num_samples:
        return frames
    return b"".join((render_frame_count(stream.first, stream.frames), frames))


def _encode(
    data: bytes | memoryview, source_path: str | None, *, expected: int | None = None
) -> Mp3:
    """Decode and encode; `expected` samples are enough where the header promises more."""
    with open_clip(data) as clip:
        encoded, num_samples = encode_mp3(clip.blocks, clip.sampling_rate)
        promised = [frames for frames in (clip.frames, expected) if frames is not None]
        if promised and num_samples < min(promised):
            raise AudioBad(
                "audio_truncated", f"{num_samples} of {min(promised)} samples could be decoded"
            )
        info = AudioInfo(
            sampling_rate=clip.sampling_rate,
            num_samples=num_samples,
            source_format=clip.source_format,
            source_sampling_rate=clip.sampling_rate,
            source_channels=clip.channels,
            bitrate_kbps=BITRATE_KBPS_BY_RATE[clip.sampling_rate],
            copied=False,
            source_path=source_path,
        )
    return Mp3(encoded, info)
