"""Killing a sync while row steps run: every row once, and `json/` as it was."""

import json
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import Project

pytestmark = pytest.mark.slow

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

    again = project.run("local-sync", request, "--no-report")
    assert again.returncode == 0, again.stderr
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
