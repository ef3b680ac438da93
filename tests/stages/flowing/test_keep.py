"""The field `keep`: right rows after each change, and no clip encoded again."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, load_dataset

from hugflow.errors import RequestInvalid
from hugflow.provenance.why import explain
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.sync import Synced, sync_dataset
from hugflow.stages.tree.flow_files import left_out_file
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from hugflow.verify.dataset import verify_dataset
from tests.audio.clips import tone, write, write_bare_mp3
from tests.builds import OpenFor

pytestmark = pytest.mark.slow

CLIPS = [write(level * tone(3_200)) for level in (0.9, 0.2, 0.02)]
MEASURING = replace(Options(), measure="true", exports=("nemo",))


def publish(hub: LoopbackHub, hf_id: str, rows: int) -> None:
    audio = pa.array([{"bytes": CLIPS[row % 3], "path": None} for row in range(rows)])
    table = pa.table({"audio": audio, "text": [f"row {row}" for row in range(rows)]})
    shards = [table.slice(0, rows // 2), table.slice(rows // 2)]
    hub.publish(
        hf_id, {f"data/train-{at}.parquet": write_parquet(shard) for at, shard in enumerate(shards)}
    )


def sync(build: Build) -> Synced:
    made: list[Any] = []
    synced = sync_dataset(build, on_rows=made.extend)
    assert len(made) == synced.new_rows
    return synced


def kept_rows(build: Build) -> list[int]:
    indexes = sorted(build.folder.index.glob("*.parquet"))
    return [row for path in indexes for row in pq.read_table(path).column("row").to_pylist()]


def check(
    open_for: OpenFor, hf_id: str, rows: int, keep: str, holds: Callable[[int], bool]
) -> None:
    build = open_for(hf_id, MEASURING, keep=keep)
    synced = sync(build)
    wanted = [row for row in range(rows) if holds(row)]
    assert (synced.new_rows, kept_rows(build)) == (0, wanted)
    assert synced.published.manifest.rows.left_out == rows - len(wanted)
    assert synced.published.manifest.rows.failed == 0
    listed = [
        json.loads(line)["row"] for line in left_out_file(build.folder).read_text().splitlines()
    ]
    assert listed == [row for row in range(rows) if not holds(row)]
    assert len((build.folder.root / "nemo.jsonl").read_text().splitlines()) == len(wanted)
    assert open_for(hf_id, MEASURING, keep=keep).stored.manifest == synced.published.manifest


@pytest.mark.parametrize("rows", [60, pytest.param(2_000, marks=pytest.mark.soak)])
def test_keep_changes_which_rows_are_published_and_makes_none_again(
    hub: LoopbackHub, open_for: OpenFor, tmp_path: Path, rows: int
):
    hf_id = f"keep/changes_{rows}"
    publish(hub, hf_id, rows)
    first = sync(open_for(hf_id, MEASURING))
    assert first.new_rows == rows
    root = str(first.published.build.folder.root)
    [loaded] = load_dataset(root, cache_dir=str(tmp_path)).values()
    assert loaded[0]["audio_info"]["quality"]["peak_dbfs"] == pytest.approx(-6.1, abs=0.1)
    before = {path.name: path.read_bytes() for path in first.published.build.folder.index.iterdir()}
    check(open_for, hf_id, rows, "rms_dbfs > -30", lambda row: row % 3 != 2)
    check(open_for, hf_id, rows, "peak_dbfs < -10 and row >= 4", lambda row: row % 3 and row >= 4)
    check(open_for, hf_id, rows, "text in ('row 1', 'row 59')", lambda row: row in (1, 59))
    again = sync(open_for(hf_id, MEASURING))
    after = {path.name: path.read_bytes() for path in again.published.build.folder.index.iterdir()}
    assert (again.new_rows, after) == (0, before)
    assert again.published.manifest.has_same_rows(first.published.manifest)


def test_a_row_left_out_is_explained_and_the_tree_is_verified(hub: LoopbackHub, open_for: OpenFor):
    publish(hub, "keep/why", 6)
    build = open_for("keep/why", MEASURING, keep="rms_dbfs > -30")
    sync(build)
    origin = explain(build.places, str(build.folder.json / "2.json"), {}, build.folder.root)
    assert "keep: rms_dbfs > -30: left out" in str(origin)
    card = build.folder.root / "README.md"
    assert "Only rows that meet `rms_dbfs > -30` are here.\n" in card.read_text("utf-8")
    assert list(verify_dataset(build.places, build.name, deep=True)) == []
    sync(open_for("keep/why", MEASURING))
    assert "Only rows" not in card.read_text("utf-8")
    assert list(verify_dataset(build.places, build.name)) == []


def test_a_field_that_no_row_has_is_refused_when_planned(hub: LoopbackHub, open_for: OpenFor):
    publish(hub, "keep/unknown", 4)
    with pytest.raises(RequestInvalid, match="did you mean snr"):
        open_for("keep/unknown", MEASURING, keep="snt > 3")


@pytest.mark.parametrize(
    ("keep", "what", "fix"),
    [
        ("text > 3", "keep compares text with 3, and text is a text", 'quotes: "3"'),
        ("row < '3'", "keep compares row with '3', and row is a number", "without quotes"),
        ("not (duration = true)", "duration with true, and duration is a number", "a number"),
        ("copied = 'no'", "copied with 'no', and copied is true or false", "true or false"),
        ("source_format in ('wav', 1)", "with 1, and source_format is a text", '"1"'),
        ("row > 1 or pcm > 0", "pcm is a text", '"0"'),
        ("label = 'no'", "label is a number", "label.name = 'no'"),
        ("day > 2020", "day is a text", '"2020"'),
        ("price > '1'", "price is a number", "without quotes"),
        ("tags = 'a'", "tags is a list", "name a field that is"),
        ("about = 'a'", "about is a struct of fields", "such as about.age"),
        ("about.age = 'a'", "about.age is a number", "without quotes"),
        ("about.cost = 1.5", "about.cost is a text", '"1.5"'),
    ],
)
def test_a_value_of_another_type_than_the_field_is_refused_when_planned(
    hub: LoopbackHub, open_for: OpenFor, keep: str, what: str, fix: str
):
    names = Features({"label": ClassLabel(names=["yes", "no"])}).arrow_schema.metadata
    table = pa.table(
        {
            "audio": [{"bytes": CLIPS[0], "path": None}],
            "text": ["a"],
            "label": pa.array([0], pa.int64()),
            "day": [date(2020, 1, 1)],
            "price": [Decimal("1.25")],
            "tags": [["a"]],
            "about": [{"age": 3, "cost": Decimal("1.5")}],
        }
    ).replace_schema_metadata(names)
    hub.publish("keep/wrong", {"data/train-0.parquet": write_parquet(table)})
    with pytest.raises(RequestInvalid) as refused:
        open_for("keep/wrong", MEASURING, keep=keep)
    assert what in refused.value.what
    assert fix in refused.value.mend


def test_quality_that_is_not_measured_is_refused_when_planned(hub: LoopbackHub, open_for: OpenFor):
    publish(hub, "keep/unmeasured", 4)
    with pytest.raises(RequestInvalid, match="measure: true"):
        open_for("keep/unmeasured", keep="snr > 3")
    assert open_for("keep/unmeasured", keep="duration > 0").plan.rows == 4


def test_quality_of_a_copied_mp3_is_refused_and_nothing_is_published(
    hub: LoopbackHub, open_for: OpenFor
):
    audio = pa.array([{"bytes": write_bare_mp3(tone(8_000)), "path": None}])
    table = pa.table({"audio": audio, "text": ["a"]})
    hub.publish("keep/copied", {"data/train-0.parquet": write_parquet(table)})
    build = open_for("keep/copied", MEASURING, keep="snr > 3")
    with pytest.raises(RequestInvalid, match="measure: all"):
        sync(build)
    assert not build.folder.manifest.exists()
    measured = open_for(
        "keep/copied", replace(MEASURING, measure="all"), keep="snr > -20", measure="all"
    )
    assert sync(measured).published.manifest.rows.left_out == 0


def test_keep_that_leaves_no_row_is_refused(hub: LoopbackHub, open_for: OpenFor):
    publish(hub, "keep/none", 4)
    with pytest.raises(RequestInvalid, match="all 4 rows"):
        sync(open_for("keep/none", MEASURING, keep="duration > 100"))


@pytest.mark.parametrize(
    ("keep", "row"),
    [
        ("day >= '2021-01-01'", 1),
        ("at < '2021-01-01T00:00:00'", 0),
        ("price > 1.5", 1),
        ("price in (1.25)", 0),
        ("value > 1", 0),
        ("text = 'no'", 1),
        ("label.name = 'no'", 1),
        ("label.index = 0", 0),
        ("label in (1)", 1),
        ("who.label.name = 'maybe'", 1),
    ],
)
def test_dates_decimals_and_names_of_classes_can_be_compared(
    hub: LoopbackHub, open_for: OpenFor, keep: str, row: int
):
    label = ClassLabel(names=["yes", "no"])
    who = {"label": ClassLabel(names=["never", "maybe"])}
    names = Features({"label": label, "who": who}).arrow_schema.metadata
    table = pa.table(
        {
            "audio": [{"bytes": CLIPS[0], "path": None}] * 2,
            "label": pa.array([0, 1], pa.int64()),
            "who": [{"label": 0}, {"label": 1}],
            "day": [date(2020, 1, 1), date(2021, 1, 1)],
            "at": [datetime(2020, 1, 1), datetime(2021, 1, 1)],  # noqa: DTZ001  # no zone
            "price": [Decimal("1.25"), Decimal("2.50")],
            "value": [2.0, float("nan")],
        }
    ).replace_schema_metadata(names)
    hub.publish("keep/types", {"data/train-0.parquet": write_parquet(table)})
    build = open_for("keep/types", text_column="label", keep=keep)
    sync(build)
    assert kept_rows(build) == [row]
    [line] = left_out_file(build.folder).read_text().splitlines()
    assert json.loads(line, parse_constant=pytest.fail)["row"] == 1 - row
