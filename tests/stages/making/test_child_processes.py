"""How many child processes the making of shards starts: none without something to do for it."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from hugflow.workers.pool import WorkerPool
from tests.audio.clips import tone, write, write_bare_mp3
from tests.builds import OpenFor

MP3 = write_bare_mp3(tone(9000))
WAV = write(tone(9000))


@pytest.fixture
def count_started(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """The number of child processes that were started since the last call."""
    started: list[None] = []
    start = WorkerPool._start

    def note(pool: WorkerPool) -> object:
        started.append(None)
        return start(pool)

    def count() -> int:
        number = len(started)
        started.clear()
        return number

    monkeypatch.setattr(WorkerPool, "_start", note)
    return count


def publish(hub: LoopbackHub, hf_id: str, clips: list[bytes]) -> None:
    columns: dict[str, list[object]] = {"text": [f"row {row}" for row in range(len(clips))]}
    if any(clips):
        columns["audio"] = [{"bytes": clip, "path": "a"} for clip in clips]
    parts = [pa.table(columns).slice(start, 3) for start in range(0, len(clips), 3)]
    hub.publish(hf_id, {f"data/train-{n}.parquet": write_parquet(t) for n, t in enumerate(parts)})


@pytest.mark.parametrize(
    ("hf_id", "clips", "fewest", "most"),
    [
        ("few/texts", [b""] * 6, 1, 1),
        ("few/copied", [MP3] * 6, 1, 1),
        ("few/one", [WAV], 1, 1),
        ("few/encoded", [WAV] * 6, 1, 2),
    ],
)
def test_one_reads_the_files_and_converts_and_others_convert_beside_it(
    hub: LoopbackHub,
    open_for: OpenFor,
    count_started: Callable[[], int],
    hf_id: str,
    clips: list[bytes],
    fewest: int,
    most: int,
):
    publish(hub, hf_id, clips)
    build = open_for(hf_id)
    assert build.options.workers == 2
    sync_dataset(build)
    # The check before publishing has a process of its own, for MP3s that were copied.
    judging = 1 if MP3 in clips else 0
    assert fewest <= count_started() - judging <= most
    sync_dataset(open_for(hf_id))
    assert count_started() == 0


def test_no_process_is_left_when_the_shards_are_made(
    hub: LoopbackHub, open_for: OpenFor, count_started: Callable[[], int]
):
    publish(hub, "few/left", [WAV] * 3)
    before = children()
    sync_dataset(open_for("few/left"))
    assert count_started() > 0
    assert children() == before


def children() -> set[str]:
    return {
        child
        for path in Path("/proc/self/task").glob("*/children")
        for child in path.read_text().split()
    }
