"""A project file with a misspelt key: no command works as if the key were not there."""

import json
from pathlib import Path

import pytest

from hugflow.cli.commands import COMMANDS
from tests.projects import Project

# `demo` makes a project of its own.
CALLS = {
    "init": [],
    "validate": ["requests"],
    "plan": ["requests/add/request.yaml"],
    "local-sync": ["requests/add/request.yaml"],
    "sync": ["--ci-mode", "--plan-only", "--base", "HEAD", "--head", "HEAD"],
    "status": [],
    "retry": ["acme__speech"],
    "remove": ["requests/add/request.yaml", "--yes"],
    "undo": ["acme__speech"],
    "verify": [],
    "why": ["acme__speech"],
    "add": ["acme/speech"],
    "audit": [],
    "compose": [],
    "config": ["show"],
    "doctor": ["--offline"],
    "drift": [],
    "export": ["acme__speech", "--to", "nemo"],
    "flows": ["list"],
    "import": ["archive.tar", "--recipe", "ljspeech"],
    "lock": [],
    "logs": ["acme__speech"],
    "ls": [],
    "open": [],
    "mix": ["plan", "mixtures/a.yaml"],
    "overlaps": [],
    "sql": ["show tables"],
    "parents": ["list"],
    "release": ["1.0.0"],
    "pull": [],
    "pull_data": [],
    "compile_flows": [],
    "run": ["example/example_flow"],
    "runs": [],
    "push": ["acme__speech", "acme/copy"],
    "rollback": ["acme__speech"],
    "up": [],
    "versions": ["acme__speech"],
}


def test_every_command_is_called_here():
    commands = {entry.name for entry in COMMANDS}
    assert commands - {"demo"} == CALLS.keys()


@pytest.mark.parametrize("command", CALLS)
def test_every_command_refuses_a_misspelt_policy(project: Project, command: str):
    project.request("acme/speech")
    (project.root / "hugflow.yaml").write_text("meta: {}\npolcy: {owners: [ada]}\n")
    before = sorted(project.root.rglob("*"))
    done = project.run(command, *CALLS[command])
    said = done.stdout + done.stderr
    assert done.returncode == (1 if command == "doctor" else 2), said
    assert "hugflow.yaml:2: polcy is an unknown key" in said
    assert "did you mean policy?" in said
    assert sorted(project.root.rglob("*")) == before


@pytest.mark.parametrize("command", ["status", "validate", "config"])
def test_misspelt_settings_and_json_are_refused_too(project: Project, command: str):
    project.request("acme/speech")
    (project.root / "hugflow.json").write_text('{\n"setings": {}\n}')
    done = project.run(command, *CALLS[command])
    assert done.returncode == 2
    assert "hugflow.json:2: setings is an unknown key" in done.stderr
    assert "did you mean settings?" in done.stderr


def test_two_project_files_are_refused(project: Project):
    for name in ("hugflow.yaml", "hugflow.yml"):
        (project.root / name).touch()
    done = project.run("status")
    assert done.returncode == 2
    assert "hugflow.yaml is not the only project file" in done.stderr


def test_the_doctor_shows_a_misspelt_key_once(project: Project):
    (project.root / "hugflow.yaml").write_text("polcy: {}\n")
    assert project.run("doctor", "--offline").stdout.count("polcy") == 1


def test_the_doctor_tells_of_a_policy_that_cannot_be_read(project: Project):
    file = Path(project.root / "hugflow.yaml")
    file.write_text("policy:\n  licenses: [mit]\n")
    checks = json.loads(project.run("doctor", "--offline", "--json").stdout)["checks"]
    [policy] = [check for check in checks if check["check"] == "policy"]
    assert policy["state"] == "problem"
    assert "hugflow.yaml:2: licenses is unknown; did you mean licences?" in policy["what"]
    file.write_text("policy:\n  licences: [mit]\n")
    checks = json.loads(project.run("doctor", "--offline", "--json").stdout)["checks"]
    assert {"check": "policy", "state": "ok", "what": "licences", "mend": None} in checks


def test_the_doctor_tells_of_flows_that_cannot_be_read(project: Project):
    Path(project.root / "hugflow.yaml").write_text("flows: {alow: []}\n")
    checks = json.loads(project.run("doctor", "--offline", "--json").stdout)["checks"]
    [flows] = [check for check in checks if check["check"] == "flows"]
    assert flows["state"] == "problem"
