"""The published shapes are what they are called."""

import io
import json
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from huggingface_hub import HfApi, HfFileSystem

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.shapes import (
    HOSTILE_PATHS,
    SHAPES,
    SILENCE_S,
    Shape,
    long_silence,
    odd_clips,
    publish_shape,
    publish_shapes,
    write_audio,
)
from hugflow.testing.tables import read_features

BYTES_AND_PATH = pa.struct({"bytes": pa.binary(), "path": pa.string()})
SHOW_BUILDERS = """
import json, sys
from datasets import load_dataset_builder
for repository in sys.argv[1:]:
    builder = load_dataset_builder(f"hf://datasets/{repository}")
    print(json.dumps([builder.info.features.to_dict()["audio"], list(builder.config.data_files)]))
"""


def read_table(file_system: HfFileSystem, repo_id: str) -> pa.Table:
    """The only shard of a dataset, as whoever fetches it reads it."""
    path = f"datasets/{repo_id}/data/train-00000-of-00001.parquet"
    return pq.read_table(io.BytesIO(file_system.cat_file(path)))


@pytest.mark.parametrize(
    ("shape", "type_", "is_declared"),
    [
        ("struct", BYTES_AND_PATH, True),
        ("binary", pa.binary(), False),
        ("large-binary", pa.large_binary(), False),
        ("paths", pa.struct({"path": pa.string()}), True),
        ("unembedded", BYTES_AND_PATH, True),
        ("strings", pa.string(), True),
        ("hostile-paths", pa.struct({"path": pa.string()}), True),
        ("odd", BYTES_AND_PATH, True),
    ],
)
def test_the_audio_column_has_the_type_of_its_shape(
    hub: LoopbackHub,
    file_system: HfFileSystem,
    shape: Shape,
    type_: pa.DataType,
    is_declared: bool,
):
    publish_shape(hub, shape, rows=2)
    table = read_table(file_system, f"shapes/{shape}")
    assert table.schema.field("audio").type == type_
    assert (read_features(table)["audio"].get("_type") == "Audio") is is_declared
    assert table.column_names == ["audio", "text"]


@pytest.mark.parametrize(("shape", "axes"), [("array", [1]), ("array-2d", [2, 2, 2, 2])])
def test_arrays_are_lists_of_samples_with_their_rate(
    hub: LoopbackHub, file_system: HfFileSystem, shape: Shape, axes: list[int]
):
    publish_shape(hub, shape, rows=1)
    values = read_table(file_system, f"shapes/{shape}")["audio"].to_pylist()
    assert {value["sampling_rate"] for value in values} == {16_000}
    assert [np.array(value["array"]).ndim for value in values] == axes
    shapes = [np.array(value["array"]).shape for value in values]
    assert shapes == (
        [(8_000,)] if shape == "array" else [(2, 8_000), (8_000, 2), (1, 8_000), (8_000, 1)]
    )


@pytest.mark.parametrize("shape", ["paths", "unembedded", "strings"])
def test_paths_lead_to_files_of_the_same_repository(
    hub: LoopbackHub, api: HfApi, file_system: HfFileSystem, shape: Shape
):
    publish_shape(hub, shape, rows=3)
    values = read_table(file_system, f"shapes/{shape}")["audio"].to_pylist()
    paths = [value if isinstance(value, str) else value["path"] for value in values]
    files = api.list_repo_files(f"shapes/{shape}", repo_type="dataset")
    assert paths == [f"clips/{row:04d}.wav" for row in range(3)]
    assert set(paths) <= set(files)


def test_of_the_hostile_paths_only_the_first_is_a_file_of_the_repository(
    hub: LoopbackHub, api: HfApi, file_system: HfFileSystem
):
    publish_shape(hub, "hostile-paths")
    values = read_table(file_system, "shapes/hostile-paths")["audio"].to_pylist()
    files = api.list_repo_files("shapes/hostile-paths", repo_type="dataset")
    assert [value["path"] for value in values if value["path"] in files] == ["clips/0000.wav"]
    assert [value["path"] for value in values[1:]] == list(HOSTILE_PATHS)
    for kind in ("/", "../", "file://", "http://", "hf://", "/dev/"):
        assert any(path.startswith(kind) for path in HOSTILE_PATHS)


