"""What stands on disk decides what is done; the ledger only remembers."""

import shutil
from pathlib import Path

import pytest

from hugflow.ledger.journal import Journal, read_journal
from hugflow.stages.build.build import Build
from hugflow.stages.making import rows_on_disk
from hugflow.stages.making.rows_on_disk import ShardOnDisk, read_shard
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from tests.builds import OpenFor

pytestmark = pytest.mark.slow


@pytest.fixture
def build(hub: LoopbackHub, open_for: OpenFor) -> Build:
    """A finished dataset of six rows in two shards; row 4 could not be made."""
    publish_speech(
        hub,
        "disk/speech",
        rows=6,
        shards=2,
        seconds=0.1,
        with_filenames=False,
        broken_rows={4: b"x"},
    )
    build = open_for("disk/speech")
    sync_dataset(build)
    return build


def look(build: Build, shard: int = 0) -> ShardOnDisk:
    return read_shard(build, build.plan.shards[shard])


def forget(build: Build, rows: set[int], shard: int = 0) -> None:
    """Take the lines of some rows out of the journal."""
    path = build.state.journal(build.plan.shards[shard].name)
    kept = [outcome for row, outcome in read_journal(path).items() if row not in rows]
    path.unlink()
    with Journal(path) as journal:
        journal.append(kept)


def test_a_finished_shard_is_found_finished(build: Build):
    disk = look(build)
    assert sorted(disk.made) == [0, 1, 2]
    assert all(is_whole(disk, row) for row in disk.made)
    assert disk.found == ()
    assert sorted(look(build, 1).failed) == [4]


def test_a_look_that_a_slow_disk_holds_up_does_not_hold_up_the_others(build: Build):
    with rows_on_disk._turn:
        assert sorted(look(build).made) == [0, 1, 2]


def test_a_row_whose_line_was_lost_is_found_again_as_it_was(build: Build):
    before = read_journal(build.state.journal("00000-of-00002"))
    forget(build, {1})
    disk = look(build)
    assert disk.found == (before[1],)
    assert disk.made[1] == before[1]


def test_rows_without_a_line_are_not_believed_where_this_plan_never_began_the_shard(build: Build):
    build.state.journal("00000-of-00002").unlink()
    assert look(build).made == {}


@pytest.mark.parametrize("folder", ["audio", "json"])
def test_a_file_that_is_gone_is_not_made(build: Build, folder: str):
    suffix = {"audio": "mp3", "json": "json"}[folder]
    (build.folder.root / folder / f"1.{suffix}").unlink()
    disk = look(build)
    assert (disk.made[1].mp3_bytes is None) is (folder == "audio")
    assert (disk.made[1].json_bytes is None) is (folder == "json")


@pytest.mark.parametrize("path", ["audio/1.mp3", "json/1.json"])
def test_a_file_that_was_cut_short_or_grew_is_not_made(build: Build, path: str):
    file = build.folder.root / path
    whole = file.read_bytes()
    for content in (whole[:-1], b"", whole + b"x"):
        file.write_bytes(content)
        assert not is_whole(look(build), 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"5",
        b"{}",
        b'{"audio_info": null}',
        b'{"audio_info": {"path": 5}}',
        b'{"audio_info": {"path": "../../etc/passwd"}}',
        b'{"audio_info": {"path": "audio/../json/1.json"}}',
        b'{"audio_info": {"path": "audio/1.mp3"}}',
        b'{"audio_info": {"path": "audio/1.mp3", "sampling_rate": "x"}}',
        b"\xff",
        b"[" * 20_000,
    ],
)
def test_a_json_that_says_nothing_of_its_mp3_finds_no_row(build: Build, content: bytes):
    forget(build, {1})
    (build.folder.json / "1.json").write_bytes(content)
    assert sorted(look(build).made) == [0, 2]


def test_a_json_whose_mp3_is_gone_finds_no_row(build: Build):
    forget(build, {1})
    (build.folder.audio / "1.mp3").unlink()
    assert sorted(look(build).made) == [0, 2]


def test_a_row_of_text_is_found_again_too(hub: LoopbackHub, open_for: OpenFor):
    publish_text(hub, "disk/text", rows=4, shards=1)
    build = open_for("disk/text")
    sync_dataset(build)
    before = look(build).made
    forget(build, {2})
    assert look(build).made == before


def test_files_of_nobodys_are_no_rows(build: Build, tmp_path: Path):
    shutil.copy(build.folder.json / "0.json", build.folder.json / "99.json")
    assert sorted(look(build).made) == [0, 1, 2]


def is_whole(disk: ShardOnDisk, row: int) -> bool:
    """Whether both files of a row stand."""
    made = disk.made.get(row)
    return made is not None and None not in (made.mp3_bytes, made.json_bytes)
