"""Killing a sync while row steps run: every row once, and `json/` as it was."""

import json
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.crash.disk import ALTERING, Call, failing, read_calls
from tests.projects import Project, make_project
from tests.trees import read_tree

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("steps")]

HF_ID, NAME = "steps/speech", "steps__speech__split_train__rev_main"
ROWS, KILLED_AT = 300, 120
FLOWS = """
import time
from hugflow.flows import AtomicFlow

class Upper(AtomicFlow):
    def run(self, data):
        return {"upper": data["text"].upper()}

class Slow(AtomicFlow):
    defaults = {"word": "one"}
    def run(self, data):
        time.sleep(0.01)
        return {"length": len(data["upper"]), "word": self.config["word"]}
"""
STEPS = (
    "flows:",
    "  - {name: upper, flow: my_flows.Upper, rows: {in: [text], out: [upper]}}",
    "  - name: slow",
    "    flow: my_flows.Slow",
    "    rows: {in: [upper], out: [length, word]}",
)


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("[0-9]*.json")}


def index(project: Project) -> list[dict[str, object]]:
    paths = sorted(project.dataset(NAME).index.glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def steps_shown(project: Project) -> dict[str, Any]:
    """What the progress file says of each step."""
    flows: dict[str, Any] = json.loads(project.places.progress(NAME).read_text())["flows"]
    return flows


def test_a_kill_among_the_steps_loses_and_repeats_no_row_and_a_change_runs_one_step(
    hub: LoopbackHub, project: Project
):
    publish_speech(hub, HF_ID, rows=ROWS, shards=2, seconds=0.05)
    (project.root / "my_flows.py").write_text(FLOWS)
    request = project.request(HF_ID, *STEPS)
    folder = project.dataset(NAME)
    slow = folder.root / "flows" / "slow"
    process = project.start("local-sync", request, "--no-report")
    ends_at = time.monotonic() + 120
    while len(read(slow)) < KILLED_AT and time.monotonic() < ends_at and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = read(slow)
    assert KILLED_AT <= len(done) < ROWS
    made = read(folder.json)
    assert not project.places.link(NAME).exists()
    before_kill = steps_shown(project)
    assert before_kill["slow"]["rows"] <= len(done)
    assert project.run("status", NAME).stdout.count(" left out, 0 failed") == 2

    resumed = project.start("local-sync", request, "--no-report")
    while steps_shown(project)["slow"]["rows"] < len(done) and resumed.poll() is None:
        time.sleep(0.01)
    told = steps_shown(project)["slow"]
    assert len(done) <= told["rows"] <= ROWS
    assert len(told["completed_rows"]) == told["rows"]
    _, talk = resumed.communicate()
    assert resumed.returncode == 0, talk
    for step in steps_shown(project).values():
        counts = (step["rows"], step["dropped"], step["errors"], step["expected_total_rows"])
        assert counts == (ROWS, 0, 0, ROWS)
        assert step["completed_ranges"] == [[0, ROWS - 1]]
    assert read(folder.json) == made
    after = read(slow)
    assert len(after) == ROWS
    assert {name: after[name] for name in done} == done
    rows = index(project)
    assert [row["row"] for row in rows] == list(range(ROWS))
    assert all(row["length"] == len(str(row["text"])) for row in rows)
    steps = json.loads(folder.manifest.read_text())["flows"]["steps"]
    assert [(step["rows"], step["dropped"], step["errors"]) for step in steps] == [(ROWS, 0, 0)] * 2
    assert project.run("verify", NAME).returncode == 0

    upper = folder.root / "flows" / "upper"
    before = {path.name: path.stat().st_mtime_ns for path in upper.iterdir()}
    project.request(HF_ID, *STEPS, "    config: {word: two}")
    changed = project.run("local-sync", request, "--no-report")
    assert changed.returncode == 0, changed.stderr
    assert {path.name: path.stat().st_mtime_ns for path in upper.iterdir()} == before
    assert {row["word"] for row in index(project)} == {"two"}
    assert read(folder.json) == made

    removed = project.run("remove", request, "--yes")
    assert removed.returncode == 0, removed.stderr
    assert not folder.root.exists()


FEW = 6
SMALL, SMALL_NAME = "steps/few", "steps__few__split_train__rev_main"
PICKY = """
from hugflow.flows import AtomicFlow

class Upper(AtomicFlow):
    def run(self, data):
        return {"upper": data["text"].upper()}

class Even(AtomicFlow):
    def run(self, data):
        return {"length": len(data["upper"])} if data["row"] % 2 == 0 else None
"""
PICKY_STEPS = (
    "flows:",
    "  - {name: upper, flow: my_flows.Upper, rows: {in: [text], out: [upper]}}",
    "  - {name: even, flow: my_flows.Even, rows: {in: [upper, row], out: [length]}}",
)
# More than there are: the last ones find nothing to kill.
EVERY, POINTS = 300, 300


@dataclass(frozen=True, slots=True)
class World:
    """A published dataset that is asked to have steps, and how that ends undisturbed."""

    project: Project
    snapshot: Path
    calls: list[Call]
    whole: dict[str, bytes]

    def reset(self) -> None:
        """Put everything back to before the steps."""
        shutil.rmtree(self.project.root)
        shutil.copytree(self.snapshot, self.project.root, symlinks=True)

    def sync(self, **environment: str) -> int:
        """Run the steps; the exit code."""
        command = ("local-sync", "requests/add/request.yaml", "--no-report")
        return self.project.run(*command, **environment).returncode


@pytest.fixture(scope="module")
def world(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("steps")
    with LoopbackHub() as hub:
        publish_speech(hub, SMALL, rows=FEW, shards=1, seconds=0.05)
        project = make_project(hub, folder / "project")
        (project.root / "my_flows.py").write_text(PICKY)
        project.request(SMALL)
        made = World(project, folder / "snapshot", [], {})
        assert made.sync() == 0
        project.request(SMALL, *PICKY_STEPS)
        shutil.copytree(project.root, made.snapshot, symlinks=True)
        log = folder / "calls"
        assert made.sync(**failing(shim, project.root, kinds=ALTERING, log=log)) == 0
        whole = read_tree(project.dataset(SMALL_NAME).root)
        yield World(project, made.snapshot, read_calls(log), whole)


def test_the_journal_and_the_rows_of_both_steps_are_among_the_calls_that_are_counted(world: World):
    assert POINTS // 2 < len(world.calls) <= POINTS, len(world.calls)
    touched = {call.path.name for call in world.calls}
    assert {name for name in touched if name.endswith(".flow.upper.jsonl")}
    assert {name for name in touched if name.endswith(".flow.even.jsonl")}
    renamed = [call.path for call in world.calls if call.kind == "rename"]
    assert sum(path.parent.name in ("upper", "even") for path in renamed) == 2 * FEW


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=() if number % EVERY == EVERY // 2 else pytest.mark.soak)
        for number in range(POINTS)
    ],
)
def test_a_kill_at_any_call_leaves_whole_rows_and_the_next_run_makes_the_same_tree(
    world: World, shim: Path, number: int
):
    world.reset()
    folder = world.project.dataset(SMALL_NAME)
    made = read(folder.json)
    code = world.sync(**failing(shim, world.project.root, kinds=ALTERING, at=number + 1))
    # The last calls depend on how often progress is written.
    assert code == -signal.SIGKILL or (code == 0 and number > len(world.calls) - 20)
    assert read(folder.json) == made
    for path in (folder.root / "flows").glob("*/[0-9]*.json"):
        assert isinstance(json.loads(path.read_bytes()), dict)
    assert world.sync() == 0
    assert read_tree(folder.root) == world.whole
    assert world.project.run("verify", SMALL_NAME).returncode == 0
