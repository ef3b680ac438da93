"""NAME is a name, an hf_id, a request file or the beginning of one name, in every command."""

import json
from pathlib import Path

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import Project

NAMES = [f"names__{each}__split_train__rev_main" for each in ("music", "speech", "speech2")]
FORMS = (NAMES[0], "names/music", "requests/add/music.yaml", "names__mu")
# Each with its exit code for a NAME that it takes: no web UI runs, nothing has an earlier version.
COMMANDS = {
    "status NAME": 0,
    "ls NAME": 0,
    "logs NAME": 0,
    "open NAME": 1,
    "verify NAME": 0,
    "drift NAME": 0,
    "validate NAME": 0,
    "plan NAME --no-sample": 0,
    "local-sync NAME --no-report": 0,
    "retry NAME --no-report": 0,
    "export NAME --to nemo": 0,
    "push NAME file:///DEST": 0,
    "versions NAME": 0,
    "rollback NAME": 2,
    "overlaps NAME": 0,
    "audit --dataset NAME": 0,
    "why NAME": 0,
    "why NAME#1": 0,
    "remove NAME --dry-run": 0,
    "undo NAME": 1,
}
# One process: each command starts an interpreter otherwise.
PROGRAM = """
import io, json
from contextlib import redirect_stderr, redirect_stdout
from hugflow.cli.main import run

told = []
for command in {commands!r}:
    for name in {names!r}:
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = run([word.replace("NAME", name) for word in command.split()])
        told.append([command, name, code, said.getvalue()])
print(json.dumps(told))
"""


def _run_all(
    project: Project, commands: list[str], names: list[str]
) -> dict[tuple[str, str], tuple[int, str]]:
    done = project.run_python(PROGRAM.format(commands=commands, names=names))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    return {(command, name): (code, said) for command, name, code, said in told}


@pytest.fixture
def named(project: Project) -> Project:
    """A project with three requests; the names of two datasets begin alike."""
    project.request("names/music", name="music")
    project.request("names/speech", name="speech")
    project.request("names/speech2", name="speech2")
    return project


@pytest.fixture
def made(named: Project, hub: LoopbackHub) -> Project:
    """The project; the dataset with the name of its own is made."""
    publish_speech(hub, "names/music", rows=2, shards=1, seconds=0.1)
    assert named.run("local-sync", "names/music", "--no-report").returncode == 0
    return named


def test_every_command_takes_every_form_of_a_name(made: Project, tmp_path: Path):
    commands = {
        command.replace("/DEST", str(tmp_path / "pushed")): code
        for command, code in COMMANDS.items()
    }
    told = _run_all(made, [*commands], [*FORMS, "names__sp", "names/speeech"])
    for command, code in commands.items():
        for name in FORMS:
            assert told[command, name][0] == code, (command, name, told[command, name])
        code, said = told[command, "names__sp"]
        assert code == 2, (command, said)
        assert f"they are {NAMES[2]}, {NAMES[1]}" in said
        code, said = told[command, "names/speeech"]
        assert code == 2, (command, said)
        if command != "undo NAME":
            assert NAMES[1] in said or "why" in command, (command, said)


def test_a_request_file_is_found_from_wherever_a_person_is(named: Project):
    file = named.root / "requests" / "add" / "music.yaml"
    folder = Project(file.parent, named.environment)
    for project, wanted in ((folder, "music.yaml"), (folder, "."), (named, str(file))):
        done = project.run("ls", wanted)
        assert done.returncode == 0, done.stderr
        assert NAMES[0] in done.stdout


def test_a_file_that_repeats_another_or_removes_means_its_dataset(named: Project):
    named.request("names/music", name="again")
    removal = named.root / "requests" / "remove" / "speech.yaml"
    removal.parent.mkdir()
    removal.write_text('hf_id: "names/speech"\nreason: "A test"\n')
    assert NAMES[0] in named.run("ls", "requests/add/again.yaml").stdout
    assert NAMES[1] in named.run("ls", "requests/remove/speech.yaml").stdout


def test_a_command_for_one_dataset_lists_those_of_a_folder(named: Project):
    for command in ("logs", "open", "retry"):
        done = named.run(command, "requests/add")
        assert done.returncode == 2
        assert "fits 3 datasets" in done.stderr
        assert all(name in done.stderr for name in NAMES)


def test_nobody_is_asked_only_about_a_whole_name(made: Project):
    done = made.run("remove", "names__mu", "--yes")
    assert done.returncode == 2
    assert f"hugflow remove {NAMES[0]} --yes" in done.stderr
    assert made.dataset(NAMES[0]).manifest.is_file()
    assert made.run("remove", "names/music", "--yes").returncode == 0
    assert made.run("undo", "names__mu").returncode == 0
    assert made.dataset(NAMES[0]).manifest.is_file()


def test_every_json_names_its_datasets_alike(made: Project, tmp_path: Path):
    commands = [
        command.replace("/DEST", str(tmp_path / "pushed")) + " --json"
        for command, code in COMMANDS.items()
        if code == 0 and command.split()[0] not in ("logs", "audit")
    ]
    for (command, _), (_, said) in _run_all(made, commands, ["names/music"]).items():
        [told] = [line for line in said.splitlines() if line.startswith("{")]
        [entry] = json.loads(told)["datasets"]
        assert entry["name"] == NAMES[0], command
        # `why` shows the path from where a person is.
        assert entry["request"].endswith("requests/add/music.yaml"), command
        assert entry["state"] == "completed", command
