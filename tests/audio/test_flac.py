"""FLACs that hold more than their header says."""

import io

import numpy as np
import pytest
import soundfile

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import DEFAULT_RULES
from hugflow.audio.decoders.registry import choose_decoder
from hugflow.audio.flac import first_frame, is_whole, last_frame, read_info
from tests.audio.clips import id3v1, tone, write
from tests.audio.making import make

FLAC = write(tone(32_000), format="FLAC")
STEREO = write(tone(9_000, channels=2), format="FLAC")
FAST = write(tone(22_050, 22_050), 22_050, format="FLAC")
DEEP = write(tone(9_000), format="FLAC", subtype="PCM_24")


def with_total(flac, samples):
    """The same FLAC whose header says another length."""
    packed = int.from_bytes(flac[18:26], "big") & ~((1 << 36) - 1) | samples
    return flac[:18] + packed.to_bytes(8, "big") + flac[26:]


@pytest.mark.parametrize(
    "files", [(FLAC, FLAC), (FLAC, STEREO), (FLAC, FAST), (FAST, DEEP, STEREO), (DEEP, FLAC)]
)
def test_flacs_one_behind_the_other_are_decoded_to_the_end(files):
    info, sound = make(b"".join(files))
    parts = [make(file) for file in files]
    seconds = sum(part.num_samples / part.source_sampling_rate for part, _ in parts)
    assert info.duration == pytest.approx(seconds, abs=0.001)
    assert info.source_sampling_rate == parts[0][0].source_sampling_rate
    assert np.abs(sound[-4000:]).mean() > 0.1


@pytest.mark.parametrize("lost", [1, 100, 5000])
def test_a_flac_behind_another_that_is_cut_is_bad(lost):
    with pytest.raises(AudioBad):
        make(FLAC + STEREO[:-lost])
    with pytest.raises(AudioBad):
        make(FLAC[:-lost] + STEREO)


@pytest.mark.parametrize("total", [0, 1, 4096, 31_999])
@pytest.mark.parametrize("behind", [b"", id3v1(), bytes(3000)])
def test_a_flac_of_more_frames_than_its_header_says_is_decoded_to_its_last(total, behind):
    info, sound = make(with_total(FLAC, total) + behind)
    assert (info.num_samples, info.repaired) == (32_000, ())
    assert np.array_equal(sound, make(FLAC)[1])


@pytest.mark.parametrize("flac", [FLAC, STEREO, FAST, DEEP, write(tone(1), format="FLAC")])
def test_the_last_frame_of_a_flac_says_its_length(flac):
    info = read_info(memoryview(flac))
    for behind in (b"", id3v1()):
        view = memoryview(flac + behind)
        frame = last_frame(view, info)
        assert (frame.end, is_whole(view, frame)) == (info.samples, True)
        assert not is_whole(view[:-1] if not behind else view[: -len(behind) - 1], frame)
    assert first_frame(memoryview(flac), info).first == 0
    assert last_frame(memoryview(flac[:42]), info) is None


@pytest.mark.parametrize("share", np.linspace(0.02, 0.99, 20))
@pytest.mark.parametrize("total", [0, 32_000])
def test_a_flac_that_is_cut_anywhere_is_bad(share, total):
    with pytest.raises(AudioBad):
        make(with_total(FLAC, total)[: int(share * len(FLAC))])


def frames_of(flac):
    """The metadata of a FLAC, and its frames."""
    view, info = memoryview(flac), read_info(memoryview(flac))
    begin, frames = first_frame(view, info).at, []
    while len(view) > begin:
        # The last frame of what is left.
        at = last_frame(view, info).at
        frames.insert(0, bytes(view[at:]))
        view = view[:at]
    return bytes(view), frames


@pytest.mark.parametrize("flac", [FLAC, STEREO, FAST, DEEP])
@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 2), (1, 2), (1, None), (2, None)])
@pytest.mark.parametrize("behind", [b"", id3v1(), bytes(700)])
def test_a_piece_cut_out_of_a_flac_without_encoding_is_what_its_frames_hold(
    flac, start, end, behind
):
    head, frames = frames_of(flac)
    size = read_info(memoryview(flac)).block_size
    piece = head + b"".join(frames[start:end]) + behind
    info, _ = make(piece)
    whole, _ = soundfile.read(io.BytesIO(flac), always_2d=True)
    expected = whole[start * size : None if end is None else end * size]
    assert info.num_samples == len(expected)
    with choose_decoder(piece)[0].open_bytes(piece, "flac", DEFAULT_RULES) as clip:
        sound = np.concatenate([np.array(block) for block in clip.blocks])
    scale = 32768 if sound.dtype == np.int16 else 1
    assert np.abs(sound / scale - expected).max() < 1e-4


@pytest.mark.parametrize("lost", [1, 2, 40, 300])
@pytest.mark.parametrize(("start", "end"), [(0, 2), (1, 3), (2, None)])
def test_a_piece_whose_last_frame_is_cut_is_bad(start, end, lost):
    head, frames = frames_of(FLAC)
    with pytest.raises(AudioBad, match=r"samples could be decoded|libsndfile"):
        make(head + b"".join(frames[start:end])[:-lost])


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_flac_that_lacks_a_frame_in_the_middle_is_bad(missing):
    head, frames = frames_of(FLAC)
    del frames[missing]
    with pytest.raises(AudioBad):
        make(head + b"".join(frames))
    with pytest.raises(AudioBad):
        make(head + b"".join(frames[:-1]))
