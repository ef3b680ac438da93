"""Requests of parents: a team inherits an organisation's, adds its own, and replaces one by key."""

import json
from pathlib import Path
from typing import Any

import pytest

from hugflow.hierarchy.composed_requests import compose_requests
from hugflow.hierarchy.errors import ConfigError, LockError
from hugflow.hierarchy.lock import lock_project, update_lock
from hugflow.project_requests import read_composed_requests, read_requests
from hugflow.requests.collect import collect_requests
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.hierarchy.worlds import commit_all
from tests.projects import Project
from tests.runners import make_runner


def write_requests(
    folder: Path, requests: dict[str, str], *, parents: dict[str, str] | None = None, **keys: Any
) -> Path:
    """A repository with a source `corpora` of pulled requests, by key."""
    inside = folder / "input" / "corpora"
    inside.mkdir(parents=True, exist_ok=True)
    for key, text in requests.items():
        (inside / f"{key}.yaml").write_text(text)
    source = {
        "format": "requests",
        "parent_sources": [f"{name}.corpora" for name in parents or ()],
        "files_dict": {key: f"{key}.yaml" for key in requests},
        **keys,
    }
    locations = {name: {"location": location} for name, location in (parents or {}).items()}
    config = {"parents": locations, "sources": {"corpora": source}}
    (folder / "hugflow.json").write_text(json.dumps(config))
    return folder


def ask(hf_id: str, *lines: str) -> str:
    return "\n".join([f"hf_id: {hf_id}", "description: For tests", *lines]) + "\n"


@pytest.fixture
def organisation(tmp_path: Path) -> Path:
    folder = tmp_path / "organisation"
    write_requests(folder, {"speech": ask("org/speech"), "text": ask("org/text")})
    commit_all(folder)
    return folder


def team_of(tmp_path: Path, organisation: Path, requests: dict[str, str], **keys: Any) -> Path:
    where = f"git+file://{organisation}@refs/heads/main"
    return write_requests(tmp_path / "team", requests, parents={"org": where}, **keys)


def test_a_team_inherits_adds_its_own_and_replaces_one_by_key(tmp_path: Path, organisation: Path):
    own = {"mine": ask("team/own"), "speech": ask("org/speech", "revision: v2")}
    team = team_of(tmp_path, organisation, own)
    (team / "requests/add").mkdir(parents=True)
    (team / "requests/add/plain.yaml").write_text(ask("team/plain"))
    lock = lock_project(team)
    found = collect_requests(read_requests(team))
    assert found.problems == ()
    assert {file.path: file.request.name for file in found.adds} == {
        "input/corpora/mine.yaml": "team__own__split_train__rev_main",
        "input/corpora/speech.yaml": "org__speech__split_train__rev_v2",
        "org:corpora/text.yaml": "org__text__split_train__rev_main",
        "requests/add/plain.yaml": "team__plain__split_train__rev_main",
    }
    inherited = read_composed_requests(team)["org:corpora/text.yaml"]
    assert inherited.repository == f"git+file://{organisation}@refs/heads/main"
    assert inherited.commit == lock["nodes"]["org"]["rev"]


def test_two_requests_of_one_dataset_that_differ_are_an_error_naming_both_origins(
    tmp_path: Path, organisation: Path
):
    team = team_of(tmp_path, organisation, {"mine": ask("org/speech", "text_column: words")})
    lock_project(team)
    found = collect_requests(read_requests(team))
    assert [problem.path for problem in found.problems] == [
        "input/corpora/mine.yaml", "org:corpora/speech.yaml",
    ]  # fmt: skip
    assert "org:corpora/speech.yaml" in found.problems[0].what
    assert "text_column" in found.problems[0].what
    assert [file.request.hf_id for file in found.adds] == ["org/text"]


def test_a_branch_that_moves_changes_nothing_until_the_lock_is_upgraded(
    tmp_path: Path, organisation: Path
):
    team = team_of(tmp_path, organisation, {})
    lock_project(team)
    write_requests(organisation, {"speech": ask("org/speech"), "new": ask("org/new")})
    commit_all(organisation)
    assert sorted(compose_requests(team)) == ["org:corpora/speech.yaml", "org:corpora/text.yaml"]
    update_lock(team, upgrade=[])
    assert sorted(compose_requests(team)) == ["org:corpora/new.yaml", "org:corpora/speech.yaml"]


