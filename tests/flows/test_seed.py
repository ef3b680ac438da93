"""The seed's words, letter by letter: its tree, its script, its import."""

import os
import subprocess
import sys
from pathlib import Path

from hugflow.flows import flow_verse
from hugflow.testing.hub import LoopbackHub
from tests.flows.hub import CHAT, publish_atomic, publish_chat

SCRIPT = """\
dependencies = [
    {"url": "saibo/ChatFlows", "revision": "main"},
]
from flows import flow_verse
flow_verse.sync_dependencies(dependencies) 

from flow_modules.saibo.ChatFlows import ChatGPT4

if __name__ == "__main__":
	print("This is a trivial sync demo.")
"""
TREE = {
    "flow_modules/.gitignore",
    "flow_modules/__init__.py",
    "flow_modules/flow.mod",
    "flow_modules/martinjosifoski/__init__.py",
    "flow_modules/martinjosifoski/ChatAtomicFlow/FLOW_MODULE_ID",
    "flow_modules/martinjosifoski/ChatAtomicFlow/ChatAtomicFlow.py",
    "flow_modules/martinjosifoski/ChatAtomicFlow/ChatAtomicFlow.yaml",
    "flow_modules/martinjosifoski/ChatAtomicFlow/README.md",
    "flow_modules/martinjosifoski/ChatAtomicFlow/__init__.py",
    "flow_modules/saibo/__init__.py",
    "flow_modules/saibo/ChatFlows/FLOW_MODULE_ID",
    "flow_modules/saibo/ChatFlows/ChatGPT4.py",
    "flow_modules/saibo/ChatFlows/ChatGPT4.yaml",
    "flow_modules/saibo/ChatFlows/README.md",
    "flow_modules/saibo/ChatFlows/__init__.py",
}


def python(hub: LoopbackHub, root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A fresh interpreter in the root."""
    environment = {**os.environ, "HF_ENDPOINT": hub.endpoint}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def tree(root: Path) -> set[str]:
    return {
        path.relative_to(root).as_posix()
        for path in (root / "flow_modules").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_tree_of_the_seed_appears_and_the_class_can_be_imported_right_away(
    module_hub: LoopbackHub, root: Path
):
    atomic = publish_atomic(module_hub)
    commit = publish_chat(module_hub, atomic)
    folders = flow_verse.sync_dependencies([{"url": CHAT}], endpoint=module_hub.endpoint)
    assert tree(root) == TREE
    names = ("martinjosifoski/ChatAtomicFlow", "saibo/ChatFlows")
    assert folders == [root / "flow_modules" / name for name in names]
    lines = (root / "flow_modules/saibo/ChatFlows/FLOW_MODULE_ID").read_text().splitlines()
    assert lines[1:3] == ["saibo/ChatFlows:main", commit]
    lock = (root / "flow_modules/flow.mod").read_text().splitlines()
    assert [line.split("\t")[2] for line in lock[1:]] == [atomic, commit]
    assert str(root) not in "\n".join(lock)

    from flow_modules.saibo.ChatFlows import ChatGPT4  # type: ignore[import-not-found]

    assert ChatGPT4().run({"question": "Ada"}) == {"answer": "Good day, Ada"}


def test_a_fresh_interpreter_imports_the_class_in_a_folder_without_a_flows_py(
    module_hub: LoopbackHub, root: Path
):
    publish_chat(module_hub, publish_atomic(module_hub))
    flow_verse.sync_dependencies([{"url": CHAT}], endpoint=module_hub.endpoint)
    module_hub.clear_requests()
    program = "from flow_modules.saibo.ChatFlows import ChatGPT4; print(ChatGPT4().name)"
    done = python(module_hub, root, "-c", program)
    assert (done.stdout, done.returncode) == ("ChatGPT4\n", 0), done.stderr
    assert module_hub.requests == ()


def test_the_script_of_the_seed_runs_with_its_import_line_changed_alone(
    module_hub: LoopbackHub, root: Path
):
    publish_chat(module_hub, publish_atomic(module_hub))
    script = SCRIPT.replace("from flows import", "from hugflow.flows import")
    (root / "trivial_sync_demo.py").write_text(script)
    for _ in range(2):
        done = python(module_hub, root, "trivial_sync_demo.py")
        assert (done.stdout, done.stderr) == ("This is a trivial sync demo.\n", "")
    assert tree(root) == TREE


def test_code_of_a_project_that_has_a_module_called_flows_keeps_its_own(
    module_hub: LoopbackHub, root: Path
):
    publish_chat(module_hub, publish_atomic(module_hub))
    flow_verse.sync_dependencies([{"url": CHAT}], endpoint=module_hub.endpoint)
    (root / "flows.py").write_text("mine = True\n")
    program = "import flow_modules.saibo.ChatFlows, flows; print(flows.mine)"
    done = python(module_hub, root, "-c", program)
    assert done.stdout == "True\n", done.stderr
