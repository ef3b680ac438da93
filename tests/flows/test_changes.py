"""What becomes of a module that is there already: kept, replaced, or asked about."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hugflow.errors import FlowModuleConflict
from hugflow.flows import staging
from hugflow.testing.hub import LoopbackHub
from tests.flows.conftest import Sync
from tests.flows.hub import publish

TOOLS = "acme/Tools"


def publish_tools(hub: LoopbackHub, word: str, **options: object) -> str:
    files = {"__init__.py": f"word = {word!r}\n", "deep/er/data.txt": "data\n"}
    return publish(hub, TOOLS, files, **options)


def read_all(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of every file of a root."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and ".hugflow-state" not in path.parts
    }


def change(folder: Path) -> None:
    (folder / "__init__.py").write_text("word = 'mine'\n")


def add(folder: Path) -> None:
    (folder / "deep" / "er" / "own.txt").write_text("mine\n")


def delete(folder: Path) -> None:
    (folder / "deep" / "er" / "data.txt").unlink()


EDITS = pytest.mark.parametrize("edit", [change, add, delete])
Edit = Callable[[Path], None]


@pytest.fixture
def tools(module_hub: LoopbackHub, sync: Sync) -> Path:
    """A module that was synced from main."""
    publish_tools(module_hub, "first")
    [folder] = sync(TOOLS)
    return folder


def test_a_second_sync_fetches_nothing_and_touches_no_file(
    module_hub: LoopbackHub, tools: Path, root: Path, sync: Sync
):
    before = read_all(root)
    module_hub.clear_requests()
    sync(TOOLS)
    assert [request.path for request in module_hub.requests] == [
        f"/api/models/{TOOLS}/revision/main"
    ]
    assert read_all(root) == before


@pytest.mark.parametrize("digits", [40, 12])
def test_a_second_sync_of_a_commit_asks_nobody(
    module_hub: LoopbackHub, root: Path, sync: Sync, digits: int
):
    commit = publish_tools(module_hub, "first")
    sync(f"{TOOLS}:{commit[:digits]}")
    before = read_all(root)
    module_hub.clear_requests()
    sync(f"{TOOLS}:{commit[:digits]}")
    assert module_hub.requests == ()
    assert read_all(root) == before


def test_unchanged_files_follow_their_branch_and_both_commits_are_told(
    module_hub: LoopbackHub, tools: Path, sync: Sync, caplog: pytest.LogCaptureFixture
):
    old = (tools / "FLOW_MODULE_ID").read_text().splitlines()[2]
    new = publish_tools(module_hub, "second")
    sync(TOOLS)
    assert (tools / "__init__.py").read_text() == "word = 'second'\n"
    assert old[:7] in caplog.text
    assert new[:7] in caplog.text


def test_a_file_system_without_an_exchange_in_one_step_will_do(
    module_hub: LoopbackHub, tools: Path, root: Path, sync: Sync, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(staging, "swap", lambda first, second: False)
    publish_tools(module_hub, "second")
    sync(TOOLS)
    assert (tools / "__init__.py").read_text() == "word = 'second'\n"
    assert not list((root / "flow_modules").glob(".*-*"))


def test_what_was_imported_of_a_replaced_module_is_imported_again(
    module_hub: LoopbackHub, tools: Path, sync: Sync
):
    from flow_modules.acme import Tools  # type: ignore[import-not-found]

    assert Tools.word == "first"
    publish_tools(module_hub, "second")
    sync(TOOLS)
    from flow_modules.acme import Tools as Again

    assert Again.word == "second"


@EDITS
def test_local_changes_are_kept_when_the_branch_has_moved(
    module_hub: LoopbackHub, tools: Path, sync: Sync, edit: Edit, caplog: pytest.LogCaptureFixture
):
    edit(tools)
    before = read_all(tools)
    publish_tools(module_hub, "second")
    sync(TOOLS)
    assert read_all(tools) == before
    assert "kept the local changes in acme/Tools:main" in caplog.text


@EDITS
def test_local_changes_are_kept_at_the_same_commit_and_overwrite_is_named(
    tools: Path, sync: Sync, edit: Edit, caplog: pytest.LogCaptureFixture
):
    edit(tools)
    before = read_all(tools)
    sync(TOOLS)
    assert read_all(tools) == before
    assert "overwrite" in caplog.text


@EDITS
def test_overwrite_discards_local_changes_without_a_question_and_keeps_them_once(
    tools: Path, root: Path, sync: Sync, edit: Edit, caplog: pytest.LogCaptureFixture
):
    whole = {path: data for path, (data, _) in read_all(tools).items()}
    for _ in range(2):
        edit(tools)
        edited = {path: data for path, (data, _) in read_all(tools).items()}
        sync(f"{TOOLS}!", confirm=never_asked)
        assert {path: data for path, (data, _) in read_all(tools).items()} == whole
        [copy] = (root / ".hugflow-state" / "flows" / "replaced").iterdir()
        assert {path: data for path, (data, _) in read_all_below(copy).items()} == edited
        assert str(copy) in caplog.text


def test_all_overwrite_discards_the_local_changes_of_every_module(tools: Path, sync: Sync):
    change(tools)
    sync(TOOLS, all_overwrite=True)
    assert (tools / "__init__.py").read_text() == "word = 'first'\n"


def test_overwrite_of_what_is_as_it_should_be_does_nothing(tools: Path, root: Path, sync: Sync):
    before = read_all(root)
    sync(f"{TOOLS}!", confirm=never_asked)
    assert read_all(root) == before


@EDITS
def test_another_revision_over_local_changes_is_a_conflict_where_nobody_can_be_asked(
    module_hub: LoopbackHub, tools: Path, root: Path, sync: Sync, edit: Edit
):
    publish_tools(module_hub, "second")
    module_hub.tag(TOOLS, "v2", kind="models")
    edit(tools)
    before = read_all(root)
    with pytest.raises(FlowModuleConflict) as conflict:
        sync(f"{TOOLS}:v2")
    assert f"{TOOLS}:v2" in conflict.value.what
    assert f"{TOOLS}:main" in conflict.value.what
    assert read_all(root) == before


@pytest.mark.parametrize(
    ("answer", "is_replaced"),
    [
        ("Y", True),
        (True, True),
        ("y", False),
        ("yes", False),
        ("", False),
        (False, False),
        (None, False),
    ],
)
def test_only_a_capital_y_replaces_local_changes(
    module_hub: LoopbackHub, tools: Path, sync: Sync, answer: object, is_replaced: bool
):
    publish_tools(module_hub, "second")
    module_hub.tag(TOOLS, "v2", kind="models")
    change(tools)
    questions: list[str] = []
    sync(f"{TOOLS}:v2", confirm=lambda question: (questions.append(question), answer)[1])
    assert len(questions) == 1
    assert f"{TOOLS}:main" in questions[0]
    assert f"{TOOLS}:v2" in questions[0]
    word = "second" if is_replaced else "mine"
    assert (tools / "__init__.py").read_text() == f"word = {word!r}\n"


def test_another_revision_of_unchanged_files_replaces_them_without_a_question(
    module_hub: LoopbackHub, tools: Path, sync: Sync, caplog: pytest.LogCaptureFixture
):
    publish_tools(module_hub, "second", branch="feature/x-1.2")
    sync(f"{TOOLS}:feature/x-1.2", confirm=never_asked)
    assert (tools / "__init__.py").read_text() == "word = 'second'\n"
    assert f"{TOOLS}:main" in caplog.text


def test_a_folder_that_no_sync_made_is_never_replaced_unasked(
    module_hub: LoopbackHub, root: Path, sync: Sync
):
    publish_tools(module_hub, "first")
    own = root / "flow_modules" / "acme" / "Tools"
    own.mkdir(parents=True)
    (own / "mine.py").write_text("")
    with pytest.raises(FlowModuleConflict):
        sync(TOOLS)
    assert (own / "mine.py").exists()


def test_pythons_caches_and_the_id_file_are_no_changes(
    module_hub: LoopbackHub, tools: Path, sync: Sync
):
    (tools / "__pycache__").mkdir()
    (tools / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"x")
    (tools / "FLOW_MODULE_ID").unlink()
    publish_tools(module_hub, "second")
    sync(TOOLS)
    assert (tools / "__init__.py").read_text() == "word = 'second'\n"


def test_a_module_of_which_flow_mod_says_nothing_is_known_by_its_own_id_file(
    module_hub: LoopbackHub, tools: Path, root: Path, sync: Sync
):
    (root / "flow_modules" / "flow.mod").unlink()
    change(tools)
    publish_tools(module_hub, "second")
    assert sync(TOOLS) == [tools]
    assert (tools / "__init__.py").read_text() == "word = 'mine'\n"


def test_a_project_folder_can_be_moved(
    module_hub: LoopbackHub, tools: Path, root: Path, sync: Sync, monkeypatch: pytest.MonkeyPatch
):
    moved = root.with_name("moved")
    root.rename(moved)
    monkeypatch.chdir(moved)
    before = read_all(moved)
    assert sync(TOOLS) == [moved / "flow_modules" / "acme" / "Tools"]
    assert read_all(moved) == before


def never_asked(question: str) -> object:
    raise AssertionError(question)


def read_all_below(folder: Path) -> dict[str, tuple[bytes, int]]:
    """The same for a folder within the state."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), 0)
        for path in folder.rglob("*")
        if path.is_file()
    }
