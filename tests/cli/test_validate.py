"""`hugflow validate` on folders of files that their authors or their enemies wrote."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import HUGFLOW, Project
from tests.requests.hostile import HOSTILE, as_bytes, make_hostile_places

TOKEN = "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"


def test_the_last_line_says_how_many_are_valid(project: Project):
    project.request("acme/good", name="good")
    project.request("acme/better", name="better")
    assert project.run("validate", "requests").stderr == "2 files: 2 valid, 0 refused\n"
    project.request("nonsense", name="bad")
    done = project.run("validate", "requests")
    assert done.stderr.splitlines()[-1] == "3 files: 2 valid, 1 refused"
    one = project.run("validate", "requests/add/good.yaml")
    assert one.stderr == "1 file: 1 valid, 0 refused\n"


def test_the_state_is_the_one_of_status(project: Project, hub: LoopbackHub):
    publish_speech(hub, "validate/state", rows=2, shards=1, seconds=0.2)
    request = project.request("validate/state")
    for command, state in (("status", "pending"), ("plan", "planned"), ("local-sync", "completed")):
        assert project.run(command, *([] if command == "status" else [request])).returncode == 0
        [told] = json.loads(project.run("validate", request, "--json").stdout)["datasets"]
        assert (told["request"], told["state"]) == (str(request), state)


def test_without_settings_that_can_be_read_a_file_is_checked_all_the_same(project: Project):
    request = project.request("acme/good")
    (project.root / ".env").write_text("WORKERS=zero\n")
    done = project.run("validate", request, "--json")
    assert done.returncode == 0
    [told] = json.loads(done.stdout)["datasets"]
    assert told["state"] == "pending"


def test_of_a_whole_project_only_the_requests_are_checked(project: Project):
    project.request("acme/good")
    done = project.run("validate", ".")
    assert (done.returncode, done.stderr) == (0, "1 file: 1 valid, 0 refused\n")


def test_a_file_is_what_its_folder_says_from_wherever_it_is_named(project: Project):
    folder = project.root / "requests" / "remove"
    folder.mkdir(parents=True)
    (folder / "x.yaml").write_text("hf_id: acme/speech\nreason: Replaced\n")
    done = subprocess.run(
        [HUGFLOW, "validate", "x.yaml"],
        cwd=folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "x.yaml: valid, removes acme/speech\n")


def test_a_folder_of_hostile_files_is_refused_file_by_file(
    project: Project, hub: LoopbackHub, tmp_path: Path
):
    folder = project.root / "requests" / "add"
    folder.mkdir(parents=True)
    for number, data in enumerate(HOSTILE.values()):
        text = as_bytes(data).replace(b"org/data", f"org/data{number}".encode())
        (folder / f"{number:03}.yaml").write_bytes(text)
    places = make_hostile_places(folder)
    (folder / "good.yaml").write_text("hf_id: org/good\ndescription: x\n")
    usage = tmp_path / "usage"
    done = subprocess.run(
        # GNU time would do; Python is there for sure.
        ["bash", "-c", f"TIMEFORMAT='%U %S'; {{ time '{HUGFLOW}' validate requests; }} 2> {usage}"],
        cwd=project.root,
        env=project.environment | {"HF_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=120,
    )
    talk = usage.read_text(errors="replace")
    assert done.returncode == 4
    assert done.stdout == "requests/add/good.yaml: valid, adds org__good__split_train__rev_main\n"
    assert "Traceback" not in talk
    names = [f"{number:03}.yaml" for number in range(len(HOSTILE))] + places
    assert len(names) >= 80
    for name in names:
        assert re.search(rf"^requests/add/{re.escape(name)}:\d+: ", talk, re.MULTILINE), name
    assert f"{len(names) + 1} files: 1 valid, {len(names)} refused" in talk
    assert hub.requests == ()
    assert not Path("/tmp/owned").exists()  # noqa: S108  # what the files try to make
    assert "root:" not in talk
    user_s, system_s = map(float, talk.splitlines()[-1].split())
    assert user_s + system_s < 10


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_token_in_any_place_is_never_shown(project: Project, form: list[str]):
    folder = project.root / "requests" / "add"
    folder.mkdir(parents=True)
    texts = [
        f"hf_id: {TOKEN}\ndescription: x\n",
        f"hf_id: a/b\ndescription: {TOKEN}\n",
        f"hf_id: a/b\ndescription: x\n{TOKEN}: y\n",
        f"hf_id: a/b\ndescription: x\nsplit: [{TOKEN}]\n",
        f"hf_id: a/b\ndescription: x\nowner: 'a {TOKEN}\n",
        f"hf_id: a/b\ndescription: x: {TOKEN}\n",
        f"{TOKEN}\n",
        f"- {TOKEN}\n",
        f"hf_id: a/b\ndescription: x\n# {TOKEN}\n",
    ]
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text)
    done = project.run("validate", *form, "requests")
    assert done.returncode == 4
    assert TOKEN not in done.stdout + done.stderr
    assert TOKEN[4:20] not in done.stdout + done.stderr


def test_a_folder_that_cannot_be_listed_is_told_and_not_passed_over(project: Project):
    script = (
        "import os, sys; from hugflow.cli.main import run\n"
        "def walk(top, onerror):\n"
        "    onerror(PermissionError(13, 'Permission denied', 'requests/secret'))\n"
        "    return []\n"
        "os.walk = walk; sys.exit(run(['validate', 'requests']))"
    )
    project.request("acme/good")
    done = project.run_python(script)
    assert done.returncode == 4
    assert "requests/secret: cannot be listed: Permission denied" in done.stderr


def test_online_the_hub_is_asked_for_what_a_file_cannot_know(project: Project, hub: LoopbackHub):
    publish_speech(hub, "online/speech", rows=2, shards=1, seconds=0.2)
    project.request("online/speech", name="a")
    project.request("online/speech", "split: nope", name="b")
    offline = project.run("validate", "requests")
    assert offline.returncode == 0
    assert hub.requests == ()
    done = project.run("validate", "--online", "requests")
    assert done.returncode == 4
    assert "requests/add/a.yaml: valid" in done.stdout
    assert "requests/add/b.yaml" not in done.stdout
    assert "requests/add/b.yaml:1: " in done.stderr
    assert "nope" in done.stderr
    assert done.stderr.splitlines()[-1] == "2 files: 1 valid, 1 refused"
    answer = json.loads(project.run("validate", "--online", "--json", "requests").stdout)
    assert [entry["request"] for entry in answer["datasets"]] == ["requests/add/a.yaml"]
    assert [problem["file"] for problem in answer["problems"]] == ["requests/add/b.yaml"]


def test_online_a_hub_that_is_away_or_a_gate_ends_with_its_own_code(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "online/private", rows=2, shards=1, seconds=0.2, private=True)
    file = project.request("online/private")
    assert project.run("validate", "--online", file).returncode == 5
    away = project.run("validate", "--online", file, HF_ENDPOINT="http://127.0.0.1:9")
    assert away.returncode == 7


def test_a_circle_of_three_is_told_of_one_file_however_it_names_the_others(project: Project):
    names = [f"acme__{name}__split_train__rev_main" for name in "abc"]
    for at, name in enumerate("abc"):
        project.request(f"acme/{name}", f"no_overlap_with: [{names[at - 2]}]", name=name)
    validated = project.run("validate", "requests/add/a.yaml")
    assert validated.returncode == 0
    assert "is in a circle with requests/add/b.yaml, requests/add/c.yaml" in validated.stderr
