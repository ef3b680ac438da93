"""Removing a dataset and bringing it back, with planted links and kills between the steps."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hugflow.audit import read_trail, this_user
from hugflow.errors import CannotWrite, DiskFull, HugflowError, Locked
from hugflow.ledger.progress import read_progress
from hugflow.notify.notices import read_notice
from hugflow.removal import remove
from hugflow.removal.ours import NotOurs
from hugflow.removal.remove import RemovalOrder, find_meant, plan_removal, remove_dataset
from hugflow.removal.undo import CannotBringBack, bring_back
from hugflow.removal.uses import DatasetInUse, Use, UsesUnknown, find_uses
from hugflow.requests.model import AddRequest, Identity, RemoveRequest
from hugflow.stages.build.build import Build, hold_dataset
from hugflow.stages.build.options import Options
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.sample import make_sample, open_sample
from hugflow.stages.standing.removal_records import (
    asking_digests,
    forget_removed,
    is_held_back,
    read_removed,
    write_removed,
)
from hugflow.stages.standing.status import read_status, read_statuses
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.store.trash import TrashEntry, delete_expired, latest_entry, read_entries
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.builds import OpenFor
from tests.trees import read_tree

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORDER = RemovalOrder(by="ada@host", at=NOW, reason="replaced", requests=("digest",))
STEPS = ["record", "link", "tree", "state", "end"]
UNDO_STEPS = ["record", "parts", "link", "forget", "end"]

Stored = Callable[..., Build]


@pytest.fixture
def stored(hub: LoopbackHub, open_for: OpenFor, request: pytest.FixtureRequest) -> Stored:
    """A complete dataset of four rows in two shards; its build."""

    def make(**fields: str) -> Build:
        hf_id = f"removal/{request.node.originalname[5:90].strip('_').replace('__', '_')}"
        publish_text(hub, hf_id, rows=4, shards=2)
        build = open_for(hf_id, **fields)
        sync_dataset(build)
        return build

    return make


def identity_of(build: Build) -> Identity:
    return build.request.identity


def everything_below(*roots: Path) -> dict[str, bytes | str]:
    """Every file's bytes and every link's target, by path."""
    found: dict[str, bytes | str] = {}
    for root in roots:
        for path in root.rglob("*"):
            if path.name.startswith("audit.") or path.parent.name == "notices":
                # The trail only grows, and what others are told follows what is done.
                continue
            if path.is_symlink():
                found[str(path)] = str(path.readlink())
            elif path.is_file() and ".lock" not in path.name:
                found[str(path)] = path.read_bytes()
    return found


def outside(tmp_path: Path) -> Path:
    """A folder that is none of ours, with a file in it."""
    folder = tmp_path / "outside"
    (folder / "audio").mkdir(parents=True)
    (folder / "audio" / "mine.mp3").write_bytes(b"mine")
    (folder / "mine.txt").write_text("mine")
    return folder


def test_link_tree_and_state_go_to_the_trash(stored: Stored, places: Places):
    build = stored()
    tree = read_tree(build.folder.root)
    entry = remove_dataset(places, identity_of(build), ORDER)
    assert entry is not None
    assert not places.link(build.name).is_symlink()
    assert not build.folder.root.exists()
    for folder in places.state_folders(build.name).values():
        assert not folder.exists()
    assert read_tree(places.trash / entry.id / "tree") == tree
    assert (entry.files, entry.phase) == (4 + 2 + 3, "gone")
    progress = read_progress(places.progress(build.name))
    assert progress is not None
    assert progress.status == "removed"


def test_a_removed_dataset_says_so_in_its_state_and_nothing_is_left_to_remove(
    stored: Stored, places: Places
):
    build = stored()
    remove_dataset(places, identity_of(build), ORDER)
    assert [status.state for status in read_statuses(places, {})] == ["removed"]
    assert plan_removal(places, identity_of(build)) is None
    assert remove_dataset(places, identity_of(build), ORDER) is None


def test_whoever_tells_others_finds_that_it_was_removed_and_by_which_request(
    stored: Stored, places: Places
):
    build = stored()
    remove_dataset(places, identity_of(build), replace(ORDER, removal="d1"))
    notice = read_notice(places, build.name)
    assert notice is not None
    assert (notice.state, notice.request, notice.at) == ("removed", "d1", NOW)
    bring_back(places, build.name)
    assert read_notice(places, build.name) is None


def test_an_undo_brings_back_every_byte_and_the_link(stored: Stored, places: Places):
    build = stored()
    before = everything_below(places.storage_root, places.processed_root, places.state_dir)
    remove_dataset(places, identity_of(build), ORDER)
    assert bring_back(places, build.name) is not None
    after = everything_below(places.storage_root, places.processed_root, places.state_dir)
    assert after == before
    assert read_status(places, build.name).state == "completed"
    assert read_entries(places) == []


def test_after_an_undo_nothing_is_made_or_fetched_again(
    stored: Stored, places: Places, hub: LoopbackHub, open_for: OpenFor
):
    build = stored()
    remove_dataset(places, identity_of(build), ORDER)
    bring_back(places, build.name)
    hub.clear_requests()
    assert sync_dataset(open_for(build.request.hf_id)).was_complete
    assert hub.requests == ()


def test_an_unfinished_dataset_is_removed_and_comes_back_unfinished(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_text(hub, "removal/unfinished", rows=4, shards=2)
    build = open_for("removal/unfinished")
    list(make_shards(build, build.plan.shards[:1]))
    before = read_tree(build.folder.root)
    removal = plan_removal(places, identity_of(build))
    assert removal is not None
    assert (removal.size.rows, removal.link) == (2, None)
    remove_dataset(places, identity_of(build), ORDER)
    assert not build.folder.root.exists()
    bring_back(places, build.name)
    assert read_tree(build.folder.root) == before
    assert not places.link(build.name).is_symlink()
    assert sync_dataset(open_for("removal/unfinished")).new_rows == 2


def test_a_dataset_that_was_only_planned_is_removed_with_its_plan(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_text(hub, "removal/planned", rows=2, shards=1)
    build = open_for("removal/planned")
    assert remove_dataset(places, identity_of(build), ORDER) is not None
    assert read_status(places, build.name).state == "removed"
    bring_back(places, build.name)
    assert read_status(places, build.name).state == "planned"


def test_a_dataset_that_is_not_there_is_nothing_to_remove(places: Places):
    assert plan_removal(places, Identity("acme/none", None, "train", "main")) is None


def test_without_its_state_a_complete_tree_is_removed_by_its_manifest(
    stored: Stored, places: Places
):
    build = stored()
    shutil.rmtree(places.state_dir)
    assert remove_dataset(places, identity_of(build), ORDER) is not None
    assert not build.folder.root.exists()


def test_a_tree_that_is_being_made_to_take_its_place_goes_and_comes_with_it(
    stored: Stored, places: Places, open_for: OpenFor
):
    build = stored()
    newer = open_for(build.request.hf_id, mp3_source="reencode")
    list(make_shards(newer, newer.plan.shards[:1]))
    before = everything_below(places.storage_root)
    remove_dataset(places, identity_of(build), ORDER)
    assert not places.next_trees(build.name).exists()
    bring_back(places, build.name)
    assert everything_below(places.storage_root) == before


def test_samples_go_to_the_trash_with_their_dataset_and_come_back_with_it(
    stored: Stored, places: Places
):
    build = stored()
    make_sample(open_sample(build.request, places, build.hub, build.options, rows=3))
    others = places.samples("another__dataset__split_train__rev_main")
    others.mkdir()
    before = everything_below(places.storage_root, places.state_dir)
    removal = plan_removal(places, identity_of(build))
    assert removal is not None
    assert removal.size.files == sum(p.is_file() for p in places.storage_root.rglob("*"))
    entry = remove_dataset(places, identity_of(build), ORDER)
    assert entry is not None
    assert entry.bytes == removal.size.all_bytes
    assert list(places.samples(build.name).parent.iterdir()) == [others]
    assert bring_back(places, build.name) is not None
    assert everything_below(places.storage_root, places.state_dir) == before


def test_where_only_samples_are_left_they_are_removed(stored: Stored, places: Places):
    build = stored()
    remove_dataset(places, identity_of(build), ORDER)
    left = places.sample(build.name, 3).root
    left.mkdir(parents=True)
    assert plan_removal(places, identity_of(build)) is not None
    assert (
        remove_dataset(places, identity_of(build), replace(ORDER, at=NOW + timedelta(hours=1)))
        is not None
    )
    assert not left.exists()
    assert plan_removal(places, identity_of(build)) is None


def test_samples_behind_a_link_are_refused(stored: Stored, places: Places, tmp_path: Path):
    build = stored()
    places.samples(build.name).parent.symlink_to(outside(tmp_path))
    with pytest.raises(NotOurs, match="samples"):
        remove_dataset(places, identity_of(build), ORDER)
    assert build.folder.manifest.is_file()


@pytest.mark.parametrize("what", ["dataset", "shard"])
def test_while_somebody_is_at_work_nothing_is_removed_or_brought_back(
    stored: Stored, places: Places, what: str
):
    build = stored()
    before = everything_below(places.storage_root, places.processed_root)
    shard = build.plan.shards[1]
    with (
        hold_dataset(places, build.name, Options(short_wait_s=0))
        if what == "dataset"
        else build.hold_shard(shard),
        pytest.raises(Locked),
    ):
        remove_dataset(places, identity_of(build), ORDER)
    assert everything_below(places.storage_root, places.processed_root) == before
    remove_dataset(places, identity_of(build), ORDER)
    with hold_dataset(places, build.name, Options(short_wait_s=0)), pytest.raises(Locked):
        bring_back(places, build.name)
    assert latest_entry(places, build.name) is not None


def test_a_link_that_leads_into_the_tree_keeps_it_and_is_named(stored: Stored, places: Places):
    build = stored()
    alias = places.processed_root / "team" / "best"
    alias.parent.mkdir()
    alias.symlink_to(places.link(build.name) / "json")
    before = everything_below(places.storage_root, places.processed_root)
    with pytest.raises(DatasetInUse, match="team/best"):
        remove_dataset(places, identity_of(build), ORDER)
    assert everything_below(places.storage_root, places.processed_root) == before
    alias.unlink()
    assert remove_dataset(places, identity_of(build), ORDER) is not None


def test_what_else_uses_datasets_keeps_them_by_a_function_of_its_own(
    stored: Stored, places: Places, monkeypatch: pytest.MonkeyPatch
):
    from hugflow.removal import uses

    build = stored()
    user = uses.Use("the flow `denoise` reads it", "stop the flow")
    monkeypatch.setattr(uses, "FINDERS", (*uses.FINDERS, lambda places, name: [user]))
    with pytest.raises(DatasetInUse, match="denoise"):
        remove_dataset(places, identity_of(build), ORDER)


def test_a_real_folder_in_place_of_the_link_is_left_as_it_is(stored: Stored, places: Places):
    build = stored()
    link = places.link(build.name)
    link.unlink()
    link.mkdir()
    (link / "mine.txt").write_text("mine")
    removal = plan_removal(places, identity_of(build))
    assert removal is not None
    assert (removal.link, removal.other_link) == (None, link)
    remove_dataset(places, identity_of(build), ORDER)
    assert (link / "mine.txt").read_text() == "mine"


def test_a_link_that_leads_elsewhere_is_left_as_it_is(
    stored: Stored, places: Places, tmp_path: Path
):
    build = stored()
    mine = outside(tmp_path)
    link = places.link(build.name)
    link.unlink()
    link.symlink_to(mine)
    remove_dataset(places, identity_of(build), ORDER)
    assert link.readlink() == mine
    assert everything_below(mine)


def test_a_link_where_the_tree_should_be_is_refused_and_nothing_outside_is_touched(
    stored: Stored, places: Places, tmp_path: Path
):
    build = stored()
    elsewhere = tmp_path / "elsewhere"
    build.folder.root.rename(elsewhere)
    build.folder.root.symlink_to(elsewhere)
    before = everything_below(tmp_path)
    with pytest.raises(NotOurs, match="a link or a file"):
        remove_dataset(places, identity_of(build), ORDER)
    assert everything_below(tmp_path) == before


def test_links_inside_a_tree_go_and_what_they_lead_to_stays(
    stored: Stored, places: Places, tmp_path: Path
):
    build = stored()
    mine = outside(tmp_path)
    (build.folder.root / "audio").symlink_to(mine / "audio")
    (build.folder.json / "more").symlink_to(mine)
    before = everything_below(mine)
    remove_dataset(places, identity_of(build), replace(ORDER, at=NOW - timedelta(days=9)))
    from hugflow.store.trash import delete_expired

    assert [entry.name for entry in delete_expired(places, NOW)] == [build.name]
    assert list(places.trash.iterdir()) == []
    assert everything_below(mine) == before


@pytest.mark.parametrize("folder", ["trash", ".trash", ".next"])
def test_a_link_in_place_of_a_folder_of_ours_is_refused(
    stored: Stored, places: Places, tmp_path: Path, folder: str
):
    build = stored()
    mine = outside(tmp_path)
    root = places.state_dir if folder == "trash" else places.storage_root
    (root / folder).symlink_to(mine)
    before = everything_below(places.storage_root, places.processed_root, mine)
    with pytest.raises(HugflowError, match="is a link"):
        remove_dataset(places, identity_of(build), ORDER)
    assert everything_below(places.storage_root, places.processed_root, mine) == before


@pytest.mark.parametrize(
    "manifest",
    [None, "{", "[]", '{"version": 1, "dataset": "another"}', '{"version": 1}', "link"],
)
def test_a_folder_that_nothing_proves_to_be_ours_is_refused(
    places: Places, tmp_path: Path, manifest: str | None
):
    identity = Identity("acme/foreign", None, "train", "main")
    folder = places.dataset(identity.name)
    folder.root.mkdir(parents=True)
    (folder.root / "thesis.txt").write_text("years of work")
    if manifest == "link":
        (tmp_path / "manifest.json").write_text(json.dumps(manifest_of(identity)))
        folder.manifest.symlink_to(tmp_path / "manifest.json")
    elif manifest is not None:
        folder.manifest.write_text(manifest)
    with pytest.raises(NotOurs, match=identity.name):
        remove_dataset(places, identity, ORDER)
    assert (folder.root / "thesis.txt").read_text() == "years of work"
    assert not places.trash.exists()


def manifest_of(identity: Identity) -> dict[str, object]:
    fields = ("hf_id", "subset", "split", "revision")
    request = {field: getattr(identity, field) for field in fields}
    return {"version": 1, "dataset": identity.name, "request": request}


@pytest.mark.parametrize("text", ["{", '{"version": 1}', '{"version": 9}'])
def test_a_damaged_manifest_leaves_the_ledger_to_prove_a_tree_ours(
    stored: Stored, places: Places, text: str
):
    build = stored()
    build.folder.manifest.write_text(text)
    assert remove_dataset(places, identity_of(build), ORDER) is not None
    bring_back(places, build.name)
    assert build.folder.manifest.read_text() == text


def test_another_datasets_tree_under_this_name_is_refused(stored: Stored, places: Places):
    build = stored()
    other = Identity("acme/other", None, "train", "main")
    build.folder.root.rename(places.dataset(other.name).root)
    with pytest.raises(NotOurs, match="names another dataset"):
        remove_dataset(places, other, ORDER)
    assert places.dataset(other.name).manifest.is_file()


def test_an_unfinished_tree_without_a_ledger_is_refused(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_text(hub, "removal/ledgerless", rows=2, shards=1)
    build = open_for("removal/ledgerless")
    list(make_shards(build, build.plan.shards, ("raw", "audio", "metadata")))
    shutil.rmtree(places.state_folders(build.name)["ledger"])
    with pytest.raises(NotOurs, match="no plan and ledger"):
        remove_dataset(places, identity_of(build), ORDER)
    assert build.folder.root.is_dir()


def test_a_folder_that_was_made_and_got_no_file_is_removed(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_text(hub, "removal/bare", rows=2, shards=1)
    build = open_for("removal/bare")
    build.folder.json.mkdir(parents=True)
    assert remove_dataset(places, identity_of(build), ORDER) is not None
    assert not build.folder.root.exists()


def test_a_storage_root_that_is_away_removes_nothing(stored: Stored, places: Places):
    build = stored()
    places.storage_root.rename(places.storage_root.with_name("unmounted"))
    with pytest.raises(CannotWrite, match="STORAGE_ROOT"):
        remove_dataset(places, identity_of(build), ORDER)
    assert places.link(build.name).is_symlink()
    assert places.plans(build.name).is_dir()


def test_a_processed_root_that_is_away_removes_nothing(stored: Stored, places: Places):
    build = stored()
    places.processed_root.rename(places.processed_root.with_name("unmounted"))
    with pytest.raises(CannotWrite, match="PROCESSED_ROOT"):
        remove_dataset(places, identity_of(build), ORDER)
    assert build.folder.manifest.is_file()


def test_on_another_disk_the_tree_is_renamed_into_a_trash_of_its_own(
    stored: Stored, places: Places, monkeypatch: pytest.MonkeyPatch
):
    build = stored()
    before = everything_below(places.storage_root, places.processed_root, places.state_dir)
    rename = Path.rename

    def between_disks(self: Path, target: Path) -> Path:
        roots = [
            p
            for p in (places.storage_root, places.state_dir)
            for q in (self, target)
            if q.is_relative_to(p)
        ]
        if len(set(roots)) > 1:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", between_disks)
    entry = remove_dataset(places, identity_of(build), ORDER)
    assert entry is not None
    tree = places.storage_trash / entry.id / "tree"
    assert (tree / "manifest.json").is_file()
    told = json.loads((places.trash / entry.id / "entry.json").read_text())
    assert str(tree.parent) in told["places"]
    assert [status.name for status in read_statuses(places, {})] == [build.name]
    bring_back(places, build.name)
    after = everything_below(places.storage_root, places.processed_root, places.state_dir)
    assert after == before
    assert list(places.storage_trash.iterdir()) == []


@pytest.mark.parametrize("refused", ["tree", "plans", "raw"])
def test_what_the_disk_refuses_half_way_is_brought_back(
    stored: Stored, places: Places, monkeypatch: pytest.MonkeyPatch, refused: str
):
    build = stored()
    before = everything_below(places.storage_root, places.processed_root, places.state_dir)
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if target.name == refused:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        with pytest.raises(CannotWrite):
            remove_dataset(places, identity_of(build), ORDER)
    after = everything_below(places.storage_root, places.processed_root, places.state_dir)
    assert after == before
    assert read_status(places, build.name).state == "completed"


KILL = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from hugflow.requests.model import Identity
from hugflow.notify.notices import read_notice
from hugflow.removal.remove import RemovalOrder, remove_dataset
from hugflow.removal.undo import bring_back
from hugflow.store.layout import Places

places = Places(*map(Path, sys.argv[1:4]))
verb, hf_id, last = sys.argv[4:]
identity = Identity(hf_id, None, "train", "main")

def die(step):
    if step == last:
        os.kill(os.getpid(), signal.SIGKILL)

if verb == "remove":
    remove_dataset(places, identity, RemovalOrder("ada", datetime.now(UTC)), on_step=die)
else:
    bring_back(places, identity.name, on_step=die)
"""


