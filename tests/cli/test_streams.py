"""However a command is started, and whatever a user mistakes: no traceback, and a true exit code."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import HUGFLOW, Project


def run_in_shell(
    project: Project, script: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a line of bash in the project, where `hugflow` is the command under test."""
    path = f"{HUGFLOW.parent}{os.pathsep}{project.environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=project.root,
        env=project.environment | {"PATH": path} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize(
    ("command", "unbuffered"),
    [
        ("--version", ""),
        ("--help", "1"),
        ("status", ""),
        ("status", "1"),
        ("config show", "1"),
        ("validate requests", ""),
    ],
)
def test_a_reader_that_has_had_enough_is_no_failure(
    project: Project, command: str, unbuffered: str
):
    project.request("acme/speech")
    script = f"hugflow {command} 2>/dev/null | true; echo ${{PIPESTATUS[0]}}"
    done = run_in_shell(project, script, PYTHONUNBUFFERED=unbuffered)
    assert done.stdout == "0\n"


def test_whoever_writes_without_end_learns_that_the_reader_has_gone(project: Project):
    program = (
        "from hugflow.cli.output import *; open_streams()\n"
        "while has_reader(): print_data('line')\n"
        "print_talk('done')"
    )
    done = run_in_shell(project, f'{sys.executable} -c "{program}" | head -1')
    assert (done.stdout, done.stderr) == ("line\n", "done\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_hinders_nothing(project: Project, closed: str):
    script = f"hugflow status {closed}; echo $?; hugflow nonsense {closed}; echo $?"
    done = run_in_shell(project, script)
    assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["0", "2"]


def test_talk_never_lands_among_the_data(project: Project):
    done = run_in_shell(project, "hugflow validate nothing.yaml 2>&-")
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["status", "--help", "config show --json"])
def test_a_result_that_cannot_be_written_is_a_failure(project: Project, command: str):
    done = run_in_shell(project, f"hugflow {command} > /dev/full; echo $?")
    assert done.stdout == "1\n"
    assert "cannot be written to stdout" in done.stderr
    assert done.stderr.count("error:") == 1


def test_talk_that_cannot_be_written_changes_nothing(project: Project):
    assert run_in_shell(project, "hugflow status 2> /dev/full; echo $?").stdout.endswith("0\n")


@pytest.mark.parametrize("command", ["status", "plan x.yaml", "init"])
def test_in_a_working_directory_that_is_gone_it_says_so(project: Project, command: str):
    done = run_in_shell(project, f"mkdir gone; cd gone; rmdir ../gone; hugflow {command}; echo $?")
    assert done.stdout == "1\n"
    assert "the working directory is gone" in done.stderr


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
)
def test_any_locale_will_do(project: Project, locale: dict[str, str]):
    path = project.request("acme/speech", name="日本")
    (project.root / path).write_text("hf_id: acme/speech\ndescription: 日本\nsplit: 日本[1]\n")
    for command in (f"validate {path}", "status"):
        done = run_in_shell(project, f"hugflow {command}", **locale)
        assert done.returncode in (0, 4)


def test_a_file_name_that_is_no_text_is_shown_as_far_as_it_can_be(project: Project):
    folder = project.root / "requests" / "add"
    folder.mkdir(parents=True)
    name = os.fsencode(folder) + b"/bad\xff\n\x1b[31m.yaml"
    Path(os.fsdecode(name)).write_text("hf_id: acme/speech\ndescription: x\n")
    done = run_in_shell(project, "hugflow validate requests; hugflow status")
    assert done.returncode == 0
    assert "requests/add/bad??" in done.stdout
    assert "\x1b" not in done.stdout
    assert run_in_shell(project, "hugflow validate --json requests").returncode == 0


@pytest.mark.parametrize(
    "command",
    [
        "validate requests/add",
        "validate nothing.yaml",
        "validate workspace.yaml",
        "validate ''",
        "validate .git/HEAD binary",
        "plan .",
        "plan nothing.yaml",
        "plan binary",
        "local-sync .",
        "local-sync binary",
        "local-sync nothing.yaml",
        "status --wat",
        "config nonsense",
        "doctor extra",
        "--wat",
    ],
)
def test_a_mistake_is_told_in_three_parts_without_a_traceback(project: Project, command: str):
    (project.root / "binary").write_bytes(bytes(range(256)) * 100)
    (project.root / "requests" / "add").mkdir(parents=True)
    done = project.run(*shlex.split(command))
    assert done.returncode in (0, 2, 4)
    assert done.returncode == 0 or "fix:" in done.stderr


@pytest.mark.parametrize("name", ["hugflow.yaml", ".env"])
def test_a_settings_file_that_cannot_be_read_is_told(project: Project, name: str):
    (project.root / name).symlink_to("/proc/self/mem")
    done = run_in_shell(project, "hugflow status")
    assert done.returncode == 2
    assert f"{name} cannot be used" in done.stderr


def test_a_project_that_may_only_be_read_is_told_of_where_it_would_write(project: Project):
    # Even root writes nothing there.
    places = {"STATE_DIR": "/proc/state", "STORAGE_ROOT": "/proc/datasets"}
    done = run_in_shell(project, "hugflow status", **places)
    assert done.returncode == 0
    done = run_in_shell(project, "hugflow init", **places)
    assert done.returncode == 1
    assert "/proc" in done.stderr


def test_help_costs_little(project: Project):
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run_in_shell(project, "hugflow --help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0
