"""What the card alone declares: it counts where the published files say nothing."""

import json
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from hugflow.errors import RequestInvalid
from hugflow.shards.arrow import feature_type
from hugflow.shards.card_features import card_features, complete_schema
from hugflow.shards.declared import declared_features
from hugflow.shards.features import index_features
from hugflow.stages.build.build import Build
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import to_audio_column
from hugflow.testing.speech import encode, speech_like
from hugflow.testing.tables import write_parquet
from tests.builds import OpenFor
from tests.trees import read_rows_json

CLIP = encode(speech_like(0.05, 8_000), 8_000, "wav")
LABEL = {"class_label": {"names": {"0": "no", "1": "yes"}}}


def publish(hub: LoopbackHub, hf_id: str, table: pa.Table, features: list[Any]) -> None:
    header = yaml.safe_dump({"dataset_info": {"features": features}})
    files = {
        "README.md": f"---\n{header}---\n".encode(),
        "data/train-0.parquet": write_parquet(table),
    }
    hub.publish(hf_id, files)


def features_of(build: Build) -> dict[str, Any]:
    [index] = build.folder.index.iterdir()
    found: dict[str, Any] = json.loads(pq.read_schema(index).metadata[b"huggingface"])
    return dict(found["info"]["features"])


@pytest.mark.parametrize(
    "type_",
    [pa.int64(), pa.int32(), pa.int8(), pa.uint8()],
    ids=["int64", "int32", "int8", "uint8"],
)
def test_names_of_classes_that_the_card_alone_has_are_kept(
    type_: pa.DataType, hub: LoopbackHub, open_for: OpenFor
):
    hf_id = f"card/label-{type_}"
    table = pa.table({"text": ["a", "b", "c"], "label": pa.array([1, 0, None], type_)})
    publish(hub, hf_id, table, [{"name": "label", "dtype": LABEL}])
    build = open_for(hf_id)
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    labels = [rows[row]["label"] for row in range(3)]
    assert labels == [{"index": 1, "name": "yes"}, {"index": 0, "name": "no"}, None]
    assert features_of(build)["label"] == {"names": ["no", "yes"], "_type": "ClassLabel"}
    assert "* `label`: its type is what the card" in build.folder.card.read_text("utf-8")


@pytest.mark.parametrize(
    ("values", "declared", "held"),
    [
        (pa.array([1, 2], pa.int16()), "int64", pa.int64()),
        (pa.array([1.5, None], pa.float32()), "float64", pa.float64()),
        (pa.nulls(2), "string", pa.string()),
        (pa.array([["a"], []]), {"large_list": "string"}, pa.large_list(pa.string())),
    ],
    ids=["int", "float", "null", "list"],
)
def test_a_wider_type_that_the_card_declares_is_the_one_of_the_index(
    values: pa.Array, declared: Any, held: pa.DataType
):
    schema = pa.schema([("x", values.type)])
    feature = {"name": "x", **({"dtype": declared} if isinstance(declared, str) else declared)}
    completed = complete_schema(schema, {"dataset_info": {"features": [feature]}}, None)
    assert feature_type(index_features(completed, ())[0]["x"]) == held


@pytest.mark.parametrize(
    ("type_", "declared"),
    [
        (pa.int64(), "int8"),
        (pa.string(), "int64"),
        (pa.int64(), "float64"),
        (pa.string(), LABEL),
        (pa.int64(), "nonsense"),
        (pa.int64(), {"class_label": {"names": {"0": "no", "2": "gap"}}}),
    ],
)
def test_a_card_is_not_believed_where_values_might_not_fit(type_: pa.DataType, declared: Any):
    schema = pa.schema([("x", type_)])
    card = {"dataset_info": {"features": [{"name": "x", "dtype": declared}]}}
    features, _ = index_features(complete_schema(schema, card, None), ())
    assert features["x"] == {"dtype": str(type_), "_type": "Value"}


def test_the_published_files_speak_louder_than_the_card():
    own = {"info": {"features": {"x": {"names": ["a"], "_type": "ClassLabel"}}}}
    schema = pa.schema([("x", pa.int64()), ("y", pa.int64())]).with_metadata(
        {"huggingface": json.dumps(own)}
    )
    listed = [{"name": name, "dtype": LABEL} for name in "xy"]
    found = declared_features(complete_schema(schema, {"dataset_info": {"features": listed}}, None))
    assert {name: feature["names"] for name, feature in found.items()} == {
        "x": ["a"],
        "y": ["no", "yes"],
    }


@pytest.mark.parametrize(
    ("configs", "subset", "names"),
    [
        ([], "en", ["en"]),
        ([{"config_name": "en"}, {"config_name": "ms", "default": True}], None, ["ms"]),
        ([{"config_name": "en"}], None, ["en"]),
        ([{"config_name": "en"}, {"config_name": "ms"}], None, []),
    ],
)
def test_the_features_are_those_of_the_subset(
    configs: list[Any], subset: str | None, names: list[str]
):
    infos = [
        {"config_name": each, "features": [{"name": each, "dtype": "string"}]}
        for each in ("en", "ms")
    ]
    card = {"configs": configs, "dataset_info": infos}
    assert list(card_features(card, subset, ["en", "ms"])) == names


@pytest.mark.parametrize("values", [[CLIP, CLIP], ["a.wav", "b.wav"]], ids=["bytes", "paths"])
def test_audio_that_the_card_alone_declares_is_not_published_as_text_only(
    values: list[Any], hub: LoopbackHub, open_for: OpenFor
):
    hf_id = f"card/sound-{type(values[0]).__name__}"
    table = pa.table({"sound": values, "text": ["t", "u"]})
    publish(hub, hf_id, table, [{"name": "sound", "dtype": "audio"}])
    with pytest.raises(RequestInvalid, match="no audio column 'audio'") as refused:
        open_for(hf_id)
    assert refused.value.mend == "set audio_column: 'sound'"
    assert open_for(hf_id, audio_column="sound").plan.audio_column == "sound"


READ = """
import sys
import datasets
for folder in sys.argv[1:]:
    row = datasets.load_dataset(folder, split="train")[0]
    assert row["text"] == "t" and row["face"]["bytes"] == b"xx", row
"""


@pytest.mark.slow
def test_a_row_with_media_of_any_kind_is_read_with_nothing_but_datasets(
    hub: LoopbackHub, open_for: OpenFor
):
    file = pa.array([{"bytes": b"xx", "path": "v.bin"}])
    folders = []
    for kind in ("Image", "Video", "Pdf", "Nifti", "Mesh"):
        table = pa.table({"audio": to_audio_column([CLIP], ["a.wav"]), "text": ["t"], "face": file})
        features = {"face": {"_type": kind}}
        table = table.replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": features}})}
        )
        hub.publish(f"card/{kind.lower()}", {"data/train-0.parquet": write_parquet(table)})
        build = open_for(f"card/{kind.lower()}")
        sync_dataset(build)
        folders.append(str(build.folder.root))
        assert features_of(build)["face"]["_type"] == kind
        assert features_of(build)["face"]["decode"] is False
    # Nobody may have installed what decodes them.
    child = [sys.executable, "-c", READ, *folders]
    done = subprocess.run(child, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
