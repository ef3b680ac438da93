"""A Hub with 400 rows, the tree that an undisturbed run makes of them, and a disk that fails."""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.crash.disk import ALTERING, Call, compile_shim, failing, find_compiler, read_calls
from tests.crash.lost import check_sound
from tests.projects import Project, make_project
from tests.trees import read_failures, read_tree
from tests.warm import WARM_COVERAGE

HF_ID = "crash/speech"
NAME = "crash__speech__split_train__rev_main"
REQUEST = "requests/add/request.yaml"
ROWS = 400
# They are to be accounted for through every crash, as the others are to be there.
BROKEN = {7: b"no audio", 250: None}


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What a run makes when nothing goes wrong, and every call by which it does so."""

    tree: dict[str, bytes]
    calls: list[Call]
    seconds: float


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is preloaded into a process to let its disk fail."""
    compiler = find_compiler()
    if compiler is None:
        pytest.skip("a C compiler is needed to count what a process does to the disk")
    return compile_shim(compiler, tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def crash_hub() -> Iterator[LoopbackHub]:
    """A Hub on which the rows were published once, so that their commit stays the same."""
    with LoopbackHub() as hub:
        publish_speech(hub, HF_ID, rows=ROWS, shards=4, seconds=0.1, broken_rows=BROKEN)
        yield hub


@pytest.fixture(scope="session")
def undisturbed(
    crash_hub: LoopbackHub, shim: Path, tmp_path_factory: pytest.TempPathFactory
) -> Undisturbed:
    """An undisturbed run, whose every MP3 was decoded to its end."""
    project = new_project(crash_hub, tmp_path_factory.mktemp("undisturbed"))
    log = project.root.with_name("calls")
    began = time.monotonic()
    done = sync(project, failing(shim, project.root, kinds=ALTERING, log=log))
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    folder = project.dataset(NAME)
    check_sound(folder, ROWS - len(BROKEN))
    assert [line["row"] for line in read_failures(folder)] == sorted(BROKEN)
    return Undisturbed(read_tree(folder.root), read_calls(log), seconds)


@pytest.fixture
def crashing(crash_hub: LoopbackHub, tmp_path: Path) -> Project:
    """A project in which nothing was done yet."""
    crash_hub.clear_faults()
    return new_project(crash_hub, tmp_path)


def new_project(hub: LoopbackHub, folder: Path) -> Project:
    """A project with a request for the 400 rows."""
    project = make_project(hub, folder / "project")
    # A process that is killed tells of no line, and all it does is measured elsewhere.
    project.environment.pop(WARM_COVERAGE, None)
    project.request(HF_ID)
    return project


def sync(
    project: Project, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Do the whole job, or as much of it as goes."""
    return project.run("local-sync", REQUEST, "--no-report", **(environment or {}))
