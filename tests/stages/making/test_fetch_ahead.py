"""How far shards are fetched ahead of the encoder, and which of them is taken next."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hugflow.clients import fetch as fetching
from hugflow.clients import part_file
from hugflow.errors import CannotWrite, HubUnavailable
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.making import prepare_shard, shards_ahead, spare_slots
from hugflow.stages.making.make_shards import (
    UNAVAILABLE_IN_A_ROW,
    ShardDone,
    ShardFailed,
    make_shards,
)
from hugflow.stages.making.rows_on_disk import ShardOnDisk
from hugflow.testing.faults import Match, Stall, Status, Throttle
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.builds import OpenFor

pytestmark = pytest.mark.slow

SHARDS = 10
DATA = "*/data/*.parquet"


def open_text(hub: LoopbackHub, open_for: OpenFor, name: str, **options: int) -> Build:
    """A dataset of ten small files, planned already."""
    publish_text(hub, f"ahead/{name}", rows=SHARDS * 60, shards=SHARDS)
    return open_for(f"ahead/{name}", replace(Options(), workers=1, **options))


def fetched_shards(build: Build) -> list[str]:
    return sorted(path.name for path in build.state.raw.glob("*-of-*") if path.suffix == "")


def wait_until_still(build: Build) -> list[str]:
    """The fetched files, once no more come."""
    before: list[str] = []
    while (now := fetched_shards(build)) != before or not now:
        before = now
        time.sleep(0.3)
    return now


def test_many_small_files_come_by_all_connections_at_once(hub: LoopbackHub, open_for: OpenFor):
    build = open_text(hub, open_for, "many", download_slots=5)
    one_s = 0.5
    rate = max(shard.size_bytes for shard in build.plan.shards) / one_s
    storage = Match(port="storage", path=DATA)
    with hub.faults(Throttle(rate), when=storage, times=None):
        began = time.monotonic()
        done = list(make_shards(build, build.plan.shards, ["raw"]))
        took_s = time.monotonic() - began
    assert [each.shard.name for each in done] == [shard.name for shard in build.plan.shards]
    # One after another they take five seconds, by five connections one.
    assert took_s < SHARDS * one_s / 2


def test_large_files_come_one_after_the_other_each_by_all_connections(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    build = open_text(hub, open_for, "large", download_slots=3)
    size = min(shard.size_bytes for shard in build.plan.shards)
    for module in (part_file, spare_slots):
        monkeypatch.setattr(module, "DIVISIBLE_BYTES", size // 8)
    monkeypatch.setattr(fetching, "LOOK_EVERY_S", 0.01)
    # However slowly the Hub answers here.
    monkeypatch.setattr(spare_slots, "_LOOKS", 1_000_000)
    # A connection looks for an idle slot many times while it fetches a file.
    slowly = Throttle(size / 0.5)
    hub.clear_requests()
    with hub.faults(slowly, when=Match(port="storage", path=DATA), times=None):
        done = list(make_shards(build, build.plan.shards, ["raw"]))
    assert all(isinstance(each, ShardDone) for each in done)
    first, second = (shard.files[0].path for shard in build.plan.shards[:2])
    asked = [request.path for request in hub.requests if request.port == "storage"]
    began = next(place for place, path in enumerate(asked) if path.endswith(second))
    assert began >= 3
    assert all(path.endswith(first) for path in asked[:began])


def test_finished_shards_are_looked_at_together_however_large_they_are(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    build = open_text(hub, open_for, "finished", download_slots=3)
    assert all(isinstance(each, ShardDone) for each in make_shards(build, build.plan.shards))
    monkeypatch.setattr(spare_slots, "DIVISIBLE_BYTES", 1)
    monkeypatch.setattr(spare_slots, "_LOOKS", 1_000_000)
    read, looking, are_together = prepare_shard.read_shard, set[str](), threading.Event()

    def read_slowly(build: Build, shard: Shard) -> ShardOnDisk:
        looking.add(shard.name)
        if len(looking) == 3:
            are_together.set()
        are_together.wait(3.0)
        return read(build, shard)

    monkeypatch.setattr(prepare_shard, "read_shard", read_slowly)
    next(make_shards(build, build.plan.shards))
    assert are_together.is_set()
    assert len(looking) >= 3


def test_an_error_of_the_slots_ends_the_run_and_is_not_waited_for(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    build = open_text(hub, open_for, "slots", download_slots=2)

    def fail(*_: object) -> bool:
        raise CannotWrite("no lock", why="the disk is read only", mend="mount it again")

    monkeypatch.setattr(spare_slots.SpareSlots, "are_left", fail)
    with pytest.raises(CannotWrite, match="no lock"):
        next(make_shards(build, build.plan.shards))


@pytest.mark.parametrize(("budget_bytes", "count"), [(0, 1), (10**9, 4)])
def test_so_many_shards_are_fetched_ahead_as_the_budget_holds(
    hub: LoopbackHub, open_for: OpenFor, budget_bytes: int, count: int
):
    build = open_text(
        hub, open_for, f"budget-{count}", download_slots=2, fetch_ahead_bytes=budget_bytes
    )
    shards = make_shards(build, build.plan.shards)
    next(shards)
    # The first is done, and its file is gone.
    ahead = wait_until_still(build)
    shards.close()
    assert ahead == [shard.name for shard in build.plan.shards[1 : 1 + count]]


def test_a_shard_that_is_late_does_not_hold_up_the_others(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    build = open_text(hub, open_for, "late", download_slots=3)
    monkeypatch.setattr(shards_ahead, "LATE_S", 0.1)
    first = build.plan.shards[0]
    hub.inject(
        Stall(3.0, after_bytes=10), when=Match(port="storage", path=f"*/{first.files[0].path}")
    )
    done = [each.shard for each in make_shards(build, build.plan.shards)]
    assert done[0] != first
    assert set(done) == set(build.plan.shards)


def test_leaving_early_ends_the_downloads_and_frees_the_shards(hub: LoopbackHub, open_for: OpenFor):
    build = open_text(hub, open_for, "left", download_slots=3)
    with hub.faults(Throttle(2_000), when=Match(port="storage", path=DATA), times=None, after=1):
        shards = make_shards(build, build.plan.shards)
        next(shards)
        shards.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "prepare"]
    for shard in build.plan.shards:
        with build.hold_shard(shard):
            pass
    again = list(make_shards(build, build.plan.shards))
    assert all(isinstance(each, ShardDone) for each in again)


def test_an_unreachable_hub_ends_the_run_after_some_shards(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    build = open_text(hub, open_for, "down", download_slots=5)
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda wait_s: sleep(min(wait_s, 0.001)))
    with hub.faults(Status(503), when=Match(port="storage", path=DATA), times=None):
        failed: list[object] = []
        with pytest.raises(HubUnavailable):
            failed.extend(make_shards(build, build.plan.shards))
    assert len(failed) < UNAVAILABLE_IN_A_ROW
    assert all(isinstance(each, ShardFailed) for each in failed)
