"""A reader that takes the process down: it costs its shard and no other, and the command answers."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from tests.projects import Project

# Reads of a local file that has this many rows crash; planning reads by ranges, and does not.
MARKED_ROWS = 7
_HOOK = f"""\
import ctypes, pathlib
import pyarrow.parquet as pq
real = pq.ParquetFile

class ParquetFile(real):
    def __init__(self, source, **options):
        super().__init__(source, **options)
        self.is_marked = isinstance(source, pathlib.Path) and self.metadata.num_rows == {MARKED_ROWS}

    def iter_batches(self, *args, **options):
        if self.is_marked:
            ctypes.string_at(0)
        return super().iter_batches(*args, **options)

    def read_row_group(self, *args, **options):
        if self.is_marked:
            ctypes.string_at(0)
        return super().read_row_group(*args, **options)

pq.ParquetFile = ParquetFile
"""

CLIP = io.BytesIO()
soundfile.write(CLIP, np.full(1_600, 0.1), 8_000, format="WAV")

pytestmark = pytest.mark.slow


@pytest.fixture
def hook(tmp_path: Path) -> dict[str, str]:
    """The environment of a process whose reader crashes by SIGSEGV on marked files."""
    (tmp_path / "sitecustomize.py").write_text(_HOOK, "utf-8")
    return {"PYTHONPATH": str(tmp_path)}


def publish(hub: LoopbackHub, hf_id: str, rows_by_file: list[int]) -> None:
    hub.publish(
        hf_id,
        {
            f"data/train-{n:05d}-of-{len(rows_by_file):05d}.parquet": write_parquet(
                pa.table({"text": [f"{n} {row}" for row in range(rows)]})
            )
            for n, rows in enumerate(rows_by_file)
        },
    )


def test_a_file_that_crashes_the_reader_fails_by_name_and_all_others_are_made(
    hub: LoopbackHub, project: Project, hook: dict[str, str]
):
    publish(hub, "crash/reader", [3, MARKED_ROWS, 4])
    request = project.request("crash/reader")
    done = project.run("local-sync", request, "--json", **hook)
    assert done.returncode == 1
    [entry] = json.loads(done.stdout)["datasets"]
    assert "1 of 3 shards failed: 00001-of-00003" in entry["error"]["what"]
    assert "data/train-00001-of-00003.parquet" in entry["error"]["why"]
    assert "SIGSEGV" in entry["error"]["why"]
    [status] = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert (status["state"], status["rows"], status["shards_done"]) == ("failed", 7, 2)


def test_it_does_not_crash_the_next_run_and_a_reader_without_the_fault_makes_the_rest(
    hub: LoopbackHub, project: Project, hook: dict[str, str]
):
    publish(hub, "crash/again", [3, MARKED_ROWS])
    request = project.request("crash/again")
    assert project.run("local-sync", request, **hook).returncode == 1
    again = project.run("local-sync", request, **hook)
    assert again.returncode == 1, again.stderr
    assert project.run("local-sync", request).returncode == 0


def test_a_file_whose_rows_must_be_counted_crashes_no_more_than_its_shard(
    hub: LoopbackHub, project: Project, hook: dict[str, str]
):
    files = {}
    for number, rows in enumerate([3, MARKED_ROWS]):
        clips = [{"bytes": CLIP.getvalue(), "path": None}] * rows
        ranges = [[{"start": 0.0, "end": 0.1}]] * rows
        table = pa.table({"audio": clips, "segments": ranges})
        files[f"data/train-{number:05d}-of-00002.parquet"] = write_parquet(table)
    hub.publish("crash/counted", files)
    lines = ("audio_column: audio", "segments: {start: segments.start, end: segments.end}")
    done = project.run("local-sync", project.request("crash/counted", *lines), "--json", **hook)
    assert done.returncode == 1, done.stderr
    [entry] = json.loads(done.stdout)["datasets"]
    assert "data/train-00001-of-00002.parquet" in entry["error"]["why"]
    assert "SIGSEGV" in entry["error"]["why"]
    [status] = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert (status["state"], status["rows"]) == ("failed", 3)


def test_any_number_of_such_files_in_one_command_fail_by_name(
    hub: LoopbackHub, project: Project, hook: dict[str, str]
):
    publish(hub, "crash/many", [MARKED_ROWS, 3, *[MARKED_ROWS] * 4, 4])
    done = project.run("local-sync", project.request("crash/many"), "--json", **hook)
    assert done.returncode == 1, done.stderr
    [entry] = json.loads(done.stdout)["datasets"]
    assert "5 of 7 shards failed" in entry["error"]["what"]
    [status] = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert (status["state"], status["rows"], status["shards_done"]) == ("failed", 7, 2)
