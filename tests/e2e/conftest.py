"""Debian's telephone prompts on a Hub, and the tree that an undisturbed run makes of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.prompts import publish_prompts
from tests.projects import Project, make_project

NAME = "asterisk__core-sounds-en__split_train__rev_main"
HF_ID = "asterisk/core-sounds-en"


@pytest.fixture(scope="session")
def prompts_hub() -> Iterator[LoopbackHub]:
    """A Hub on which the prompts were published once, so that their commit stays the same."""
    with LoopbackHub() as hub:
        publish_prompts(hub)
        yield hub


@pytest.fixture(scope="session")
def finished(prompts_hub: LoopbackHub, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of an undisturbed run."""
    project = make_project(prompts_hub, tmp_path_factory.mktemp("finished") / "project")
    done = project.run("local-sync", project.request(HF_ID), "--no-report")
    assert done.returncode == 0, done.stderr
    return project.dataset(NAME).root


@pytest.fixture
def made(finished: Path, prompts: Project) -> Project:
    """A copy of the project of that run, with a link of its own."""
    shutil.copytree(finished.parents[1], prompts.root, symlinks=True, dirs_exist_ok=True)
    link = prompts.places.link(NAME)
    link.unlink()
    link.symlink_to(prompts.dataset(NAME).root)
    return prompts


@pytest.fixture
def prompts(prompts_hub: LoopbackHub, tmp_path: Path) -> Project:
    """A project with a request for the prompts."""
    prompts_hub.clear_requests()
    project = make_project(prompts_hub, tmp_path / "project")
    project.request(HF_ID)
    return project
