"""The published types are what `datasets` and Arrow take them for."""

import io
import json
import math
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi, HfFileSystem

from hugflow.testing.column_types import (
    FAMILIES,
    ROWS,
    Family,
    foreign_columns,
    publish_type,
    publish_types,
    tiny_png,
    typed_columns,
    types_table,
)
from hugflow.testing.hub import LoopbackHub

FAMILIES_OF_DATASETS: list[Family] = ["numbers", "times", "texts", "nested", "features"]
COMPARE_FEATURES = """
import json, sys
import pyarrow.parquet as pq
from datasets import Features, load_dataset_builder
from huggingface_hub import HfFileSystem
for repository in sys.argv[1:]:
    builder = load_dataset_builder(f"hf://datasets/{repository}")
    path = f"datasets/{repository}/data/train-00000-of-00001.parquet"
    with HfFileSystem().open(path) as file:
        of_file = Features.from_arrow_schema(pq.read_schema(file))
    of_card = builder.info.features
    differing = sorted(name for name in of_file if of_file[name] != of_card[name])
    kinds = {name: feature.get("_type") for name, feature in of_card.to_dict().items()}
    print(json.dumps({"names": list(of_file), "differing": differing, "kinds": kinds}))
"""
LOAD_ROWS = """
import json
from datasets import load_dataset
rows = load_dataset("hf://datasets/types/nested", split="train").remove_columns(["audio"])
print(json.dumps(rows.to_list(), default=str))
"""


@pytest.mark.parametrize("family", FAMILIES_OF_DATASETS)
def test_every_column_has_four_rows_and_the_last_is_null(family: Family):
    table = types_table(typed_columns(family), with_audio=False)
    assert table.num_rows == ROWS
    for name in table.column_names[1:]:
        assert table[name][ROWS - 1].as_py() is None, name


def test_numbers_reach_both_ends_of_their_types():
    table = types_table(typed_columns("numbers"))
    assert table["int8"].to_pylist() == [1, -128, 127, None]
    assert table["uint64"].to_pylist() == [1, 0, 2**64 - 1, None]
    for name in ("float16", "float32", "float64"):
        ordinary, nan, infinity, null = table[name].to_pylist()
        assert (ordinary, infinity, null) == (1.5, math.inf, None)
        assert math.isnan(nan)


def test_all_are_the_columns_of_every_family_once():
    names = [name for family in FAMILIES_OF_DATASETS for name in typed_columns(family)]
    assert list(typed_columns("all")) == names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("with_audio", [True, False])
def test_audio_stands_beside_the_columns_or_not(
    hub: LoopbackHub, file_system: HfFileSystem, with_audio: bool
):
    publish_type(hub, "texts", "acme/t", with_audio=with_audio)
    content = file_system.cat_file("datasets/acme/t/data/train-00000-of-00001.parquet")
    names = pq.read_schema(io.BytesIO(content)).names
    assert names[: 2 if with_audio else 1] == (["audio", "text"] if with_audio else ["text"])
    assert names[-1] == "null"


@pytest.mark.parametrize("name", foreign_columns())
def test_foreign_types_survive_parquet_and_declare_nothing(
    hub: LoopbackHub, file_system: HfFileSystem, name: str
):
    publish_type(hub, "foreign")
    content = file_system.cat_file(f"datasets/types/foreign/{name}/train-00000-of-00001.parquet")
    schema = pq.read_schema(io.BytesIO(content))
    assert b"huggingface" not in (schema.metadata or {})
    assert schema.field(name).type.id == foreign_columns()[name].type.id


def test_the_image_is_one():
    content = tiny_png()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")


def test_publishing_gives_the_commit_of_each_family(hub: LoopbackHub, api: HfApi):
    commits = publish_types(hub)
    assert set(commits) == {f"types/{family}" for family in FAMILIES}
    for repo_id, commit in commits.items():
        assert api.dataset_info(repo_id).sha == commit


@pytest.mark.slow
def test_datasets_reads_the_features_of_every_family_from_file_and_card_alike(
    hub: LoopbackHub, run_client: Callable[..., str]
):
    publish_types(hub)
    families: list[Family] = [*FAMILIES_OF_DATASETS, "all"]
    lines = run_client(COMPARE_FEATURES, *(f"types/{family}" for family in families)).splitlines()
    found = dict(zip(families, map(json.loads, lines), strict=True))
    for family in families:
        assert found[family]["names"] == ["audio", "text", *typed_columns(family)]
    # Parquet knows neither seconds nor days in milliseconds: the file says what it could keep.
    coarse = ["date64", "time_s", "timestamp_s", "timestamp_s_utc"]
    assert {family: found[family]["differing"] for family in families} == {
        **{family: [] for family in families},
        "times": coarse,
        "all": coarse,
    }
    kinds = found["features"]["kinds"]
    assert kinds["class_label"] == "ClassLabel"
    assert kinds["array2d"] == "Array2D"
    assert kinds["image"] == "Image"
    assert kinds["translation"] == "Translation"
    assert kinds["json"] == "Json"


@pytest.mark.slow
def test_datasets_loads_nested_rows(hub: LoopbackHub, run_client: Callable[..., str]):
    publish_type(hub, "nested", with_audio=True)
    rows = json.loads(run_client(LOAD_ROWS))
    assert len(rows) == ROWS
    assert rows[0]["list"] == [1, 2, 3]
    assert rows[0]["list_of_structs"][0]["tags"] == ["x"]
    assert rows[3]["struct"] is None


def test_the_arrays_of_datasets_carry_its_mark():
    field = types_table(typed_columns("features")).schema.field("array2d")
    assert field.type == pa.list_(pa.list_(pa.float32()))
    assert field.metadata[b"ARROW:extension:name"].endswith(b"Array2DExtensionType")
