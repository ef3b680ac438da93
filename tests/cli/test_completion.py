"""TAB in a real bash: commands, options, names of datasets, request files."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hugflow.cli.completion import complete_name, complete_request_file
from tests.projects import HUGFLOW, Project

NAME = "acme__speech__split_train__rev_main"


def press_tab(project: Project, *words: str) -> list[str]:
    """What bash offers for the last of the words, by the script that `hugflow` shows for it."""
    line = " ".join(f"'{word}'" for word in words)
    script = (
        'source <(hugflow --show-completion); COMP_WORDS=(hugflow "$@"); COMP_CWORD=$#; '
        '_hugflow_completion hugflow; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = in_shell(project, f"set -- {line}; {script}")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


def in_shell(
    project: Project, script: str, shell: str = "bash", **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a script in a shell that finds `hugflow`."""
    path = f"{HUGFLOW.parent}{os.pathsep}{project.environment['PATH']}"
    return subprocess.run(
        # A last command of its own: else the shell would let the one before take its place.
        [shell, "-c", f"{script}; exit $?"],
        cwd=project.root,
        env=project.environment | {"PATH": path} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_commands_and_options_are_offered(project: Project):
    assert {"validate", "doctor", "config"} <= set(press_tab(project, ""))
    assert press_tab(project, "vali") == ["validate"]
    assert press_tab(project, "config", "s") == ["show"]
    assert press_tab(project, "validate", "--js") == ["--json"]


@pytest.mark.parametrize("command", ["status", "verify", "undo", "retry"])
def test_names_are_offered(project: Project, command: str):
    project.request("acme/speech")
    assert press_tab(project, command, "acme") == [NAME]


def test_request_files_are_offered(project: Project):
    project.request("acme/speech", name="speech")
    project.request("acme/noise", name="noise")
    assert press_tab(project, "validate", "") == [
        "requests/add/noise.yaml",
        "requests/add/speech.yaml",
    ]
    for command in ("validate", "plan", "local-sync", "remove"):
        assert press_tab(project, command, "requests/add/s") == ["requests/add/speech.yaml"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_shown_and_installed(
    project: Project, shell: str, tmp_path: Path
):
    # Typer knows a shell by the name of the process that called it.
    program = tmp_path / shell
    shutil.copy("/bin/bash", program)
    shown = in_shell(project, "hugflow --show-completion", str(program))
    assert shown.returncode == 0
    assert f"_HUGFLOW_COMPLETE=complete_{shell}" in shown.stdout
    home = tmp_path / "home"
    home.mkdir()
    done = in_shell(project, "hugflow --install-completion", str(program), HOME=str(home))
    assert done.returncode == 0
    assert f"{shell} completion installed" in done.stdout
    installed = [path.read_text() for path in home.rglob("*") if path.is_file()]
    assert any(shown.stdout.strip() in text for text in installed)


@pytest.mark.parametrize(
    ("shell", "environment"),
    [
        ("zsh", {"_TYPER_COMPLETE_ARGS": "hugflow validate req"}),
        (
            "fish",
            {
                "_TYPER_COMPLETE_ARGS": "hugflow validate req",
                "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            },
        ),
    ],
)
def test_the_other_shells_are_answered_too(
    project: Project, shell: str, environment: dict[str, str]
):
    project.request("acme/speech", name="speech")
    done = project.run(_HUGFLOW_COMPLETE=f"complete_{shell}", **environment)
    assert done.returncode == 0
    assert "requests/add/speech.yaml" in done.stdout


def test_names_are_of_what_is_asked_for_planned_stored_or_removed(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("PROCESSED_ROOT", "processed")
    project.request("acme/speech")
    stored = project.dataset("acme__stored__split_train__rev_main")
    stored.root.mkdir(parents=True)
    stored.manifest.touch()
    for other in (".trash", "samples", "mine"):
        (project.root / "datasets" / other).mkdir()
    (project.places.plans("acme__planned__split_train__rev_main")).mkdir(parents=True)
    assert [name.split("__")[1] for name in complete_name("")] == ["planned", "speech", "stored"]
    removed = project.places.removed("acme__gone__split_train__rev_main")
    removed.parent.mkdir()
    removed.touch()
    assert complete_name("acme__g") == [removed.stem]
    assert complete_name("acme__sp") == [NAME]
    assert complete_name("nobody") == []


def test_nothing_is_offered_and_nothing_breaks_where_nothing_can_be_known(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(project.root)
    project.request("broken")
    (project.root / ".env").write_text("WORKERS=zero\n")
    assert complete_name("") == []
    (project.root / "workspace.yaml").unlink()
    assert complete_name("") == complete_request_file("") == []
    gone = project.root / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert complete_name("") == complete_request_file("") == []
    assert capsys.readouterr() == ("", "")


def test_it_loads_no_heavy_library(project: Project):
    project.request("acme/speech")
    done = project.run_python(
        "import sys; from hugflow.cli.completion import *; "
        "assert complete_name('') and complete_request_file(''); "
        "heavy = {'dagster', 'datasets', 'polars', 'pyarrow', 'numpy', 'huggingface_hub'}; "
        "sys.exit(bool(heavy & sys.modules.keys()))"
    )
    assert done.returncode == 0, done.stderr