def kill_at(places: Places, verb: str, hf_id: str, step: str) -> None:
    """Let a process of its own remove or bring back, and kill it once a step is done."""
    roots = map(str, (places.storage_root, places.processed_root, places.state_dir))
    killed = subprocess.run([sys.executable, "-c", KILL, *roots, verb, hf_id, step], check=False)
    assert killed.returncode == -9


@pytest.mark.parametrize("step", STEPS)
def test_a_removal_killed_at_any_step_is_finished_by_the_next(
    stored: Stored, places: Places, step: str
):
    build = stored()
    kill_at(places, "remove", build.request.hf_id, step)
    link = places.link(build.name)
    assert not link.is_symlink() or (link / "manifest.json").is_file(), "never half visible"
    [meant] = find_meant(places, RemoveRequest(hf_id=build.request.hf_id, reason="again")) or [
        identity_of(build)
    ]
    done = remove_dataset(places, meant, ORDER)
    assert (done is None) == (step == "end")
    assert not link.is_symlink()
    assert read_status(places, build.name).state == "removed"
    [entry] = read_entries(places)
    assert entry.phase == "gone"
    notice = read_notice(places, build.name)
    assert notice is not None
    assert notice.state == "removed", "whoever tells others hears of it"
    bring_back(places, build.name)
    assert read_status(places, build.name).state == "completed"


