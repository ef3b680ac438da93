"""Real speech, whole, by Dagster: from the command line, and from a push to main."""

import json
import os
import re
import signal
from pathlib import Path

import dagster as dg
import pytest

from hugflow.ledger.stages import STAGE_NAMES
from hugflow.testing.hub import LoopbackHub
from hugflow_resources.instance import open_instance
from tests.dagster.conftest import Project, free_port, kill_group, project, wait_until
from tests.e2e.conftest import HF_ID, NAME
from tests.trees import read_tree

__all__ = ["project"]

pytestmark = [pytest.mark.slow, pytest.mark.speech, pytest.mark.xdist_group("prompts")]

REQUEST = f"hf_id: {HF_ID}\ndescription: A test\n"
MODULE = ("-m", "hugflow_assets.definitions")
SELECTION = " or ".join(f'key:"{NAME}/{stage}"' for stage in STAGE_NAMES)


@pytest.fixture(autouse=True)
def only_these_prompts(prompts_hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes we start see the Hub of the prompts; nothing else is exported."""
    monkeypatch.setenv("HF_ENDPOINT", prompts_hub.endpoint)


def test_plan_and_range_from_the_command_line_killed_half_way_make_the_same_tree(
    project: Project, finished: Path
):
    project.write_request("prompts.yaml", REQUEST)
    planned = project.dagster("asset", "materialize", *MODULE, "--select", f'key:"{NAME}/plan"')
    assert planned.returncode == 0, planned.stderr
    [keys] = set(re.findall(r"^--partition-range (\S+)$", planned.stderr, re.MULTILINE))
    command = ("asset", "materialize", *MODULE, "--select", SELECTION, "--partition-range", keys)
    killed = project.start(*command)
    wait_until(lambda: count_rows(project) >= 250, 60, "half of the rows")
    kill_group(killed, signal.SIGKILL)
    killed.wait()
    before = stamps_of_finished_rows(project)
    assert 250 <= count_rows(project) < 558
    done = project.dagster(*command)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert read_tree(project.root / "datasets" / NAME) == read_tree(finished)
    assert (project.root / "processed" / NAME).is_symlink()
    with open_instance(project.root) as instance:
        for stage in STAGE_NAMES:
            key = dg.AssetKey([NAME, stage])
            assert len(instance.get_materialized_partitions(key)) == 5


def test_a_push_to_main_makes_the_same_tree_although_everything_is_killed_half_way(
    project: Project, finished: Path
):
    start_dagster_dev(project)
    project.push({"requests/add/prompts.yaml": REQUEST})
    wait_until(lambda: count_rows(project) >= 100, 120, "the sensor starts the dataset")
    kill_everything(project)
    before = stamps_of_finished_rows(project)
    assert not (project.root / "processed" / NAME).exists()
    start_dagster_dev(project)
    wait_until((project.root / "processed" / NAME).is_symlink, 180, "the link")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert read_tree(project.root / "datasets" / NAME) == read_tree(finished)


def start_dagster_dev(project: Project) -> None:
    """Start the platform on a free port."""
    project.start("dev", "--host", "127.0.0.1", "--port", str(free_port()))


def kill_everything(project: Project) -> None:
    """End Dagster and its runs as a power cut would: nobody is asked, nobody can tidy up."""
    for process in project.started:
        kill_session(process.pid)
        process.wait()


def kill_session(leader: int) -> None:
    """Kill every process of a session; runs have process groups of their own."""
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def count_rows(project: Project) -> int:
    """Rows whose JSON stands under its final name."""
    return len(list((project.root / "datasets" / NAME / "json").glob("[0-9]*.json")))


def stamps_of_finished_rows(project: Project) -> dict[Path, int]:
    """When each finished row's files were written."""
    root = project.root / "datasets" / NAME
    files: list[Path] = []
    for path in (root / "json").glob("[0-9]*.json"):
        files += [path, root / json.loads(path.read_text("utf-8"))["audio_info"]["path"]]
    return {path: path.stat().st_mtime_ns for path in files}