def test_the_mixed_column_fills_each_row_in_another_way(
    hub: LoopbackHub, file_system: HfFileSystem
):
    publish_shape(hub, "mixed")
    table = read_table(file_system, "shapes/mixed")
    filled = [
        "+".join(name for name, value in row.items() if value is not None)
        for row in table["audio"].to_pylist()
    ]
    assert filled == [
        "bytes+path",
        "bytes",
        "array+sampling_rate",
        "path",
        "bytes+path",
        "bytes+path",
        "bytes",
        "bytes",
    ]
    contents = [row["bytes"] for row in table["audio"].to_pylist()]
    assert soundfile.info(io.BytesIO(contents[4])).channels == 2
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.info(io.BytesIO(contents[5]))
    assert soundfile.info(io.BytesIO(contents[6])).frames == 0
    assert np.isnan(soundfile.read(io.BytesIO(contents[7]))[0]).sum() == 100


def test_odd_audio_is_as_odd_as_it_says():
    clips = {
        what: soundfile.info(io.BytesIO(content)) for what, (_, content) in odd_clips().items()
    }
    for rate_hz in (96_000, 88_200, 37_800):
        assert clips[f"{rate_hz} Hz"].samplerate == rate_hz
    assert clips["24-bit WAV"].subtype == clips["24-bit FLAC"].subtype == "PCM_24"
    assert clips["unsigned 8-bit WAV"].subtype == "PCM_U8"
    assert clips["mu-law WAV"].subtype == "ULAW"
    assert clips["six channels"].channels == 6
    loud = soundfile.read(io.BytesIO(odd_clips()["float WAV, four times too loud"][1]))[0]
    assert np.abs(loud).max() == pytest.approx(4.0)
    both = soundfile.read(io.BytesIO(odd_clips()["stereo in anti-phase"][1]))[0]
    assert np.abs(both).max() > 0.5
    assert np.abs(both.mean(axis=1)).max() < 1e-4


def test_long_silence_is_long_and_takes_little_room():
    silence = long_silence()
    info = soundfile.info(io.BytesIO(silence))
    assert info.duration == SILENCE_S
    assert len(silence) < 200_000


def test_a_float_file_does_not_tell_when_it_was_written():
    samples = np.linspace(-2, 2, 100, dtype=np.float32)
    before = write_audio(samples, 16_000, "WAV", "FLOAT")
    second = int(time.time())
    while int(time.time()) == second:
        time.sleep(0.05)
    assert write_audio(samples, 16_000, "WAV", "FLOAT") == before
    assert b"PEAK" in before
    assert np.array_equal(soundfile.read(io.BytesIO(before), dtype="float32")[0], samples)


def test_the_same_shapes_are_the_same_commits_on_every_hub(hub: LoopbackHub):
    with LoopbackHub() as other:
        commits = publish_shapes(hub)
        assert commits == publish_shapes(other)
    assert set(commits) == {f"shapes/{shape}" for shape in SHAPES}


@pytest.mark.slow
def test_datasets_finds_the_files_of_every_shape(hub: LoopbackHub, run_client: Callable[..., str]):
    found = [
        json.loads(line) for line in run_client(SHOW_BUILDERS, *publish_shapes(hub)).splitlines()
    ]
    assert len(found) == len(SHAPES)
    assert all(splits == ["train"] for _, splits in found)
    declared = [
        shape for shape, (f, _) in zip(SHAPES, found, strict=True) if f.get("_type") == "Audio"
    ]
    assert declared == ["struct", "paths", "unembedded", "strings", "hostile-paths", "odd"]
