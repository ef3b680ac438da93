"""The workflow of comments: who starts it, and that it does what the one of pull requests does."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hugflow.cli.project import make_project
from tests import test_workflow as pull_requests

PATH = Path(".github/workflows/dataset-comment.yml")
TEXT = (pull_requests.ROOT / PATH).read_text("utf-8")
WORKFLOW = yaml.safe_load(TEXT)
JOBS = WORKFLOW["jobs"]
WRITERS = (
    'contains(fromJSON(\'["OWNER", "MEMBER", "COLLABORATOR"]\'), '
    "github.event.comment.author_association)"
)


def condition(job: str) -> str:
    return " ".join(str(JOBS[job]["if"]).split())


def test_init_writes_it_with_the_commit_that_wrote_it(tmp_path: Path):
    make_project(tmp_path)
    assert (tmp_path / PATH).read_text("utf-8") == TEXT
    (tmp_path / PATH).unlink()
    source = f"git+https://github.com/acme/hugflow@{'ab' * 20}"
    make_project(tmp_path, source)
    assert f"vars.HUGFLOW_INSTALL || '{source}'" in (tmp_path / PATH).read_text("utf-8")


def test_only_a_new_comment_starts_it():
    assert WORKFLOW[True] == {"issue_comment": {"types": ["created"]}}


@pytest.mark.parametrize("job", ["plan", "sync"])
def test_a_job_runs_for_comments_on_pull_requests_by_people_with_access_alone(job: str):
    assert condition(job).startswith(f"github.event.issue.pull_request && {WRITERS} && ")


def test_a_runner_of_ones_own_is_for_retries_and_the_hosted_one_for_the_rest():
    retry = "startsWith(github.event.comment.body, 'hugflow retry')"
    assert condition("sync").endswith(f" && {retry} && vars.HUGFLOW_RUNNER != ''")
    plan = "startsWith(github.event.comment.body, 'hugflow plan')"
    assert condition("plan").endswith(f" && ({plan} || {retry} && vars.HUGFLOW_RUNNER == '')")


@pytest.mark.parametrize("job", ["plan", "sync"])
def test_what_it_does_is_what_a_pull_request_starts_on_main(job: str):
    def steps(jobs: dict[str, Any]) -> list[dict[str, Any]]:
        return [dict(step) for step in jobs[job]["steps"]]

    own, theirs = steps(JOBS), steps(pull_requests.JOBS)
    assert own[0].pop("with")["ref"] == "${{ github.event.repository.default_branch }}"
    assert theirs[0].pop("with")["persist-credentials"] is False
    assert own == theirs
    assert JOBS[job]["permissions"] == pull_requests.JOBS[job]["permissions"]
    assert WORKFLOW["permissions"] == {}


def test_the_words_of_a_comment_are_in_conditions_alone():
    told = [line for line in TEXT.splitlines() if "comment.body" in line]
    assert told
    assert all(re.match(r" +(&&|\|\|) \(?startsWith\(", line) for line in told)
    scripts = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]
    assert not any("${{" in script for script in scripts)


@pytest.mark.parametrize("job", ["plan", "sync"])
def test_an_ordinary_comment_takes_no_place_in_the_queue_of_a_pull_request(job: str):
    assert "concurrency" not in WORKFLOW
    assert JOBS[job]["concurrency"] == {
        "group": "dataset-sync-${{ github.event.issue.number }}",
        "cancel-in-progress": False,
    }