@pytest.mark.parametrize("step", STEPS)
def test_a_removal_killed_at_any_step_can_be_undone(stored: Stored, places: Places, step: str):
    build = stored()
    before = everything_below(places.storage_root, places.processed_root, places.state_dir)
    kill_at(places, "remove", build.request.hf_id, step)
    assert bring_back(places, build.name) is not None
    after = everything_below(places.storage_root, places.processed_root, places.state_dir)
    assert after == before


@pytest.mark.parametrize("step", UNDO_STEPS)
def test_an_undo_killed_at_any_step_is_finished_by_the_next(
    stored: Stored, places: Places, step: str
):
    build = stored()
    before = everything_below(places.storage_root, places.processed_root, places.state_dir)
    remove_dataset(places, identity_of(build), ORDER)
    kill_at(places, "undo", build.request.hf_id, step)
    bring_back(places, build.name)
    after = everything_below(places.storage_root, places.processed_root, places.state_dir)
    assert after == before


def test_a_removal_killed_long_ago_and_taken_up_again_lies_in_the_trash_from_now_on(
    stored: Stored, places: Places
):
    class Killed(BaseException):
        pass

    def die(step: str) -> None:
        raise Killed

    build = stored()
    long_ago = replace(ORDER, at=NOW - timedelta(days=30))
    with pytest.raises(Killed):
        remove_dataset(places, identity_of(build), long_ago, on_step=die)
    entry = remove_dataset(places, identity_of(build), ORDER)
    assert entry is not None
    assert entry.expires_at > NOW


