"""`hugflow flows diff`, `propose` and `publish`: sending changes back, as people type it."""

import json
import os
import pty
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hugflow.testing.faults import Status
from hugflow.testing.hub import LoopbackHub
from tests.flows.hub import ATOMIC, publish
from tests.projects import HUGFLOW, Project, make_project

pytestmark = pytest.mark.slow

TOKEN = "hf_test_" + "writer" * 5
FILES = {
    "__init__.py": "from .ChatAtomicFlow import ChatAtomicFlow\n",
    "ChatAtomicFlow.py": "class ChatAtomicFlow:\n    pass\n",
    "gone.py": "old = 1\n",
    "deep/data.bin": bytes(range(256)) * 100,
    ".gitignore": "*.log\nsecrets/\n",
}


@pytest.fixture(scope="module")
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def module_hub(hub: LoopbackHub) -> LoopbackHub:
    """A Hub with one module, and a token that may write as `alice`."""
    hub.clear()
    hub.add_token(TOKEN, "alice", writes=True)
    publish(hub, ATOMIC, FILES)
    return hub


@pytest.fixture
def flows(module_hub: LoopbackHub, tmp_path: Path) -> Project:
    """A project of alice's that has synced it."""
    project = make_project(module_hub, tmp_path / "project")
    project.environment["HF_HUB_DISABLE_XET"] = "1"
    assert project.run("flows", "sync", ATOMIC).returncode == 0
    project.environment["HF_TOKEN"] = TOKEN
    return project


