"""Hugflow's pytest plugin, in a pytest of its own, as a user runs it."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

DOCS = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")
pytestmark = pytest.mark.slow

RunPytest = Callable[..., str]


def blocks(language: str) -> list[str]:
    """The examples of the page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


@pytest.fixture
def run_pytest(tmp_path: Path) -> RunPytest:
    """Run files as tests, knowing nothing of the Hub these tests live on; what pytest said."""

    def run(*options: str, status: int = 0, env: dict[str, str] | None = None, **files: str) -> str:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        ours = ("HF_", "PYTEST_")
        kept = {n: v for n, v in os.environ.items() if not n.startswith(ours)}
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "-W",
                "error",
                *options,
            ],
            cwd=tmp_path,
            env=kept | {"HOME": str(tmp_path / "home")} | (env or {}),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_the_examples_of_the_page_pass(run_pytest: RunPytest):
    hub, github = blocks("python")
    assert "3 passed" in run_pytest(test_hub=hub, test_github=github)


def test_each_test_sees_an_empty_hub_and_what_it_publishes_itself(run_pytest: RunPytest):
    program = """
import pytest
from datasets import load_dataset_builder
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download
from hugflow.testing.faults import Status
from hugflow.testing.samples import publish_text

@pytest.mark.parametrize("rows", [2, 3, 4])
def test_it(loopback_hub, rows):
    assert loopback_hub.requests == loopback_hub.injections == ()
    commit = publish_text(loopback_hub, "acme/x", rows=rows, shards=1)
    shard = "data/train-00000-of-00001.parquet"
    assert commit in hf_hub_download("acme/x", shard, repo_type="dataset")
    size = len(HfFileSystem().cat_file(f"datasets/acme/x/{shard}"))
    assert HfFileSystem().info(f"datasets/acme/x/{shard}")["size"] == size
    builder = load_dataset_builder("hf://datasets/acme/x")
    assert builder.info.splits["train"].num_examples == rows
    loopback_hub.inject(Status(500), times=None)
"""
    assert "3 passed" in run_pytest(test_each=program)


def test_libraries_that_were_imported_before_are_changed_and_changed_back(run_pytest: RunPytest):
    program = """
import os
import subprocess
import sys
import huggingface_hub
from huggingface_hub import constants, hf_api

def words():
    return {name: str(value) for name, value in vars(constants).items()}

BEFORE = words()
ENVIRONMENT = dict(os.environ)
SHOW = "from huggingface_hub import HfApi; print(HfApi().dataset_info('acme/x').sha)"

def test_changed(loopback_hub):
    commit = loopback_hub.publish("acme/x", {"a": b"1"})
    assert huggingface_hub.dataset_info("acme/x").sha == commit
    assert huggingface_hub.HfApi().dataset_info("acme/x").sha == commit
    assert os.environ["HF_HOME"] in huggingface_hub.snapshot_download("acme/x", repo_type="dataset")
    child = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True)
    assert child.stdout.strip() == commit, child.stderr
    import datasets
    assert datasets.config.HF_ENDPOINT == loopback_hub.endpoint

def test_changed_back():
    import datasets
    assert words() == BEFORE
    assert {n: v for n, v in os.environ.items() if n != "PYTEST_CURRENT_TEST"} == {
        n: v for n, v in ENVIRONMENT.items() if n != "PYTEST_CURRENT_TEST"
    }
    assert hf_api.api.endpoint == "https://huggingface.co" == datasets.config.HF_ENDPOINT
    assert "127.0.0.1" not in str(vars(datasets.config))
"""
    assert "2 passed" in run_pytest(test_back=program)


OPEN_CLIENT = "from huggingface_hub import HfApi\napi = HfApi()\n"
USE_CLIENT = """
import pipeline

def test_it(loopback_hub):
    commit = loopback_hub.publish("acme/x", {"a": b"1"})
    assert pipeline.api.dataset_info("acme/x").sha == commit
"""


def test_a_client_that_would_speak_to_the_real_hub_is_named(run_pytest: RunPytest):
    said = run_pytest(status=1, pipeline=OPEN_CLIENT, test_it=USE_CLIENT)
    assert "pipeline.api would speak to https://huggingface.co" in said
    assert "--hugflow-hub" in said


@pytest.mark.parametrize("options", [["--hugflow-hub"], ["-o", "hugflow_hub=true"]])
def test_a_hub_that_is_asked_for_is_there_before_anything_is_imported(
    run_pytest: RunPytest, options: list[str]
):
    conftest = """
import os
assert os.environ["HF_ENDPOINT"].startswith("http://127.0.0.1:")
assert "HF_TOKEN" not in os.environ
"""
    files = {"conftest": conftest, "pipeline": OPEN_CLIENT, "test_it": USE_CLIENT}
    assert "1 passed" in run_pytest(*options, env={"HF_TOKEN": "hf_mine"}, **files)


