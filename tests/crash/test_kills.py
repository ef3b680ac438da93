"""Killing `hugflow local-sync` anywhere: at the k-th call to the disk, and at any moment."""

import random
import signal
import subprocess
from pathlib import Path

import pytest

from hugflow.store.atomic import temporary_path
from tests.crash.conftest import NAME, REQUEST, Undisturbed, sync
from tests.crash.disk import Call, failing
from tests.crash.lost import check_nothing_lost, check_recovered
from tests.projects import Project

# Calls that alter what is told of the rows, and calls that alter rows: fewer, as they are all alike.
POINTS_OF_STATE, POINTS_OF_ROWS = 140, 80
POINTS = POINTS_OF_STATE + POINTS_OF_ROWS
LAST_CALLS = 5
KILLS = 100
# What lies there is made again from the ledger, whatever becomes of it.
VIEWS = {"progress", "notices"}
# A signal before the program has begun to listen ends it as it ends any program.
STOPPED = {
    signal.SIGKILL: {-9},
    signal.SIGTERM: {143, -15},
    signal.SIGINT: {130, -2},
}

# What both need of an undisturbed run is made once.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("crash")]


def sampled(count: int, every: int) -> list[object]:
    """Numbers from 0: one in `every` always, and all of them in the soak."""
    return [
        pytest.param(number, marks=() if number % every == every // 2 else pytest.mark.soak)
        for number in range(count)
    ]


def crash_points(calls: list[Call]) -> list[int]:
    """Calls to be killed at, spread over all there are."""
    of_rows = [call.number for call in calls if call.path.parent.name in {"audio", "json"}]
    of_state = sorted({call.number for call in calls} - set(of_rows))
    return sorted([*spread(of_state, POINTS_OF_STATE), *spread(of_rows, POINTS_OF_ROWS)])


def spread(numbers: list[int], count: int) -> list[int]:
    """So many of the numbers, from the first to the last."""
    return [numbers[i * (len(numbers) - 1) // (count - 1)] for i in range(count)]


@pytest.mark.parametrize("number", sampled(POINTS, 44))
def test_a_kill_at_any_call_to_the_disk_loses_no_row_and_the_tree_becomes_the_same(
    crashing: Project, undisturbed: Undisturbed, shim: Path, number: int
):
    at = crash_points(undisturbed.calls)[number]
    # Of two points one tears the write it falls on.
    do = "tear" if number % 2 else "kill"
    killed = sync(crashing, failing(shim, crashing.root, at=at, do=do))
    # How often progress is written depends on time, so the last call of one run may not come in another.
    is_last = at > undisturbed.calls[-1].number - LAST_CALLS
    assert killed.returncode in ({-9, 0} if is_last else {-9})
    standing = check_nothing_lost(crashing, NAME, undisturbed.tree)
    again = sync(crashing)
    assert again.returncode == 0, again.stderr
    check_recovered(crashing, NAME, undisturbed.tree, standing)


@pytest.mark.parametrize("seed", sampled(KILLS // 2, 25))
def test_signals_at_any_two_moments_lose_no_row_and_the_tree_becomes_the_same(
    crashing: Project, undisturbed: Undisturbed, seed: int
):
    chance = random.Random(seed)  # noqa: S311  # no secret
    for _ in range(2):
        number = chance.choice(list(STOPPED))
        process = crashing.start("local-sync", REQUEST, "--no-report")
        try:
            process.wait(chance.uniform(0.2, undisturbed.seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        _, talk = process.communicate(timeout=60)
        assert process.returncode in {*STOPPED[number], 0}, talk
        standing = check_nothing_lost(crashing, NAME, undisturbed.tree)
    again = sync(crashing)
    assert again.returncode == 0, again.stderr
    check_recovered(crashing, NAME, undisturbed.tree, standing)


def test_nothing_gets_its_name_before_its_bytes_are_on_the_disk(undisturbed: Undisturbed):
    unsynced: set[Path] = set()
    named = 0
    for call in undisturbed.calls:
        match call.kind:
            case "write":
                unsynced.add(call.path)
            case "fsync":
                unsynced.discard(call.path)
            case "syncfs":
                unsynced.clear()
            case "rename" if call.path.parent.name not in VIEWS:
                temporary = {
                    temporary_path(call.path),
                    call.path.with_name(f"{call.path.name}.part"),
                }
                assert not temporary & unsynced, call
                named += 1
    assert named > 2 * len(undisturbed.tree) // 3
