"""Real speech: Debian's asterisk-core-sounds-en-wav."""

from pathlib import Path

import numpy as np
import pytest

from hugflow.audio.convert import make_mp3
from tests.audio.clips import decode

PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")


@pytest.mark.speech
@pytest.mark.parametrize(
    "name", ["activated", "added", "agent-alreadyon", "agent-incorrect", "agent-loggedoff"]
)
def test_a_prompt_is_heard_as_it_was_spoken(name):
    wav = (PROMPTS / f"{name}.wav").read_bytes()
    mp3 = make_mp3({"bytes": wav, "path": f"{name}.wav"}, copy_mp3=True)
    spoken, heard = decode(wav), decode(mp3.data)
    assert spoken.shape == heard.shape
    assert mp3.info.num_samples == len(spoken)
    assert (mp3.info.source_format, mp3.info.sampling_rate) == ("wav", 8000)
    assert np.square(spoken - heard).mean() < 0.01 * np.square(spoken).mean()