def test_what_was_removed_made_again_and_removed_again_comes_back_as_it_was_last(
    stored: Stored, places: Places, open_for: OpenFor
):
    build = stored()
    remove_dataset(places, identity_of(build), ORDER)
    sync_dataset(open_for(build.request.hf_id))
    forget_removed(places, build.name)
    (build.folder.root / "second.txt").write_text("the second")
    remove_dataset(places, identity_of(build), replace(ORDER, at=NOW + timedelta(hours=1)))
    assert len(read_entries(places)) == 2
    bring_back(places, build.name)
    assert (build.folder.root / "second.txt").is_file()


def test_an_undo_never_replaces_what_was_made_since(
    stored: Stored, places: Places, open_for: OpenFor
):
    build = stored()
    remove_dataset(places, identity_of(build), ORDER)
    sync_dataset(open_for(build.request.hf_id))
    before = everything_below(places.storage_root, places.processed_root, places.trash)
    with pytest.raises(CannotBringBack, match="is in its place"):
        bring_back(places, build.name)
    assert everything_below(places.storage_root, places.processed_root, places.trash) == before


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_an_undo_never_replaces_what_stands_where_the_link_was(
    stored: Stored, places: Places, tmp_path: Path, kind: str
):
    build = stored()
    remove_dataset(places, identity_of(build), ORDER)
    link = places.link(build.name)
    if kind == "folder":
        link.mkdir()
    else:
        link.symlink_to(outside(tmp_path))
    with pytest.raises(HugflowError, match=build.name):
        bring_back(places, build.name)
    assert link.is_dir()
    assert not build.folder.root.exists()