def test_neither_a_token_nor_offline_mode_of_the_machine_reaches_a_test(run_pytest: RunPytest):
    program = """
from huggingface_hub import HfApi, get_token

def test_it(loopback_hub):
    loopback_hub.publish("acme/x", {"a": b"1"})
    HfApi().dataset_info("acme/x")
    assert get_token() is None
    assert [r.has_authorization for r in loopback_hub.requests] == [False]
"""
    machine = {"HF_TOKEN": "hf_mine", "HF_HUB_OFFLINE": "1"}
    assert "1 passed" in run_pytest(env=machine, test_token=program)


def test_github_and_slack_are_empty_for_each_test_and_found_by_their_settings(
    run_pytest: RunPytest,
):
    program = """
import os
import pytest
from github import Auth, Github
from slack_sdk import WebClient
from hugflow.testing.faults import Status

BEFORE = dict(os.environ)

@pytest.mark.parametrize("number", range(2))
def test_they_are_there(loopback_github, loopback_slack, number):
    assert loopback_github.requests == loopback_slack.requests == ()
    assert "GITHUB_TOKEN" not in os.environ
    assert "SLACK_WEBHOOK_URL" not in os.environ
    loopback_github.add_token("ghp_made_up", "ana")
    loopback_github.push("acme/requests", {"a": b"1"})
    loopback_slack.add_bot("xoxb-made-up", "hugflow")
    assert loopback_slack.add_channel("general") == "C0000001"
    github = Github(base_url=os.environ["GITHUB_API_URL"], auth=Auth.Token("ghp_made_up"))
    assert github.get_repo("acme/requests").permissions.push
    github.close()
    slack = WebClient("xoxb-made-up", base_url=os.environ["SLACK_API_URL"])
    slack.chat_postMessage(channel="general", text="Hello")
    loopback_github.inject(Status(500), times=None)
    loopback_slack.refuse()

def test_they_are_gone():
    assert {n: v for n, v in os.environ.items() if n != "PYTEST_CURRENT_TEST"} == {
        n: v for n, v in BEFORE.items() if n != "PYTEST_CURRENT_TEST"
    }
"""
    machine = {"GITHUB_TOKEN": "ghp_mine", "SLACK_WEBHOOK_URL": "https://mine"}
    assert "3 passed" in run_pytest(env=machine, test_services=program)


def test_every_worker_has_a_hub_of_its_own(run_pytest: RunPytest):
    program = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_it(loopback_hub, number):
    from huggingface_hub import HfApi
    commit = loopback_hub.publish("acme/x", {"a": str(number).encode()})
    assert HfApi().dataset_info("acme/x").sha == commit
"""
    # xdist's own warnings are not the plugin's.
    assert "4 passed" in run_pytest("-n", "2", "-W", "default", test_workers=program)


def test_who_does_not_ask_for_a_hub_pays_nothing(run_pytest: RunPytest):
    program = """
import sys

def test_it():
    for name in ("huggingface_hub", "hugflow.testing.hub", "uvicorn", "pyarrow", "numpy", "github"):
        assert name not in sys.modules
"""
    assert "1 passed" in run_pytest(test_light=program)


def test_the_option_is_explained(run_pytest: RunPytest):
    said = run_pytest("--help")
    assert "--hugflow-hub" in said
    assert "hugflow_hub (bool)" in said


def test_the_commands_of_the_page_serve_and_steer_a_hub():
    serve, steer, _, _ = blocks("bash")
    with served(serve.replace("8750", "0")) as said:
        answers = [
            send(line.replace("http://127.0.0.1:8750", said["endpoint"]))
            for line in steer.splitlines()
        ]
    struck, stalled, found, none, moved, log, emptied = answers
    assert [len(each) for each in (struck, stalled, found, none)] == [2, 3, 3, 0]
    assert moved["branch"] == "stable"
    assert log == emptied == []


def test_the_commands_of_the_page_serve_and_steer_github_and_slack():
    _, _, serve, steer = blocks("bash")
    with served(serve.replace("8751", "0").replace("8752", "0")) as said:
        github, slack = said["github"]["url"], said["slack"]["url"].removesuffix("/api")
        answers = [
            send(
                line.replace("http://127.0.0.1:8751", github).replace(
                    "http://127.0.0.1:8752", slack
                )
            )
            for line in steer.splitlines()
        ]
    sha, number, state, faults, log = answers
    assert number == 1
    assert state["acme/requests"]["pulls"][0]["head"]["sha"] == sha
    assert faults[0]["faults"][0]["retry_after_s"] == 1
    assert log == []


@contextmanager
def served(command: str) -> Iterator[dict[str, Any]]:
    """What a command of the page says first, while it runs."""
    _, *arguments = shlex.split(command)
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def send(line: str) -> Any:
    """What a line of curl gets."""
    _, *words = shlex.split(line)
    method, body = "GET", None
    if words[0] == "-X":
        method = words[1]
    elif words[0] == "-d":
        method, body = "POST", words[1]
    answer = httpx2.request(method, words[-1], content=body)
    assert answer.status_code == 200, answer.text
    return answer.json()
