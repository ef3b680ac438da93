"""`datasets.load_dataset(<folder>)` reads a finished folder, without torch."""

import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.errors import RequestInvalid, ShardCorrupt
from hugflow.rows.record import column_values
from hugflow.shards.features import column_features
from hugflow.stages.build.build import Build
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import SPEAKERS, to_audio_column
from hugflow.testing.speech import encode, speech_like
from hugflow.testing.tables import (
    audio_feature,
    class_label_feature,
    to_shards,
    with_features,
    write_parquet,
)
from tests.builds import OpenFor
from tests.trees import read_rows_json

pytestmark = pytest.mark.slow

# Several folders in one process: importing `datasets` takes longer than all the rest.
LOAD = """
import sys
import pyarrow.parquet as pq
import datasets
for folder, target in zip(sys.argv[1::2], sys.argv[2::2]):
    splits = datasets.load_dataset(folder)
    assert list(splits) == ["train"], splits
    list(splits["train"])
    pq.write_table(splits["train"].with_format("arrow")[:], target)
assert "torch" not in sys.modules and "torchcodec" not in sys.modules
"""
CLIP = encode(speech_like(0.05, 8_000), 8_000, "wav")
ROWS = 5


def audio() -> pa.Array:
    return to_audio_column([CLIP] * ROWS, ["a.wav"] * ROWS)


TABLES = {
    "speech": pa.table(
        {
            "audio": audio(),
            "text": list("abcde"),
            "speaker": [row % 3 for row in range(ROWS)],
            "row": [7] * ROWS,
            "audio_info": ["their own"] * ROWS,
        }
    ),
    "text": pa.table(
        {
            "text": list("abcde"),
            "at": pa.array(range(ROWS), pa.timestamp("ms", "UTC")),
            "day": pa.array(range(ROWS), pa.date32()),
            "price": pa.array([Decimal("1.10")] * ROWS, pa.decimal128(12, 2)),
            "nested": [{"a": [1, 2], "b": {"c": "x"}}] * ROWS,
            "kind": pa.array(["a", "b", "a", None, "b"]).dictionary_encode(),
            "blob": [b"abc"] * ROWS,
            "share": [1.5, None, 0.25, float("nan"), 2.0],
        }
    ),
    "lonely": pa.table({"audio": audio()}),
}


@pytest.fixture
def builds(hub: LoopbackHub, open_for: OpenFor) -> dict[str, Build]:
    """Every table of TABLES, published in three files and made."""
    features = {"speaker": class_label_feature(*SPEAKERS), "audio": audio_feature(8_000)}
    builds = {}
    for name, table in TABLES.items():
        declared = with_features(table, features) if name == "speech" else table
        hub.publish(f"loading/{name}", to_shards(declared, split="train", shards=3, folder="data"))
        builds[name] = open_for(f"loading/{name}")
        sync_dataset(builds[name])
    return builds


