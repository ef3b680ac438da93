"""Projects with flows; a temporary folder of their own for each test."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flowrider.project import LOCAL_YAML, FlowProject, make_flow_project, start


@pytest.fixture(autouse=True)
def forget_packages() -> Iterator[None]:
    """Each project has a package of the same name: none is remembered from another test."""
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "project_name"]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def temp_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where bundles and cached artifacts are."""
    folder = tmp_path / "temp"
    monkeypatch.setenv("FLOWRIDER_TEMP_DIR", str(folder))
    monkeypatch.delenv("REPO_NAME", raising=False)
    return folder


@pytest.fixture
def flow_project(tmp_path: Path) -> FlowProject:
    """A project of its own."""
    return make_flow_project(tmp_path / "work")


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[FlowProject, dict[str, bytes | None]]:
    """A project whose config has been run by the command, and the files that this changed.

    Looked at before any test imports its modules, as that may write compiled files.
    """
    project = make_flow_project(tmp_path_factory.mktemp("ran") / "work")
    project.write_config("dev", LOCAL_YAML)
    project.write("example_flow.py", "# a file of the user's own, of the flow's name\n")
    project.write(".env.shared", "REPO_NAME=my-repo\n")
    project.write(".env", "FLOWRIDER_TEMP_DIR=outputs/.cache\n")
    before = project.files()
    done = start(project, "run", "example/example_flow")
    output, talk = done.communicate(timeout=60)
    assert done.returncode == 0, talk
    assert "succeeded" in output
    assert "start prints this" in talk
    after = project.files()
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    return project, {path: after.get(path) for path in changed}
