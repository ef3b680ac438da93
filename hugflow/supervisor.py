"""A supervisor of processes: a process that ends or stops answering is started again.

Each process has its own session: a signal to us reaches it and its children through us. On Linux a
process ends when we end, however we end.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Final

from hugflow.late_dataclass import dataclass

LOOK_EVERY_S: Final = 0.5
ASK_EVERY_S: Final = 5.0
# Loading a thousand datasets on a busy host takes long.
BIRTH_S: Final = 180.0
UNWELL_IN_A_ROW: Final = 3
PAUSES_S: Final = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
# After a run of this length, the next failure counts as the first.
STEADY_S: Final = 120.0
ENDING_S: Final = 30.0
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Service:
    """A process that has to run all the time.

    is_well: a health check, called every few seconds; None: running is enough. A failure counts
        once a check has succeeded, or the start has taken too long. The services after this one
        start when it first succeeds.
    stop_signal: ends the process and everything it started.
    without: names of environment variables that the process does not get.
    only: names of those that it may get at most; None: all.
    """

    name: str
    command: tuple[str, ...]
    is_well: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    without: AbstractSet[str] = frozenset()
    only: AbstractSet[str] | None = None

    def environment_of(self, environment: Mapping[str, str]) -> dict[str, str]:
        """What the process gets of an environment."""
        names = environment.keys() - self.without
        if self.only is not None:
            names &= self.only
        return {name: value for name, value in environment.items() if name in names}


@dataclass(slots=True)
class _Kept:
    """A service, its process, and the history of its failures."""

    service: Service
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    failures: int = 0
    due_at: float = 0.0
    asked_at: float = 0.0
    was_well: bool = False
    was_ever_well: bool = False
    unwell: int = 0
    groups: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Supervisor:
    """Runs services in `folder` until it is stopped, and starts again what ends.

    say: called with a line for each event.
    on_ready: called once, when every service that has a health check has passed it.
    """

    services: Sequence[Service]
    folder: Path
    environment: Mapping[str, str]
    say: Callable[[str], None]
    on_ready: Callable[[], None] | None = None
    _kept: list[_Kept] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        """Run the services until `stop` is set; then end them in reverse order."""
        self._kept = [_Kept(service) for service in self.services]
        announce = self.on_ready
        try:
            while not stop.is_set():
                for kept in self._kept:
                    self._look_at(kept, time.monotonic())
                    if kept.service.is_well is not None and not kept.was_ever_well:
                        # The services after it need it.
                        break
                else:
                    if announce is not None:
                        announce()
                        announce = None
                stop.wait(LOOK_EVERY_S)
        finally:
            self._end_all()

    def _look_at(self, kept: _Kept, now: float) -> None:
        if kept.process is None:
            if now >= kept.due_at:
                self._start(kept, now)
        elif (code := kept.process.poll()) is not None:
            self._note_end(kept, now, f"ended with {code}")
        elif not self._seems_well(kept, now):
            _end(kept.process, kept.service.stop_signal)
            self._note_end(kept, now, "did not answer any more")

    def _start(self, kept: _Kept, now: float) -> None:
        kept.process = subprocess.Popen(  # noqa: S603  # a list of ours
            kept.service.command,
            cwd=self.folder,
            env=kept.service.environment_of(self.environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,
        )
        kept.groups.append(kept.process.pid)
        kept.started_at = kept.asked_at = now
        kept.was_well, kept.unwell = False, 0

    def _note_end(self, kept: _Kept, now: float, how: str) -> None:
        # Its children, such as a run, continue; they are ended when the supervisor ends.
        kept.process = None
        kept.failures = 1 if now - kept.started_at > STEADY_S else kept.failures + 1
        pause_s = PAUSES_S[min(kept.failures, len(PAUSES_S)) - 1]
        kept.due_at = now + pause_s
        self.say(f"{kept.service.name} {how}; it is started again in {pause_s:.0f} s")

    def _seems_well(self, kept: _Kept, now: float) -> bool:
        ask = kept.service.is_well
        if ask is None or (kept.was_well and now - kept.asked_at < ASK_EVERY_S):
            return True
        kept.asked_at = now
        if ask():
            kept.was_well = kept.was_ever_well = True
            kept.unwell = 0
        elif kept.was_well or now - kept.started_at > BIRTH_S:
            kept.unwell += 1
        return kept.unwell < UNWELL_IN_A_ROW

    def _end_all(self) -> None:
        for kept in reversed(self._kept):
            _signal_groups(kept, kept.service.stop_signal)
        ends_at = time.monotonic() + ENDING_S
        while time.monotonic() < ends_at and any(_has_group(kept) for kept in self._kept):
            for kept in self._kept:
                if kept.process is not None:
                    kept.process.poll()
            time.sleep(0.1)
        for kept in self._kept:
            _signal_groups(kept, signal.SIGKILL)
            if kept.process is not None:
                kept.process.wait()


def _end(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """End a process alone, not its children."""
    process.send_signal(number)
    try:
        process.wait(ENDING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _signal_groups(kept: _Kept, number: signal.Signals) -> None:
    """Send a signal to a service and everything it started, also before it was started again."""
    for group in kept.groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _has_group(kept: _Kept) -> bool:
    """Whether any process of a service is still running."""
    for group in kept.groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, 0)
            return True
    return False


def die_with_parent() -> None:
    """Let the kernel end this child if its parent dies: prctl(2)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
