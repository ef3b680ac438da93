"""Running a step on rows: in a worker process of ours, or, later, where somebody serves it."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import partial
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, Final, Protocol, Self

from hugflow.errors import FlowError
from hugflow.flows.environment import scrubbed_environment
from hugflow.flows.places import FlowPlaces
from hugflow.flows.records import Synced
from hugflow.flows.step_worker import STUCK, Outcome, prepare_step
from hugflow.flows.trust import Trust
from hugflow.late_dataclass import dataclass
from hugflow.redact import in_a_line
from hugflow.workers.pool import WorkerDied, WorkerFailed, WorkerPool

log = logging.getLogger(__name__)

# Beyond the rows' own time, for what keeps the worker from answering.
GRACE_S: Final = 5.0
# A flow may load a model as it is made.
READY_WITHIN_S: Final = 600.0
# Of an error that a flow cannot be run for; it may name all that a class can be set.
_MOST_CHARACTERS: Final = 1_000


class FlowRunner(Protocol):
    """Runs one step's flow."""

    def run(self, rows: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """An outcome for each row: `{"out": {...}}`, `{"dropped": true}` or `{"error": "..."}`."""

    def close(self) -> None:
        """End what was started."""


@dataclass(frozen=True, slots=True)
class LocalStep:
    """What a worker needs to know of a step.

    dotted: the whole path of its class.
    closure: the modules whose code it is, as they were when the step was resolved.
    own_code: for code of the project itself, its digest then, without other files of packages.
    """

    dotted: str
    config: Mapping[str, Any]
    gives: tuple[str, ...]
    is_batched: bool
    timeout_s: float
    closure: tuple[Synced, ...] = ()
    own_code: str | None = None


@dataclass(slots=True)
class LocalRunner:
    """Runs a step in a worker process, without a broker. A worker that dies costs one row.

    Raises FlowError where the flow cannot be loaded at all.
    """

    step: LocalStep
    places: FlowPlaces
    trust: Trust
    stop: Event | None = None
    _caches: TemporaryDirectory[str] = field(init=False)
    _pool: WorkerPool = field(init=False)

    def __post_init__(self) -> None:
        """No process is started yet."""
        step = self.step
        self._caches = TemporaryDirectory(prefix="hugflow-flows-", ignore_cleanup_errors=True)
        prepare = partial(
            prepare_step,
            step.dotted,
            dict(step.config),
            step.gives,
            step.is_batched,
            str(self.places.root),
            self.trust,
            self._caches.name,
            step.closure,
            step.own_code,
        )
        environment = scrubbed_environment(os.environ)
        self._pool = WorkerPool(
            prepare, self.stop, environment, ready_within_s=max(READY_WITHIN_S, step.timeout_s)
        )

    def __enter__(self) -> Self:
        """The runner itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the worker."""
        self.close()

    def run(self, rows: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """An outcome for each row. What takes the worker down is tried again row by row."""
        try:
            return self._ask(rows)
        except WorkerDied as error:
            if not error.was_started:
                # Each row would cost a start, and none could be run.
                raise FlowError(
                    f"the flow {self.step.dotted} cannot be run",
                    why=f"its process {error.how}: it loads the flow's code and what that imports",
                    mend="import the module by hand to see where it ends; then run the same "
                    "command again",
                ) from error
            if len(rows) == 1 and error.how == f"left with status {STUCK}":
                return [{"error": f"it gave no result within {self.step.timeout_s:g} s"}]
            if len(rows) == 1:
                log.warning("%s: a row ended the worker: it %s", self.step.dotted, error.how)
                return [{"error": f"the worker {error.how}"}]
        return [outcome for row in rows for outcome in self.run([row])]

    def close(self) -> None:
        """End the worker, and delete what it compiled."""
        self._pool.close()
        self._caches.cleanup()

    def _ask(self, rows: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        header = {"rows": list(rows), "timeout_s": self.step.timeout_s}
        within_s = self.step.timeout_s * len(rows) + GRACE_S
        try:
            answer = self._pool.ask(header, doing=f"run {self.step.dotted}", timeout_s=within_s)
        except WorkerFailed as error:
            why, mend = _last_error(error.trace)
            raise FlowError(
                f"the flow {self.step.dotted} cannot be run", why=why, mend=mend
            ) from error
        outcomes: list[Outcome] = answer["outcomes"]
        return outcomes


def _last_error(trace: str) -> tuple[str, str]:
    """The error that a traceback ends in, and how to fix it, which an error of ours says itself."""
    mend = "check the step in the request, its config, and `hugflow flows list`"
    lines = trace.rstrip().splitlines()
    starts = [number for number, line in enumerate(lines) if line[:1].strip()]
    if not starts:
        return "no reason", mend
    first, *rest = (line.strip() for line in lines[starts[-1] :])
    if first.startswith("hugflow.errors.") and len(rest) == 2:
        what = first.partition(": ")[2]
        why, mend = (line.partition(": ")[2] for line in rest)
        return in_a_line(f"{what} ({why})", _MOST_CHARACTERS), in_a_line(mend, _MOST_CHARACTERS)
    return in_a_line(" ".join([first, *rest[:1]]), _MOST_CHARACTERS), mend
