"""What `plan` and `local-sync` of one row import, and how they leave the garbage collector."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import Project, make_project

REQUEST = "requests/add/request.yaml"
# Each would take a twentieth of a start, or far more.
NEITHER = {
    "asyncio", "dagster", "datasets", "fsspec", "grpc", "huggingface_hub.hf_api", "lameenc",
    "metaflow", "nats", "numpy.ma", "pandas", "pyarrow.compute", "pyarrow.dataset", "requests",
    "rich", "scipy", "soxr", "torch",
}  # fmt: skip
# Rooms of other commands.
OTHER_ROOMS = {
    "hugflow.ci", "hugflow.corpus", "hugflow.doctor", "hugflow.flowrider", "hugflow.guard",
    "hugflow.hierarchy", "hugflow.provenance", "hugflow.pushing", "hugflow.removal",
    "hugflow.serving", "hugflow.supervisor", "hugflow.testing", "hugflow.verify",
}  # fmt: skip
PROGRAM = """
import gc, json, sys
from hugflow.cli.main import run
usual = gc.get_threshold()
code = run({arguments!r})
collects = gc.get_threshold() == usual
print("\\n" + json.dumps({{"code": code, "collects": collects, "modules": [*sys.modules]}}))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that requests a dataset of one row."""
    with LoopbackHub() as hub:
        publish_speech(hub, "lean/one", rows=1, shards=1, seconds=0.2)
        project = make_project(hub, tmp_path_factory.mktemp("lean") / "project")
        project.request("lean/one")
        yield project


@pytest.fixture(scope="module")
def planned(project: Project) -> dict[str, Any]:
    return run(project, "plan", REQUEST)


@pytest.fixture(scope="module")
def made(project: Project, planned: dict[str, Any]) -> dict[str, Any]:
    return run(project, "local-sync", "--no-report", REQUEST)


def run(project: Project, *arguments: str) -> dict[str, Any]:
    done = project.run_python(PROGRAM.format(arguments=arguments))
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["code"] == 0, done.stderr
    return found


def test_plan_imports_what_it_uses(planned: dict[str, Any]):
    unused = {*NEITHER, *OTHER_ROOMS, "polars", "soundfile", "hugflow.notify"}
    assert unused.intersection(planned["modules"]) == set()


def test_local_sync_imports_what_it_uses(made: dict[str, Any]):
    assert (NEITHER | OTHER_ROOMS).intersection(made["modules"]) == set()
    # Statistics are by polars, and make the test able to fail.
    assert "polars" in made["modules"]


def test_lean_commands_do_their_work_with_garbage_collected_as_usual(
    planned: dict[str, Any], made: dict[str, Any]
):
    assert planned["collects"]
    assert made["collects"]
