"""Clips that libsndfile cannot read, through the extra `av`."""

import io
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import DEFAULT_RULES, Clip
from hugflow.audio.convert import make_mp3
from hugflow.audio.decoders import pyav
from hugflow.audio.decoders.registry import choose_decoder
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.speech import speech_like
from tests.builds import OpenFor
from tests.trees import read_rows_json

av = pytest.importorskip("av")

RATE_HZ = 16_000
FRAMES = 16_777
SOUND = np.round(speech_like(2, RATE_HZ, seed=3)[:FRAMES] * 32_767).astype(np.int16).reshape(-1)


@cache
def encoded(form: str, codec: str, rate_hz: int = RATE_HZ, *, is_live: bool = False) -> bytes:
    """The sound as FFmpeg packs it; what is live has no duration and no index."""
    out = io.BytesIO()
    options = {"live": "1"} if is_live else {}
    with av.open(out, "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(SOUND[None], format="s16", layout="mono")
        frame.rate, frame.pts = RATE_HZ, 0
        resampler = av.AudioResampler(stream.codec_context.format, "mono", rate_hz)
        fifo = av.AudioFifo()
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            fifo.write(part)
        at, size = 0, stream.codec_context.frame_size or 1024
        while fifo.samples:
            part = fifo.read(min(size, fifo.samples))
            part.pts, part.rate = at, rate_hz
            at += part.samples
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return out.getvalue()


def decode(data: bytes) -> tuple[Clip, npt.NDArray[Any]]:
    decoder, container = choose_decoder(data)
    with decoder.open_bytes(data, container, DEFAULT_RULES) as clip:
        return clip, np.concatenate([np.array(block) for block in clip.blocks])[:, 0]


def lag(found: npt.NDArray[Any], step: int = 1) -> int:
    """By how many samples the sound comes too late."""
    own = SOUND[4_000:9_000].astype(np.float64)
    return max(
        range(-700, 701),
        key=lambda k: float(found[4_000 * step + k : 9_000 * step + k : step].astype(float) @ own),
    )


def test_alac_is_what_was_packed_bit_by_bit():
    clip, samples = decode(encoded("mp4", "alac"))
    assert (clip.source_format, clip.frames) == ("m4a", FRAMES)
    if samples.dtype != np.int16:
        # Of 24 bits, by the encoder's choice.
        samples = np.round(samples * 2**15).astype(np.int16)
    assert np.array_equal(samples, SOUND)


def test_aac_in_m4a_begins_and_ends_with_the_sample_that_its_edit_list_names():
    clip, samples = decode(encoded("ipod", "aac"))
    assert clip.frames == len(samples) == FRAMES
    assert lag(samples) == 0


def test_opus_in_webm_begins_and_ends_with_the_sample_that_its_header_names():
    _, samples = decode(encoded("webm", "libopus", 48_000))
    assert abs(len(samples) - FRAMES * 3) <= 48
    assert abs(lag(samples, 3)) <= 2


def test_a_webm_without_a_duration_is_made_whole_or_not_at_all():
    live = encoded("webm", "libopus", 48_000, is_live=True)
    with av.open(io.BytesIO(live)) as opened:
        assert opened.duration is None
    _, samples = decode(live)
    assert abs(len(samples) - FRAMES * 3) <= 3_000
    for share in np.linspace(0.3, 0.99, 20):
        with pytest.raises(AudioBad) as bad:
            decode(live[: int(share * len(live))])
        assert bad.value.code == "audio_truncated"


def test_a_webm_that_lacks_its_last_packets_is_no_clip():
    whole = encoded("webm", "libopus", 48_000)
    lost = len(whole) - whole.rindex(b"\xa3", 0, len(whole) - 400)
    with pytest.raises(AudioBad) as bad:
        decode(whole[: -lost - 300])
    assert bad.value.code == "audio_truncated"


def test_a_webm_that_ends_in_its_last_block_is_no_clip_and_one_without_its_index_is():
    whole = encoded("webm", "libopus", 48_000)
    index = whole.rindex(b"\x1c\x53\xbb\x6b")
    assert len(decode(whole[:index])[1]) == len(decode(whole)[1])
    for lost in range(1, 60):
        with pytest.raises(AudioBad) as bad:
            decode(whole[: index - lost])
        assert bad.value.code == "audio_truncated"


def test_aac_without_a_container_is_as_long_as_its_frames():
    clip, samples = decode(encoded("adts", "aac"))
    assert clip.frames is None
    assert len(samples) >= FRAMES


@pytest.mark.parametrize(("form", "codec"), [("mp4", "alac"), ("ipod", "aac"), ("adts", "aac")])
def test_half_a_file_is_no_clip(form: str, codec: str):
    data = encoded(form, codec)
    with pytest.raises(AudioBad) as bad:
        decode(data[: len(data) // 2])
    assert bad.value.code in ("audio_truncated", "audio_undecodable")


def test_a_film_without_sound_and_noise_behind_a_beginning_are_refused():
    for data in (b"\0\0\0\x20ftypM4A " + bytes(400), b"\x1a\x45\xdf\xa3" + bytes(range(200))):
        with pytest.raises(AudioBad):
            decode(data)


def test_without_the_extra_the_row_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pyav, "find_spec", lambda name: None)
    with pytest.raises(AudioBad, match=r"pip install 'hugflow\[av\]'"):
        make_mp3({"bytes": encoded("ipod", "aac"), "path": "a.m4a"}, copy_mp3=True)


def test_a_folder_of_m4a_becomes_mp3s(hub: LoopbackHub, open_for: OpenFor):
    clips = {f"train/{n}.m4a": encoded("ipod", "aac") for n in range(2)}
    hub.publish("codecs/m4a", clips)
    build = open_for("codecs/m4a", source={"layout": "audio_folder"})
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert [row["audio_info"]["num_samples"] for row in rows.values()] == [FRAMES, FRAMES]
    assert {row["audio_info"]["source_format"] for row in rows.values()} == {"m4a"}
