"""Every type that a published column can have: into the JSONs, into the index, and out again."""

import json
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.rows.record import column_values
from hugflow.shards.features import column_features
from hugflow.stages.build.build import Build
from hugflow.stages.sync import sync_dataset
from hugflow.testing.column_types import (
    LABELS,
    ROWS,
    foreign_columns,
    publish_type,
    typed_columns,
    types_table,
)
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor
from tests.trees import read_rows_json

pytestmark = pytest.mark.slow

# Several folders in one process: importing `datasets` takes longer than all the rest.
LOAD = """
import json, sys
import datasets
import pyarrow.parquet as pq
for folder in sys.argv[1:]:
    rows = datasets.load_dataset(folder, split="train")
    arrow = rows.with_format("arrow")[:]
    print(json.dumps([len(rows), rows.features.to_dict(), repr(arrow.to_pylist())]))
assert "torch" not in sys.modules and "torchcodec" not in sys.modules
"""


def load(*builds: Build) -> list[tuple[int, dict[str, Any], str]]:
    """Rows, features and values that `datasets` finds in finished folders."""
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOAD, *(str(b.folder.root) for b in builds)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return [tuple(json.loads(line)) for line in child.stdout.splitlines()]


def read_index(build: Build) -> pa.Table:
    return pa.concat_tables([pq.read_table(file) for file in sorted(build.folder.index.iterdir())])


@pytest.fixture
def every_type(hub: LoopbackHub, open_for: OpenFor) -> Build:
    publish_type(hub, "all")
    build = open_for("types/all")
    sync_dataset(build)
    return build


def test_every_type_is_in_the_jsons_and_in_the_index_and_loads_as_it_was_declared(
    every_type: Build,
):
    columns = typed_columns("all")
    published = types_table(columns)
    jsons = read_rows_json(every_type.folder)
    features = column_features(every_type.plan)
    index = read_index(every_type)
    [(rows, loaded, values)] = load(every_type)
    assert rows == len(jsons) == ROWS
    assert values == repr(index.to_pylist())
    for name, column in columns.items():
        found = column_values(published.column(name).combine_chunks(), features[name])
        assert [jsons[row][name] for row in range(ROWS)] == found, name
        declared = every_type.plan.features[name]
        assert loaded[name] == declared
        if column.feature is not None and column.feature["_type"] != "Sequence":
            assert without_decode(declared) == without_decode(column.feature)


def without_decode(feature: Any) -> Any:
    """A feature without its word on decoding: media are left as bytes and path in the index."""
    if isinstance(feature, dict):
        return {key: without_decode(of) for key, of in feature.items() if key != "decode"}
    return feature


def test_the_index_has_the_published_types(every_type: Build):
    index, columns = read_index(every_type), typed_columns("all")
    # Parquet itself has neither seconds nor dates of 64 bits.
    not_in_parquet = {name for name in columns if name.endswith("_s") or name == "date64"}
    other = {"timestamp_s_utc", "dictionary", "json", "decimal256"} | not_in_parquet - {
        "duration_s"
    }
    for name, column in columns.items():
        if name not in other:
            assert index.schema.field(name).type == column.type, name
    assert index.schema.field("dictionary").type == pa.string()
    assert index.schema.field("decimal256").type == pa.string()


def test_a_class_has_its_name_in_the_jsons_at_any_depth(every_type: Build):
    jsons = read_rows_json(every_type.folder)
    labels = [{"index": index, "name": name} for index, name in enumerate(LABELS)]
    assert [jsons[row]["class_label"] for row in range(ROWS)] == [
        labels[1],
        labels[0],
        labels[2],
        None,
    ]
    assert [jsons[row]["class_labels"] for row in range(ROWS)] == [
        [labels[0], labels[2]],
        [],
        [labels[1]],
        None,
    ]


def test_types_that_datasets_does_not_know_load_as_what_they_are_held_as(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_type(hub, "foreign", with_audio=False)
    builds = {name: open_for("types/foreign", subset=name) for name in foreign_columns()}
    for build in builds.values():
        sync_dataset(build)
    for (name, build), (rows, _, values) in zip(
        builds.items(), load(*builds.values()), strict=True
    ):
        assert rows == len(read_rows_json(build.folder)) == ROWS
        assert values == repr(read_index(build).to_pylist())
        column = foreign_columns()[name]
        found = column_values(pa.array(list(column.values), column.type))
        assert [read_rows_json(build.folder)[row][name] for row in range(ROWS)] == found
