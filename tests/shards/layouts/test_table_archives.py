"""Tables beside archives: rows are the members they name, streamed and never extracted."""

import gzip
import io
import logging
import tarfile
import zipfile
from typing import Any

import pytest

from hugflow.errors import RequestInvalid
from hugflow.shards.taken_lines import collect_taken, find_untaken, note_taken
from hugflow.stages.build.build import Build
from hugflow.stages.making.make_shards import ShardFailed, make_shards
from hugflow.stages.publishing.gate import judge_rows
from hugflow.stages.publishing.tree_files import read_markers
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor, raw_fetches
from tests.projects import Project
from tests.shards.layouts.published import CLIPS, COUNT, LAYOUTS, rows, to_csv
from tests.shards.layouts.tars import clip, make_tar, special
from tests.trees import read_failures, read_rows_json


def to_zip_of(members: list[tuple[str, bytes]]) -> bytes:
    """A zip of these members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


TABLE = {"train.csv": to_csv(rows("path"))}


def test_a_table_is_read_with_the_archives_of_its_own_split(hub: LoopbackHub, open_for: OpenFor):
    hub.publish("archives/splits", LAYOUTS["tsv-and-tar"])
    build = open_for("archives/splits", split="test")
    assert [shard.files[0].path for shard in build.plan.shards] == ["audio/en/test.tar"]
    [told] = [each for each in build.plan.warnings if "left out" in each]
    assert told == ("left out: 1 archive of other splits or subsets, such as 'audio/en/train.tar'")
    sync_dataset(build)
    assert [row["text"] for row in read_rows_json(build.folder).values()] == ["x"]


def test_rows_without_a_member_of_the_only_archive_fail_and_members_without_a_row_are_told(
    hub: LoopbackHub, open_for: OpenFor, caplog: pytest.LogCaptureFixture
):
    table = [{"path": "gone.wav", "text": "gone"}, *rows("path")]
    tar = make_tar([*CLIPS.items(), ("extra.wav", clip(50)), ("notes.txt", b"about")])
    hub.publish("archives/missing", {"train.csv": to_csv(table), "clips.tar": tar})
    build = open_for("archives/missing", max_bad_rows=1)
    with caplog.at_level(logging.WARNING):
        synced = sync_dataset(build)
    assert synced.published.manifest.rows.failed == 1
    assert sorted(read_rows_json(build.folder)) == list(range(COUNT))
    assert "1 members are in no row of the tables, such as 'extra.wav'" in caplog.text
    assert "1 members are no audio files, such as 'notes.txt'" in caplog.text


def test_rows_whose_clip_is_in_none_of_several_archives_are_counted_in_the_manifest(
    hub: LoopbackHub, open_for: OpenFor
):
    members = [[("a.wav", clip(1)), ("b.wav", clip(2))], [("c.wav", clip(3))]]
    tars = {f"clips/{n}.tar": make_tar(each) for n, each in enumerate(members)}
    table = [{"path": f"{name}.wav", "text": name} for name in "abcde"]
    hub.publish("archives/unmatched", {"train.csv": to_csv(table), **tars})
    build = open_for("archives/unmatched")
    assert build.plan.listed_rows == 5
    rows = sync_dataset(build).published.manifest.rows
    assert (rows.made, rows.failed, rows.unmatched) == (3, 0, 2)
    assert rows.unmatched_rows == ("row 4 of train.csv", "row 5 of train.csv")
    again = open_for("archives/unmatched")
    assert (again.plan.id, again.plan.listed_rows) == (build.plan.id, 5)
    markers = read_markers(again)
    assert markers is not None
    told = judge_rows(again, markers)
    assert told.facts["unmatched_rows"] == 2
    assert "2 more rows of the tables have no clip" in told.what
    assert "such as row 4 of train.csv, row 5 of train.csv" in told.what


def test_the_first_rows_without_a_clip_are_named_also_if_rows_fail_and_tables_are_several(
    hub: LoopbackHub, open_for: OpenFor
):
    tars = {
        "clips/train_0.tar": make_tar([("a.wav", clip(1)), ("b.wav", b"RIFF, and no sound")]),
        "clips/train_1.tar": make_tar([("y.wav", clip(3))]),
        "clips/train_2.tar": make_tar([("z.wav", clip(4))]),
    }
    tables = {
        f"train/{number}.csv": to_csv([{"path": f"{name}.wav", "text": name} for name in names])
        for number, names in enumerate(("abc", "xy"))
    }
    hub.publish("archives/named", {**tables, **tars})
    rows = sync_dataset(open_for("archives/named", max_bad_rows="50%")).published.manifest.rows
    assert (rows.made, rows.failed, rows.unmatched) == (2, 1, 2)
    assert rows.unmatched_rows == ("row 3 of train/0.csv", "row 1 of train/1.csv")


@pytest.mark.parametrize("count", [0, 3, 5])
def test_lines_that_fit_no_tables_name_no_rows(count: int):
    with collect_taken() as lines:
        note_taken(bytes([1, 0, 0, 0]))
    assert find_untaken(lines, 4, 2) == [1, 2]
    assert find_untaken(lines, count, 2) == []
    assert find_untaken([*lines, "no base64"], 4, 2) == []


def test_a_hostile_tar_writes_nothing_outside_and_follows_nothing(
    hub: LoopbackHub, open_for: OpenFor, caplog: pytest.LogCaptureFixture
):
    members = [
        *CLIPS.items(),
        (special("c0.wav", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (special("c9.wav", tarfile.LNKTYPE, "/etc/passwd"), b""),
        ("../../c1.wav", clip(1)),
        ("/c2.wav", clip(2)),
        ("other/c3.wav", clip(3)),
    ]
    hub.publish("archives/hostile", {**TABLE, "clips.tar": make_tar(members)})
    build = open_for("archives/hostile")
    with caplog.at_level(logging.WARNING):
        assert sync_dataset(build).new_rows == COUNT
    assert "2 members are no regular files but: link" in caplog.text
    assert "2 members have names that lead out" in caplog.text
    assert "'other/c3.wav'" in caplog.text
    assert not list(build.places.storage_root.parent.rglob("c1.wav"))


def test_a_damaged_and_an_exploding_archive_are_one_error_each(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.shards.layouts.archives._FREE_BYTES", 1 << 20)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("c0.wav", bytes(30 << 20))
    packed = gzip.compress(make_tar([("c0.wav", bytes(30 << 20))]))
    cases = {
        "bomb": ("a.zip", bomb.getvalue(), "times its size"),
        "packed-bomb": ("a.tar.gz", packed, "times its size"),
        "cut": ("a.tar.gz", make_tar(CLIPS.items(), "w:gz")[:-9_000], "cannot be unpacked"),
    }
    for name, (path, data, words) in cases.items():
        hub.publish(f"archives/{name}", {**TABLE, path: data})
        build = open_for(f"archives/{name}", audio_column="path")
        [failed] = make_shards(build, build.shards)
        assert isinstance(failed, ShardFailed), name
        assert words in failed.error.why, name


def test_an_archive_of_a_kind_that_is_not_read_is_named_beside_a_table_of_text(
    hub: LoopbackHub, open_for: OpenFor
):
    hub.publish("archives/xz", {**TABLE, "clips.tar.xz": b"x", "README.md": b""})
    told = "left out: 1 archive of a kind that is not read, such as 'clips.tar.xz'"
    assert told in open_for("archives/xz").plan.warnings


def test_a_table_that_names_no_member_is_refused_with_what_was_found(
    hub: LoopbackHub, open_for: OpenFor
):
    table = to_csv([{"key": "k1", "text": "a"}])
    hub.publish("archives/unnamed", {"train.csv": table, "a.tar": make_tar(CLIPS.items())})
    with pytest.raises(RequestInvalid, match=r"no column of 'train\.csv' names members") as refused:
        open_for("archives/unnamed")
    assert "c0.wav" in refused.value.why


def test_an_archive_that_was_begun_is_neither_fetched_nor_made_again(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.stages.making.make_rows.BATCH_ROWS", 2)
    monkeypatch.setattr("hugflow.stages.making.make_rows.BATCH_SECONDS", 600)
    hub.publish("archives/resume", LAYOUTS["tsv-and-tar-gz"])
    build = open_for("archives/resume")

    def stop(outcomes: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(make_shards(build, build.shards, on_rows=stop))
    made = len(read_rows_json(build.folder))
    hub.clear_requests()
    again = sync_dataset(open_for("archives/resume"))
    assert made > 0
    assert again.new_rows <= COUNT - 2
    assert raw_fetches(hub) == 0


@pytest.mark.slow
def test_commands_read_a_table_beside_an_archive(project: Project, hub: LoopbackHub):
    hub.publish("archives/cli", LAYOUTS["csv-and-zip"])
    request = project.request("archives/cli")
    assert "names members of 1 archive" in project.run("plan", request).stdout
    assert "5 rows, 5 of them new" in project.run("local-sync", request).stdout
    name = "archives__cli__split_train__rev_main"
    assert project.run("verify", name, "--deep").returncode == 0
    found = project.run("why", f"datasets/{name}/audio/3.mp3").stdout
    assert "set/wavs/c3.wav" in found
    assert "wavs.zip" in found


def test_clips_of_one_name_in_several_archives_go_to_the_rows_of_their_folders(
    hub: LoopbackHub, open_for: OpenFor
):
    table = [{"path": f"s{n}/1.wav", "text": f"speaker {n}"} for n in (1, 2)]
    tars = {f"s{n}.tar": make_tar([("1.wav", clip(n, seconds=n / 5))]) for n in (1, 2)}
    hub.publish("archives/speakers", {"train.csv": to_csv(table), **tars})
    build = open_for("archives/speakers")
    sync_dataset(build)
    made = [(row["text"], row["audio_info"]["duration"]) for row in rows_of(build)]
    assert made == [("speaker 1", 0.2), ("speaker 2", 0.4)]


@pytest.mark.parametrize("ending", ["tar", "zip"])
def test_a_row_that_means_clips_in_several_archives_is_refused_before_anything_is_fetched(
    hub: LoopbackHub, open_for: OpenFor, ending: str
):
    table = [{"path": "1.wav", "text": "whose?"}, {"path": "2.wav", "text": "clear"}]
    pack = make_tar if ending == "tar" else to_zip_of
    archives = {
        f"a.{ending}": pack([("1.wav", clip(1)), ("2.wav", clip(2))]),
        f"b.{ending}": pack([("1.wav", clip(3))]),
    }
    name = f"archives/ambiguous-{ending}"
    hub.publish(name, {"train.csv": to_csv(table), **archives})
    with pytest.raises(RequestInvalid) as refused:
        open_for(name)
    assert "'1.wav' in the column 'path' is the name of a clip in" in refused.value.why
    assert f"'a.{ending}' and of one in 'b.{ending}'" in refused.value.why
    assert raw_fetches(hub) <= 1  # the table


def test_a_clip_that_rows_of_several_folders_may_mean_is_given_to_none_and_told(
    hub: LoopbackHub, open_for: OpenFor, caplog: pytest.LogCaptureFixture
):
    table = [{"path": f"s{n}/1.wav", "text": f"speaker {n}"} for n in (1, 2)]
    table.append({"path": "s1/2.wav", "text": "clear"})
    tar = make_tar([("1.wav", clip(1)), ("2.wav", clip(2))])
    hub.publish("archives/unclear", {"train.csv": to_csv(table), "clips.tar": tar})
    build = open_for("archives/unclear", max_bad_rows=2)
    with caplog.at_level(logging.WARNING):
        sync_dataset(build)
    assert [row["text"] for row in rows_of(build)] == ["clear"]
    assert "may be those of rows in several folders, such as '1.wav'" in caplog.text


@pytest.mark.parametrize("ending", ["tar", "zip"])
def test_a_row_that_means_clips_in_several_folders_of_an_archive_fails_and_names_two(
    hub: LoopbackHub, open_for: OpenFor, ending: str
):
    table = [{"path": name, "text": name} for name in ("1.wav", "2.wav", "b/3.wav", "b/4", "5.wav")]
    members = [
        "2.wav",
        "a/1.wav",
        "a/2.wav",
        "a/3.wav",
        "b/1.wav",
        "b/3.wav",
        "b/4.flac",
        "b/4.wav",
    ]
    members += ["c/1.wav", "c/4.wav", "c/5.wav"]
    pack = make_tar if ending == "tar" else to_zip_of
    archive = pack([(name, clip(seed)) for seed, name in enumerate(members)])
    name = f"archives/folders-{ending}"
    hub.publish(name, {"train.csv": to_csv(table), f"clips.{ending}": archive})
    build = open_for(name, max_bad_rows=1)
    sync_dataset(build)
    made = {row["text"]: row["audio_info"]["source_path"] for row in rows_of(build)}
    assert made == {"2.wav": "2.wav", "b/3.wav": "b/3.wav", "b/4": "b/4.flac", "5.wav": "c/5.wav"}
    [failed] = read_failures(build.folder)
    assert failed["code"] == "path_unclear"
    assert "'1.wav' may mean 'a/1.wav' and 'b/1.wav'" in str(failed)


@pytest.mark.parametrize("ending", ["tar", "zip"])
def test_a_row_that_names_an_ending_means_no_clip_of_another_ending_that_comes_first(
    hub: LoopbackHub, open_for: OpenFor, ending: str
):
    words = ["1.wav", "a/2.wav", "set/a/3.wav", "4.wav", "b/5", "6.wav"]
    members = ["1.flac", "1.wav", "a/2.flac", "a/2.wav", "a/3.mp3", "a/3.wav", "4.flac"]
    # A folder of its own is no reason to take the first one.
    members += ["b/5.flac", "b/5.wav", "b/6.flac", "c/6.wav"]
    pack = make_tar if ending == "tar" else to_zip_of
    archive = pack([(name, clip(seed)) for seed, name in enumerate(members)])
    name = f"archives/endings-{ending}"
    table = [{"path": word, "text": word} for word in words]
    hub.publish(name, {"train.csv": to_csv(table), f"clips.{ending}": archive})
    build = open_for(name)
    sync_dataset(build)
    made = {row["text"]: row["audio_info"]["source_path"] for row in rows_of(build)}
    assert made == {
        "1.wav": "1.wav",
        "a/2.wav": "a/2.wav",
        "set/a/3.wav": "a/3.wav",
        "4.wav": "4.flac",
        "b/5": "b/5.flac",
        "6.wav": "c/6.wav",
    }


def test_clips_that_only_tables_of_other_splits_name_take_no_rows_of_other_archives(
    hub: LoopbackHub, open_for: OpenFor
):
    table = [{"path": f"set/s{n}/{n}.wav", "text": f"speaker {n}"} for n in (1, 2)]
    tars = {
        f"s{s}.tar": make_tar([(f"{n}.wav", clip(n, seconds=s / 5)) for n in (1, 2)])
        for s in (1, 2, 3)
    }
    hub.publish("archives/shared", {"train.csv": to_csv(table), **tars})
    build = open_for("archives/shared")
    sync_dataset(build)
    made = [(row["text"], row["audio_info"]["duration"]) for row in rows_of(build)]
    assert made == [("speaker 1", 0.2), ("speaker 2", 0.4)]


def rows_of(build: Build) -> list[dict[str, Any]]:
    return [row for _, row in sorted(read_rows_json(build.folder).items())]
