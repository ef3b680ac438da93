"""Projects with flows; a temporary folder of their own for each test."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flowrider.project import FlowProject, make_flow_project


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
