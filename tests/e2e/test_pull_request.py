"""The way of a request, as the quick start tells it: written, proposed, made, merged, and removed."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import github as pygithub
import pytest

from hugflow.testing.faults import Stall
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.injections import Match
from hugflow.testing.samples import publish_tables, speech_table
from hugflow_resources.instance import open_instance
from tests import projects
from tests.dagster.conftest import Project, git, wait_until
from tests.dagster.layouts import Platform
from tests.runners import Runner, make_runner
from tests.testing.githubs import REPO

pytestmark = pytest.mark.slow

HF_ID = "mozilla-foundation/common_voice_11_0"
NAME = "mozilla-foundation__common_voice_11_0__subset_ms__split_train__rev_main"
ADD = "requests/add/common_voice.yaml"
REMOVE = "requests/remove/common_voice.yaml"
ASKED = f"""\
hf_id: "{HF_ID}"
description: "Malay ASR training data"
subset: "ms"
"""
UNWANTED = f"""\
hf_id: "{HF_ID}"
subset: "ms"
reason: "No longer needed, replaced with v12"
"""
REVIEWER = "ghp_made_up_of_the_reviewer"


@dataclass
class Team:
    """A person with a clone, a runner, and a host that watches main; storage is shared."""

    runner: Runner
    clone: projects.Project
    host: Platform

    def propose(self, path: str, text: str, branch: str, title: str) -> int:
        """Commit a file on a branch, push it, and open a pull request; its number."""
        root = self.clone.root
        git(root, "switch", "--quiet", "--create", branch, "main")
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        git(root, "add", path)
        git(root, "commit", "--quiet", "--message", title)
        git(root, "push", "--quiet", "origin", branch)
        sha = git(root, "rev-parse", "HEAD").strip()
        github = self.runner.github
        github.push(REPO, {path: text.encode()}, branch=branch, sha=sha)
        return github.open_pull(REPO, branch, title=title, author="ada")

    def merge(self, number: int, branch: str) -> None:
        """Merge it as a reviewer does; GitHub's main and the remote's are the same."""
        client = pygithub.Github(
            base_url=self.runner.github.api_url, auth=pygithub.Auth.Token(REVIEWER)
        )
        assert client.get_repo(REPO).get_pull(number).merge().merged
        client.close()
        root = self.clone.root
        git(root, "switch", "--quiet", "main")
        message = f"Merge pull request #{number} from acme/{branch}"
        git(root, "merge", "--quiet", "--no-ff", "--message", message, branch)
        git(root, "push", "--quiet", "origin", "main")

    def materialized(self) -> dict[str, set[str]]:
        """What Dagster knows of, by stage."""
        with open_instance(self.host.project.root) as instance:
            return {
                stage: instance.get_materialized_partitions(dg.AssetKey([NAME, stage]))
                for stage in ("raw", "audio", "metadata")
            }

    def runs(self) -> list[dg.DagsterRun]:
        with open_instance(self.host.project.root) as instance:
            return [run for run in instance.get_runs() if run.asset_selection]

    def why(self, path: Path) -> dict[str, Any]:
        done = self.clone.run("why", path, "--json", **self.runner.places_in_environment)
        return dict(json.loads(done.stdout)["datasets"][0])

    def status(self) -> dict[str, Any]:
        done = self.clone.run("status", NAME, "--json", **self.runner.places_in_environment)
        return dict(json.loads(done.stdout)["datasets"][0])


@pytest.fixture
def team(hub: LoopbackHub, github: LoopbackGitHub, tmp_path: Path) -> Iterator[Team]:
    """A repository of requests, made by `hugflow init`, that everybody has a clone of."""
    runner = make_runner(hub, github, tmp_path)
    github.add_token(REVIEWER, "grace")
    clone = projects.make_project(hub, tmp_path / "clone")
    (clone.root / "workspace.yaml").unlink()
    assert clone.run("init").returncode == 0
    git(clone.root, "init", "--quiet", "--initial-branch=main")
    git(clone.root, "remote", "add", "origin", str(runner.remote))
    git(clone.root, "fetch", "--quiet", "origin")
    git(clone.root, "reset", "--quiet", "origin/main")
    git(clone.root, "add", "--all")
    git(clone.root, "commit", "--quiet", "--message", "hugflow init")
    git(clone.root, "push", "--quiet", "origin", "main")
    git(tmp_path, "clone", "--quiet", str(runner.remote), "host")
    settings = runner.places_in_environment | {
        "GITHUB_API_URL": github.api_url,
        "GITHUB_REPOSITORY": REPO,
        "GITHUB_TOKEN": REVIEWER,
    }
    lines = [f"{name}={value}\n" for name, value in settings.items()]
    (tmp_path / "host" / ".env").write_text("".join(lines))
    host = Platform(Project(tmp_path / "host", runner.remote, clone.root), "up")
    try:
        yield Team(runner, clone, host)
    finally:
        host.project.stop_all()


def test_from_a_file_of_two_lines_to_a_dataset_in_place_and_out_again(team: Team, hub: LoopbackHub):
    runner = team.runner
    # Of smaller ones no progress is told.
    rows = {"train": speech_table(1_200, seconds=0.1)}
    publish_tables(hub, HF_ID, {"ms": rows, "en": rows}, shards=2)
    path = team.clone.root / ADD
    path.write_text(ASKED)
    assert team.clone.run("validate", ADD).returncode == 0

    number = team.propose(ADD, ASKED, "add-common-voice", "Add Common Voice")
    held = hub.inject(Stall(30.0), when=Match(path="*ms/train-00001-of-00002*", has_range=False))
    job = runner.project.start(
        "sync", "--ci-mode", **runner.environment(number, PROGRESS_INTERVAL="500")
    )
    wait_until(lambda: _tells_of_progress(runner, number), 60, "the comment tells of progress")
    output, talk = job.communicate(timeout=120)
    assert (job.returncode, held.struck) == (0, 1), talk
    assert "Starting download..." in talk
    living, outcome = runner.comments(number)
    assert "completed" in living
    location, link = runner.dataset_of(NAME), runner.link_of(NAME)
    assert str(location) in living
    assert "**Completed**: 1 request." in outcome
    assert str(link) in output
    assert runner.conclusions() == ["success"]
    assert runner.github.pull(REPO, number).is_open
    assert link.resolve() == location
    made = sorted(location.rglob("*"))
    assert len([each for each in made if each.suffix == ".mp3"]) == 1_200

    team.merge(number, "add-common-voice")
    team.host.start()
    # Nobody else may open Dagster's storage while it is being made.
    wait_until(team.host.is_up, 120, "the platform is up")
    wait_until(
        lambda: all(len(keys) == 2 for keys in team.materialized().values()),
        120,
        "the sensor adopts what was made before the merge",
    )
    assert team.runs() == []
    assert team.status()["state"] == "completed"
    assert sorted(location.rglob("*")) == made
    origin = team.why(location / "json" / "7.json")
    assert (origin["request"], origin["pull_request"]) == (ADD, number)
    assert (origin["request_author"], origin["row"]) == ("Ada", 7)

    removal = team.propose(REMOVE, UNWANTED, "remove-common-voice", "Remove Common Voice")
    done = runner.sync(removal)
    assert done.returncode == 0, done.stderr
    assert "go to the trash" in runner.comments(removal)[0]
    assert link.is_symlink()
    team.merge(removal, "remove-common-voice")
    wait_until(lambda: not link.is_symlink() and not location.exists(), 120, "it is removed")
    assert team.status()["state"] == "removed"
    wait_until(lambda: len(runner.comments(removal)) == 2, 120, "the pull request hears of it")
    assert all("removed" in comment for comment in runner.comments(removal))
    # Nothing more was said where it was added.
    assert len(runner.comments(number)) == 2


def _tells_of_progress(runner: Runner, number: int) -> bool:
    return any(re.search(r"\| [1-9]\d* of 1,200 \|", each) for each in runner.comments(number))
