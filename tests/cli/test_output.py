"""What goes where: data to stdout, talk to stderr, and JSON that can be relied on."""

import json
import subprocess

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import HUGFLOW, Project


def test_a_failure_is_json_too_when_json_is_asked_for(project: Project, hub: LoopbackHub):
    publish_speech(hub, "output/failed", rows=1, shards=1, seconds=0.2)
    done = project.run("local-sync", "--json", project.request("output/failed", "split: nope"))
    assert done.returncode == 4
    answer = json.loads(done.stdout)
    [entry] = answer["datasets"]
    assert answer["schema_version"] == 1
    assert (entry["state"], entry["exit_code"]) == ("failed", 4)
    assert "nope" in entry["error"]["what"]


def test_a_plan_of_a_complete_dataset_says_that_it_is_complete(project: Project, hub: LoopbackHub):
    publish_speech(hub, "output/complete", rows=1, shards=1, seconds=0.2)
    file = project.request("output/complete")
    assert project.run("local-sync", file, "--no-report").returncode == 0
    [entry] = json.loads(project.run("plan", "--json", file).stdout)["datasets"]
    assert entry["state"] == "completed"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_had_enough_is_no_failure(project: Project, unbuffered: str):
    done = subprocess.run(
        ["bash", "-c", f"'{HUGFLOW}' --version | true; echo ${{PIPESTATUS[0]}}"],
        cwd=project.root,
        env=project.environment | {"PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "0"
    assert done.stderr == ""


def test_logs_are_json_objects_when_that_is_set(project: Project, hub: LoopbackHub):
    publish_speech(hub, "output/logs", rows=1, shards=1, seconds=0.2)
    file = project.request("output/logs")
    done = project.run("local-sync", file, "--no-report", LOG_FORMAT="json")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert any(line["message"].startswith("Starting download...") for line in lines)
    assert {line["level"] for line in lines} == {"INFO"}


def test_a_name_in_a_line_of_the_log_moves_no_cursor_and_paints_nothing(project: Project):
    program = """
import logging
from hugflow.cli.output import print_warning, set_up_logging
set_up_logging("INFO", "text")
logging.getLogger("hugflow").info("requests/add/%s.yaml", "a\\x1b[31m\\rb\\u202e")
print_warning("c\\x1b[2J")
"""
    shown = project.run_python(program).stderr
    assert "requests/add/a?[31m?b?.yaml" in shown
    assert "c?[2J" in shown


SURPRISE = """
import sys, threading
import hugflow.cli.builds
from hugflow.cli import main

def reveal(*_):
    raise ValueError("Bearer hf_" + "a" * 30 + "\\x1b[31m is not welcome")

def reveal_in_a_thread(*_):
    thread = threading.Thread(target=reveal)
    thread.start()
    thread.join()
    sys.exit(0)

hugflow.cli.builds.load_settings = {function}
sys.argv = ["hugflow", "plan", "requests/add/a.yaml"]
main.main()
"""


@pytest.mark.parametrize(
    ("function", "code"), [("reveal", 1), ("reveal_in_a_thread", 0)], ids=["main", "thread"]
)
def test_an_error_that_nobody_foresaw_shows_where_it_was_and_no_secret(
    project: Project, function: str, code: int
):
    done = project.run_python(SURPRISE.replace("{function}", function))
    assert done.returncode == code
    assert "in reveal\n" in done.stderr
    assert "error: ValueError: Bearer (hidden)" in done.stderr
    assert "this error was not foreseen" in done.stderr
    assert "hf_a" not in done.stderr
    assert "\x1b" not in done.stderr
