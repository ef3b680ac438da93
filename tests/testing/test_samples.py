"""The sample datasets are what `datasets` and `soundfile` take for real ones."""

import io
import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from huggingface_hub import HfApi, HfFileSystem

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import (
    publish_speech,
    publish_subsets,
    publish_tables,
    publish_text,
    speech_table,
)
from hugflow.testing.speech import Container, encode, speech_like
from hugflow.testing.tables import to_shards, with_features

SHOW_BUILDER = """
import json, sys
from datasets import load_dataset_builder
repository, config, commit = sys.argv[1:]
builder = load_dataset_builder(f"hf://datasets/{repository}", config or None, revision=commit)
print(json.dumps({
    "files": {split: list(files) for split, files in builder.config.data_files.items()},
    "features": builder.info.features.to_dict(),
    "splits": {name: split.num_examples for name, split in builder.info.splits.items()},
}))
"""
READ_FEATURES = """
import json, sys
import pyarrow.parquet as pq
from datasets import Features
from huggingface_hub import HfFileSystem
with HfFileSystem().open(sys.argv[1]) as file:
    print(json.dumps(Features.from_arrow_schema(pq.read_schema(file)).to_dict()))
"""
LOAD_TEXT = """
import json
from datasets import load_dataset
print(json.dumps(load_dataset("hf://datasets/acme/tiny-text", split="train").to_list()))
"""


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_speech_is_as_long_as_asked_and_never_clips(rate: int):
    clip = speech_like(0.7, rate)
    assert clip.shape == (round(0.7 * rate),)
    assert clip.dtype == np.float32
    assert np.isfinite(clip).all()
    assert 0.5 < np.abs(clip).max() <= 0.7


def test_speech_has_its_power_where_voices_have_theirs():
    power = np.abs(np.fft.rfft(speech_like(4.0, 16_000))) ** 2
    hz = np.fft.rfftfreq(4 * 16_000, 1 / 16_000)
    assert power[(hz > 80) & (hz < 4_000)].sum() > 0.9 * power.sum()


def test_the_same_seed_says_the_same_and_another_does_not():
    assert np.array_equal(speech_like(1.0, 16_000, seed=3), speech_like(1.0, 16_000, seed=3))
    assert not np.array_equal(speech_like(1.0, 16_000, seed=3), speech_like(1.0, 16_000, seed=4))


@pytest.mark.parametrize("seconds", [0.0, 0.0001, 0.05])
def test_there_can_be_next_to_no_speech(seconds: float):
    assert len(speech_like(seconds, 16_000)) == round(seconds * 16_000)


@pytest.mark.parametrize("container", ["flac", "wav", "mp3", "ogg", "opus"])
def test_every_container_decodes_to_the_clip_and_is_the_same_each_time(container: Container):
    clip = speech_like(1.0, 16_000)
    content = encode(clip, 16_000, container)
    decoded, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    assert rate == 16_000
    assert len(decoded) == len(clip)
    assert np.corrcoef(decoded, clip)[0, 1] > 0.9
    assert encode(clip, 16_000, container) == content


def test_the_same_sample_is_the_same_commit_on_every_hub(hub: LoopbackHub):
    with LoopbackHub() as other:
        assert publish_speech(hub, container="opus") == publish_speech(other, container="opus")


def test_a_speech_dataset_has_its_rows_in_order_over_its_shards(hub: LoopbackHub, api: HfApi):
    publish_speech(hub, rows=10, shards=3, row_group_rows=2)
    files = [e.path for e in api.list_repo_tree("acme/tiny-speech", "data", repo_type="dataset")]
    assert files == [f"data/train-0000{i}-of-00003.parquet" for i in range(3)]
    file_system = HfFileSystem(endpoint=hub.endpoint, token=False, skip_instance_cache=True)
    rows, groups = [], []
    for file in files:
        with file_system.open(f"datasets/acme/tiny-speech/{file}") as opened:
            shard = pq.ParquetFile(opened)
            rows += shard.read().to_pylist()
            groups.append(shard.num_row_groups)
    assert [row["audio_filename"] for row in rows] == [f"clip-{i:05d}.flac" for i in range(10)]
    assert [row["audio"]["path"] for row in rows] == [row["audio_filename"] for row in rows]
    assert groups == [2, 2, 2]
    assert all(soundfile.info(io.BytesIO(row["audio"]["bytes"])).frames for row in rows)


