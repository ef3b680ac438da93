"""Completing a tree: the link, the files around the rows, what is swept."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hugflow.errors import (
    CannotWrite,
)
from hugflow.stages.publishing.publish import publish
from hugflow.stages.standing.status import read_status
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import (
    publish_speech,
)
from tests.builds import OpenFor, raw_fetches
from tests.trees import read_failures, read_rows_json, read_tree

JUNK = b"this is no audio"


def test_the_link_points_to_the_tree_and_the_manifest_counts_it(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "sync/manifest", rows=6, shards=2, seconds=0.2)
    build = open_for("sync/manifest")
    sync_dataset(build)
    assert places.link(build.name).readlink() == build.folder.root
    manifest = json.loads(build.folder.manifest.read_text())
    assert manifest["rows"] == {"planned": 6, "made": 6, "failed": 0}
    assert manifest["commit"] == build.plan.commit
    assert manifest["audio"]["bytes"] == sum(f.stat().st_size for f in build.folder.audio.iterdir())
    assert sorted(manifest["index"]) == [
        "index/00000-of-00002.parquet",
        "index/00001-of-00002.parquet",
    ]
    assert read_status(places, build.name).state == "completed"


def test_the_index_holds_the_same_rows_without_audio_bytes(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "sync/index", rows=5, shards=1, seconds=0.2)
    build = open_for("sync/index")
    sync_dataset(build)
    table = pq.read_table(build.folder.index_file("00000-of-00001"))
    rows = read_rows_json(build.folder)
    assert table.column_names == ["row", *build.plan.columns, "audio_info"]
    for line in table.to_pylist():
        row = rows[line["row"]]
        assert line["audio"] == {"bytes": None, "path": row["audio_info"]["path"]}
        assert line["audio_info"] == row["audio_info"]
        assert line["text"] == row["text"]


def test_publishing_sweeps_what_killed_runs_left_but_not_what_somebody_writes(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/swept", rows=4, shards=2, seconds=0.2)
    build = open_for("sync/swept")
    sync_dataset(build)
    left = build.folder.json / ".3.json.tmp"
    left.touch()
    with build.hold_shard(build.plan.shards[1]):
        publish(build)
        assert left.exists()
    publish(build)
    assert not left.exists()


def test_a_place_for_links_that_cannot_be_had_is_known_before_the_work(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "sync/no-link", rows=2, shards=1, seconds=0.2)
    places.processed_root.write_text("a file")
    with pytest.raises(CannotWrite, match="PROCESSED_ROOT"):
        sync_dataset(open_for("sync/no-link"))
    assert raw_fetches(hub) == 0


def test_a_damaged_failures_file_costs_no_row_that_stands(
    hub: LoopbackHub, open_for: OpenFor, places: Places, tmp_path: Path
):
    publish_speech(hub, "sync/damaged", rows=6, shards=2, seconds=0.2, broken_rows={4: JUNK})
    build = open_for("sync/damaged")
    sync_dataset(build)
    places.state_dir.rename(tmp_path / "lost")
    text = build.folder.failures.read_bytes()
    build.folder.failures.write_bytes(text.replace(b'"row": 4', b'"row": 3') + b"\xff\xfe\n")
    sync_dataset(open_for("sync/damaged"))
    assert sorted(read_rows_json(build.folder)) == [0, 1, 2, 3, 5]
    assert [line["row"] for line in read_failures(build.folder)] == [4]


def test_a_manifest_that_says_nothing_of_its_rows_is_written_anew(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/hollow", rows=2, shards=1, seconds=0.2)
    build = open_for("sync/hollow")
    sync_dataset(build)
    tree = read_tree(build.folder.root)
    manifest = json.loads(build.folder.manifest.read_text())
    build.folder.manifest.write_text(json.dumps({k: manifest[k] for k in ("version", "plan")}))
    sync_dataset(open_for("sync/hollow"))
    assert read_tree(build.folder.root) == tree
