"""The command `flowrider`, which is `hugflow run`."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.flowrider.project import FlowProject

pytestmark = pytest.mark.slow

SCRIPTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
    "scripts"
]


def flowrider(project: FlowProject, *words: str) -> "subprocess.CompletedProcess[str]":
    """Call what the console script calls."""
    module, _, name = SCRIPTS["flowrider"].partition(":")
    program = f"import sys; from {module} import {name}; sys.argv[0] = 'flowrider'; {name}()"
    return subprocess.run(
        [sys.executable, "-B", "-c", program, *words],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_show_is_passed_through_and_the_exit_status_comes_back(flow_project: FlowProject):
    flow_project.config("dev").unlink()
    shown = flowrider(flow_project, "example/example_flow", "--", "show")
    assert shown.returncode == 0, shown.stderr
    assert "Step middle" in shown.stdout
    flow_project.write("project_name/pipeline/five.py", "raise SystemExit(5)\n")
    assert flowrider(flow_project, "five", "--", "anything").returncode == 5


def test_a_flow_that_does_not_exist_is_named_with_the_nearest_one(flow_project: FlowProject):
    done = flowrider(flow_project, "example/example_flo")
    assert done.returncode == 4
    assert "did you mean example/example_flow?" in done.stderr


def test_the_attempts_of_a_flow_that_does_not_exist_are_an_error(flow_project: FlowProject):
    program = "from hugflow.cli.main import main; main()"
    command = [sys.executable, "-B", "-c", program, "runs", "example/example_flo"]
    done = subprocess.run(
        command, cwd=flow_project.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert "did you mean example/example_flow?" in done.stderr
