"""A layout is added by one module and one line of the list: everything else follows from it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hugflow.errors import RequestInvalid, StateUnreadable
from hugflow.ledger.progress import read_progress
from hugflow.provenance.why import explain
from hugflow.shards import read
from hugflow.shards.counts import counted
from hugflow.shards.layouts.registry import LAYOUTS, find_layout
from hugflow.shards.plans import read_current_plan
from hugflow.stages.build.build import Build
from hugflow.stages.making.make_shards import ShardDone, ShardFailed, make_shards
from hugflow.stages.planning.estimate import compare, estimate
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.planning.preview import preview_sync
from hugflow.stages.publishing.publish import publish
from hugflow.stages.sample import make_sample, open_sample
from hugflow.stages.standing.status import read_status
from hugflow.stages.sync import ShardsFailed, sync_dataset
from hugflow.stages.telling.tracker import Tracker
from hugflow.stages.tree.manifest import MANIFEST
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.projects import Project
from tests.shards.layouts.worlds import KEYS, ROWS, list_toy, publish_lines
from tests.trees import read_rows_json, read_tree

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
Opened = Callable[[], Build]


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy is in the list."""
    list_toy(monkeypatch)


@pytest.fixture
def opened(hub: LoopbackHub, open_for: OpenFor, request: pytest.FixtureRequest) -> Opened:
    """Opens a dataset of two shards, the first of two files; nothing is made."""

    def open_it() -> Build:
        name = f"lines/{request.node.originalname[5:80].strip('_')}"
        publish_lines(hub, name)
        return open_for(name, audio_column="audio")

    return open_it


def codes(build: Build) -> list[str]:
    return [each.code for each in verify_dataset(build.places, build.name, deep=True)]


def test_a_plan_holds_the_files_of_each_shard_and_says_how_rows_are_numbered(opened: Opened):
    plan = opened().plan
    assert [(len(shard.files), shard.rows, shard.layout) for shard in plan.shards] == [
        (2, None, "text_lines"),
        (1, None, "text_lines"),
    ]
    assert (plan.rows, plan.numbering, plan.stem_suffixes) == (None, "by_shard", {})


def test_every_row_is_made_and_has_its_number_for_a_stem(opened: Opened):
    build = opened()
    synced = sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert tuple(sorted(rows)) == ROWS
    assert [rows[row]["text"] for row in ROWS] == [f"row {n}" for n in range(7)]
    assert {path.stem for path in build.folder.audio.iterdir()} == {str(row) for row in ROWS}
    manifest = MANIFEST.require(build.folder.manifest)
    assert (manifest.numbering, manifest.rows.by_shard) == ("by_shard", (5, 2))
    assert (manifest.source.files, manifest.source.shards) == (3, 2)
    assert (synced.new_rows, codes(build)) == (7, [])


def test_a_finished_dataset_is_complete_and_fetches_nothing(opened: Opened, hub: LoopbackHub):
    sync_dataset(opened())
    hub.clear_requests()
    again = sync_dataset(opened())
    storage = [request for request in hub.requests if request.port == "storage"]
    assert (again.was_complete, again.new_rows, storage) == (True, 0, [])


def test_what_shows_rows_says_that_they_are_not_known_until_all_are_fetched(
    opened: Opened, places: Places
):
    build = opened()
    assert read_status(places, build.name).total_rows is None
    estimated = estimate(build)
    assert (estimated.hours, estimated.json_bytes, estimated.files) == (None, None, None)
    assert estimated.peak_bytes > 0
    tracker = Tracker(build)
    list(make_shards(build, build.shards[:1], on_rows=tracker.add))
    assert (tracker.rows, tracker.total_rows, read_status(places, build.name).rows) == (5, None, 5)
    tracker.write("incomplete")
    seen = read_progress(places.progress(build.name))
    assert seen is not None
    assert (seen.ranges, seen.total_rows) == (((0, 4),), None)
    foreseen = preview_sync(build.request, places, build.hub, build.options)
    assert (foreseen.missing_rows, foreseen.fetch_files, foreseen.done.rows) == (None, 1, 5)
    synced = sync_dataset(build, tracker)
    status = read_status(places, build.name)
    assert (status.rows, status.total_rows, status.shards, status.shards_done) == (7, 7, 2, 2)
    told = {
        each.what: each.planned for each in compare(build, estimated, synced.published.manifest)
    }
    assert told["rows"] is None


def test_a_killed_run_goes_on_where_it_stopped(opened: Opened, hub: LoopbackHub):
    build = opened()
    events = make_shards(build, build.shards)
    next(events)
    events.close()
    stands = build.folder.json / "0.json"
    before = stands.stat().st_ino
    shutil.rmtree(build.state.raw, ignore_errors=True)
    synced = sync_dataset(opened())
    assert (synced.new_rows, stands.stat().st_ino) == (2, before)
    assert codes(build) == []


@pytest.mark.parametrize("stage", ["raw", "metadata"])
def test_a_marker_that_is_lost_costs_no_row(opened: Opened, stage: str):
    build = opened()
    sync_dataset(build)
    for key in KEYS:
        build.state.marker(key, stage).unlink()
    synced = sync_dataset(opened())
    assert (synced.new_rows, codes(build)) == (0, [])