def test_an_undo_without_its_tree_brings_back_nothing_by_halves(stored: Stored, places: Places):
    build = stored()
    entry = remove_dataset(places, identity_of(build), ORDER)
    assert entry is not None
    shutil.rmtree(places.trash / entry.id / "tree")
    with pytest.raises(CannotBringBack, match="its tree is neither"):
        bring_back(places, build.name)
    assert not places.plans(build.name).exists()


@pytest.mark.parametrize("name", ["..", ".", "", "/", "../outside", "a/b", ".trash", "nobody"])
def test_an_undo_of_a_name_that_is_none_touches_nothing(
    stored: Stored, places: Places, name: str, tmp_path: Path
):
    build = stored()
    remove_dataset(places, identity_of(build), ORDER)
    before = everything_below(tmp_path)
    assert bring_back(places, name) is None
    assert everything_below(tmp_path) == before


def test_an_entry_that_was_tampered_with_leads_nowhere_else(
    stored: Stored, places: Places, tmp_path: Path
):
    build = stored()
    entry = remove_dataset(places, identity_of(build), ORDER)
    assert entry is not None
    path = places.trash / entry.id / "entry.json"
    value = json.loads(path.read_text())
    for changes in ({"name": "../outside"}, {"id": "../../outside"}):
        path.write_text(json.dumps(value | changes))
        assert read_entries(places) == []
        assert bring_back(places, "../outside") is None


