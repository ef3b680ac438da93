"""Two files that ask for one dataset differently are both refused, however they are named."""

from pathlib import Path

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.projects import Project, make_project


@pytest.fixture
def project(hub: LoopbackHub, tmp_path: Path) -> Project:
    """A project with two files that differ."""
    publish_text(hub, "conflicts/one", rows=2)
    project = make_project(hub, tmp_path / "project")
    project.request("conflicts/one", name="a")
    project.request("conflicts/one", "max_bad_rows: 3", name="b")
    return project


@pytest.mark.parametrize("command", ["validate", "plan", "local-sync"])
@pytest.mark.parametrize("name", ["a", "b"])
def test_a_file_by_itself_is_refused_for_its_conflict_with_another(
    project: Project, command: str, name: str
):
    done = project.run(command, f"requests/add/{name}.yaml")
    assert done.returncode == 4
    said = done.stdout + done.stderr
    assert "requests/add/a.yaml" in said
    assert "requests/add/b.yaml" in said
    assert not list((project.root / "datasets").glob("conflicts*"))
