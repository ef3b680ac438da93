"""The digest over the project's own code of a flow: what it covers, and what it leaves alone."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from hugflow.flows import module_files
from hugflow.flows.names import parse_module_id
from hugflow.flows.own_code import digest_own_code
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import NO_COMMIT, NO_DIGEST, LockEntry, Synced, write_lock

CODE = """
import json, helpers
from pack.inner import twice

class Clean:
    defaults = {"subflows_config": {"one": {"flow_class_name": "others.Other"}}}
"""


@pytest.fixture
def places(tmp_path: Path) -> FlowPlaces:
    """A class that imports and names further code of the project."""
    files = {
        "mine.py": CODE,
        "Clean.yaml": "subflows_config: {two: {flow_class_name: named.Named}}\n",
        "helpers.py": "import deeper\n",
        "deeper.py": "",
        "others.py": "",
        "named.py": "",
        "unused.py": "",
        "Unused.yaml": "a: 1\n",
        "pack/__init__.py": "",
        "pack/inner.py": "def twice(x): return 2 * x\n",
        "json/data.json": "{}",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return FlowPlaces(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "mine.py",
        "Clean.yaml",
        "helpers.py",
        "deeper.py",
        "others.py",
        "named.py",
        "pack/inner.py",
    ],
)
def test_a_change_of_what_the_class_consists_of_is_seen(places: FlowPlaces, name: str):
    before = digest_own_code(places, "mine.Clean")
    path = places.root / name
    path.write_text(path.read_text() + "\n# changed\n")
    assert digest_own_code(places, "mine.Clean") != before


@pytest.mark.parametrize("name", ["unused.py", "Unused.yaml", "json/data.json"])
def test_other_files_of_the_root_do_not_count(places: FlowPlaces, name: str):
    before = digest_own_code(places, "mine.Clean")
    (places.root / name).write_text("changed")
    assert digest_own_code(places, "mine.Clean") == before


def test_a_file_that_needs_no_other_has_the_digest_of_its_bytes(places: FlowPlaces):
    path = places.root / "others.py"
    assert digest_own_code(places, "others.X") == hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest_own_code(places, "nowhere.X") == "installed"


def test_a_synced_module_that_the_class_names_counts_at_its_commit(places: FlowPlaces):
    (places.root / "others.py").write_text("from flow_modules.acme.Text import Upper\n")
    module = parse_module_id("acme/Text")
    places.modules.mkdir()
    digests = set()
    for commit in ("a" * 40, "b" * 40):
        entry = LockEntry(Synced(module, "main", commit, f"sha256:{'0' * 64}"), True, ())
        write_lock(places.lock_file, {module: entry})
        digests.add(digest_own_code(places, "mine.Clean"))
    assert len(digests) == 2


def test_what_a_package_writes_into_its_folder_is_no_other_code(places: FlowPlaces):
    before = digest_own_code(places, "pack.inner.X", code_only=True)
    (places.root / "pack" / "seen.log").write_text("row 1")
    assert digest_own_code(places, "pack.inner.X", code_only=True) == before
    (places.root / "pack" / "more.py").touch()
    assert digest_own_code(places, "pack.inner.X", code_only=True) != before


def test_what_a_local_module_writes_into_its_folder_is_no_other_code(places: FlowPlaces):
    (places.root / "others.py").write_text("from flow_modules.acme.Text import Upper\n")
    module = parse_module_id("acme/Text")
    folder = places.module(module)
    folder.mkdir(parents=True)
    entry = LockEntry(Synced(module, "./text", NO_COMMIT, NO_DIGEST), True, ())
    write_lock(places.lock_file, {module: entry})
    before = digest_own_code(places, "mine.Clean", code_only=True)
    (folder / "seen.log").write_text("row 1")
    assert digest_own_code(places, "mine.Clean", code_only=True) == before
    (folder / "__init__.py").touch()
    assert digest_own_code(places, "mine.Clean", code_only=True) != before


def test_files_that_are_no_code_are_not_read_for_the_digest_of_code(
    places: FlowPlaces, monkeypatch: pytest.MonkeyPatch
):
    (places.root / "pack" / "model.bin").write_bytes(b"gigabytes")
    read: list[str] = []
    digest = module_files.hashlib.file_digest

    def watch(file: BinaryIO, kind: str) -> Any:
        read.append(Path(file.name).name)
        return digest(file, kind)

    monkeypatch.setattr(module_files, "hashlib", SimpleNamespace(**vars(hashlib)))
    monkeypatch.setattr(module_files.hashlib, "file_digest", watch)
    digest_own_code(places, "pack.inner.X", code_only=True)
    assert sorted(read) == ["__init__.py", "inner.py"]