def removal(hf_id: str, **fields: str) -> RemoveRequest:
    return RemoveRequest(hf_id=hf_id, reason="no longer needed", **fields)


def test_a_removal_with_only_an_id_means_the_one_dataset_that_is_stored(
    stored: Stored, places: Places, open_for: OpenFor, hub: LoopbackHub
):
    build = stored()
    hf_id = build.request.hf_id
    assert find_meant(places, removal(hf_id)) == (identity_of(build),)
    assert find_meant(places, removal(hf_id, split="test")) == ()
    assert find_meant(places, removal("acme/other")) == ()


def test_a_removal_that_may_mean_several_stored_datasets_names_them_all(places: Places):
    identities = [Identity("acme/two", None, split, "main") for split in ("test", "train")]
    for identity in identities:
        folder = places.dataset(identity.name)
        folder.root.mkdir(parents=True)
        folder.manifest.write_text(json.dumps(manifest_of(identity)))
    assert find_meant(places, removal("acme/two")) == tuple(identities)
    assert find_meant(places, removal("acme/two", split="test")) == (identities[0],)


def test_a_removed_dataset_is_held_back_until_its_request_changes(stored: Stored, places: Places):
    build = stored()
    request = build.request
    assert not is_held_back(places, request)
    order = replace(ORDER, requests=(request.digest,))
    remove_dataset(places, identity_of(build), order)
    assert is_held_back(places, request)
    assert not is_held_back(places, AddRequest(hf_id=request.hf_id, description="other words"))
    removed = read_removed(places, build.name)
    assert removed is not None
    assert (removed.by, removed.reason, removed.removed_at) == ("ada@host", "replaced", NOW)
    forget_removed(places, build.name)
    assert not is_held_back(places, request)


