"""How a dataset stands, told without reading more than it takes."""

from pathlib import Path

from hugflow.provenance.why import explain
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.standing.status import read_status, read_statuses
from hugflow.stages.standing.stored import list_names
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from tests.builds import OpenFor


def plan_path(places: Places, name: str, plan_id: str) -> Path:
    return places.plans(name) / f"{plan_id}.json"


def test_of_a_complete_dataset_the_plan_is_not_read(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_text(hub, "status/complete", rows=4, shards=2)
    build = open_for("status/complete")
    sync_dataset(build)
    before = read_status(places, build.name)
    assert (before.state, before.shards_done, before.shards) == ("completed", 2, 2)
    plan_path(places, build.name, build.plan.id).write_text("damaged")
    assert read_status(places, build.name) == before
    places.link(build.name).unlink()
    unlinked = read_status(places, build.name)
    assert (unlinked.state, unlinked.note) == ("incomplete", "not linked")


def test_while_another_tree_is_made_it_is_that_ones_state(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "status/other", rows=4, shards=2, seconds=0.2)
    old = open_for("status/other")
    sync_dataset(old)
    new = open_for("status/other", text_column="speaker")
    status = read_status(places, new.name)
    assert (status.state, status.rows, status.shards_done) == ("planned", 0, 0)
    list(make_shards(new, new.shards[:1]))
    status = read_status(places, new.name)
    assert (status.rows, status.shards_done, status.shards) == (2, 1, 2)
    assert status.link == str(places.link(new.name))
    # What the new plan is cannot be told: the tree that stands is.
    plan_path(places, new.name, new.plan.id).write_text("damaged")
    assert read_status(places, new.name).state == "completed"


def test_names_are_of_what_is_planned_stored_or_removed(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_text(hub, "status/names", rows=2, shards=1)
    build = open_for("status/names")
    for folder in (places.storage_root / ".next", places.storage_root / "samples" / "x"):
        folder.mkdir(parents=True)
    removed = places.removed("status__gone__split_train__rev_main")
    removed.parent.mkdir()
    removed.touch()
    names = sorted([build.name, removed.stem])
    assert list_names(places) == names
    assert [status.name for status in read_statuses(places, {})] == names
    asked = [status.name for status in read_statuses(places, {"a__b": "requests/add/b.yaml"})]
    assert asked == ["a__b", *names]


def test_why_reads_of_no_other_dataset(hub: LoopbackHub, open_for: OpenFor, places: Places):
    for hf_id in ("status/mine", "status/theirs"):
        publish_text(hub, hf_id, rows=2, shards=1)
    mine, theirs = open_for("status/mine"), open_for("status/theirs")
    sync_dataset(mine)
    # Whoever reads it fails.
    current = places.plans(theirs.name) / "current"
    current.unlink()
    current.mkdir()
    path = f"{mine.name}/json/1.json"
    assert explain(places, path, {}, Path("/nowhere")).row == 1
