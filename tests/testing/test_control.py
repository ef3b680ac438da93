"""A Hub in another process is steered by HTTP."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hugflow.testing.faults import Status
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from tests.testing.githubs import REPO


@pytest.fixture
def client(hub: LoopbackHub) -> Iterator[httpx2.Client]:
    """A plain client of a Hub with one dataset."""
    hub.publish("acme/x", {"README.md": b"1"})
    with httpx2.Client(base_url=hub.endpoint, timeout=10) as client:
        yield client


def test_faults_are_injected_counted_and_cleared(hub: LoopbackHub, client: httpx2.Client):
    injected = client.post("/_hugflow/faults", json=["api status:503 x2", {"faults": []}])
    assert injected.status_code == 400, "the second could never strike"
    assert client.get("/_hugflow/faults").json() == []
    assert client.post("/_hugflow/faults", json="api status:503 x2").status_code == 200
    assert [client.get("/api/datasets/acme/x").status_code for _ in range(2)] == [503, 503]
    [found] = client.get("/_hugflow/faults").json()
    assert found == {
        "faults": [{"fault": "status", "code": 503}],
        "when": {"port": "api"},
        "times": 2,
        "after": 0,
        "seen": 2,
        "struck": 2,
    }
    assert client.delete("/_hugflow/faults").json() == []
    assert hub.injections == ()


def test_what_was_injected_from_within_is_told_too(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Status(500), when=lambda ask: False)
    [found] = client.get("/_hugflow/faults").json()
    assert found["faults"] == [{"fault": "status", "code": 500}]


def test_a_branch_is_moved(hub: LoopbackHub, client: httpx2.Client):
    new = hub.publish("acme/x", {"README.md": b"2"}, branch="next")
    moved = client.post("/_hugflow/move", json={"repo_id": "acme/x", "revision": "next"})
    assert moved.status_code == 200
    assert client.get("/api/datasets/acme/x").json()["sha"] == new


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("faults", '"rest"', 400, "did you mean 'reset'"),
        ("faults", "rest", 400, "no JSON"),
        ("faults", '"branch-moves:acme/y,main"', 404, "acme/y"),
        ("move", '{"repo_id": "acme/x"}', 400, "revision"),
        ("move", "[]", 400, "revision"),
        ("move", '{"repo_id": "acme/y", "revision": "main"}', 404, "acme/y"),
        ("move", '{"repo_id": "acme/x", "revision": "nowhere"}', 404, "nowhere"),
        ("elsewhere", "{}", 404, "faults, requests, state, outage, move"),
        ("outage", "{}", 400, "control address"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(
    hub: LoopbackHub, client: httpx2.Client, path: str, body: str, status: int, said: str
):
    answer = client.post(f"/_hugflow/{path}", content=body)
    assert answer.status_code == status
    assert said in answer.text
    assert hub.injections == ()


def test_steering_is_neither_logged_nor_struck(hub: LoopbackHub, client: httpx2.Client):
    hub.inject(Status(500), times=None)
    assert client.get("/_hugflow/faults").status_code == 200
    assert hub.requests == ()


def test_the_log_is_read_and_begun_anew(hub: LoopbackHub, client: httpx2.Client):
    client.get("/api/datasets/acme/x")
    [line] = client.get("/_hugflow/requests").json()
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/datasets/acme/x", 200)
    assert client.delete("/_hugflow/requests").json() == []
    assert hub.requests == ()


def test_the_storage_is_not_steered(hub: LoopbackHub):
    answer = httpx2.get(f"{hub.storage_endpoint}/_hugflow/faults")
    assert answer.status_code == 403


@dataclass(frozen=True, slots=True)
class Served:
    """A Hub in a process of its own, and what it said first."""

    process: "subprocess.Popen[str]"
    said: dict[str, Any]


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """`python -m hugflow.testing` with the arguments that the test gives."""
    command = [sys.executable, "-m", "hugflow.testing", *request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Served(process, json.loads(process.stdout.readline()))
        process.terminate()


@pytest.mark.slow
@pytest.mark.parametrize(
    "served",
    [["--sample", "text", "--fault", "api status:503", "--fault", "api status:500 +1"]],
    indirect=True,
)
def test_a_hub_in_a_process_of_its_own_has_faults_from_the_start_and_gets_more(served: Served):
    address = f"{served.said['endpoint']}/api/datasets/acme/tiny-text"
    control = f"{served.said['endpoint']}/_hugflow/faults"
    assert [httpx2.get(address).status_code for _ in range(3)] == [503, 500, 200]
    httpx2.post(control, json="reset")
    with pytest.raises(httpx2.ReadError):
        httpx2.get(address)
    assert [each["struck"] for each in httpx2.get(control).json()] == [1, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "served",
    [
        [
            *("--sample", "text", "--github", "--slack", "--github-prefix", "/api/v3"),
            *("--fault", "github POST */comments reset with-effect"),
            *("--fault", "slack status:200,error_code=fatal_error"),
        ]
    ],
    indirect=True,
)
def test_github_and_slack_in_another_process_say_what_a_program_left_behind(
    served: Served, tmp_path: Path
):
    settings = served.said["environment"]
    assert settings["GITHUB_API_URL"] == served.said["github"]["url"]
    github, slack = (
        httpx2.Client(base_url=f"{served.said[name]['control']}/_hugflow", timeout=10)
        for name in ("github", "slack")
    )
    with github, slack:
        pushed = {"repo": "acme/requests", "files": {"requests/add/x.yaml": "hf_id: a/b\n"}}
        sha = github.post("/push", json={**pushed, "branch": "add-x"}).json()
        opened = github.post("/open_pull", json={"repo": "acme/requests", "head": "add-x"})
        assert opened.json() == 1
        program = subprocess.run(
            [sys.executable, "-c", SPEAK],
            env={"PATH": os.environ["PATH"], **settings},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "fatal_error" in program.stderr
        left = github.get("/state").json()["acme/requests"]
        assert [each["body"] for each in left["comments"]] == ["Hello"]
        assert left["pulls"][0]["head"]["sha"] == sha
        assert slack.get("/state").json()["ml-datasets"]["messages"] == []
        lost = github.get("/requests").json()[-1]
        assert (lost["method"], lost["user"], lost["faults"]) == ("POST", "ana", ["Reset"])
        assert github.post("/outage").json() == {"outage": True}
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(settings["GITHUB_API_URL"])
        github.delete("/outage")
        assert httpx2.get(f"{settings['GITHUB_API_URL']}/rate_limit").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    "served",
    [["--sample", "shapes", "--sample", "types", "--sample", "refusals", "--sample", "script"]],
    indirect=True,
)
def test_collections_of_samples_are_served_by_name(served: Served):
    names = served.said["datasets"]
    assert {"shapes/mixed", "types/all", "refusals/moved", "acme/by-script"} <= names.keys()
    moved = httpx2.get(f"{served.said['endpoint']}/api/datasets/refusals/moved")
    assert moved.headers["Location"] == "/api/datasets/refusals/moved-here"


# The first answer is lost, and the program ends by what the second says.
SPEAK = """
import os
import requests
from github import Auth, Github
from slack_sdk import WebClient

