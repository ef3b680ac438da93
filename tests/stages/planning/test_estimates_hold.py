"""The estimate of a plan against what was made of it, for 40 datasets of real clips."""

import io
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from hugflow.stages.planning.estimate import estimate
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor

CODECS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
RATE = 8_000
AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def make_clip(some: random.Random, codec: str, seconds: float) -> bytes:
    """A tone in noise; its loudness decides how many bytes a lossless codec needs."""
    noise = np.random.default_rng(some.randrange(2**32))
    times = np.arange(round(seconds * RATE)) / RATE
    tone = 0.3 * np.sin(2 * np.pi * some.uniform(100, 900) * times)
    samples = tone + some.uniform(0, 0.2) * noise.standard_normal(times.size)
    file = io.BytesIO()
    kind, subtype = CODECS[codec]
    soundfile.write(file, samples, RATE, format=kind, subtype=subtype)
    return file.getvalue()


def make_files(number: int) -> dict[str, bytes]:
    """The kinds take turns: constant or skewed lengths; one codec, one for each file, or mixed."""
    some = random.Random(number)  # noqa: S311  # a dataset, no secret
    is_skewed, mixture = number % 2 == 1, ("one", "by file", "by row")[number // 2 % 3]
    count = some.choice([1, 2, 5])
    single = some.choice(list(CODECS))
    files = {}
    for place in range(count):
        of_file = some.choice(list(CODECS))
        clips = []
        for row in range(some.choice([20, 40, 60])):
            by_mixture = {"one": single, "by file": of_file, "by row": some.choice(list(CODECS))}
            codec = by_mixture[mixture]
            seconds = min(some.lognormvariate(0, 0.8), 8.0) if is_skewed else 1.5
            clips.append({"bytes": make_clip(some, codec, seconds), "path": f"{row}.{codec}"})
        file = io.BytesIO()
        pq.write_table(pa.table({"audio": pa.array(clips, AUDIO)}), file)
        files[f"data/train-{place:05d}-of-{count:05d}.parquet"] = file.getvalue()
    return files


@pytest.mark.soak
def test_of_40_datasets_at_least_38_are_made_as_long_and_as_large_as_was_told(
    hub: LoopbackHub, open_for: OpenFor
) -> None:
    outside = []
    for number in range(40):
        hf_id = f"estimates/kind{number}"
        hub.publish(hf_id, make_files(number))
        told = estimate(open_for(hf_id))
        made = sync_dataset(open_for(hf_id)).published.manifest
        assert told.hours is not None
        assert told.mp3_bytes is not None
        hours = told.hours_range or (told.hours, told.hours)
        size = told.mp3_bytes_range or (told.mp3_bytes, told.mp3_bytes)
        # The range is kept to three decimals.
        is_long = hours[0] - 0.0005 <= made.hours <= hours[1] + 0.0005
        if not is_long or not size[0] <= made.audio.bytes <= size[1]:
            outside.append((number, hours, made.hours, size, made.audio.bytes))
    assert len(outside) <= 2, outside