def test_finished_folders_load_without_torch_and_hold_what_the_jsons_hold(
    builds: dict[str, Build], tmp_path: Path
):
    pairs = [(str(b.folder.root), str(tmp_path / f"{name}.parquet")) for name, b in builds.items()]
    arguments = [argument for pair in pairs for argument in pair]
    child = subprocess.run(
        [sys.executable, "-c", LOAD, *arguments], capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    for name, build in builds.items():
        loaded = pq.read_table(tmp_path / f"{name}.parquet")
        jsons = read_rows_json(build.folder)
        assert loaded.column("row").to_pylist() == list(range(ROWS))
        for column in TABLES[name].column_names:
            stored = f"{column}_source" if column in ("row", "audio_info") else column
            values = loaded.column(stored).combine_chunks()
            in_json = "audio_info_source" if column == "audio_info" else column
            if column == "audio":
                paths = [f"datasets/{build.name}/{v['path']}" for v in values.to_pylist()]
                assert paths == [jsons[row]["audio"] for row in range(ROWS)]
            else:
                feature = column_features(build.plan)[column]
                found = json.loads(json.dumps(column_values(values, feature)))
                assert found == [jsons[row][in_json] for row in range(ROWS)]
        if "audio" in TABLES[name].column_names:
            infos = loaded.column("audio_info").to_pylist()
            assert infos == [jsons[row]["audio_info"] for row in range(ROWS)]


def test_class_labels_keep_their_names(builds: dict[str, Build]):
    card = builds["speech"].folder.card.read_text("utf-8")
    assert all(speaker in card for speaker in SPEAKERS)
    schema = pq.read_schema(builds["speech"].folder.index_file("00000-of-00003"))
    declared = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert declared["speaker"] == {"names": list(SPEAKERS), "_type": "ClassLabel"}


def test_a_shard_without_a_made_row_has_no_index(hub: LoopbackHub, open_for: OpenFor):
    clips = to_audio_column([b"junk", CLIP], ["a", "b"])
    table = pa.table({"audio": clips, "text": ["a", "b"]})
    hub.publish("loading/hole", to_shards(table, split="train", shards=2, folder="data"))
    build = open_for("loading/hole", max_bad_rows=1)
    sync_dataset(build)
    assert [path.name for path in build.folder.index.iterdir()] == ["00001-of-00002.parquet"]


@pytest.mark.parametrize(
    "names",
    [
        pa.array(["same"] * ROWS, pa.string_view()),
        pa.array(["same"] * ROWS).dictionary_encode(),
        pa.array([1] * ROWS, pa.timestamp("us")),
        pa.array([1] * ROWS, pa.date32()),
        pa.array([7] * ROWS),
    ],
)
def test_names_of_any_type_never_bring_two_rows_into_one_file(
    hub: LoopbackHub, open_for: OpenFor, names: pa.Array
):
    hf_id = f"loading/names-{abs(hash(str(names.type)))}"
    table = pa.table({"audio": audio(), "text": ["x"] * ROWS, "audio_filename": names})
    hub.publish(hf_id, {"data/train.parquet": write_parquet(table)})
    build = open_for(hf_id)
    sync_dataset(build)
    assert len(list(build.folder.audio.iterdir())) == ROWS


def test_names_that_are_not_utf8_cost_their_row_and_not_the_dataset(
    hub: LoopbackHub, open_for: OpenFor
):
    data = pa.array([b"\xff", b"a", b"b", b"c", b"d"])
    names = pa.Array.from_buffers(pa.string(), ROWS, data.buffers())
    table = pa.table({"audio": audio(), "text": ["x"] * ROWS, "audio_filename": names})
    hub.publish("loading/broken", {"data/train.parquet": write_parquet(table)})
    build = open_for("loading/broken")
    sync_dataset(build)
    assert sorted(path.stem for path in build.folder.audio.iterdir()) == ["a", "b", "c", "d"]
    assert "text_not_utf8" in build.folder.failures.read_text("utf-8")


def one_file(content: bytes) -> dict[str, bytes]:
    return {"data/train.parquet": content}


def broken_column_name() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"abcdefg": ["x"]}), file, store_schema=False)
    return file.getvalue().replace(b"abcdefg", b"\xff\xfeabcde")


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("garbage", b"garbage" * 100, ShardCorrupt),
        ("zero", b"", ShardCorrupt),
        ("cut", write_parquet(TABLES["text"])[:-20], ShardCorrupt),
        ("name", broken_column_name(), ShardCorrupt),
        (
            "twice",
            write_parquet(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])),
            ShardCorrupt,
        ),
        ("none", write_parquet(pa.table({"text": pa.array([], pa.string())})), RequestInvalid),
    ],
)
def test_a_hostile_file_is_refused_while_planning_and_never_crashes(
    hub: LoopbackHub, open_for: OpenFor, name: str, content: bytes, error: type[Exception]
):
    hub.publish(f"loading/hostile-{name}", one_file(content))
    with pytest.raises(error):
        open_for(f"loading/hostile-{name}")