auth = Auth.Token(os.environ["GITHUB_TOKEN"])
client = Github(base_url=os.environ["GITHUB_API_URL"], auth=auth, retry=None)
pull = client.get_repo(os.environ["GITHUB_REPOSITORY"]).get_pull(1)
try:
    pull.create_issue_comment("Hello")
except requests.ConnectionError:
    slack = WebClient(os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"])
    slack.chat_postMessage(channel=os.environ["SLACK_CHANNEL"], text="Hello")
"""


@pytest.mark.slow
def test_a_fault_for_whom_is_not_served_ends_the_command_before_it_serves():
    command = [
        sys.executable,
        "-m",
        "hugflow.testing",
        "--sample",
        "text",
        "--fault",
        "slack reset",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "add --slack" in done.stderr


@pytest.mark.parametrize(
    ("verb", "body", "status", "said"),
    [
        ("push", {"repo": "acme/x"}, 400, "push takes repo, files, branch"),
        ("push", {"repo": "acme/x", "files": ["a"]}, 400, "push takes repo, files, branch"),
        ("open_pull", {"repo": "acme/x", "head": "add-x"}, 404, "acme/x"),
        ("change_pull", {"repo": REPO, "number": 1, "verdict": "no"}, 400, "'conflict'"),
        ("comment", {"repo": REPO, "number": 7, "body": "Hello"}, 404, "7"),
        ("comment", {"repo": REPO, "number": 1, "body": " "}, 422, "can't be blank"),
        ("requests", {}, 404, "faults, requests, state, outage, push, open_pull"),
    ],
)
def test_a_mistake_in_steering_github_is_named(
    github: LoopbackGitHub, verb: str, body: dict[str, Any], status: int, said: str
):
    answer = httpx2.post(f"{github.api_url}/_hugflow/{verb}", json=body)
    assert answer.status_code == status
    assert said in answer.text


@pytest.mark.slow
def test_a_fault_that_cannot_be_read_ends_the_command_before_it_serves():
    command = [sys.executable, "-m", "hugflow.testing", "--fault", "rest:1000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'reset'" in done.stderr
