"""A row's JSON against its row of the index: whatever the types, what was made has no difference."""

import json
from typing import Any, get_args

import pytest

from hugflow.exports.index_table import ROWS_PER_GROUP
from hugflow.stages.build.build import Build
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.column_types import foreign_columns, publish_type
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from hugflow.testing.shapes import Shape, publish_shape
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor

pytestmark = pytest.mark.slow


def look(places: Places, build: Build) -> list[tuple[int | None, str, str]]:
    found = verify_dataset(places, build.name, deep=True)
    return [(each.row, each.code, each.message) for each in found]


def make(places: Places, open_for: OpenFor, hf_id: str, **fields: Any) -> Build:
    build = open_for(hf_id, max_bad_rows="100%", **fields)
    sync_dataset(build)
    return build


def test_a_dataset_of_every_type_has_no_difference(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_type(hub, "all", "values/all")
    assert look(places, make(places, open_for, "values/all")) == []


def test_a_dataset_of_a_type_that_datasets_lacks_has_no_difference(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_type(hub, "foreign", "values/foreign")
    for subset in foreign_columns():
        assert look(places, make(places, open_for, "values/foreign", subset=subset)) == [], subset


@pytest.mark.parametrize("shape", get_args(Shape))
def test_a_dataset_of_any_shape_of_audio_has_no_difference(
    hub: LoopbackHub, open_for: OpenFor, places: Places, shape: Shape
):
    publish_shape(hub, shape, f"values/{shape}")
    assert look(places, make(places, open_for, f"values/{shape}")) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", "other words"),
        ("text", None),
        ("count", 8),
        ("score", 0.75),
        ("is_good", False),
        ("tags", ["a", "c"]),
        ("tags", ["a"]),
        ("speaker", {"name": "Bo", "age": 30}),
        ("more", 1),
        ("count", ...),
    ],
)
def test_a_field_that_says_something_else_is_named(
    hub: LoopbackHub, open_for: OpenFor, places: Places, field: str, value: Any
):
    import pyarrow as pa

    from hugflow.testing.samples import publish_tables

    row = {
        "text": "words",
        "count": 7,
        "score": 0.5,
        "is_good": True,
        "tags": ["a", "b"],
        "speaker": {"name": "Ada", "age": 30},
    }
    table = pa.Table.from_pylist([row] * 3)
    publish_tables(hub, "values/said", {"default": {"train": table}}, shards=1)
    build = make(places, open_for, "values/said")
    path = build.folder.json / "1.json"
    told = json.loads(path.read_text())
    if value is ...:
        del told[field]
    else:
        told[field] = value
    path.write_text(json.dumps(told))
    found = [each for each in look(places, build) if each[1] == "json_differs"]
    assert [each[0] for each in found] == [1]
    assert field in found[0][2]


def test_a_path_to_another_clip_is_named(hub: LoopbackHub, open_for: OpenFor, places: Places):
    publish_shape(hub, "struct", "values/paths")
    build = make(places, open_for, "values/paths")
    one, two = (json.loads((build.folder.json / f"{row}.json").read_text()) for row in (0, 1))
    assert one["audio"] != two["audio"]
    (build.folder.json / "0.json").write_text(json.dumps(one | {"audio": two["audio"]}))
    assert (0, "json_differs") in [each[:2] for each in look(places, build)]


def test_a_text_dataset_is_held_against_its_index_too(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_text(hub, "values/text", rows=4, shards=2)
    build = make(places, open_for, "values/text")
    path = build.folder.json / "3.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"text": told["text"][::-1]}))
    assert (3, "json_differs") in [each[:2] for each in look(places, build)]


def test_every_row_is_held_against_its_own_however_the_index_is_cut(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    # More rows than a row group of the index has, and none of the pieces ends with it.
    rows = ROWS_PER_GROUP + 700
    publish_text(hub, "values/many", rows=rows, shards=1)
    build = make(places, open_for, "values/many")
    assert look(places, build) == []
    last = build.folder.json / f"{rows - 1}.json"
    told = json.loads(last.read_text())
    last.write_text(json.dumps(told | {"text": "other"}))
    assert (rows - 1, "json_differs") in [each[:2] for each in look(places, build)]