def test_requests_are_composed_offline_from_the_lock(tmp_path: Path, organisation: Path):
    team = team_of(tmp_path, organisation, {})
    lock_project(team)
    before = compose_requests(team)
    organisation.rename(tmp_path / "gone")
    assert compose_requests(team) == before


def test_a_parent_that_cannot_be_read_is_an_error_and_no_empty_answer(
    tmp_path: Path, organisation: Path
):
    team = team_of(tmp_path, organisation, {})
    with pytest.raises(LockError):
        compose_requests(team, locked=True)
    organisation.rename(tmp_path / "gone")
    with pytest.raises(ConfigError):
        read_requests(team)


def test_requests_below_a_name_that_means_removals_are_refused(tmp_path: Path):
    write_requests(tmp_path, {"a": ask("org/a")})
    config = json.loads((tmp_path / "hugflow.json").read_text())
    config["sources"]["remove"] = config["sources"].pop("corpora")
    (tmp_path / "hugflow.json").write_text(json.dumps(config))
    (tmp_path / "input/corpora").rename(tmp_path / "input/remove")
    with pytest.raises(ConfigError, match="read as removals"):
        compose_requests(tmp_path)


def test_a_project_without_sources_of_requests_reads_no_parent(tmp_path: Path):
    nowhere = {"p": {"location": "https://127.0.0.1:1/p.zip"}}
    sources = {"s": {"format": "json", "parent_sources": ["p.s"]}}
    (tmp_path / "hugflow.json").write_text(json.dumps({"parents": nowhere, "sources": sources}))
    assert read_requests(tmp_path) == {}


@pytest.mark.slow
def test_commands_work_with_inherited_requests(
    tmp_path: Path, organisation: Path, project: Project, cache: Path, hub: LoopbackHub
):
    publish_text(hub, "org/speech", rows=2)
    team = team_of(tmp_path, organisation, {"mine": ask("team/own")})
    for name in ("hugflow.json", "input"):
        (team / name).rename(project.root / name)
    lock_project(project.root)
    commit = json.loads((project.root / "hugflow.lock").read_text())["nodes"]["org"]["rev"]
    where = {"HUGFLOW_CACHE_DIR": str(cache)}
    validated = project.run("validate", ".", **where)
    assert validated.returncode == 0, validated.stderr
    assert "org:corpora/speech.yaml: valid, adds org__speech" in validated.stdout
    status = json.loads(project.run("status", "--json", **where).stdout)
    assert {each["request"] for each in status["datasets"]} == {
        "input/corpora/mine.yaml", "org:corpora/speech.yaml", "org:corpora/text.yaml",
    }  # fmt: skip
    name = "org__speech__split_train__rev_main"
    why = json.loads(project.run("why", name, "--json", **where).stdout)["datasets"][0]
    assert why["request_repository"] == f"git+file://{organisation}@refs/heads/main"
    assert why["request_repository_commit"] == commit
    assert project.run("plan", "org:corpora/speech.yaml", **where).returncode == 0
    made = project.run("local-sync", name, "--no-report", **where)
    assert made.returncode == 0, made.stderr
    assert project.run("verify", name, **where).returncode == 0


@pytest.mark.slow
def test_a_pull_request_that_conflicts_with_an_inherited_request_is_refused(
    tmp_path: Path,
    organisation: Path,
    hub: LoopbackHub,
    github: LoopbackGitHub,
    cache: Path,
):
    runner = make_runner(hub, github, tmp_path / "ci")
    team = team_of(tmp_path, organisation, {})
    lock_project(team)
    files = {name: (team / name).read_bytes() for name in ("hugflow.json", "hugflow.lock")}
    runner.on_main(files)
    own = {"requests/add/own.yaml": ask("org/speech", "text_column: words").encode()}
    number = runner.propose(own)
    done = runner.sync(number, "--plan-only", HUGFLOW_CACHE_DIR=str(cache))
    assert done.returncode == 4, done.stderr
    assert "org:corpora/speech.yaml" in done.stdout + done.stderr
