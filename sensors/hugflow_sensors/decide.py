"""What the sensor does next about one dataset: plain values in, plain values out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

# How long after the first, second, ... failure in a row the next attempt begins.
BACK_OFF_S = (20.0, 120.0, 600.0, 3_600.0, 21_600.0)
MOST_ATTEMPTS = len(BACK_OFF_S) + 1

Ending = Literal["succeeded", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that the sensor asked for, and that has ended. stopped: by a person."""

    ending: Ending
    ended_at: float


@dataclass(frozen=True, slots=True)
class Start:
    """Ask for a run now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask for a run later: not before this time, or never by itself when None."""

    until: float | None
    why: str


def decide_attempt(past: Sequence[PastRun], now: float, retry_at: float = 0.0) -> Start | Wait:
    """Whether to start a run for a dataset that is not complete and that nobody works on.

    past: earlier attempts at the same rows, the latest first. A run that a person stopped is not
    begun again; failures in a row are followed by longer and longer pauses, then by none.
    retry_at: when a person last asked to try again: what ended before does not count.
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
    # A run that succeeded and left the dataset incomplete counts as little as none, but once.
    pause_s = BACK_OFF_S[failures - 1] if failures else BACK_OFF_S[0] if past else 0.0
    due = past[0].ended_at + pause_s if past else now
    if due > now:
        return Wait(due, _say_failures(failures) if failures else "a run has just ended")
    return Start()


def _say_failures(failures: int) -> str:
    return "its last run failed" if failures == 1 else f"its last {failures} runs failed"


def missing_range(keys: Sequence[str], is_done: Sequence[bool]) -> tuple[str, str] | None:
    """Give the first and the last partition to ask for, so that nothing missing lies outside.

    With every shard done and the dataset still unpublished all are asked for: some of their rows
    may have failed, and finished ones cost next to nothing. None when there are no shards.
    """
    if not keys:
        return None
    missing = [key for key, done in zip(keys, is_done, strict=True) if not done] or list(keys)
    return missing[0], missing[-1]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A request that could not be carried out: how often in a row, and when it is tried again."""

    request: str
    failures: int
    at: float
    not_before: float
    what: str


def next_trouble(before: Trouble | None, request: str, what: str, now: float) -> Trouble:
    """Give what to remember of a request that could not be planned just now.

    request: its digest; another one starts again.
    """
    failures = before.failures + 1 if before is not None and before.request == request else 1
    pause_s = BACK_OFF_S[min(failures, len(BACK_OFF_S)) - 1]
    return Trouble(request, failures, now, now + pause_s, what)


def is_waiting(trouble: Trouble | None, request: str, now: float, retry_at: float = 0.0) -> bool:
    """Whether a request that failed is left alone for now; retry_at: when a person last asked."""
    return (
        trouble is not None
        and trouble.request == request
        and now < trouble.not_before
        and retry_at < trouble.at
    )


@dataclass(frozen=True, slots=True)
class Memo:
    """What the sensor keeps in its cursor. Losing it costs an attempt or a reload, nothing else.

    reloaded: the catalogue for which this code location was told to reload, and when.
    """

    troubles: Mapping[str, Trouble]
    reloaded: tuple[str, float] | None = None


def may_reload(memo: Memo, digest: str, now: float) -> bool:
    """Whether to reload for this catalogue: not twice in five minutes, should it change nothing."""
    if memo.reloaded is None or memo.reloaded[0] != digest:
        return True
    return now - memo.reloaded[1] > 300.0
