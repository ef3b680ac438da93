"""A thread that delivers the outbox during a job; the job never waits for it."""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Self

from hugflow.notify.deliver import deliver
from hugflow.notify.senders import Senders
from hugflow.notify.telling import Clock, TellingPace, utc_now
from hugflow.store.layout import Places

log = logging.getLogger(__name__)

# Notices of other processes do not wake the thread, so it looks for them.
LOOK_EVERY_S = 10.0
HURRIED_EVERY_S = 0.5


class Courier:
    """A thread that delivers some conversations until its `with` block ends.

        with Courier(places, senders, keys) as courier:
            sync_dataset(build, Tracker(build, on_notice=courier.wake))
            ...
            courier.flush(30)

    It is a daemon thread: the process does not wait for it at exit. Whatever is not sent by then
    stays in the outbox for the next delivery. Errors in the thread are logged and do not fail the
    job.
    """

    def __init__(
        self,
        places: Places,
        senders: Senders,
        keys: Sequence[str],
        *,
        pace: TellingPace | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Set up; nothing is delivered before the `with` block."""
        self._places, self._senders, self._keys = places, senders, tuple(keys)
        self._pace, self._clock = pace or TellingPace(), clock
        self._woken, self._is_idle = threading.Event(), threading.Event()
        self._ends_at: float | None = None
        self._is_stopped = False
        self._told: set[str] = set()
        self._refused: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def __enter__(self) -> Self:
        """Start to deliver."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop after the current message, without waiting for it."""
        self._is_stopped = True
        self._woken.set()

    def wake(self, *_: object) -> None:
        """Announce that there is something to send; returns at once, from any thread."""
        self._woken.set()

    def flush(self, deadline_s: float) -> bool:
        """Try to send everything that is left within a deadline; True if all was sent.

        A wait that a service asked for is waited out if it fits into the deadline. A refused
        conversation is tried once: waiting does not fix a refusal.
        """
        self._ends_at = time.monotonic() + deadline_s
        self._is_idle.clear()
        self._woken.set()
        is_idle = self._is_idle.wait(deadline_s)
        if not is_idle:
            log.warning(
                "not everything was sent within %.0f s; the rest waits in the outbox", deadline_s
            )
        return is_idle and not self._refused

    def _run(self) -> None:
        while not self._is_stopped:
            self._woken.clear()
            is_last = self._ends_at is not None
            again = [self._deliver(key, is_last=is_last) for key in self._keys]
            waits = [at for at in again if at is not None]
            if is_last and not waits and not self._woken.is_set():
                self._is_idle.set()
            self._woken.wait(self._pause_s(waits, is_last=is_last))

    def _is_over(self) -> bool:
        """Whether the thread has to stop."""
        is_late = self._ends_at is not None and time.monotonic() > self._ends_at
        return self._is_stopped or is_late

    def _deliver(self, key: str, *, is_last: bool) -> datetime | None:
        """Deliver one conversation; the time to look again, None if there is nothing left to send.

        During the last flush, None also means that a person has to fix something first.
        """
        try:
            done = deliver(
                self._places,
                key,
                self._senders,
                pace=self._pace,
                clock=self._clock,
                is_hurried=is_last,
                is_over=self._is_over,
            )
        except Exception as error:  # noqa: BLE001  # whatever it is, the job goes on
            words = f"{key} cannot be delivered: {type(error).__name__}: {error}"
            if words not in self._told:
                self._told.add(words)
                log.warning("%s", words)
            return self._clock()
        (self._refused.add if done.is_refused else self._refused.discard)(key)
        return None if is_last and done.is_refused else done.again_at

    def _pause_s(self, waits: Sequence[datetime], *, is_last: bool) -> float:
        """How long there is nothing to do, unless `wake` is called."""
        if not waits:
            return LOOK_EVERY_S
        left_s = (min(waits) - self._clock()).total_seconds()
        if is_last:
            return HURRIED_EVERY_S
        return min(max(left_s, HURRIED_EVERY_S), LOOK_EVERY_S)