def test_a_tree_is_taken_up_and_verified_without_its_state(opened: Opened, places: Places):
    build = opened()
    sync_dataset(build)
    before = read_tree(build.folder.root)
    shutil.rmtree(places.state_dir)
    assert codes(build) == []
    (build.folder.json / "1000001.json").unlink()
    assert codes(build) == ["json_missing"]
    synced = sync_dataset(opened())
    assert (synced.new_rows, read_tree(build.folder.root)) == (1, before)


def test_why_knows_the_shard_and_the_number_in_it(opened: Opened, places: Places):
    build = opened()
    sync_dataset(build)
    found = explain(places, str(build.folder.audio / "1000001.mp3"), {}, places.storage_root)
    assert (found.row, found.shard, found.published_row) == (1_000_001, KEYS[1], 1)
    assert (found.published_file, found.first_row, found.rows) == ("data/2.txt", 1_000_000, 2)
    first = explain(places, str(build.folder.json / "3.json"), {}, places.storage_root)
    assert (first.published_file, first.rows) == ("data/0.txt and 1 more", 5)
    with pytest.raises(Exception, match="has no row 5"):
        explain(places, f"{build.name}#5", {}, places.storage_root)


def test_a_shard_that_stayed_the_same_is_taken_over_at_another_commit(
    opened: Opened, hub: LoopbackHub, places: Places
):
    build = opened()
    sync_dataset(build)
    hf_id = build.request.hf_id
    hub.publish(hf_id, {"data/2.txt": b"clips/6.wav|row 6\n"})
    moved = open_build(build.request, places, build.hub, build.options, update=True)
    synced = sync_dataset(moved)
    assert (synced.new_rows, sorted(read_rows_json(build.folder))) == (1, [0, 1, 2, 3, 4, 10**6])
    assert codes(build) == []


def test_a_sample_is_of_the_first_shard(opened: Opened):
    build = opened()
    sample = open_sample(build.request, build.places, build.hub, build.options, rows=3)
    made = make_sample(sample).manifest
    assert (made.rows.planned, sorted(read_rows_json(sample.folder))) == (3, [0, 1, 2])


def test_a_shard_with_more_rows_than_can_be_numbered_is_refused_alone(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(read, "MOST_UNCOUNTED_ROWS", 4)
    build = opened()
    events = list(make_shards(build, build.shards))
    assert [type(event) for event in events] == [ShardFailed, ShardDone]
    assert "has at most 4" in events[0].error.why  # type: ignore[union-attr]
    with pytest.raises(ShardsFailed, match=KEYS[0]):
        sync_dataset(build)


def test_a_dataset_of_which_no_file_has_a_row_is_not_published(hub: LoopbackHub, open_for: OpenFor):
    publish_lines(hub, "lines/empty", (0, 0))
    build = open_for("lines/empty", audio_column="audio")
    with pytest.raises(RequestInvalid, match="has no rows"):
        sync_dataset(build)
    assert not build.places.link(build.name).exists()


def test_a_shard_without_rows_stands_among_the_others(hub: LoopbackHub, open_for: OpenFor):
    publish_lines(hub, "lines/hole", (0, 0, 1))
    build = open_for("lines/hole", audio_column="audio")
    sync_dataset(build)
    assert sorted(read_rows_json(build.folder)) == [1_000_000]
    assert codes(build) == []


def test_stages_can_be_made_one_by_one(opened: Opened):
    build = opened()
    for stage in ("raw", "audio", "metadata"):
        assert all(
            isinstance(event, ShardDone) for event in make_shards(build, build.shards, [stage])
        )
        assert [counted(build.state, shard).rows for shard in build.shards] == [5, 2]
    assert publish(build) is not None
    assert not list(build.state.raw.iterdir())


def test_a_plan_with_a_layout_that_is_not_known_is_refused_by_name(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, places: Places
):
    build = opened()
    monkeypatch.delitem(LAYOUTS, "text_lines")
    assert read_current_plan(places, build.name) == build.plan
    with pytest.raises(StateUnreadable, match="'text_lines'"):
        find_layout("text_lines")


def run_cli(project: Project, *arguments: object) -> str:
    """Run a command as a user does, in a hugflow that has the toy; gives its stdout."""
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from hugflow.cli.main import run\n"
        "from hugflow.shards.layouts.registry import LAYOUTS\n"
        "from tests.shards.layouts import text_lines\n"
        "LAYOUTS['text_lines'] = text_lines\n"
        f"sys.exit(run({[str(each) for each in arguments]!r}))"
    )
    done = project.run_python(program)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_copes_with_rows_that_are_not_known(project: Project, hub: LoopbackHub):
    publish_lines(hub, "lines/cli")
    name = "lines__cli__split_train__rev_main"
    request = project.request("lines/cli", "audio_column: audio")
    plan = run_cli(project, "plan", request)
    assert "not known before they are fetched, in 3 files" in plan
    [entry] = json.loads(run_cli(project, "plan", request, "--json"))["datasets"]
    assert (entry["rows"], entry["files"]) == (None, 3)
    assert "once all are fetched" in run_cli(project, "local-sync", request, "--dry-run")
    assert "0/?" in run_cli(project, "status")
    assert "7 rows, 7 of them new" in run_cli(project, "local-sync", request)
    assert "7/7" in run_cli(project, "status")
    run_cli(project, "verify", name, "--deep")
    found = run_cli(project, "why", f"datasets/{name}/audio/1000001.mp3")
    assert "data/2.txt" in found
    assert "1000001" in found
