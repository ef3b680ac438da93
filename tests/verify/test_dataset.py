"""Comparing a dataset with what is said of it: every kind of damage has its own name."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pyarrow.parquet as pq
import pytest

from hugflow.ledger.journal import RowMade, read_journal
from hugflow.stages.build.build import Build
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.standing.status import read_status
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_text
from hugflow.testing.speech import encode, speech_like
from hugflow.verify.dataset import verify_dataset
from hugflow.verify.differences import Code, Difference, mend_differences
from tests.builds import OpenFor
from tests.trees import read_tree

pytestmark = pytest.mark.slow

JUNK = b"this is no audio"

Made = Callable[..., Build]


@pytest.fixture
def made(hub: LoopbackHub, open_for: OpenFor, request: pytest.FixtureRequest) -> Made:
    """A complete dataset of eight clips in two shards, row 5 of which failed; its build."""

    def make(hf_id: str = "") -> Build:
        name = hf_id or f"verify/{request.node.originalname[5:80].strip('_')}"
        publish_speech(
            hub,
            name,
            rows=8,
            shards=2,
            seconds=0.2,
            broken_rows={5: JUNK},
            with_filenames=False,
        )
        build = open_for(name)
        sync_dataset(build)
        return build

    return make


def look(places: Places, build: Build, *, deep: bool = False) -> list[Difference]:
    return list(verify_dataset(places, build.name, deep=deep))


def told(places: Places, build: Build, *, deep: bool = False) -> list[tuple[int | None, str, str]]:
    """Row, name of the file, and code of every difference."""
    return [(d.row, Path(d.path).name, d.code) for d in look(places, build, deep=deep)]


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("keeps_state", [True, False])
def test_a_complete_dataset_has_no_difference_with_its_state_and_without(
    made: Made, places: Places, deep: bool, keeps_state: bool
):
    build = made()
    if not keeps_state:
        shutil.rmtree(places.state_dir)
    before = read_tree(build.folder.root)
    assert look(places, build, deep=deep) == []
    assert read_tree(build.folder.root) == before


def test_a_dataset_without_audio_has_no_difference(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_text(hub, "verify/text", rows=4, shards=2)
    build = open_for("verify/text")
    sync_dataset(build)
    assert look(places, build, deep=True) == []
    (build.folder.json / "2.json").write_text("[]")
    assert told(places, build, deep=True) == [
        (2, "2.json", "json_size"),
        (2, "2.json", "json_unreadable"),
    ]


@pytest.mark.parametrize("keeps_state", [True, False])
def test_files_that_are_gone_are_named_with_their_rows_in_row_order(
    made: Made, places: Places, keeps_state: bool
):
    build = made()
    for path in ("json/6.json", "audio/1.mp3", "json/1.json"):
        (build.folder.root / path).unlink()
    if not keeps_state:
        shutil.rmtree(places.state_dir)
    assert told(places, build) == [
        (1, "1.mp3", "mp3_missing"),
        (1, "1.json", "json_missing"),
        (6, "6.json", "json_missing"),
    ]


def test_a_file_of_another_size_is_named_by_the_ledger(made: Made, places: Places):
    build = made()
    mp3 = build.folder.audio / "2.mp3"
    mp3.write_bytes(mp3.read_bytes()[:-1])
    assert told(places, build) == [(2, "2.mp3", "mp3_size")]


def test_an_empty_file_is_named_without_a_ledger_too(made: Made, places: Places):
    build = made()
    shutil.rmtree(places.state_dir)
    (build.folder.json / "3.json").write_text("")
    assert told(places, build) == [(3, "3.json", "json_size")]


def test_without_a_ledger_another_size_shows_in_the_sum(made: Made, places: Places):
    build = made()
    shutil.rmtree(places.state_dir)
    with (build.folder.json / "3.json").open("a") as file:
        file.write("\n")
    [difference] = look(places, build)
    assert (difference.row, difference.code) == (None, "manifest_differs")
    assert "json.bytes" in difference.message


def test_only_deep_finds_a_damaged_file_of_the_right_size(made: Made, places: Places):
    build = made()
    mp3, row = build.folder.audio / "2.mp3", build.folder.json / "0.json"
    mp3.write_bytes(bytes(mp3.stat().st_size))
    row.write_bytes(b"x" * row.stat().st_size)
    assert look(places, build) == []
    assert told(places, build, deep=True) == [
        (0, "0.json", "json_unreadable"),
        (2, "2.mp3", "mp3_undecodable"),
    ]


def test_deep_decodes_to_the_last_sample_and_compares_rate_and_channels(made: Made, places: Places):
    build = made()
    shutil.rmtree(places.state_dir)
    clips = {
        "0.mp3": (encode(speech_like(0.37, 16_000), 16_000, "mp3"), {"num_samples"}),
        "1.mp3": (encode(speech_like(0.37, 8_000), 8_000, "mp3"), {"sampling_rate", "num_samples"}),
        "2.mp3": (encode(speech_like(0.2, 16_000), 16_000, "wav"), {"format"}),
    }
    for name, (data, _) in clips.items():
        (build.folder.audio / name).write_bytes(data)
    found = [d for d in look(places, build, deep=True) if d.code == "mp3_differs"]
    for name, (_, fields) in clips.items():
        messages = [d.message for d in found if Path(d.path).name == name]
        assert {message.split()[1] for message in messages} == fields


@pytest.mark.parametrize("field", ["path", "sampling_rate", "num_samples", "duration"])
def test_deep_holds_a_json_against_the_index(made: Made, places: Places, field: str):
    build = made()
    path = build.folder.json / "4.json"
    value = json.loads(path.read_text())
    value["audio_info"][field] = 1
    path.write_text(json.dumps(value))
    [difference] = [d for d in look(places, build, deep=True) if d.code == "json_differs"]
    assert difference.row == 4
    assert field in difference.message


def test_a_json_without_audio_info_or_with_no_json_number_is_named(made: Made, places: Places):
    build = made()
    (build.folder.json / "0.json").write_text('{"text": "t"}')
    (build.folder.json / "1.json").write_text('{"score": NaN}')
    found = [each for each in told(places, build, deep=True) if not each[2].endswith("size")]
    assert found == [(0, "0.json", "json_differs"), (1, "1.json", "json_unreadable")]


def test_an_index_that_changed_is_named_by_its_hash(made: Made, places: Places):
    build = made()
    index = build.folder.index_file("00001-of-00002")
    table = pq.read_table(index)
    pq.write_table(table, index)
    assert told(places, build) == [(None, index.name, "index_changed")]


def test_an_index_that_lost_or_doubled_rows_is_named_with_them(made: Made, places: Places):
    build = made()
    index = build.folder.index_file("00000-of-00002")
    table = pq.read_table(index)
    pq.write_table(table.take([0, 0, 2, 3]), index)
    found = told(places, build)
    assert (0, index.name, "index_differs") in found
    assert (1, index.name, "row_missing") in found


@pytest.mark.parametrize("damage", ["missing", "garbage", "folder", "no index"])
def test_an_index_that_cannot_be_read_is_one_difference_and_not_one_a_row(
    made: Made, places: Places, damage: str
):
    build = made()
    index = build.folder.index_file("00000-of-00002")
    table = pq.read_table(index)
    index.unlink()
    if damage == "garbage":
        index.write_bytes(b"PAR1 and nothing else")
    elif damage == "folder":
        index.mkdir()
    elif damage == "no index":
        pq.write_table(table.select(["text"]), index)
    found = told(places, build)
    assert all(row is None and name == index.name for row, name, _ in found)
    assert {code for _, _, code in found} & {"index_missing", "index_unreadable", "not_a_file"}


def test_a_line_that_failures_jsonl_lost_leaves_a_row_of_which_nobody_knows(
    made: Made, places: Places
):
    build = made()
    build.folder.failures.write_text("not JSON\n")
    found = told(places, build)
    assert (None, "failures.jsonl", "failures_unreadable") in found
    assert (5, "00001-of-00002.parquet", "row_missing") in found


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("rows", "made", 6), "rows.made"),
        (("rows", "failed", 0), "rows.failed"),
        (("audio", "bytes", 1), "audio.bytes"),
        (("audio", "files", 9), "audio.files"),
        (("audio", "copied", 1), "audio.copied"),
        (("audio", "seconds", 99.0), "audio.seconds"),
        (("json", "bytes", 1), "json.bytes"),
        (("commit", None, "0" * 40), "commit"),
        (("rows", "planned", 9), "rows.planned"),
    ],
)
def test_every_count_of_the_manifest_is_held_against_what_is_there(
    made: Made, places: Places, change: tuple[str, str | None, object], says: str
):
    build = made()
    manifest = json.loads(build.folder.manifest.read_text())
    part, field, value = change
    if field is None:
        manifest[part] = value
    else:
        manifest[part][field] = value
    build.folder.manifest.write_text(json.dumps(manifest))
    found = [d.message for d in look(places, build) if d.code == "manifest_differs"]
    assert any(message.startswith(says) for message in found)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 1}', '{"version": 1, "rows": 3}', '{"version": 9}']
)
def test_a_damaged_manifest_is_a_difference_and_the_ledger_still_tells(
    made: Made, places: Places, text: str
):
    build = made()
    build.folder.manifest.write_text(text)
    (build.folder.audio / "1.mp3").unlink()
    assert told(places, build) == [
        (None, "manifest.json", "manifest_unreadable"),
        (1, "1.mp3", "mp3_missing"),
    ]


def test_a_manifest_that_promises_more_rows_than_there_can_be_is_damaged(
    made: Made, places: Places
):
    build = made()
    manifest = json.loads(build.folder.manifest.read_text())
    manifest["rows"]["planned"] = 10**18
    build.folder.manifest.write_text(json.dumps(manifest))
    assert told(places, build) == [(None, "manifest.json", "manifest_unreadable")]


@pytest.mark.parametrize("part", ["plan", "rows", "audio", "json", "index", "request", "source"])
def test_a_manifest_that_lost_a_part_is_damaged_for_status_too(
    made: Made, places: Places, part: str
):
    build = made()
    manifest = json.loads(build.folder.manifest.read_text())
    for value in (None, "text", []):
        build.folder.manifest.write_text(json.dumps(manifest | {part: value}))
        assert (None, "manifest.json", "manifest_unreadable") in told(places, build)
        assert read_status(places, build.name).state == "incomplete"


def test_a_manifest_of_another_dataset_is_not_believed(made: Made, places: Places):
    build = made()
    manifest = json.loads(build.folder.manifest.read_text())
    build.folder.manifest.write_text(json.dumps(manifest | {"dataset": "another"}))
    [difference] = look(places, build)
    assert difference.code == "manifest_unreadable"
    assert "another" in difference.message


def test_a_manifest_that_is_gone_from_a_dataset_that_was_complete_is_a_difference(
    made: Made, places: Places
):
    build = made()
    build.folder.manifest.unlink()
    assert (None, "manifest.json", "manifest_missing") in told(places, build)


@pytest.mark.parametrize(
    ("damage", "code"),
    [("gone", "link_missing"), ("elsewhere", "link_differs"), ("folder", "link_not_a_link")],
)
def test_a_link_that_is_not_right_is_a_difference(
    made: Made, places: Places, tmp_path: Path, damage: str, code: str
):
    build = made()
    link = places.link(build.name)
    link.unlink()
    if damage == "elsewhere":
        link.symlink_to(tmp_path)
    elif damage == "folder":
        link.mkdir()
    assert told(places, build) == [(None, build.name, code)]


def test_temporary_files_and_files_that_nobody_knows_are_named(made: Made, places: Places):
    build = made()
    (build.folder.audio / ".9.mp3.tmp").write_bytes(b"")
    (build.folder.audio / "99.mp3").write_bytes(b"")
    (build.folder.json / "5.json").write_text("of the row that failed")
    (build.folder.index / "old.parquet").write_bytes(b"")
    (build.folder.root / "notes.txt").write_text("")
    found = {(name, code) for _, name, code in told(places, build)}
    assert found == {
        (".9.mp3.tmp", "temporary_file"),
        ("99.mp3", "unknown_file"),
        ("5.json", "unknown_file"),
        ("old.parquet", "unknown_file"),
        ("notes.txt", "unknown_file"),
    }


def test_while_somebody_is_at_work_their_temporary_files_are_theirs(made: Made, places: Places):
    build = made()
    (build.folder.audio / ".9.mp3.tmp").write_bytes(b"")
    with build.hold_shard(build.plan.shards[0]):
        assert look(places, build) == []


def test_a_folder_that_is_gone_or_is_a_link_is_one_difference_and_not_one_a_row(
    made: Made, places: Places, tmp_path: Path
):
    build = made()
    build.folder.audio.rename(tmp_path / "audio")
    assert told(places, build) == [(None, "audio", "folder_missing")]
    build.folder.audio.symlink_to(tmp_path / "audio")
    assert told(places, build) == [(None, "audio", "not_a_folder")]


def test_a_file_that_is_a_link_is_not_the_file(made: Made, places: Places, tmp_path: Path):
    build = made()
    mp3 = build.folder.audio / "0.mp3"
    mp3.rename(tmp_path / "0.mp3")
    mp3.symlink_to(tmp_path / "0.mp3")
    assert told(places, build) == [(0, "0.mp3", "not_a_file")]


def test_card_and_failures_that_are_gone_are_named(made: Made, places: Places):
    build = made()
    build.folder.card.unlink()
    assert told(places, build) == [(None, "README.md", "file_missing")]


def test_an_unfinished_dataset_has_no_difference_for_what_is_still_to_come(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "verify/unfinished", rows=6, shards=3, seconds=0.2, with_filenames=False)
    build = open_for("verify/unfinished")
    assert look(places, build) == []
    list(make_shards(build, build.plan.shards[:2]))
    (build.folder.audio / ".5.mp3.tmp").write_bytes(b"left by a kill")
    assert look(places, build, deep=True) == []
    (build.folder.audio / "1.mp3").unlink()
    build.folder.index_file("00001-of-00003").unlink()
    assert told(places, build) == [
        (1, "1.mp3", "mp3_missing"),
        (None, "00001-of-00003.parquet", "index_missing"),
    ]


def test_a_tree_that_is_gone_is_one_difference(made: Made, places: Places):
    build = made()
    shutil.rmtree(build.folder.root)
    assert (None, build.name, "tree_missing") in told(places, build)


def test_a_damaged_plan_is_named_and_the_rest_is_looked_at(made: Made, places: Places):
    build = made()
    (places.plans(build.name) / f"{build.plan.id}.json").write_text("{")
    (build.folder.audio / "1.mp3").unlink()
    assert told(places, build) == [
        (None, f"{build.plan.id}.json", "plan_unreadable"),
        (1, "1.mp3", "mp3_missing"),
    ]


def test_while_a_new_tree_is_made_the_one_that_stands_is_held_against_its_own_plan(
    made: Made, places: Places, open_for: OpenFor
):
    build = made()
    newer = open_for(build.request.hf_id, text_column="speaker")
    list(make_shards(newer, newer.plan.shards[:1]))
    assert look(places, build, deep=True) == []


def test_rows_are_looked_at_in_order_and_each_is_told_of(made: Made, places: Places):
    build = made()
    rows: list[int] = []
    for _ in verify_dataset(
        places, build.name, deep=True, on_rows=lambda looked: rows.extend(r.row for r in looked)
    ):
        pass
    assert rows == [0, 1, 2, 3, 4, 6, 7]


@pytest.mark.parametrize("path", ["audio/1.mp3", "json/6.json", "index/00000-of-00002.parquet"])
def test_deleting_what_is_damaged_and_syncing_mends_it(
    made: Made, places: Places, open_for: OpenFor, path: str
):
    build = made()
    tree = read_tree(build.folder.root)
    file = build.folder.root / path
    file.write_bytes(bytes(file.stat().st_size))
    found = look(places, build, deep=True)
    assert found
    assert "delete the damaged files" in mend_differences(found, "requests/add/a.yaml")[0]
    file.unlink()
    sync_dataset(open_for(build.request.hf_id))
    assert look(places, build, deep=True) == []
    assert read_tree(build.folder.root) == tree


def test_the_ledger_knows_the_size_of_every_file_that_is_compared(made: Made):
    build = made()
    journal = read_journal(build.state.journal("00000-of-00002"))
    assert all(isinstance(row, RowMade) and row.mp3_bytes for row in journal.values())


def test_a_sync_clears_temporary_files_away_and_leaves_files_that_nobody_knows(
    made: Made, places: Places, open_for: OpenFor
):
    build = made()
    for name in (".9.mp3.tmp", "99.mp3"):
        (build.folder.audio / name).touch()
    found = look(places, build)
    assert len(mend_differences(found, None)) == 2
    sync_dataset(open_for(build.request.hf_id))
    assert told(places, build) == [(None, "99.mp3", "unknown_file")]
    [step] = mend_differences(look(places, build), None)
    assert "unknown files are yours" in step


def test_every_code_is_explained_in_the_documentation_and_no_other():
    page = Path(__file__).parents[2].joinpath("docs", "removing.md").read_text("utf-8")
    rows = page.split("| code | meaning |")[1].split("To fix it")[0].splitlines()
    explained = [code for row in rows for code in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    assert sorted(explained) == sorted(get_args(Code))


def test_nothing_is_said_of_how_to_mend_what_is_well():
    assert mend_differences([], "requests/add/a.yaml") == []


def test_a_damaged_word_for_the_plan_in_force_is_a_difference(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(hub, "verify/pointer", rows=2, shards=1, seconds=0.2)
    build = open_for("verify/pointer")
    sync_dataset(build)
    (places.plans(build.name) / "current").write_text("garbage")
    assert [found.code for found in verify_dataset(places, build.name)] == ["plan_unreadable"]


def elsewhere(path: Path) -> None:
    """Let a link to the same thing stand in its place."""
    moved = path.parents[2] / f"moved-{path.name}"
    path.rename(moved)
    path.symlink_to(moved)


def double(path: Path) -> None:
    path.write_text(path.read_text() * 2)


def say(path: Path, *keys: str, value: object) -> None:
    """Put a value into a JSON file."""
    told = inner = json.loads(path.read_text())
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda b: b.folder.card.write_text(""), "file_differs"),
        (lambda b: b.folder.card.write_text(b.folder.card.read_text()[:-9]), "file_differs"),
        (lambda b: b.folder.card.write_bytes(b"\xff"), "file_differs"),
        (lambda b: elsewhere(b.folder.card), "not_a_file"),
        (lambda b: elsewhere(b.folder.failures), "not_a_file"),
        (lambda b: elsewhere(b.folder.manifest), "not_a_file"),
        (lambda b: elsewhere(b.folder.root), "not_a_folder"),
        (lambda b: elsewhere(b.folder.json), "not_a_folder"),
        (lambda b: double(b.folder.failures), "failures_unreadable"),
        (
            lambda b: b.folder.failures.write_text(
                b.folder.failures.read_text().replace("audio_", "video_")
            ),
            "file_differs",
        ),
        (lambda b: say(b.folder.manifest, "licence", value="mit"), "manifest_differs"),
        (lambda b: say(b.folder.manifest, "plan", value=b.plan.id[::-1]), "manifest_differs"),
        (lambda b: say(b.folder.manifest, "audio", "seconds", value=float("nan")), "manifest_"),
        (
            lambda b: b.state.marker("00000-of-00002", "audio").write_text("garbage"),
            "state_unreadable",
        ),
    ],
)
def test_whatever_else_is_damaged_is_named(
    made: Made, places: Places, damage: Callable[[Build], None], code: str
):
    build = made()
    damage(build)
    found = look(places, build)
    assert any(each.code.startswith(code) for each in found), found


def test_a_pipe_in_the_place_of_a_file_is_not_waited_at(made: Made, places: Places):
    build = made()
    for path in (build.folder.manifest, build.folder.card, build.folder.json / "1.json"):
        path.unlink()
        os.mkfifo(path)
    assert (None, "manifest.json", "not_a_file") in told(places, build, deep=True)
    build.folder.manifest.unlink()
    assert read_status(places, build.name) is not None
