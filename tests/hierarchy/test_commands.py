"""`hugflow lock` and `hugflow compose`, as somebody runs them in the child's folder."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.hierarchy.worlds import (
    CHILD,
    FLOWS,
    GRANDPARENT,
    PARENT,
    at,
    commit_all,
    git,
    write_repository,
)
from tests.projects import HUGFLOW


def hugflow(folder: Path, *arguments: str, code: int = 0, **environment: str) -> str:
    """Run a command in a folder; its output."""
    done = subprocess.run(
        [str(HUGFLOW), *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + (done.stderr if code not in (0, 3) else "")


@pytest.fixture
def child(tmp_path: Path) -> Path:
    """The seed's child, with its parents in git at their branches."""
    grandparent = write_repository(tmp_path / "grandparent", GRANDPARENT)
    commit_all(grandparent)
    location = f"git+file://{grandparent}@main"
    parent = write_repository(tmp_path / "parent", at(PARENT, grandparent1=location))
    commit_all(parent)
    return write_repository(tmp_path / "child", at(CHILD, parent1=f"git+file://{parent}@main"))


@pytest.mark.slow
def test_a_child_is_locked_composed_offline_overridden_and_upgraded(child: Path, tmp_path: Path):
    assert "has no hugflow.lock" in hugflow(child, "compose", "--locked", code=4)
    hugflow(child, "lock")
    lock = (child / "hugflow.lock").read_bytes()
    hugflow(child, "lock", "--check")

    grandparent = tmp_path / "grandparent"
    stored = grandparent / "input" / "flow_definitions" / "grandparent_templates.json"
    stored.write_text('{"from": "a later commit"}\n')
    commit_all(grandparent)
    hugflow(child, "lock")
    assert (child / "hugflow.lock").read_bytes() == lock

    # Offline: the repositories are not where they were.
    grandparent.rename(tmp_path / "away")
    composed = json.loads(hugflow(child, "compose", "--locked", "--json"))
    files = composed["sources"]["flow_definitions"]["files_list"]
    assert [(file["name"], "/".join(file["origin"])) for file in files] == FLOWS
    assert json.loads(Path(files[0]["path"]).read_text())["from"] == "grandparent"
    (tmp_path / "away").rename(grandparent)

    said = hugflow(child, "compose", "--override", "parent1/grandparent1=../grandparent", "--tree")
    assert "grandparent_templates  <- parent1/grandparent1, " in said
    assert "(override)" in said
    assert "overridden" in said
    assert (child / "hugflow.lock").read_bytes() == lock

    hugflow(child, "lock", "--upgrade", "--check", code=3)
    commit = git(grandparent, "rev-parse", "HEAD")
    assert commit[:12] in hugflow(child, "lock", "--upgrade", "parent1/grandparent1")
    assert (
        json.loads((child / "hugflow.lock").read_text())["nodes"]["grandparent1"]["rev"] == commit
    )


@pytest.mark.slow
def test_composed_files_are_exported_whole_or_not_at_all(child: Path, tmp_path: Path):
    hugflow(child, "compose", "--export", "../out")
    index = json.loads((tmp_path / "out" / "sources.json").read_text())["sources"]
    for file in index["flow_definitions"]["files_list"]:
        assert (tmp_path / "out" / file["path"]).is_file()
    assert "is not empty" in hugflow(child, "compose", "--export", "../out", code=1)
