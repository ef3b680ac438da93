"""FLACs that hold more than their header says."""

import numpy as np
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.flac import last_sample, read_info
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
    assert last_sample(memoryview(flac), info) == info.samples
    assert last_sample(memoryview(flac + id3v1()), info) == info.samples
    assert last_sample(memoryview(flac[:42]), info) == 0


@pytest.mark.parametrize("share", np.linspace(0.02, 0.99, 20))
@pytest.mark.parametrize("total", [0, 32_000])
def test_a_flac_that_is_cut_anywhere_is_bad(share, total):
    with pytest.raises(AudioBad):
        make(with_total(FLAC, total)[: int(share * len(FLAC))])
