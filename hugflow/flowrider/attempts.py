"""What is recorded about each attempt to run a config, in the project's state folder.

    .hugflow-state/flows/<flow>_<tag>/<attempt>/attempt.json   see RunAttempt
                                               /run_id         of the run, once it has one
                                               /log            what it printed, without secrets
                                               /lock           held while it runs

attempt: `20261129T031500123456Z-4711`, the time of the start and the process.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from filelock import FileLock, Timeout

from hugflow.flowrider.bundle import BUNDLES, remove_bundle
from hugflow.flowrider.environment import ATTEMPT
from hugflow.flowrider.places import PipelinePlaces
from hugflow.flowrider.processes import end_marked
from hugflow.late_dataclass import dataclass
from hugflow.store.records import Moment, RecordForm

MOST_KEPT: Final = 50

State = Literal["running", "succeeded", "failed", "killed"]


@dataclass(frozen=True, slots=True)
class RunAttempt:
    """One attempt to run a config.

    user: who started it.
    run_id: None before the run has an id.
    origin_run_id: the run that it resumes.
    returncode: exit status of the flow, None while it runs.
    bundle: the copy of the project that it uses.
    asked_by: id of the Dagster run that started it.
    is_overridden: its parameters are not those of the YAML, so its run is not pinned.
    """

    id: str
    flow: str
    tag: str
    engine: str
    user: str
    started_at: Moment
    state: State = "running"
    ended_at: Moment | None = None
    run_id: str | None = None
    origin_run_id: str | None = None
    returncode: int | None = None
    tags: tuple[str, ...] = ()
    bundle: str | None = None
    asked_by: str | None = None
    is_overridden: bool = False


ATTEMPT_FORM = RecordForm(
    RunAttempt,
    "the record of a run's attempt",
    version=1,
    mend="delete the folder of the attempt; the run itself is not affected",
)


@dataclass(frozen=True, slots=True)
class AttemptPlaces:
    """The files of one attempt."""

    folder: Path

    @property
    def record(self) -> Path:
        """The attempt itself."""
        return self.folder / "attempt.json"

    @property
    def run_id(self) -> Path:
        """The run's id, written at its start."""
        return self.folder / "run_id"

    @property
    def log(self) -> Path:
        """What the run printed."""
        return self.folder / "log"

    @property
    def request(self) -> Path:
        """What a child process is to run, for the engine dagster."""
        return self.folder / "request.json"

    @property
    def lock(self) -> Path:
        """Held by the process that runs the attempt."""
        return self.folder / "lock"

    def read_run_id(self) -> str | None:
        """The run's id; None before it has one."""
        try:
            return self.run_id.read_text("utf-8").strip() or None
        except FileNotFoundError:
            return None


def new_attempt_id(now: datetime) -> str:
    """An id that sorts by time, and differs between processes."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}Z-{os.getpid()}"


def attempts_folder(places: PipelinePlaces, flow: str, tag: str) -> Path:
    """The folder of a config's attempts."""
    return places.state / f"{flow}_{tag}"


@contextmanager
def recorded(places: PipelinePlaces, attempt: RunAttempt) -> Iterator[AttemptPlaces]:
    """Record an attempt as running while the block runs; `finish` says how it ended.

    If the block raises without that, it has failed.
    """
    folder = attempts_folder(places, attempt.flow, attempt.tag)
    mine = AttemptPlaces(folder / attempt.id)
    mine.folder.mkdir(parents=True)
    with FileLock(mine.lock):
        ATTEMPT_FORM.write(mine.record, attempt)
        try:
            yield mine
        finally:
            written = ATTEMPT_FORM.read(mine.record)
            if written is not None and written.state == "running":
                finish(mine, attempt, "failed", None)
    _forget_old(folder)


def finish(
    mine: AttemptPlaces, attempt: RunAttempt, state: State, returncode: int | None
) -> RunAttempt:
    """Record how an attempt ended."""
    ended = replace(
        attempt,
        state=state,
        ended_at=datetime.now(UTC),
        run_id=mine.read_run_id(),
        returncode=returncode,
    )
    ATTEMPT_FORM.write(mine.record, ended)
    return ended


def read_attempts(places: PipelinePlaces, flow: str, tag: str) -> list[RunAttempt]:
    """The attempts of a config, the oldest first; one whose owner was killed is `killed`."""
    folder = attempts_folder(places, flow, tag)
    found = []
    for record in sorted(folder.glob("*/attempt.json")):
        attempt = ATTEMPT_FORM.read(record)
        if attempt is None:
            continue
        mine = AttemptPlaces(record.parent)
        if attempt.state == "running":
            state: State = "running" if _is_held(mine.lock) else "killed"
            attempt = replace(attempt, state=state, run_id=mine.read_run_id())
        found.append(attempt)
    return found


def clear_leftovers(places: PipelinePlaces) -> None:
    """End what killed attempts left running, and delete their bundles."""
    for record in places.state.rglob("attempt.json"):
        attempt, mine = ATTEMPT_FORM.read(record), AttemptPlaces(record.parent)
        if attempt is None or attempt.state != "running":
            continue
        try:
            with FileLock(mine.lock, timeout=0):
                end_marked(ATTEMPT, attempt.id)
                if attempt.bundle is not None and _is_bundle_of(attempt):
                    remove_bundle(Path(attempt.bundle))
                finish(mine, attempt, "killed", None)
        except Timeout:
            continue


def _is_bundle_of(attempt: RunAttempt) -> bool:
    """Whether the recorded folder is one that a run makes: a record may name any other."""
    return Path(attempt.bundle or "").parts[-2:] == (BUNDLES, attempt.id)


def _is_held(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def _forget_old(folder: Path) -> None:
    """Keep the latest attempts of a config; an older one is kept if it may still run."""
    for old in sorted(folder.glob("*/attempt.json"))[:-MOST_KEPT]:
        attempt = ATTEMPT_FORM.read(old)
        if attempt is not None and attempt.state != "running":
            shutil.rmtree(old.parent, ignore_errors=True)
