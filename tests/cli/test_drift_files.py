"""`hugflow drift` on the disk: what differs is named once, and `--fix` makes exactly that again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hugflow.audio.info_tag import are_frames_as_tagged
from hugflow.clients.hub import TAIL_BYTES
from hugflow.shards.plans import read_current_id
from hugflow.stages.tree.manifest import read_manifest
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import Project
from tests.runners import name_of
from tests.trees import read_tree

ROW_BYTES = 2 * 16_000 * 2


def drift(project: Project, *options: str) -> tuple[int, dict[str, Any]]:
    done = project.run("drift", *options, "--json")
    [entry] = json.loads(done.stdout)["datasets"]
    return done.returncode, entry


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def test_a_flipped_byte_a_missing_file_a_wrong_link_and_an_orphan_are_four_findings_then_none(
    project: Project, hub: LoopbackHub
):
    # Rows of 64 kB, each a row group of its own.
    long = {"seconds": 2.0, "container": "wav", "row_group_rows": 1}
    publish_speech(hub, "drift/disk", rows=8, shards=2, **long)  # type: ignore[arg-type]
    request = project.request("drift/disk")
    assert project.run("local-sync", request).returncode == 0
    assert drift(project) == (0, drift(project)[1])
    name = name_of("drift/disk")
    folder, link = project.dataset(name), project.places.link(name)
    whole = read_tree(folder.root)
    clips = sorted(folder.audio.iterdir())
    flip_a_byte(clips[1])
    clips[6].unlink()
    link.unlink()
    link.symlink_to(project.root / "elsewhere")
    (folder.json / "notes.txt").write_text("mine")
    code, entry = drift(project)
    kinds = sorted(finding["kind"] for finding in entry["findings"])
    assert (code, kinds) == (3, ["file changed", "file missing", "link wrong", "orphan"])
    told = project.run("drift", name)
    assert f"link wrong: {link}" in told.stdout, told
    hub.clear_requests()
    code, entry = drift(project, "--fix")
    assert (code, entry["rows_made"], entry["findings"]) == (0, 2, [])
    # What is told is the state after it, with what was fixed.
    assert entry["state"] == "completed"
    assert sorted(finding["kind"] for finding in entry["fixed"]) == kinds
    deeds = json.loads(project.run("audit", "--dataset", name, "--json").stdout)["entries"]
    done = {deed["what"]: deed["result"] for deed in deeds}
    assert done["repaired"] == {"rows": 2}
    assert done["set aside"]["files"] == 2
    fetched = [ask for ask in hub.requests if ask.port == "storage" and ask.method == "GET"]
    # Of each shard the end, with the footer, and one row group.
    assert sum(ask.body_bytes for ask in fetched) < 2 * (TAIL_BYTES + ROW_BYTES + 2_000)
    assert all(ask.range is not None for ask in fetched)
    assert read_tree(folder.root) == whole
    assert drift(project)[0] == 0
    kept = [path.name for path in (project.root / "datasets" / ".set-aside").rglob("*.*")]
    assert sorted(kept) == sorted([clips[1].name, "notes.txt"])
    assert (project.root / "datasets" / ".set-aside").is_dir()


def test_a_flipped_byte_is_one_finding_whichever_file_it_is_in(project: Project, hub: LoopbackHub):
    publish_speech(hub, "drift/byte", rows=4, shards=2, seconds=0.2, broken_rows={3: b""})
    request = project.request("drift/byte", "max_bad_rows: 1")
    assert project.run("local-sync", request).returncode == 0
    folder = project.dataset(name_of("drift/byte"))
    index, *_ = sorted(folder.index.iterdir())
    clip, *_ = sorted(folder.audio.iterdir())
    row = folder.json / "0.json"
    places = {
        # In the header of the first frame: no decoder minds it.
        clip: 3,
        row: row.read_bytes().index(b"source_path") + len('source_path": "c'),
        index: index.stat().st_size // 2,
        folder.failures: 3,
    }
    whole = {path: path.read_bytes() for path in places}
    for path, at in places.items():
        data = bytearray(whole[path])
        data[at] ^= 0x04
        path.write_bytes(data)
        code, entry = drift(project)
        found = [(each["kind"], each["path"]) for each in entry["findings"]]
        assert (code, found) == (3, [("file changed", str(path))])
        # The row of the damaged clip, of the damaged JSON; no row is made for the other two.
        assert drift(project, "--fix")[1]["findings"] == []
        assert path.read_bytes() == whole[path]
    # All at once: row 0 is seen to be damaged once the index is whole.
    for path, at in places.items():
        path.write_bytes(whole[path][:at] + b"\x04" + whole[path][at + 1 :])
    code, entry = drift(project, "--fix")
    assert (code, entry["findings"], entry["rows_made"]) == (0, [], 1)
    assert {path: path.read_bytes() for path in places} == whole


def test_unknown_folders_and_links_inside_a_dataset_are_moved_away(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "drift/folders", rows=1, shards=1, seconds=0.2)
    assert project.run("local-sync", project.request("drift/folders")).returncode == 0
    folder = project.dataset(name_of("drift/folders"))
    (folder.root / "mine").mkdir()
    (folder.root / "mine" / "notes.txt").write_text("mine")
    (folder.audio / "gone.mp3").symlink_to("nowhere")
    assert len(drift(project)[1]["findings"]) == 2
    code, entry = drift(project, "--fix")
    assert (code, entry["rows_made"], entry["files_moved"], entry["findings"]) == (0, 0, 2, [])
    [kept] = (project.root / "datasets" / ".set-aside").rglob("notes.txt")
    assert kept.read_text() == "mine"


def test_a_request_that_asks_for_other_rows_and_a_folder_of_nobody_are_named(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "drift/asked", rows=2, shards=1, seconds=0.2)
    assert project.run("local-sync", project.request("drift/asked")).returncode == 0
    project.request("drift/asked", 'text_column: "speaker"')
    (project.root / "datasets" / "stray").mkdir()
    done = project.run("drift", "--json", "--quick")
    told = json.loads(done.stdout)
    assert done.returncode == 3
    [finding] = told["datasets"][0]["findings"]
    assert finding["kind"] == "request changed"
    assert "text_column" in finding["what"]
    assert [orphan["path"] for orphan in told["orphans"]] == [
        str(project.root / "datasets" / "stray")
    ]
    # Following it is a sync, which a person asks for.
    assert project.run("drift", "--fix").returncode == 3
    assert (project.root / "datasets" / "stray").is_dir()
    assert "it may be another's, so it stays" in done.stdout


def test_fixing_that_fails_tells_the_state_after_it(project: Project, hub: LoopbackHub):
    publish_speech(hub, "drift/away", rows=2, shards=1, seconds=0.2)
    assert project.run("local-sync", project.request("drift/away")).returncode == 0
    flip_a_byte(min(project.dataset(name_of("drift/away")).audio.iterdir()))
    hub.remove("drift/away")
    code, entry = drift(project, "--fix")
    assert code not in (0, 3)
    assert entry["files_moved"] == 1
    assert {finding["kind"] for finding in entry["findings"]} == {"upstream gone", "file missing"}
    assert [finding["kind"] for finding in entry["fixed"]] == ["file changed"]


@pytest.mark.parametrize("is_state_lost", [False, True])
def test_fixing_does_not_follow_a_request_that_asks_for_other_rows(
    project: Project, hub: LoopbackHub, is_state_lost: bool
):
    publish_speech(hub, "drift/edited", rows=3, shards=1, seconds=0.2)
    assert project.run("local-sync", project.request("drift/edited")).returncode == 0
    name = name_of("drift/edited")
    folder = project.dataset(name)
    made = read_manifest(folder.manifest)
    project.request("drift/edited", 'text_column: "speaker"')
    damaged, missing, _ = sorted(folder.audio.iterdir())
    flip_a_byte(damaged)
    missing.unlink()
    before = read_tree(folder.root)
    if is_state_lost:
        shutil.rmtree(project.places.state_dir)
    done = project.run("drift", "--fix")
    assert done.returncode == 3, done
    assert "its request has changed" in done.stderr
    assert read_tree(folder.root) == before
    assert read_manifest(folder.manifest) == made
    assert made is not None
    in_force = read_current_id(project.places, name)
    assert in_force == (None if is_state_lost else made.plan)
    # Reverted, it is fixed.
    project.request("drift/edited")
    code, entry = drift(project, "--fix")
    assert (code, entry["rows_made"], entry["findings"]) == (0, 2, [])


def test_a_file_without_a_tag_of_ours_is_not_judged_by_one():
    assert are_frames_as_tagged(b"", lambda offset: 0)
    assert are_frames_as_tagged(b"\xff\xf3\xe8\xc4" + bytes(1020), lambda offset: 1)
