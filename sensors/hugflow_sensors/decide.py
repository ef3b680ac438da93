"""The sensor's next step for one dataset: plain values in, plain values out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal

# Pause before the next attempt, after the first, second, ... failure in a row.
BACK_OFF_S = (20.0, 120.0, 600.0, 3_600.0, 21_600.0)
MOST_ATTEMPTS = len(BACK_OFF_S) + 1

Ending = Literal["succeeded", "failed", "stopped"]
_BADNESS: dict[Ending, int] = {"succeeded": 0, "failed": 1, "stopped": 2}


@dataclass(frozen=True, slots=True)
class PastRun:
    """An ended run that the sensor asked for. stopped: by a person."""

    ending: Ending
    ended_at: float


@dataclass(frozen=True, slots=True)
class Start:
    """Ask for a run now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask for a run later: not before this time; None: never by itself."""

    until: float | None
    why: str


def decide_attempt(past: Sequence[PastRun], now: float, retry_at: float = 0.0) -> Start | Wait:
    """Whether to start a run for an incomplete dataset that has no run.

    past: earlier attempts at the same rows, the latest first. A run that a person stopped is not
    started again. After each failure in a row the pause is longer; after the last, no run starts.
    retry_at: when a person last asked to retry; runs that ended before it do not count.
    """
    past = [run for run in past if run.ended_at > retry_at]
    if past and past[0].ending == "stopped":
        return Wait(None, "its run was stopped by a person")
    failures = 0
    for run in past:
        if run.ending != "failed":
            break
        failures += 1
    if failures >= MOST_ATTEMPTS:
        return Wait(None, _say_failures(failures))
    # One run that succeeded but left the dataset incomplete does not count; a second one does.
    pause_s = BACK_OFF_S[failures - 1] if failures else BACK_OFF_S[0] if past else 0.0
    due = past[0].ended_at + pause_s if past else now
    if due > now:
        return Wait(due, _say_failures(failures) if failures else "a run has just ended")
    return Start()


def _say_failures(failures: int) -> str:
    return "its last run failed" if failures == 1 else f"its last {failures} runs failed"


def missing_ranges(
    keys: Sequence[str], is_done: Sequence[bool], parts: int = 1
) -> list[tuple[str, str]]:
    """Give the first and the last partition of each range; together they cover everything missing.

    parts: how many ranges there are if there are as many missing shards; they do not overlap.
    If every shard is done and the dataset is unpublished, one range covers all: some rows may have
    failed, and finished ones cost almost nothing. Empty when there are no shards.
    """
    if not keys:
        return []
    missing = [key for key, done in zip(keys, is_done, strict=True) if not done]
    if not missing:
        return [(keys[0], keys[-1])]
    parts = min(parts, len(missing))
    bounds = [len(missing) * part // parts for part in range(parts + 1)]
    return [(missing[first], missing[end - 1]) for first, end in pairwise(bounds)]


def merge_parts(runs: Sequence[tuple[int, str, PastRun]]) -> list[PastRun]:
    """Past runs as if each attempt had been one run: of its parts, the one that ended worst.

    runs: the number of the attempt, the part and the run, the latest first.
    """
    merged: list[PastRun] = []
    for _, attempt in groupby(runs, key=lambda run: run[0]):
        by_part: dict[str, list[PastRun]] = {}
        for _, part, run in attempt:
            by_part.setdefault(part, []).append(run)
        worst: list[PastRun] = max(by_part.values(), key=_badness)
        merged += worst
    return merged


def _badness(part: Sequence[PastRun]) -> tuple[int, int]:
    return _BADNESS[part[0].ending], len(part)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failed request: the number of failures in a row, and when it is retried."""

    request: str
    failures: int
    at: float
    not_before: float
    what: str


def next_trouble(before: Trouble | None, request: str, what: str, now: float) -> Trouble:
    """Give the record of a request that could not be planned just now.

    request: its digest; for another digest the count starts again.
    """
    failures = before.failures + 1 if before is not None and before.request == request else 1
    pause_s = BACK_OFF_S[min(failures, len(BACK_OFF_S)) - 1]
    return Trouble(request, failures, now, now + pause_s, what)


def is_waiting(trouble: Trouble | None, request: str, now: float, retry_at: float = 0.0) -> bool:
    """Whether a failed request still waits; retry_at: when a person last asked to retry."""
    return (
        trouble is not None
        and trouble.request == request
        and now < trouble.not_before
        and retry_at < trouble.at
    )


@dataclass(frozen=True, slots=True)
class Memo:
    """What the sensor keeps in its cursor. Losing it costs an attempt or a reload, nothing else.

    reloaded: the digest, of catalogue and work tree, for which this code location last reloaded, and when.
    """

    troubles: Mapping[str, Trouble]
    reloaded: tuple[str, float] | None = None


def may_reload(memo: Memo, digest: str, now: float) -> bool:
    """Whether to reload for this catalogue; at most once in five minutes for the same one."""
    if memo.reloaded is None or memo.reloaded[0] != digest:
        return True
    return now - memo.reloaded[1] > 300.0
