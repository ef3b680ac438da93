"""What becomes of a clip: its MP3 and what is known of it, or why there is none."""

import numpy as np
import numpy.typing as npt
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.audio.clip import DEFAULT_RULES, ClipRules
from hugflow.audio.convert import make_mp3
from hugflow.audio.mp3 import AudioInfo
from tests.audio.clips import decode

NO_REPAIRS = ClipRules(repair=False)


def make(
    data: bytes, rules: ClipRules = DEFAULT_RULES
) -> tuple[AudioInfo, npt.NDArray[np.float64]]:
    """What is known of the MP3 of a clip, and the one channel that libsndfile decodes from it."""
    with make_mp3({"bytes": data, "path": None}, copy_mp3=True, rules=rules) as mp3:
        return mp3.info, decode(mp3.data)[:, 0]


def code_of(data: bytes, rules: ClipRules = DEFAULT_RULES) -> str:
    """Why a clip cannot be made."""
    with pytest.raises(AudioBad) as caught:
        make(data, rules)
    return caught.value.code
