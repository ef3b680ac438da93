"""flow.mod and FLOW_MODULE_ID: what is written is read back, and damage is told by line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.errors import StateUnreadable
from hugflow.flows.names import ModuleId
from hugflow.flows.records import (
    NO_COMMIT,
    NO_DIGEST,
    LockEntry,
    Synced,
    read_id,
    read_lock,
    render_id,
    write_lock,
)
from hugflow.testing.hub import LoopbackHub
from tests.flows.conftest import Sync
from tests.flows.hub import publish

WORD = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}x", fullmatch=True)
MODULES = st.builds(ModuleId, WORD, WORD.map(str.title))
REVISIONS = st.sampled_from(["main", "refs/pr/3", "feature/x-1.2", "abcdef1"])
HEX = st.text("0123456789abcdef", min_size=40, max_size=40)
REMOTE = st.builds(
    Synced, MODULES, REVISIONS, HEX, HEX.map(lambda text: f"sha256:{text}{'0' * 24}")
)
LOCAL = st.builds(lambda module: Synced(module, "../a b/c", NO_COMMIT, NO_DIGEST), MODULES)
ENTRIES = st.builds(
    LockEntry,
    REMOTE | LOCAL,
    st.booleans(),
    st.lists(MODULES, max_size=3, unique=True).map(sorted).map(tuple),
)


@given(entries=st.lists(ENTRIES, max_size=5, unique_by=lambda entry: entry.synced.module))
def test_flow_mod_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, entries: list[LockEntry]
):
    path = tmp_path_factory.mktemp("lock") / "flow.mod"
    by_module = {entry.synced.module: entry for entry in entries}
    write_lock(path, by_module)
    assert read_lock(path) == by_module


@given(synced=REMOTE)
def test_an_id_file_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, synced: Synced
):
    folder = tmp_path_factory.mktemp("module")
    (folder / "FLOW_MODULE_ID").write_text(render_id(synced))
    assert read_id(folder) == synced


@given(data=st.binary(max_size=300))
def test_whatever_an_id_file_holds_is_a_record_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
):
    folder = tmp_path_factory.mktemp("module")
    (folder / "FLOW_MODULE_ID").write_bytes(data)
    assert read_id(folder) is None


DAMAGES = [
    lambda line: line.replace("\t", " "),
    lambda line: line[: len(line) // 2],
    lambda line: line + "\tmore",
    lambda line: line.replace("acme/Tools\tmain", "../Tools\tmain"),
    lambda line: line.replace("sha256:", "md5:"),
    lambda line: line.replace("acme/Tools\tproject", "../../etc\tproject"),
    lambda line: "\0" * 30,
    lambda line: "[" * 50_000,
    lambda line: "<<<<<<< HEAD",
]


@pytest.mark.parametrize("number", range(len(DAMAGES)))
def test_a_damaged_line_of_flow_mod_is_told_by_path_and_line(
    module_hub: LoopbackHub, root: Path, sync: Sync, number: int
):
    publish(module_hub, "acme/Tools", {"__init__.py": ""})
    sync("acme/Tools")
    path = root / "flow_modules" / "flow.mod"
    header, line = path.read_text().splitlines()
    path.write_text("\n".join((header, DAMAGES[number](line), "")))
    with pytest.raises(StateUnreadable, match=rf"{path}:2"):
        sync("acme/Tools")
    # What the error advises helps.
    path.unlink()
    sync("acme/Tools")
    assert path.read_text().splitlines() == [header, line]


@pytest.mark.parametrize("data", [b"", b"nonsense\n", b"\xff\xfe", b"# hugflow flow.mod 2\n"])
def test_a_flow_mod_without_its_first_line_is_told_too(root: Path, sync: Sync, data: bytes):
    path = root / "flow_modules" / "flow.mod"
    path.parent.mkdir()
    path.write_bytes(data)
    with pytest.raises(StateUnreadable, match=rf"{path}:1"):
        sync("acme/Tools")
