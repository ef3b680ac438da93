"""Eight rows of every shape, of which a careless converter loses some."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

from hugflow.audio.bad import AudioBad
from hugflow.audio.convert import Converter
from tests.audio.clips import decode, tone, write

SECOND = tone(16_000)
STEREO = tone(16_000, channels=2)
WITH_NAN = SECOND.astype(np.float32)
WITH_NAN[100:200] = np.nan

ROWS = [
    {"bytes": write(SECOND, format="FLAC"), "path": "a.flac"},
    write(STEREO),
    {"array": SECOND[:, 0].tolist(), "sampling_rate": 16_000, "path": None},
    SimpleNamespace(
        get_all_samples=lambda: SimpleNamespace(
            data=STEREO.T.astype(np.float32), sample_rate=16_000
        )
    ),
    {"bytes": None, "path": "clips/e.ogg"},
    {"bytes": write(SECOND, format="FLAC")[:-2000], "path": "f.flac"},
    {"bytes": write(np.zeros((0, 1))), "path": "g.wav"},
    {"bytes": write(WITH_NAN, subtype="FLOAT"), "path": "h.wav"},
]


@contextmanager
def lend(path):
    """The one file of the repository that the rows name."""
    assert path == "clips/e.ogg"
    yield write(STEREO, format="OGG")


def test_of_eight_rows_of_every_shape_six_are_made_and_two_are_named():
    convert = Converter(copy_mp3=True, open_path=lend)
    made, named = {}, {}
    for row, value in enumerate(ROWS):
        try:
            made[row] = convert(value)
        except AudioBad as bad:
            named[row] = bad.code
    assert named == {5: "audio_undecodable", 6: "audio_empty"}
    assert [made[row].info.source_format for row in sorted(made)] == [
        "flac", "wav", "array", "decoder", "ogg", "wav",
    ]  # fmt: skip
    for mp3 in made.values():
        assert mp3.info.duration == 1.0
        assert decode(mp3.data).shape == (16_000, 1)
