"""Repositories that mean harm: nothing of them lands, and nothing outside is touched."""

import logging
import string
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hugflow.clients.repository import PublishedFile
from hugflow.errors import FlowModuleRefused
from hugflow.flows import module_files
from hugflow.flows.module_files import choose_files
from hugflow.testing.faults import Flip, Match
from hugflow.testing.hub import LoopbackHub
from tests.flows.conftest import Sync
from tests.flows.hub import publish

EVIL = "acme/Evil"
LETTERS = st.text(string.ascii_letters + string.punctuation + " \n\0\u202eäß", max_size=12)


def named(path: str, size: int = 1) -> PublishedFile:
    return PublishedFile(path, size, None, "0" * 40)


@pytest.mark.parametrize(
    "path",
    [
        "../up.py",
        "a/../../up.py",
        "a//b.py",
        "./a.py",
        "a/./b.py",
        "a\\..\\b.py",
        "C:/x.py",
        "c:x.py",
        "a\nb.py",
        "a\0b",
        "a\u202eyp.b",
        "FLOW_MODULE_ID",
        "flow_module_id",
        "/".join("a" * 30),
        "a" * 250,
    ],
)
def test_a_path_that_leaves_the_folder_or_hides_in_it_is_refused(
    module_hub: LoopbackHub, root: Path, sync: Sync, path: str
):
    publish(module_hub, EVIL, {"__init__.py": "", path: "x"})
    with pytest.raises(FlowModuleRefused, match="acme/Evil"):
        sync(EVIL)
    assert not (root / "flow_modules" / "acme").exists()
    assert not [request for request in module_hub.requests if "/resolve/" in request.path]


@given(path=LETTERS)
@example(path="/etc/passwd")
def test_every_path_that_is_taken_stays_in_the_folder(path: str):
    try:
        chosen = choose_files([named(path)], "acme/Evil:main")
    except FlowModuleRefused:
        return
    for file in chosen:
        resolved = (Path("/folder") / file.path).resolve()
        assert resolved.is_relative_to("/folder/")
        assert PurePosixPath(file.path).as_posix() == file.path


@pytest.mark.parametrize("paths", [("a.py", "A.py"), ("B/x", "b/y"), ("\u00e4.py", "a\u0308.py")])
def test_two_paths_that_some_disks_take_for_one_are_refused(paths: tuple[str, str]):
    with pytest.raises(FlowModuleRefused):
        choose_files([named(path) for path in paths], "acme/Evil:main")


def test_gits_files_and_caches_are_left_out(module_hub: LoopbackHub, root: Path, sync: Sync):
    left_out = [".gitattributes", ".gitignore", ".git/hooks/post-checkout", "a/.gitmodules"]
    left_out += ["__pycache__/x.cpython-311.pyc", "evil.pyc", ".cache/x", ".github/workflows/x.yml"]
    publish(module_hub, EVIL, dict.fromkeys([*left_out, "kept.py", ".hidden"], "x"))
    [folder] = sync(EVIL)
    found = {path.name for path in folder.rglob("*")}
    assert found == {"kept.py", ".hidden", "__init__.py", "FLOW_MODULE_ID"}


def test_a_link_of_the_repository_comes_as_the_text_it_is(
    module_hub: LoopbackHub, root: Path, sync: Sync
):
    # The Hub gives a link as a file that holds where it leads.
    publish(module_hub, EVIL, {"passwd": "/etc/passwd"})
    [folder] = sync(EVIL)
    assert not (folder / "passwd").is_symlink()
    assert (folder / "passwd").read_text() == "/etc/passwd"


@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_FILES", 2), ("MAX_TOTAL_BYTES", 100)], ids=["files", "bytes"]
)
def test_too_many_files_or_bytes_are_refused_before_anything_is_fetched(
    module_hub: LoopbackHub,
    root: Path,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
):
    monkeypatch.setattr(module_files, limit, value)
    publish(module_hub, EVIL, {"a": "x" * 60, "b": "x" * 60, "c": ""})
    with pytest.raises(FlowModuleRefused, match="too many"):
        sync(EVIL)
    assert not [request for request in module_hub.requests if "/resolve/" in request.path]


def test_a_byte_that_changes_on_the_way_is_noticed_and_fetched_again(
    module_hub: LoopbackHub, root: Path, sync: Sync, caplog: pytest.LogCaptureFixture
):
    publish(module_hub, EVIL, {"weights.bin": b"x" * 20_000, "code.py": "x = 1\n"})
    with caplog.at_level(logging.WARNING):
        module_hub.inject(Flip(at=3), when=Match(path="*/weights.bin"))
        [folder] = sync(EVIL)
    assert (folder / "weights.bin").read_bytes() == b"x" * 20_000


def test_a_module_in_a_folder_that_is_a_link_is_not_written_through_it(
    module_hub: LoopbackHub, root: Path, sync: Sync, tmp_path: Path
):
    publish(module_hub, EVIL, {"a.py": ""})
    (tmp_path / "elsewhere").mkdir()
    (root / "flow_modules").mkdir()
    (root / "flow_modules" / ".stage-acme.Evil").symlink_to(tmp_path / "elsewhere")
    sync(EVIL)
    assert list((tmp_path / "elsewhere").iterdir()) == []