def test_audio_can_be_bare_bytes_in_stereo_without_file_names():
    table = speech_table(2, as_struct=False, channels=2, with_filenames=False, container="wav")
    assert table.column_names == ["audio", "text", "speaker"]
    assert table["audio"].type == pa.binary()
    samples, _ = soundfile.read(io.BytesIO(table["audio"][0].as_py()))
    assert samples.shape[1] == 2
    assert not np.array_equal(samples[:, 0], samples[:, 1])


def test_rows_can_be_broken_empty_or_missing():
    table = speech_table(5, broken_rows={1: b"not audio", 2: b"", 3: None})
    audio = table["audio"].to_pylist()
    assert audio[1]["bytes"] == b"not audio"
    assert audio[2]["bytes"] == b""
    assert audio[3] is None
    assert audio[4]["bytes"].startswith(b"fLaC")


def test_there_may_be_more_shards_than_rows():
    table = with_features(pa.table({"n": [1, 2]}))
    shards = to_shards(table, split="train", shards=3, folder="data")
    assert [pq.read_table(io.BytesIO(shard)).num_rows for shard in shards.values()] == [0, 1, 1]


@pytest.mark.slow
def test_datasets_finds_the_files_and_features_of_each_subset(
    hub: LoopbackHub, run_client: Callable[..., str]
):
    commit = publish_subsets(hub)
    found = json.loads(run_client(SHOW_BUILDER, "acme/two-languages", "en", commit))
    root = f"hf://datasets/acme/two-languages@{commit}/en"
    assert found["files"] == {
        split: [f"{root}/{split}-00000-of-00001.parquet"]
        for split in ("train", "validation", "test")
    }
    assert found["splits"] == {"train": 8, "validation": 3, "test": 2}
    assert found["features"]["audio"]["_type"] == "Audio"
    assert found["features"]["audio"]["sampling_rate"] == 16_000
    assert found["features"]["speaker"]["names"] == ["anna", "bo", "chen"]


@pytest.mark.slow
def test_datasets_does_without_the_datasets_server(
    hub: LoopbackHub, run_client: Callable[..., str]
):
    commit = publish_speech(hub, rows=3, shards=1)
    found = json.loads(run_client(SHOW_BUILDER, "acme/tiny-speech", "", "main"))
    assert found["splits"] == {"train": 3}
    assert commit in found["files"]["train"][0]


@pytest.mark.slow
def test_datasets_reads_the_features_of_every_type_that_a_table_may_have(
    hub: LoopbackHub, run_client: Callable[..., str]
):
    schema = pa.schema(
        {
            "day": pa.date32(),
            "at": pa.timestamp("us", "UTC"),
            "price": pa.decimal128(10, 2),
            "score": pa.float64(),
            "small": pa.float32(),
            "flag": pa.bool_(),
            "words": pa.list_(pa.string()),
            "spans": pa.list_(pa.struct({"start": pa.int32(), "tags": pa.list_(pa.int8())})),
            "nested": pa.struct({"a": pa.struct({"b": pa.binary()}), "c": pa.string()}),
        }
    )
    table = with_features(schema.empty_table())
    commit = publish_tables(hub, "acme/types", {"default": {"train": table}})
    path = f"datasets/acme/types@{commit}/data/train-00000-of-00001.parquet"
    of_file = json.loads(run_client(READ_FEATURES, path))
    of_card = json.loads(run_client(SHOW_BUILDER, "acme/types", "", commit))["features"]
    assert of_file == of_card
    assert list(of_file) == schema.names


@pytest.mark.slow
def test_datasets_loads_a_text_set(hub: LoopbackHub, run_client: Callable[..., str]):
    publish_text(hub, rows=7, shards=2)
    rows = json.loads(run_client(LOAD_TEXT))
    assert [row["id"] for row in rows] == list(range(7))
    assert all(row["text"].endswith(".") for row in rows)
