"""What the doctor says of the workflow that runs on pull requests."""

from pathlib import Path

import pytest

from hugflow.cli.project import make_project
from hugflow.doctor.asking import ServiceReply
from hugflow.doctor.findings import Finding, Patient
from hugflow.doctor.workflow import PATH, check_workflow, judge_variable
from hugflow.settings import load_settings
from hugflow.testing.github import LoopbackGitHub

SOURCE = f"git+https://github.com/acme/hugflow@{'ab' * 20}"


def check(
    folder: Path, environ: dict[str, str] | None = None, *, is_offline: bool = False
) -> Finding:
    project = load_settings(folder, environ or {})
    (finding,) = check_workflow(Patient(project, (), {}, is_offline))
    return finding


def test_a_workflow_that_installs_a_commit_is_well(tmp_path: Path):
    make_project(tmp_path, SOURCE)
    found = check(tmp_path)
    assert (found.state, found.what) == ("ok", f"it installs {SOURCE}")


def test_a_bare_name_is_a_problem(tmp_path: Path):
    make_project(tmp_path)
    text = (
        (tmp_path / PATH)
        .read_text()
        .replace("HUGFLOW_INSTALL }}", "HUGFLOW_INSTALL || 'hugflow' }}")
    )
    (tmp_path / PATH).write_text(text)
    found = check(tmp_path)
    assert found.state == "problem"
    assert "could be anybody's" in found.what


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("git+https://example.org/acme/hugflow", "problem"),
        ("git+https://example.org/acme/hugflow@main", "problem"),
        ("git+ssh://git@example.org/acme/hugflow", "problem"),
        ("git+ssh://git@example.org/acme/hugflow@v1.2.0", "ok"),
        ("git+https://example.org/acme/hugflow@0123abc#egg=hugflow", "ok"),
        ("https://example.org/hugflow-1.2.0-py3-none-any.whl", "ok"),
        ("hugflow==1.2.0", "ok"),
    ],
)
def test_what_names_no_commit_and_no_version_is_not_pinned(tmp_path: Path, source: str, state: str):
    make_project(tmp_path, SOURCE)
    workflow = tmp_path / PATH
    workflow.write_text(workflow.read_text().replace(SOURCE, source))
    assert check(tmp_path).state == state


def test_a_variable_that_is_needed_is_looked_up_where_it_can_be(
    tmp_path: Path, github: LoopbackGitHub
):
    make_project(tmp_path)
    assert check(tmp_path).state == "warning"
    github.push("acme/requests", {"README.md": b"# Requests"})
    github.add_token("made_up", "ada")
    environ = {
        "GITHUB_API_URL": github.api_url,
        "GITHUB_REPOSITORY": "acme/requests",
        "GITHUB_TOKEN": "made_up",
    }
    assert check(tmp_path, environ, is_offline=True).state == "warning"
    found = check(tmp_path, environ)
    assert found.state == "problem"
    assert "HUGFLOW_INSTALL is not set" in found.what
    assert "gh variable set HUGFLOW_INSTALL" in str(found.mend)


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, {"name": "HUGFLOW_INSTALL", "value": SOURCE}, "ok"),
        (200, {"name": "HUGFLOW_INSTALL", "value": "hugflow"}, "problem"),
        (404, {}, "problem"),
        (403, {}, "warning"),
    ],
)
def test_the_value_of_the_variable_is_judged(status: int, body: dict[str, str], state: str):
    assert judge_variable(ServiceReply(status, body)).state == state


def test_a_folder_without_the_workflow_is_well(tmp_path: Path):
    (tmp_path / "hugflow.yaml").touch()
    assert check(tmp_path).state == "ok"