def test_a_record_that_cannot_be_read_is_an_error_and_no_answer(places: Places):
    request = AddRequest(hf_id="acme/speech", description="words")
    path = places.removed(request.name)
    path.parent.mkdir(parents=True)
    for text in ("", "{}", "[]", '{"version": 2}', "\0"):
        path.write_text(text)
        with pytest.raises(HugflowError, match="cannot be read"):
            is_held_back(places, request)


def test_a_record_of_another_dataset_is_not_believed(stored: Stored, places: Places):
    build = stored()
    remove_dataset(places, identity_of(build), ORDER)
    record = read_removed(places, build.name)
    assert record is not None
    other = Identity("acme/other", None, "train", "main")
    places.removed(build.name).rename(places.removed(other.name))
    with pytest.raises(HugflowError, match="another dataset"):
        read_removed(places, other.name)
    write_removed(places, record)
    assert read_removed(places, build.name) == record


def test_digests_are_those_of_every_file_that_asks_for_the_dataset(places: Places):
    one = b"hf_id: acme/speech\ndescription: one\n"
    files = {
        "requests/add/a.yaml": one,
        "requests/add/b.yaml": one.replace(b"one", b"two"),
        "requests/add/bad.yaml": b"hf_id: [",
        "requests/add/other.yaml": b"hf_id: acme/other\ndescription: three\n",
        "requests/remove/r.yaml": b"hf_id: acme/speech\nreason: four\n",
    }
    requests = [AddRequest(hf_id="acme/speech", description=words) for words in ("one", "two")]
    asking = asking_digests(places, requests[0].identity, files)
    assert asking == {request.digest for request in requests}


