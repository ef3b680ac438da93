"""A STORAGE_ROOT under another name: the paths in the JSON files follow."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hugflow.clients.hub import Hub
from hugflow.requests.model import AddRequest
from hugflow.stages.build.options import Options
from hugflow.stages.sample import make_sample, open_sample
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor, open_in, raw_fetches
from tests.trees import read_rows_json


@pytest.mark.parametrize("name", ["data", "a/much/longer/name", "dätasets"])
def test_paths_are_written_again_and_nothing_is_fetched_or_encoded(
    name: str, hub: LoopbackHub, open_for: OpenFor, places: Places
):
    hf_id = f"renamed/speech-{len(name)}"
    publish_speech(hub, hf_id, rows=7, shards=2, seconds=0.2)
    build = open_for(hf_id)
    sync_dataset(build)
    moved = replace(places, storage_root=places.storage_root.parent / name)
    moved.storage_root.parent.mkdir(parents=True, exist_ok=True)
    places.storage_root.rename(moved.storage_root)
    assert "json_differs" in [each.code for each in verify_dataset(moved, build.name)]

    folder = moved.dataset(build.name)
    clips = {path: path.stat().st_mtime_ns for path in folder.audio.iterdir()}
    hub.clear_requests()
    sync_dataset(open_in(moved)(hf_id))
    assert raw_fetches(hub) == 0
    assert {path: path.stat().st_mtime_ns for path in folder.audio.iterdir()} == clips
    assert list(verify_dataset(moved, build.name, deep=True)) == []
    root = f"{moved.storage_root.name}/{build.name}/audio/"
    assert all(row["audio"].startswith(root) for row in read_rows_json(folder).values())
    assert sync_dataset(open_in(moved)(hf_id)).was_complete


def test_what_a_killed_call_left_is_written_by_the_next(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "renamed/killed", rows=6, shards=1, seconds=0.2)
    build = open_for("renamed/killed")
    sync_dataset(build)
    old = (build.folder.json / "5.json").read_text("utf-8")
    moved = replace(places, storage_root=places.storage_root.parent / "other_name")
    places.storage_root.rename(moved.storage_root)
    sync_dataset(open_in(moved)("renamed/killed"))
    folder = moved.dataset(build.name)
    # The last row is written last, and its journal line after it.
    (folder.json / "5.json").write_text(old, "utf-8")
    sync_dataset(open_in(moved)("renamed/killed"))
    assert list(verify_dataset(moved, build.name, deep=True)) == []


def test_absolute_paths_and_descriptions_in_exports_follow(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "renamed/exports", rows=2, shards=1, seconds=0.2)
    exports = ["f5_tts", "croissant"]
    build = open_for("renamed/exports", exports=exports)
    sync_dataset(build)
    old = (build.folder.root / "f5_tts.csv").read_text("utf-8")
    assert f"\n{build.folder.audio}/" in old
    # The last part of STORAGE_ROOT stays, so the JSON files stay, too.
    root = places.storage_root.parent / "deeper" / places.storage_root.name
    moved = replace(places, storage_root=root)
    root.parent.mkdir()
    places.storage_root.rename(root)
    stale = [each for each in verify_dataset(moved, build.name) if each.code == "export_changed"]
    assert [Path(each.path).name for each in stale] == ["f5_tts.csv"]

    opened = open_in(moved)
    sync_dataset(opened("renamed/exports", exports=exports, description="Another"))
    folder = moved.dataset(build.name)
    now = (folder.root / "f5_tts.csv").read_text("utf-8")
    assert now == old.replace(str(build.folder.audio), str(folder.audio))
    told = json.loads((folder.root / "croissant.json").read_text("utf-8"))
    assert told["description"] == "Another"
    assert list(verify_dataset(moved, build.name)) == []


def test_samples_follow_too(hub: LoopbackHub, places: Places):
    publish_speech(hub, "renamed/sample", rows=6, shards=2, seconds=0.2)
    request = AddRequest(hf_id="renamed/sample", description="A test")
    options = replace(Options(), workers=2)
    sample = open_sample(request, places, Hub(), options, rows=4)
    make_sample(sample)
    assert list(verify_dataset(places, sample.name)) == []
    moved = replace(places, storage_root=places.storage_root.parent / "otherwise")
    places.storage_root.rename(moved.storage_root)
    [stale] = verify_dataset(moved, sample.name)
    assert (stale.code, "--limit 4" in stale.message) == ("json_differs", True)
    hub.clear_requests()
    again = open_sample(request, moved, Hub(), options, rows=4)
    assert make_sample(again).new_rows == 0
    assert raw_fetches(hub) == 0
    assert list(verify_dataset(moved, sample.name)) == []
    paths = {row: value["audio"] for row, value in read_rows_json(again.folder).items()}
    root = f"otherwise/samples/{sample.name}/first_4/audio/"
    assert len(paths) == 4
    assert all(path.startswith(root) for path in paths.values())
