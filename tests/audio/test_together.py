"""Short clips made several at once: the MP3s are those of clips made one by one."""

import io

import numpy as np
import pytest

from hugflow.audio.clip import ClipRules
from hugflow.audio.convert import make_mp3
from hugflow.audio.encoding import Encoding
from hugflow.audio.together import make_together
from hugflow.audio.value import EncodedAudio
from tests.audio.clips import FORMATS, tone, write

CLIPS = [
    *(
        EncodedAudio(write(tone(9_000, 16_000, channels), 16_000, *format_), f"clips/{at}")
        for channels in (1, 2)
        for at, format_ in enumerate(FORMATS)
    ),
    # Longer than a block, at a rate that MP3 lacks, and silent.
    EncodedAudio(write(tone(70_000, 8_000), 8_000, "FLAC")),
    EncodedAudio(write(tone(9_000, 11_000), 11_000)),
    EncodedAudio(write(np.zeros(9_000))),
    EncodedAudio(write(np.hstack([tone(9_000), -tone(9_000)]), subtype="PCM_24")),
]


@pytest.mark.parametrize(
    "rules", [ClipRules(), ClipRules(measure="true", encoding=Encoding(sample_rate=12_000))]
)
def test_they_are_the_mp3s_of_clips_that_are_made_one_by_one(rules: ClipRules):
    for clip, mp3 in zip(CLIPS, make_together(CLIPS, rules), strict=True):
        alone = make_mp3(clip, copy_mp3=False, rules=rules)
        assert mp3 is not None
        assert (mp3.info, mp3.data) == (alone.info, alone.data)
        assert (mp3.info.quality is None) is (rules.measure == "false")


def test_what_is_bad_or_long_is_left_and_costs_no_other():
    good = CLIPS[0]
    hour = io.BytesIO(write(np.zeros(3_600_000, np.int16), 1_000, "FLAC")).getvalue()
    assert len(hour) < 64 << 10
    left = [EncodedAudio(data) for data in (b"no sound", good.data[:9_000], hour)]
    made = make_together([good, *left, good], ClipRules(measure="true"))
    assert [mp3 is None for mp3 in made] == [False, True, True, True, False]


def test_a_limit_of_length_holds():
    made = make_together(CLIPS[:2], ClipRules(max_hours=0.5 / 3600))
    assert made == [None, None]
