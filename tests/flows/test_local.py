"""Modules that are folders of this machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from hugflow.errors import FlowModuleConflict
from hugflow.testing.hub import LoopbackHub
from tests.flows.conftest import Sync
from tests.flows.hub import asking, publish

pytestmark = pytest.mark.slow

TOOLS = "acme/Tools"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a module in development, beside the root."""
    own = tmp_path / "with space" / "my tools"
    own.mkdir(parents=True)
    (own / "__init__.py").write_text("word = 'own'\n")
    return own


def test_a_folder_is_linked_and_editing_through_the_link_edits_it(
    root: Path, sync: Sync, own: Path
):
    [folder] = sync(f"{TOOLS}:{own}")
    assert folder.is_symlink()
    (folder / "new.py").write_text("x = 1\n")
    assert (own / "new.py").read_text() == "x = 1\n"
    assert not (own / "FLOW_MODULE_ID").exists()
    line = (root / "flow_modules" / "flow.mod").read_text().splitlines()[1].split("\t")
    assert line[:4] == [TOOLS, "../with space/my tools", "NO_COMMIT_HASH", "-"]
    from flow_modules.acme.Tools import word  # type: ignore[import-not-found]

    assert word == "own"


@pytest.mark.parametrize("revision", ["./mine", "../root/mine", "~/mine"])
def test_relative_paths_are_relative_to_the_root_and_a_tilde_is_home(
    root: Path, sync: Sync, revision: str, monkeypatch: pytest.MonkeyPatch
):
    (root / "mine").mkdir()
    monkeypatch.setenv("HOME", str(root))
    [folder] = sync(f"{TOOLS}:{revision}")
    assert folder.resolve() == root / "mine"


def test_a_link_within_the_root_survives_moving_the_root(root: Path, sync: Sync):
    (root / "mine").mkdir()
    sync(f"{TOOLS}:./mine")
    moved = root.rename(root.with_name("moved"))
    assert (moved / "flow_modules" / TOOLS).resolve() == moved / "mine"


def test_going_back_to_the_hub_removes_only_the_link(
    module_hub: LoopbackHub, root: Path, sync: Sync, own: Path
):
    publish(module_hub, TOOLS, {"__init__.py": "word = 'hub'\n"})
    sync(f"{TOOLS}:{own}")
    [folder] = sync(TOOLS)
    assert not folder.is_symlink()
    assert (folder / "__init__.py").read_text() == "word = 'hub'\n"
    assert (own / "__init__.py").read_text() == "word = 'own'\n"


def test_a_synced_module_gives_way_to_a_folder_unless_it_was_changed(
    module_hub: LoopbackHub, root: Path, sync: Sync, own: Path
):
    publish(module_hub, TOOLS, {"__init__.py": "word = 'hub'\n"})
    [folder] = sync(TOOLS)
    (folder / "mine.py").write_text("")
    with pytest.raises(FlowModuleConflict):
        sync(f"{TOOLS}:{own}")
    (folder / "mine.py").unlink()
    sync(f"{TOOLS}:{own}")
    assert folder.is_symlink()


def test_a_bare_word_is_a_revision_even_where_a_folder_has_its_name(
    module_hub: LoopbackHub, root: Path, sync: Sync
):
    publish(module_hub, TOOLS, {"__init__.py": ""}, branch="dev")
    (root / "dev").mkdir()
    [folder] = sync(f"{TOOLS}:dev")
    assert not folder.is_symlink()


@pytest.mark.parametrize(
    "place", ["flow_modules/acme/Other", "flow_modules", ".", "missing", "file"]
)
def test_what_is_no_folder_of_its_own_is_refused(
    module_hub: LoopbackHub, root: Path, sync: Sync, place: str
):
    publish(module_hub, "acme/Other", {"__init__.py": ""})
    sync("acme/Other")
    (root / "file").touch()
    with pytest.raises(ValueError, match="folder"):
        sync(f"{TOOLS}:./{place}")
    assert not (root / "flow_modules" / TOOLS).exists()


def test_a_second_sync_of_a_folder_touches_nothing(root: Path, sync: Sync, own: Path):
    [folder] = sync(f"{TOOLS}:{own}")
    before = folder.lstat().st_mtime_ns
    assert sync(f"{TOOLS}:{own}") == [folder]
    assert folder.lstat().st_mtime_ns == before


def test_the_modules_that_a_folder_asks_for_are_synced(
    module_hub: LoopbackHub, root: Path, sync: Sync, own: Path
):
    publish(module_hub, "acme/Other", {"__init__.py": ""})
    (own / "uses.py").write_text(asking("acme/Other"))
    assert len(sync(f"{TOOLS}:{own}")) == 2


def test_a_module_of_the_hub_cannot_ask_for_a_folder_of_this_machine(
    module_hub: LoopbackHub, root: Path, sync: Sync, own: Path
):
    publish(module_hub, TOOLS, {"a.py": asking(f"acme/Other:{own}")})
    with pytest.raises(ValueError, match="acme/Tools asks for acme/Other"):
        sync(TOOLS)
    assert not (root / "flow_modules" / "acme").exists()


def test_a_script_elsewhere_syncs_to_flow_root(module_hub: LoopbackHub, root: Path, tmp_path: Path):
    publish(module_hub, TOOLS, {"__init__.py": "word = 'hub'\n"})
    program = (
        "from hugflow.flows import flow_verse\n"
        f"flow_verse.sync_dependencies([{{'url': 'acme/Tools'}}], endpoint={module_hub.endpoint!r})\n"
        "from flow_modules.acme.Tools import word\nprint(word)"
    )
    environment = {"FLOW_ROOT": str(root), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "hub\n", done.stderr
    assert (root / "flow_modules" / TOOLS).is_dir()
    assert not (tmp_path / "flow_modules").exists()
