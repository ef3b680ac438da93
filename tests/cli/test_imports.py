"""`hugflow import`: archives that a person downloaded become datasets."""

import hashlib
import json

from hugflow.testing.hub import LoopbackHub
from tests.projects import Project
from tests.shards.layouts.published import TEXTS
from tests.shards.layouts.recipes import MOZILLA

NAME = "mozilla__common_voice_17__subset_ms__split_train__rev_main"
IMPORT = ("--recipe", "common_voice", "--subset", "ms", "--hf-id", "mozilla/common_voice_17")


def test_an_imported_archive_is_planned_made_and_verified_as_a_dataset(
    project: Project, hub: LoopbackHub
):
    archive = project.root / "cv-corpus-17.0-ms.tar.gz"
    archive.write_bytes(MOZILLA)
    digest = hashlib.sha256(MOZILLA).hexdigest()
    before = len(hub.requests)
    done = project.run("import", archive.name, *IMPORT)
    assert done.returncode == 0, done.stderr
    request = "requests/add/mozilla__common_voice_17__subset_ms.yaml"
    assert f"sha256 {digest}" in done.stdout
    assert f"wrote {request}" in done.stdout
    archive.unlink()
    planned = project.run("plan", request, "--json")
    [entry] = json.loads(planned.stdout)["datasets"]
    assert entry["commit"] == digest[:40]
    done = project.run("local-sync", request)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(p.read_text()) for p in (project.dataset(NAME).json).glob("*.json")]
    assert sorted(row["text"] for row in rows) == sorted(TEXTS)
    manifest = json.loads(project.dataset(NAME).manifest.read_text())
    assert manifest["commit"] == digest[:40]
    assert project.run("verify", NAME).returncode == 0
    assert len(hub.requests) == before
    again = project.places.archives / digest
    assert hashlib.sha256(again.read_bytes()).hexdigest() == digest


def test_a_host_without_the_archive_waits_and_says_how_to_import_it(project: Project):
    project.request(
        "mozilla/common_voice_17",
        "subset: ms",
        f'source: {{archive: "{"0" * 64}", recipe: common_voice}}',
    )
    done = project.run("plan", "requests/add/request.yaml")
    assert done.returncode == 7
    assert "hugflow import" in done.stderr
    [entry] = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert entry["note"] == "waiting"


def test_what_is_no_archive_is_refused_and_nothing_is_written(project: Project):
    (project.root / "notes.txt").write_text("not an archive")
    done = project.run("import", "notes.txt", *IMPORT)
    assert done.returncode == 2
    assert "no archive that is read" in done.stderr
    assert not project.places.archives.exists()
    assert not (project.root / "requests" / "add").exists()


def test_an_unknown_recipe_is_refused_before_anything_is_copied(project: Project):
    (project.root / "a.tar.gz").write_bytes(MOZILLA)
    done = project.run("import", "a.tar.gz", "--recipe", "comon_voice")
    assert done.returncode == 2
    assert "did you mean common_voice" in done.stderr
    assert not project.places.archives.exists()


def test_parts_of_one_archive_are_joined_in_the_order_of_their_names(project: Project):
    name, size = "cv-corpus-17.0-ms.tar.gz", len(MOZILLA) // 3 + 1
    parts = {f"{name}.a{'abc'[n]}": MOZILLA[n * size : n * size + size] for n in range(3)}
    for path, data in parts.items():
        (project.root / path).write_bytes(data)
    done = project.run("import", *reversed(parts), *IMPORT, "--json")
    assert done.returncode == 0, done.stderr
    [entry] = json.loads(done.stdout)["imported"]
    assert entry["sha256"] == hashlib.sha256(MOZILLA).hexdigest()
    assert (entry["archive"], entry["parts"]) == (name, list(parts))
    assert (project.places.archives / entry["sha256"]).read_bytes() == MOZILLA


def test_a_missing_part_is_named_and_nothing_is_written(project: Project):
    for path in ("a.tar.gz.aa", "a.tar.gz.ac"):
        (project.root / path).write_bytes(MOZILLA)
    done = project.run("import", "a.tar.gz.aa", "a.tar.gz.ac", *IMPORT)
    assert done.returncode == 2
    assert "'a.tar.gz.ab' of the archive 'a.tar.gz' is missing" in done.stderr
    alone = project.run("import", "a.tar.gz.aa", *IMPORT)
    assert alone.returncode == 2
    assert "name all parts" in alone.stderr
    assert not project.places.archives.exists()
