"""`hugflow init`: a folder becomes a project, and nothing in it is spoiled."""

import json
import os
import sys
from pathlib import Path

import pytest

from hugflow.cli.project import make_project, prepare_dagster
from hugflow.cli.schema_file import SCHEMA, schema_line
from hugflow.requests.model import json_schema
from tests.projects import Project

pytestmark = pytest.mark.slow


def test_a_project_is_ready_for_requests_and_for_dagster(project: Project):
    (project.root / "workspace.yaml").unlink()
    done = project.run("init")
    assert done.returncode == 0, done.stderr
    for name in ("requests/add", "requests/remove", "datasets", ".hugflow-state/dagster"):
        assert (project.root / name).is_dir()
    for name in ("workspace.yaml", "dagster.yaml", ".env.example", ".gitignore"):
        assert (project.root / name).is_file()
    assert f"complete datasets will be in {project.root / 'processed'}" in done.stdout
    schema = json.loads((project.root / "requests" / "request.schema.json").read_text())
    assert schema == json_schema()


def test_doing_it_again_changes_nothing(project: Project):
    project.run("init")
    (project.root / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    before = {path: path.read_bytes() for path in project.root.iterdir() if path.is_file()}
    assert project.run("init").returncode == 0
    assert {path: path.read_bytes() for path in before} == before


def test_where_links_cannot_be_made_by_default_it_says_so_and_spoils_no_line_of_env(
    project: Project,
):
    (project.root / ".env").write_text("HF_TOKEN=hf_made_up")
    environment = {k: v for k, v in project.environment.items() if k != "PROCESSED_ROOT"}
    program = (
        "import hugflow.cli.project as project, sys; from hugflow.cli.main import run; "
        "project._can_write = lambda folder: False; sys.exit(run(['init']))"
    )
    plain = Project(project.root, environment)
    done = plain.run_python(program)
    assert done.returncode == 0, done.stderr
    assert "PROCESSED_ROOT=./processed" in done.stdout
    assert (project.root / ".env").read_text() == (
        "HF_TOKEN=hf_made_up\nPROCESSED_ROOT=./processed\n"
    )


def test_editors_find_the_schema_by_the_line_and_an_upgrade_renews_it(tmp_path: Path):
    make_project(tmp_path)
    request = tmp_path / "requests" / "add" / "team" / "speech.yaml"
    line = schema_line(request, tmp_path)
    assert line == "# yaml-language-server: $schema=../../request.schema.json"
    (tmp_path / SCHEMA).write_text("{}")
    assert make_project(tmp_path) == [tmp_path / SCHEMA]
    assert make_project(tmp_path) == []


def test_secrets_and_data_are_kept_out_of_git_beside_what_is_there_already(tmp_path: Path):
    (tmp_path / ".gitignore").write_text("*.pyc")
    make_project(tmp_path)
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[0] == "*.pyc"
    assert {".env", "/datasets/", "/.hugflow-state/"} <= set(lines)


def test_an_interrupt_at_the_terminal_does_not_reach_the_process_that_prepares_dagster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told = tmp_path / "session"
    python = tmp_path / "python"
    write = f"import os; open({str(told)!r}, 'w').write(str(os.getsid(0)))"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{write}"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    prepare_dagster(tmp_path)
    assert int(told.read_text()) != os.getsid(0)


def test_init_says_how_to_go_on_from_where_a_person_is(project: Project):
    told = project.run("init", "corpora").stdout
    assert "next: `cd corpora`, then `hugflow add OWNER/NAME` and `hugflow local-sync`;" in told