@pytest.fixture
def module(flows: Project) -> Path:
    """The module's folder, with changes of each kind, and files that are nobody's business."""
    folder = flows.root / "flow_modules" / ATOMIC
    (folder / "ChatAtomicFlow.py").write_text("class ChatAtomicFlow:\n    better = True")
    (folder / "gone.py").unlink()
    (folder / "new").mkdir()
    (folder / "new" / "large.bin").write_bytes(b"\0new" * 10_000)
    (folder / ".env").write_text(f"HF_TOKEN={TOKEN}\n")
    (folder / "run.log").write_text("private\n")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "plan.txt").write_text("private\n")
    (folder / ".hugflow-state").mkdir()
    (folder / ".hugflow-state" / "x.json").write_text("private\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"private")
    (folder / "outside").symlink_to(flows.root / "workspace.yaml")
    return folder


def files_at(hub: LoopbackHub, repo: str, revision: str) -> dict[str, bytes]:
    """What a repository holds at a revision."""
    held = hub._held.repositories["models", repo]
    commit = held.find_commit(revision)
    assert commit is not None
    return {path: b"".join(file.read(0, file.size_bytes)) for path, file in commit.files.items()}


def main_of(hub: LoopbackHub, repo: str = ATOMIC) -> str | None:
    return hub.describe().get(f"models/{repo}", {}).get("refs/heads/main")


def uploads(hub: LoopbackHub) -> list[str]:
    """The requests that would change something."""
    return [f"{each.method} {each.path}" for each in hub.requests if each.method != "GET"]


def test_diff_shows_each_change_as_a_patch_that_git_applies(
    flows: Project, module: Path, tmp_path: Path
):
    done = flows.run("flows", "diff", ATOMIC)
    assert done.returncode == 0, done.stderr
    assert "-    pass\n+    better = True\n\\ No newline at end of file\n" in done.stdout
    assert "--- a/gone.py\n+++ /dev/null\n" in done.stdout
    assert "Binary files /dev/null and b/new/large.bin differ" in done.stdout
    assert "private" not in done.stdout + done.stderr
    (tmp_path / "old").mkdir()
    for name in ("ChatAtomicFlow.py", "gone.py"):
        (tmp_path / "old" / name).write_text(str(FILES[name]))
    text = "".join(
        line for line in done.stdout.splitlines(True) if not line.startswith("Binary files")
    )
    subprocess.run(["git", "apply", "-"], cwd=tmp_path / "old", input=text, text=True, check=True)
    assert {path.name for path in (tmp_path / "old").iterdir()} == {"ChatAtomicFlow.py"}
    changed = (tmp_path / "old" / "ChatAtomicFlow.py").read_bytes()
    assert changed == (module / "ChatAtomicFlow.py").read_bytes()


def test_diff_of_an_unchanged_module_is_empty(flows: Project):
    done = flows.run("flows", "diff", ATOMIC)
    assert (done.returncode, done.stdout) == (0, "")
    assert "is as it was synced" in done.stderr


def test_a_pull_request_holds_the_listed_changes_and_nothing_else(
    module_hub: LoopbackHub, flows: Project, module: Path
):
    before = main_of(module_hub)
    later = publish(module_hub, ATOMIC, {"later.py": "x = 1\n"})
    done = flows.run("flows", "propose", ATOMIC, "--title", "Better", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{module_hub.endpoint}/{ATOMIC}/discussions/1\n"
    assert main_of(module_hub) == later
    old = files_at(module_hub, ATOMIC, str(before))
    new = files_at(module_hub, ATOMIC, "refs/pr/1")
    assert new.keys() == old.keys() - {"gone.py"} | {"new/large.bin"}
    assert new["ChatAtomicFlow.py"] == b"class ChatAtomicFlow:\n    better = True"
    assert new["new/large.bin"] == b"\0new" * 10_000
    assert {path for path in new if new[path] != old.get(path)} == {
        "ChatAtomicFlow.py",
        "new/large.bin",
    }
    for path in (".env", "run.log", "secrets/plan.txt", ".hugflow-state", "outside"):
        assert f"not sent {path}: " in done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_nothing_is_sent_without_a_terminal_to_ask_at(
    module_hub: LoopbackHub, flows: Project, module: Path
):
    mine = flows.root / "mine"
    mine.mkdir()
    (mine / "flow.py").write_text("x = 1\n")
    for arguments in (["propose", ATOMIC, "--title", "Better"], ["publish", "mine", "alice/Mine"]):
        module_hub.clear_requests()
        done = flows.run("flows", *arguments)
        assert done.returncode == 2, done.stderr
        assert "--yes" in done.stderr
        assert uploads(module_hub) == []
    assert "add     flow.py" in done.stderr


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_at_a_terminal_the_list_is_shown_and_only_yes_sends(
    module_hub: LoopbackHub, flows: Project, module: Path, answer: str, code: int
):
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        [str(HUGFLOW), "flows", "propose", ATOMIC, "--title", "Better"],
        cwd=flows.root,
        env=flows.environment,
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == code, done.stderr
    assert done.stderr.index("change  ChatAtomicFlow.py") < done.stderr.index("pull request")
    assert ("refs/pr/1" in module_hub.describe()[f"models/{ATOMIC}"]) is (code == 0)


def test_an_unchanged_module_has_nothing_to_propose(module_hub: LoopbackHub, flows: Project):
    done = flows.run("flows", "propose", ATOMIC, "--title", "Better", "--yes")
    assert (done.returncode, done.stdout) == (0, "")
    assert uploads(module_hub) == []


def _links(flows: Project, module_hub: LoopbackHub) -> None:
    (flows.root / "own").mkdir()
    (flows.root / "hugflow.yaml").write_text("flows: {allow_local: true}\n")
    assert flows.run("flows", "sync", f"{ATOMIC}:./own", "--replace").returncode == 0


def _loses_token(flows: Project, module_hub: LoopbackHub) -> None:
    (flows.root / "flow_modules" / ATOMIC / "gone.py").unlink()
    del flows.environment["HF_TOKEN"]


def _reads_only(flows: Project, module_hub: LoopbackHub) -> None:
    (flows.root / "flow_modules" / ATOMIC / "gone.py").unlink()
    module_hub.add_token(TOKEN, "alice")


def _writes_token(flows: Project, module_hub: LoopbackHub) -> None:
    (flows.root / "flow_modules" / ATOMIC / "gone.py").write_text(f"token = '{TOKEN}'\n")


def _unsyncs(flows: Project, module_hub: LoopbackHub) -> None:
    (flows.root / "flow_modules" / "flow.mod").unlink()
    (flows.root / "flow_modules" / ATOMIC).rename(flows.root / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "code", "told"),
    [
        (_links, 2, "is a link to"),
        (_loses_token, 5, "write access"),
        (_reads_only, 5, "may write"),
        (_writes_token, 4, "gone.py holds a token"),
        (_unsyncs, 4, "is not synced"),
    ],
)
def test_what_cannot_be_proposed_says_why_and_sends_nothing(
    module_hub: LoopbackHub,
    flows: Project,
    spoil: Callable[[Project, LoopbackHub], None],
    code: int,
    told: str,
):
    spoil(flows, module_hub)
    done = flows.run("flows", "propose", ATOMIC, "--title", "Better", "--yes")
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert not [ref for ref in module_hub.describe()[f"models/{ATOMIC}"] if "/pr/" in ref]


def test_a_lost_answer_is_not_sent_again(module_hub: LoopbackHub, flows: Project, module: Path):
    with module_hub.faults(Status(503), when=lambda ask: "/commit/" in ask.path, with_effect=True):
        done = flows.run("flows", "propose", ATOMIC, "--title", "Better", "--yes")
    assert done.returncode == 7, done.stderr
    assert "see on the Hub whether it arrived" in done.stderr
    refs = module_hub.describe()[f"models/{ATOMIC}"]
    assert [ref for ref in refs if "/pr/" in ref] == ["refs/pr/1"]


def test_a_folder_is_published_and_then_synced_as_a_module(module_hub: LoopbackHub, flows: Project):
    mine = flows.root / "mine"
    mine.mkdir()
    (mine / "Clean.py").write_text("class Clean:\n    pass\n")
    (mine / ".env").write_text("SECRET=1\n")
    (mine / ".gitignore").write_text("*.log\n")
    (mine / "run.log").write_text("private\n")
    done = flows.run("flows", "publish", "mine", "alice/Mine", "--yes")
    assert done.returncode == 0, done.stderr
    head = main_of(module_hub, "alice/Mine")
    assert done.stdout == f"{module_hub.endpoint}/alice/Mine {head}\n"
    assert files_at(module_hub, "alice/Mine", "main").keys() == {"Clean.py"}
    assert flows.run("flows", "sync", "alice/Mine").returncode == 0
    assert (flows.root / "flow_modules/alice/Mine/Clean.py").read_text().startswith("class")
    again = flows.run("flows", "publish", "mine", "alice/Mine", "--yes")
    assert "nothing to publish" in again.stderr
    assert main_of(module_hub, "alice/Mine") == head
    (mine / "More.py").write_text("more = 1\n")
    (mine / "Clean.py").unlink()
    done = flows.run("flows", "publish", "mine", "alice/Mine", "--yes", "--json")
    assert json.loads(done.stdout)["added"] == ["More.py"]
    assert files_at(module_hub, "alice/Mine", "main").keys() == {"Clean.py", "More.py"}


def test_a_private_module_is_for_its_owner_alone(module_hub: LoopbackHub, flows: Project):
    (flows.root / "mine").mkdir()
    (flows.root / "mine" / "Clean.py").write_text("x = 1\n")
    done = flows.run("flows", "publish", "mine", "alice/Mine", "--private", "--yes")
    assert done.returncode == 0, done.stderr
    assert module_hub._held.repositories["models", "alice/Mine"].private


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere", "alice/Mine"], 2),
        (["mine", "alice/6789"], 4),
        (["mine", "bob/Theirs"], 5),
        (["mine", "alice/Mine", "--title", " "], 2),
        (["bad", "alice/Mine"], 4),
    ],
)
def test_what_cannot_be_published_sends_nothing(
    module_hub: LoopbackHub, flows: Project, arguments: list[str], code: int
):
    for name, text in (("mine", "x = 1\n"), ("bad", "dependencies = [{'url': f()}]\n")):
        (flows.root / name).mkdir()
        (flows.root / name / "Clean.py").write_text(text)
    done = flows.run("flows", "publish", *arguments, "--yes")
    assert done.returncode == code, done.stderr
    assert "fix:" in done.stderr
    assert module_hub.describe().keys() == {f"models/{ATOMIC}"}


def test_files_that_the_work_tree_around_a_folder_ignores_are_not_published(
    module_hub: LoopbackHub, flows: Project
):
    subprocess.run(["git", "init", "-q", "."], cwd=flows.root, check=True)
    (flows.root / ".gitignore").write_text("private*\n")
    (flows.root / "mine").mkdir()
    (flows.root / "mine" / "private.txt").write_text("x")
    (flows.root / "mine" / "Clean.py").write_text("x = 1\n")
    done = flows.run("flows", "publish", "mine", "alice/Mine", "--yes")
    assert done.returncode == 0, done.stderr
    assert files_at(module_hub, "alice/Mine", "main").keys() == {"Clean.py"}
    assert "not sent private.txt: ignored by git" in done.stderr
