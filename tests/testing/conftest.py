"""The stand-ins, and the real clients pointed at them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from github import Github
from huggingface_hub import HfApi, HfFileSystem

from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from tests.testing.githubs import connected, fill


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """An empty Hub that is listening."""
    with LoopbackHub() as hub:
        yield hub


@pytest.fixture
def api(hub: LoopbackHub) -> HfApi:
    """An anonymous client of the Hub."""
    return HfApi(endpoint=hub.endpoint, token=False)


@pytest.fixture
def file_system(hub: LoopbackHub) -> HfFileSystem:
    """An anonymous file system over the Hub, that remembers nothing of other tests."""
    return HfFileSystem(endpoint=hub.endpoint, token=False, skip_instance_cache=True)


@pytest.fixture
def run_client(hub: LoopbackHub, tmp_path: Path) -> Callable[..., str]:
    """Run a program in a process of its own that knows no other Hub; what it printed.

    `HF_ENDPOINT` is read when huggingface_hub is imported: for `datasets` it must stand before.
    """

    def run(program: str, *arguments: str) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(tmp_path / "hf_home"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def github(github: LoopbackGitHub) -> LoopbackGitHub:
    """A GitHub with nothing on it but one pull request, number 1."""
    assert fill(github) == 1
    return github


@pytest.fixture
def ana(github: LoopbackGitHub) -> Iterator[Github]:
    """PyGithub with the token of a user who may write."""
    with connected(github) as client:
        yield client


@pytest.fixture
def workflow(github: LoopbackGitHub) -> Iterator[Github]:
    """PyGithub with the token of a workflow that may write."""
    with connected(github, "ghs_made_up") as client:
        yield client
