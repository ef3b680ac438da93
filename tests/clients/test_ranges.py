"""One file by several connections: who takes which range, what a kill leaves, who is waited for."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from hugflow.clients import fetch as fetching
from hugflow.clients import part_file
from hugflow.clients.fetch import FetchStopped
from hugflow.clients.hub import Hub
from hugflow.clients.part_file import MISSING, Missing, PartFile
from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.errors import CannotWrite, HubUnavailable, ShardCorrupt
from hugflow.store.slots import Slots
from hugflow.testing.faults import Flip, IgnoreRange, Match, Stall, Status, Throttle
from hugflow.testing.hub import LoopbackHub

pytestmark = pytest.mark.slow

HF_ID = "ranges/files"
SIZE = 600_000
CONTENT = random.Random(11).randbytes(SIZE)  # noqa: S311  # no secret
RATE = 400_000
STORAGE = Match(port="storage")
Fetch = Callable[..., Path]

FETCH = """
import sys
from pathlib import Path
from hugflow.clients import fetch, part_file
from hugflow.clients.hub import Hub
from hugflow.clients.repository import RepoId
from hugflow.store.slots import Slots
fetch.LOOK_EVERY_S, part_file.DIVISIBLE_BYTES, part_file._SAVE_EVERY_S = 0.01, 100_000, 0.05
commit, target = sys.argv[1], Path(sys.argv[2])
client, repo = Hub(), RepoId.dataset("ranges/files")
[file] = client.fetch_files(repo, commit, ["large.bin"])
client.fetch_file(repo, commit, file, target, slots=Slots(target.parent / "slots", 3))
"""


@pytest.fixture
def commit(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> str:
    """The published file; ranges of a hundred thousand bytes are worth a connection."""
    monkeypatch.setattr(part_file, "DIVISIBLE_BYTES", 100_000)
    monkeypatch.setattr(fetching, "LOOK_EVERY_S", 0.01)
    commit = hub.publish(HF_ID, {"large.bin": CONTENT})
    hub.clear_requests()
    return commit


@pytest.fixture
def fetch(hub: LoopbackHub, client: Hub, tmp_path: Path, commit: str) -> Fetch:
    """Fetch the file with so many slots."""
    repo = RepoId.dataset(HF_ID)
    [file] = client.fetch_files(repo, commit, ["large.bin"])

    def fetch(count: int = 3, **options: Callable[[], bool]) -> Path:
        target = tmp_path / "raw" / "large.bin"
        slots = Slots(tmp_path / "slots", count)
        client.fetch_file(repo, commit, file, target, slots=slots, **options)
        return target

    return fetch


def asked(hub: LoopbackHub) -> list[str | None]:
    return [request.range for request in hub.requests if request.port == "storage"]


def fetched(hub: LoopbackHub) -> int:
    return sum(request.body_bytes for request in hub.requests if request.port == "storage")


def test_idle_slots_take_ranges_of_a_large_file(hub: LoopbackHub, fetch: Fetch):
    hub.inject(Throttle(RATE), when=STORAGE, times=None)
    began = time.monotonic()
    target = fetch()
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["large.bin"]
    assert len(asked(hub)) >= 3
    assert time.monotonic() - began < 0.75 * SIZE / RATE


def test_a_file_is_not_divided_while_no_slot_is_idle(hub: LoopbackHub, fetch: Fetch):
    hub.inject(Throttle(2 * RATE), when=STORAGE, times=None)
    assert fetch(1).read_bytes() == CONTENT
    assert asked(hub) == [None]


def test_a_slow_connection_is_left_with_the_end_of_its_range_only(hub: LoopbackHub, fetch: Fetch):
    # The first connection alone would take ten seconds.
    hub.inject(Throttle(SIZE / 10), when=STORAGE)
    began = time.monotonic()
    assert fetch().read_bytes() == CONTENT
    assert time.monotonic() - began < 5


def test_a_server_that_ignores_ranges_gives_the_file_all_the_same(hub: LoopbackHub, fetch: Fetch):
    hub.inject(Throttle(2 * RATE), when=STORAGE, times=None)
    hub.inject(IgnoreRange(), when=STORAGE, times=None)
    assert fetch().read_bytes() == CONTENT


def test_a_server_that_refuses_ranges_gives_the_file_all_the_same(
    hub: LoopbackHub, fetch: Fetch, slept: list[float]
):
    hub.inject(Throttle(2 * RATE), when=STORAGE, times=None)
    hub.inject(Status(416), when=Match(port="storage", has_range=True), times=None)
    assert fetch().read_bytes() == CONTENT


def test_a_wrong_byte_of_a_range_is_refused_and_nothing_stays(hub: LoopbackHub, fetch: Fetch):
    hub.inject(Throttle(2 * RATE), when=STORAGE, times=None)
    hub.inject(Flip(5), when=Match(port="storage", has_range=True), times=None)
    with pytest.raises(ShardCorrupt, match=r"large\.bin"):
        fetch()


def test_one_failing_range_ends_the_fetch_and_the_others_are_resumed(
    hub: LoopbackHub, fetch: Fetch, tmp_path: Path, slept: list[float]
):
    hub.inject(Throttle(RATE), when=STORAGE, times=None)
    hub.inject(Status(503), when=Match(port="storage", has_range=True), times=None)
    with pytest.raises(HubUnavailable):
        fetch()
    kept = MISSING.read(tmp_path / "raw" / "large.bin.part.ranges")
    assert kept is not None
    missing = sum(stop - at for at, stop in kept.missing)
    assert missing < SIZE
    # The other connections may still be asking; what they get is written nowhere.
    for thread in threading.enumerate():
        if thread.name == "connection":
            thread.join(10)
    hub.clear_faults()
    hub.clear_requests()
    assert fetch(1).read_bytes() == CONTENT
    assert fetched(hub) == missing


def test_a_connection_that_cannot_begin_gives_its_slot_back(
    hub: LoopbackHub, fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(_: PartFile) -> None:
        raise CannotWrite("no record", why="the disk is read only", mend="mount it again")

    monkeypatch.setattr(PartFile, "_save", fail)
    # Its traceback holds what the failed call held.
    with (
        hub.faults(Throttle(RATE), when=STORAGE, times=None),
        pytest.raises(CannotWrite, match="no record") as failed,
    ):
        fetch()
    slots = Slots(tmp_path / "slots", 3)
    assert None not in [slots.take_idle() for _ in range(3)]
    assert failed.value.__traceback__ is not None


def test_a_fetch_that_is_told_to_stop_stops_and_keeps_what_came(
    hub: LoopbackHub, fetch: Fetch, tmp_path: Path
):
    hub.inject(Throttle(RATE / 4), when=STORAGE, times=None)
    ends_at = time.monotonic() + 0.4
    with pytest.raises(FetchStopped):
        fetch(is_stopped=lambda: time.monotonic() > ends_at)
    assert (tmp_path / "raw" / "large.bin.part").stat().st_size
    assert not (tmp_path / "raw" / "large.bin").exists()


def test_a_killed_process_fetches_no_finished_range_again(
    hub: LoopbackHub, fetch: Fetch, commit: str, tmp_path: Path
):
    hub.inject(Throttle(RATE / 2), when=STORAGE, times=None)
    target = tmp_path / "raw" / "large.bin"
    target.parent.mkdir()
    record = tmp_path / "raw" / "large.bin.part.ranges"
    command = [sys.executable, "-c", FETCH, commit, str(target)]
    with subprocess.Popen(command, env={**os.environ, "HF_ENDPOINT": hub.endpoint}) as child:
        missing = SIZE
        while missing > SIZE // 2:
            assert child.poll() is None
            time.sleep(0.02)
            kept = MISSING.read(record)
            missing = SIZE if kept is None else sum(stop - at for at, stop in kept.missing)
        child.send_signal(signal.SIGKILL)
    kept = MISSING.read(record)
    assert kept is not None
    hub.clear_faults()
    hub.clear_requests()
    assert fetch(1).read_bytes() == CONTENT
    assert fetched(hub) == sum(stop - at for at, stop in kept.missing)


@pytest.mark.parametrize(
    "record",
    [
        b"not json",
        MISSING.render(Missing(SIZE - 1, ((0, 10),))).encode(),
        MISSING.render(Missing(SIZE, ((0, 10), (5, 20)))).encode(),
        MISSING.render(Missing(SIZE, ((0, SIZE + 1),))).encode(),
    ],
)
def test_a_record_that_is_not_of_this_file_costs_only_the_bytes_so_far(
    fetch: Fetch, tmp_path: Path, record: bytes
):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "large.bin.part").write_bytes(b"x" * SIZE)
    (tmp_path / "raw" / "large.bin.part.ranges").write_bytes(record)
    assert fetch().read_bytes() == CONTENT


def test_a_dead_connection_does_not_hold_up_other_files(
    hub: LoopbackHub, client: Hub, tmp_path: Path
):
    names = [f"{number}.bin" for number in range(6)]
    commit = hub.publish("ranges/dead", dict.fromkeys(names, CONTENT[:50_000]))
    repo = RepoId.dataset("ranges/dead")
    files = client.fetch_files(repo, commit, names)
    hub.inject(Stall(3600, after_bytes=10), when=Match(path="*/0.bin"), times=None)
    is_over = threading.Event()
    slots = Slots(tmp_path / "slots", 2)

    def fetch_file(file: PublishedFile) -> None:
        target = tmp_path / file.path
        # The dead one is told to stop when the others are there.
        with suppress(FetchStopped):
            client.fetch_file(repo, commit, file, target, slots=slots, is_stopped=is_over.is_set)

    threads = [threading.Thread(target=fetch_file, args=(file,), daemon=True) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads[1:]:
        thread.join(10)
    is_over.set()
    assert sorted(path.name for path in tmp_path.glob("?.bin")) == names[1:]
    hub.clear_faults()
    # An outage ends the dead connection, so that nothing of it is left for the next test.
    hub.refuse()
    hub.accept()
    threads[0].join(10)
    assert not threads[0].is_alive()


def test_bytes_after_the_end_of_a_range_are_not_written(tmp_path: Path):
    file = PublishedFile("a", 8, None, "0" * 40)
    with PartFile(tmp_path / "a.part", file) as part:
        range_ = part.take(may_divide=False)
        assert range_ is not None
        assert part.write(range_, b"12345")
        assert not part.write(range_, b"67890")
        part.give_back(range_)
        assert part.is_whole
    assert (tmp_path / "a.part").read_bytes() == b"12345678"
