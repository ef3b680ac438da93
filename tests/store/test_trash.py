"""The trash, without any dataset in it that was really made."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hugflow.store.layout import Places
from hugflow.store.locks import hold
from hugflow.store.trash import (
    DELETING_SUFFIX,
    TIME_TO_LIVE,
    Phase,
    TrashEntry,
    delete_expired,
    entry_id,
    latest_entry,
    move_out,
    move_state_in,
    move_tree_in,
    parts_in_both,
    parts_in_trash,
    read_entries,
    stands,
    write_entry,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAME = "acme__speech__split_train__rev_main"


def entry_of(at: datetime = NOW, name: str = NAME, phase: Phase = "gone") -> TrashEntry:
    return TrashEntry(entry_id(name, at), name, phase, at, "ada@host", None, 1, 4, True, True)


def make_tree(places: Places, name: str = NAME) -> Path:
    tree = places.dataset(name).root
    (tree / "json").mkdir(parents=True)
    (tree / "json" / "0.json").write_text("tree")
    for part, folder in places.state_folders(name).items():
        folder.mkdir(parents=True)
        (folder / "file").write_text(part)
    return tree


def throw(places: Places, at: datetime = NOW, name: str = NAME) -> TrashEntry:
    make_tree(places, name)
    entry = entry_of(at, name)
    write_entry(places, entry)
    move_tree_in(places, entry)
    move_state_in(places, entry)
    return entry


def test_an_entry_survives_its_file(places: Places):
    entry = entry_of()
    write_entry(places, entry)
    assert read_entries(places) == [entry]
    assert entry.expires_at == NOW + timedelta(days=7)


def test_what_goes_in_comes_out_as_it_was(places: Places):
    entry = throw(places)
    assert not places.dataset(NAME).root.exists()
    assert len(parts_in_trash(places, entry)) == 4
    move_out(places, entry)
    assert (places.dataset(NAME).json / "0.json").read_text() == "tree"
    for part, folder in places.state_folders(NAME).items():
        assert (folder / "file").read_text() == part
    assert parts_in_trash(places, entry) == []


def test_moving_twice_changes_nothing(places: Places):
    entry = throw(places)
    move_tree_in(places, entry)
    move_state_in(places, entry)
    assert len(parts_in_trash(places, entry)) == 4


def test_what_stands_anew_at_a_place_is_told_and_never_moved_over_what_lies_here(places: Places):
    entry = throw(places)
    tree = make_tree(places)
    (tree / "second").touch()
    assert tree in parts_in_both(places, entry)
    move_tree_in(places, entry)
    assert (tree / "second").is_file()


def test_the_latest_of_a_name_is_the_last_that_went(places: Places):
    throw(places, NOW - timedelta(hours=1))
    later = throw(places, NOW)
    throw(places, NOW + timedelta(hours=1), name="another")
    assert latest_entry(places, NAME) == later
    assert latest_entry(places, "nobody") is None


def test_what_has_lain_long_enough_is_deleted_and_nothing_else(places: Places):
    old = throw(places, NOW - TIME_TO_LIVE)
    young = throw(places, NOW - TIME_TO_LIVE + timedelta(seconds=1))
    assert delete_expired(places, NOW) == [old]
    assert read_entries(places) == [young]
    assert [path.name for path in places.trash.iterdir()] == [young.id]


def test_deleting_follows_no_link_out_of_the_trash(places: Places, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine")
    entry = throw(places, NOW - TIME_TO_LIVE)
    (places.trash / entry.id / "tree" / "link").symlink_to(outside)
    (places.trash / "20200101T000000000000Z-planted").symlink_to(outside)
    (places.trash / f"20200101T000000000000Z-two{DELETING_SUFFIX}").symlink_to(outside)
    delete_expired(places, NOW)
    assert (outside / "mine").read_text() == "mine"


def test_what_a_killed_call_left_half_deleted_is_finished_by_the_next(places: Places):
    entry = entry_of(NOW - TIME_TO_LIVE)
    for folder in (places.trash, places.storage_trash):
        half = folder / f"{entry.id}{DELETING_SUFFIX}"
        half.mkdir(parents=True)
        (half / "left").touch()
    assert delete_expired(places, NOW) == []
    assert list(places.trash.iterdir()) == list(places.storage_trash.iterdir()) == []


def test_folders_that_are_no_entries_are_left_alone(places: Places):
    names = ["notes", f"notes{DELETING_SUFFIX}", "20200101T000000000000Z-no entry"]
    for name in names:
        (places.trash / name).mkdir(parents=True)
    places.storage_root.mkdir()
    assert delete_expired(places, NOW) == []
    assert sorted(path.name for path in places.trash.iterdir()) == sorted(names)


def test_what_is_being_brought_back_is_never_deleted(places: Places):
    places.storage_root.mkdir()
    write_entry(places, entry_of(NOW - timedelta(days=99), phase="returning"))
    assert delete_expired(places, NOW) == []


def test_while_somebody_holds_the_dataset_its_trash_stays(places: Places):
    entry = throw(places, NOW - TIME_TO_LIVE)
    with hold(places.dataset_lock(NAME), "the dataset"):
        assert delete_expired(places, NOW) == []
    assert delete_expired(places, NOW) == [entry]


def test_while_storage_is_away_nothing_is_deleted(places: Places):
    entry = throw(places, NOW - TIME_TO_LIVE)
    places.storage_root.rename(places.storage_root.with_name("unmounted"))
    assert delete_expired(places, NOW) == []
    assert read_entries(places) == [entry]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"version": 2}', "\0", '{"version": 1, "phase": "gone"}']
)
def test_an_entry_that_cannot_be_read_is_passed_over_and_never_deleted(places: Places, text: str):
    entry = throw(places, NOW - TIME_TO_LIVE)
    path = places.trash / entry.id / "entry.json"
    path.write_text(text)
    assert read_entries(places) == []
    assert delete_expired(places, NOW) == []
    assert (places.trash / entry.id / "tree").is_dir()


def test_an_entry_speaks_only_for_the_folder_it_lies_in(places: Places):
    entry = throw(places, NOW - TIME_TO_LIVE)
    path = places.trash / entry.id / "entry.json"
    for changes in ({"name": "other"}, {"id": entry_id("other", NOW)}, {"removed_at": 3}):
        value = json.loads(path.read_text()) | changes
        path.write_text(json.dumps(value))
        assert read_entries(places) == []


def test_a_link_that_leads_nowhere_stands_and_what_is_not_there_does_not(tmp_path: Path):
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "file").touch()
    assert stands(tmp_path / "link")
    assert not stands(tmp_path / "none")
    assert not stands(tmp_path / "file" / "below")
