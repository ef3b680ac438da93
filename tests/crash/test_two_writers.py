"""Two commands at once: one works, the other one is told who does."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hugflow.testing.faults import Match, Stall
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.crash.disk import failing
from tests.projects import Project
from tests.trees import read_rows_json

HF_ID = "crash/writers"
NAME = "crash__writers__split_train__rev_main"
REQUEST = "requests/add/request.yaml"
ROWS = 20

pytestmark = pytest.mark.slow


@pytest.fixture(params=[False, True], ids=["locks-hold", "locks-hold-nothing"])
def environment(request: pytest.FixtureRequest, shim: Path) -> dict[str, str]:
    """What commands are started with; on some network file systems everybody gets every lock."""
    lies = {"FAULT_FLOCK": "1"} if request.param else {}
    return failing(shim, Path("/nowhere")) | lies


@pytest.fixture
def at_work(
    hub: LoopbackHub, project: Project, environment: dict[str, str]
) -> Iterator["subprocess.Popen[str]"]:
    """A command that holds a shard, whose file takes long to come."""
    publish_speech(hub, HF_ID, rows=ROWS, shards=1, seconds=0.1)
    project.request(HF_ID)
    whole = Match(port="storage", has_range=False)
    hub.inject(Stall(6.0), when=whole)
    process = project.start("local-sync", REQUEST, "--no-report", **environment)
    holders = project.places.dataset_lock(NAME).parent
    ends_at = time.monotonic() + 30
    while not any(holders.glob("*-of-*.holder")) and time.monotonic() < ends_at:
        time.sleep(0.02)
    yield process
    process.kill()
    process.communicate()


def test_the_second_writer_ends_with_8_and_the_first_one_finishes(
    project: Project, at_work: "subprocess.Popen[str]", environment: dict[str, str]
):
    second = project.run("local-sync", REQUEST, "--no-report", **environment)
    assert second.returncode == 8, second.stderr
    assert f"process {at_work.pid} on " in second.stderr
    removal = project.run("remove", REQUEST, "--yes", **environment)
    assert removal.returncode == 8, removal.stderr
    _, talk = at_work.communicate(timeout=60)
    assert at_work.returncode == 0, talk
    assert read_rows_json(project.dataset(NAME)).keys() == set(range(ROWS))


def test_what_a_killed_writer_held_is_free_at_once(
    project: Project, at_work: "subprocess.Popen[str]", environment: dict[str, str]
):
    at_work.kill()
    at_work.wait()
    second = project.run("local-sync", REQUEST, "--no-report", **environment)
    assert second.returncode == 0, second.stderr
    assert read_rows_json(project.dataset(NAME)).keys() == set(range(ROWS))


def test_one_that_waits_goes_on_where_the_first_one_ended(
    project: Project, at_work: "subprocess.Popen[str]", environment: dict[str, str]
):
    second = project.run("local-sync", REQUEST, "--no-report", "--wait", "60", **environment)
    assert second.returncode == 0, second.stderr
    # Whoever is first at the dataset's lock publishes.
    assert re.search("Dataset already exists in storage|is published", second.stderr)
    _, talk = at_work.communicate(timeout=60)
    assert at_work.returncode == 0, talk
    assert read_rows_json(project.dataset(NAME)).keys() == set(range(ROWS))