def test_removing_and_bringing_back_stand_in_the_audit_trail(places: Places, stored: Stored):
    build = stored()
    order = RemovalOrder("ada@host", datetime.now(UTC), reason="replaced with v12")
    remove_dataset(places, identity_of(build), order)
    bring_back(places, build.name)
    deeds = [entry.deed for entry in read_trail(places)]
    assert [deed.what for deed in deeds] == ["planned", "published", "removed", "brought back"]
    planned, published, removed, back = deeds
    assert published.commit == build.plan.commit
    assert published.plan == planned.plan == build.plan.id
    assert published.result["rows"] == build.count_rows()
    assert (removed.who, removed.result["reason"]) == ("ada@host", "replaced with v12")
    assert back.who == this_user()


def test_what_cannot_be_recorded_is_not_removed(places: Places, stored: Stored):
    build = stored()
    places.audit.unlink()
    places.audit.mkdir()
    with pytest.raises(CannotWrite):
        remove_dataset(places, identity_of(build), RemovalOrder("ada@host", datetime.now(UTC)))
    assert places.link(build.name).is_symlink()
    assert build.folder.manifest.is_file()


def test_where_nobody_can_see_what_uses_it_that_is_an_error_of_ours(
    places: Places, monkeypatch: pytest.MonkeyPatch
):
    def deny(places: Places, name: str) -> Iterator[Use]:
        raise PermissionError(13, "Permission denied", "/somebody/else")

    monkeypatch.setattr("hugflow.removal.uses.FINDERS", (deny,))
    with pytest.raises(UsesUnknown, match="it is unknown what uses it"):
        find_uses(places, "a")


def test_a_removal_that_cannot_be_recorded_takes_nothing_and_says_so_in_the_trail(
    stored: Stored, places: Places, monkeypatch: pytest.MonkeyPatch
):
    build = stored()
    real = remove.write_entry

    def fill_up(places: Places, entry: TrashEntry) -> None:
        if entry.phase == "going":
            raise DiskFull("full", why="w", mend="m")
        real(places, entry)

    monkeypatch.setattr(remove, "write_entry", fill_up)
    with pytest.raises(DiskFull):
        remove_dataset(places, identity_of(build), ORDER)
    assert places.link(build.name).is_symlink()
    assert read_status(places, build.name).state == "completed"
    assert [entry.deed.what for entry in read_trail(places)][-2:] == ["removed", "brought back"]


def test_a_dataset_whose_name_ends_like_a_deletion_stays_in_the_trash(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_text(hub, "removal/ending", branch="x.deleting")
    build = open_for("removal/ending", revision="x.deleting")
    sync_dataset(build)
    before = read_tree(build.folder.root)
    assert build.name.endswith(".deleting")
    remove_dataset(places, identity_of(build), ORDER)
    delete_expired(places, NOW)
    assert bring_back(places, build.name) is not None
    assert read_tree(build.folder.root) == before
