"""Running the steps over the rows of shards; resumed row by row."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, suppress
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from hugflow.late_dataclass import dataclass
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.build.still_in_force import refuse_superseded
from hugflow.stages.flowing.resolved import ResolvedStep, find_flow_places
from hugflow.stages.flowing.row_files import write_rows
from hugflow.stages.flowing.row_inputs import read_inputs, refuse_steps
from hugflow.stages.flowing.step_journal import Kind, RowFlowed, StepJournal, read_step_journal
from hugflow.stages.flowing.step_places import find_step_places, prepare_step_places
from hugflow.stages.tree.flow_files import made_index_file, result_file

# What runs flows is imported only for steps.
if TYPE_CHECKING:
    from hugflow.flows.runner import FlowRunner

log = logging.getLogger(__name__)

# A window is the rows of one call: as many as take about this long, and no more than fit in memory
# several times over.
FIRST_WINDOW, LARGEST_WINDOW = 4, 256
WINDOW_S = 0.5
WINDOW_BYTES = 16 << 20

OnRows = Callable[[ResolvedStep, Mapping[int, RowFlowed]], None]
# Is given the bytes of files before they are written, and may refuse them.
Take = Callable[[int], None]
MakeRunner: TypeAlias = "Callable[[Build, ResolvedStep], FlowRunner]"


@dataclass(slots=True)
class StepCount:
    """The counts of one step.

    rows: rows that continue. new: rows that ran now. bytes: of the rows' files.
    """

    rows: int = 0
    dropped: int = 0
    errors: int = 0
    new: int = 0
    bytes: int = 0

    @property
    def words(self) -> str:
        """`288 rows, 12 left out, 1 failed`."""
        return f"{self.rows:,} rows, {self.dropped:,} left out, {self.errors:,} failed"

    def add(self, other: "StepCount") -> None:
        """Add the counts of another shard."""
        self.rows += other.rows
        self.dropped += other.dropped
        self.errors += other.errors
        self.new += other.new
        self.bytes += other.bytes


@dataclass(frozen=True, slots=True)
class ShardFlowed:
    """One shard whose steps are done."""

    shard: Shard
    counts: Mapping[str, StepCount] = field(default_factory=dict)


def make_own_runner(build: Build, step: ResolvedStep) -> "FlowRunner":
    """What runs a step: a worker process, or the user who serves it."""
    if step.served_by is not None:
        return _make_served_runner(build, step)
    from hugflow.flows.runner import LocalRunner

    return LocalRunner(step.local, find_flow_places(build), build.options.trust)


def run_steps(
    build: Build,
    steps: Sequence[ResolvedStep],
    shards: Sequence[Shard],
    *,
    on_rows: OnRows = lambda step, flowed: None,
    take: Take = lambda size_bytes: None,
    make_runner: MakeRunner = make_own_runner,
) -> Iterator[ShardFlowed]:
    """Run the steps over the rows of `shards`, and yield each shard when it is finished.

    Results of the same version are kept; failed rows are retried.
    on_rows: called with the outcomes of each commit, by row.
    take: called with the bytes of each commit before they are written, as `Quota.take`.
    Raises FlowError when a flow cannot run at all, RequestInvalid for an unknown field, and
    CannotWrite for a link in the place of a step's folder.
    """
    places = find_step_places(build, steps)
    givers = refuse_steps(build.plan, [step.step for step in steps])
    with ExitStack() as stack:
        runners: dict[str, FlowRunner] = {}

        def find_runner(step: ResolvedStep) -> "FlowRunner":
            if step.name not in runners:
                runners[step.name] = make_runner(build, step)
                stack.callback(runners[step.name].close)
            return runners[step.name]

        # Without steps there is nothing to hold: another process may have a finished shard already.
        present = {name: Present(place) for name, place in places.items()}
        for shard in shards if steps else ():
            with build.hold_shard(shard):
                refuse_superseded(build)
                prepare_step_places(build, steps, places)
                counts: dict[str, StepCount] = {}
                rows = made_rows(made_index_file(build.folder, shard.name))
                for step, giver_by_field in zip(steps, givers, strict=True):
                    there = present[step.name].find(shard.row_range)
                    given = {field: places[name] for field, name in giver_by_field.items()}
                    one = _OneStep(
                        build,
                        shard,
                        step,
                        places[step.name],
                        given,
                        find_runner,
                        on_rows,
                        take,
                        there,
                    )
                    rows, counts[step.name] = one.run(rows)
            if any(count.new for count in counts.values()):
                words = "; ".join(f"{name}: {count.words}" for name, count in counts.items())
                log.info("steps of shard %s are done: %s", shard.name, words)
            yield ShardFlowed(shard, counts)


def _make_served_runner(build: Build, step: ResolvedStep) -> "FlowRunner":
    # Imported only for such a step: it needs the extra.
    from hugflow.serving.colink import Project
    from hugflow.serving.extra import needs_extra
    from hugflow.serving.places import ProjectServing
    from hugflow.serving.records import LOCAL

    with needs_extra():
        from hugflow.serving.step_runner import ServedRunner, ServedStep
    own, options = step.step, build.options
    served = ServedStep(
        step.served_by or LOCAL,
        str(own.endpoint),
        own.config,
        own.gives,
        own.attach,
        own.timeout_s,
        build.folder.audio,
    )
    project = Project(find_flow_places(build).root, options.trust)
    return ServedRunner(served, ProjectServing(project, options.serving, build.places.state_dir))


def journal_path(build: Build, shard: Shard, step: str) -> Path:
    """The journal of a step over a shard."""
    return build.state.ledger / f"{shard.name}.flow.{step}.jsonl"


def read_outcomes(build: Build, shard: Shard, step: ResolvedStep) -> dict[int, RowFlowed]:
    """The outcome of each row of a shard in a step's present version."""
    return read_step_journal(journal_path(build, shard, step.name), step.version)


def made_rows(index: Path) -> list[int]:
    """The made rows of a shard; none if it has no index."""
    if not index.is_file():
        return []
    with index.open("rb") as file, pq.ParquetFile(file) as table:
        rows: list[int] = table.read(columns=["row"]).column("row").to_pylist()
        return rows


@dataclass(slots=True)
class _OneStep:
    """One step over one shard."""

    build: Build
    shard: Shard
    step: ResolvedStep
    place: Path
    giver_by_field: Mapping[str, Path]
    find_runner: "Callable[[ResolvedStep], FlowRunner]"
    on_rows: OnRows
    take: Take
    there: Set[int]

    def run(self, rows: Sequence[int]) -> tuple[list[int], StepCount]:
        """Run it for `rows`; returns the rows that continue, and the counts."""
        path = journal_path(self.build, self.shard, self.step.name)
        found = read_step_journal(path, self.step.version)
        is_anew = not found
        todo = [row for row in rows if not self._is_done(row, found)]
        if todo or is_anew:
            with StepJournal(path, self.step.version) as journal:
                for window in self._run_windows(todo, journal):
                    found |= window
        wanted = {row: found[row] for row in rows}
        self._delete_stale(wanted)
        count = StepCount(
            rows=sum(each.kind == "out" for each in wanted.values()),
            dropped=sum(each.kind == "dropped" for each in wanted.values()),
            errors=sum(each.kind == "error" for each in wanted.values()),
            new=len(todo),
            bytes=sum(each.size_bytes for each in wanted.values()),
        )
        return [row for row, each in wanted.items() if each.kind == "out"], count

    def _is_done(self, row: int, found: Mapping[int, RowFlowed]) -> bool:
        flowed = found.get(row)
        if flowed is None or flowed.kind == "error":
            return False
        # Another process may have made it since the folder was listed.
        return row in self.there or result_file(self.place, row).is_file()

    def _run_windows(
        self, todo: Sequence[int], journal: StepJournal
    ) -> Iterator[dict[int, RowFlowed]]:
        """Run rows, write their files, then their lines; a kill repeats one window at most."""
        if not todo:
            return
        build, step = self.build, self.step
        runner = self.find_runner(step)
        size = step.step.batch or FIRST_WINDOW
        pending: list[tuple[int, dict[str, Any]]] = []
        index = made_index_file(build.folder, self.shard.name)
        pieces = read_inputs(
            build.plan, build.folder, index, step.step.reads, self.giver_by_field, set(todo)
        )
        for piece in pieces:
            pending += piece
            while len(pending) >= size:
                window = self._take_window(pending, size)
                began = time.monotonic()
                flowed = self._run_window(runner, window, journal)
                yield flowed
                if step.step.batch is None:
                    size = next_size(size, time.monotonic() - began, _largest(flowed))
        while pending:
            yield self._run_window(runner, self._take_window(pending, size), journal)

    def _take_window(
        self, pending: list[tuple[int, dict[str, Any]]], size: int
    ) -> list[tuple[int, dict[str, Any]]]:
        """Take the rows of one call from `pending`; fewer than `size` where their texts are long."""
        if self.step.step.batch is None:
            size = count_fitting([fields for _, fields in pending[:size]])
        window = pending[:size]
        del pending[:size]
        return window

    def _run_window(
        self,
        runner: "FlowRunner",
        window: Sequence[tuple[int, dict[str, Any]]],
        journal: StepJournal,
    ) -> dict[int, RowFlowed]:
        outcomes = runner.run([fields for _, fields in window])
        flowed: dict[int, RowFlowed] = {}
        outs: dict[int, dict[str, Any] | None] = {}
        for (row, _), outcome in zip(window, outcomes, strict=True):
            if "error" in outcome:
                flowed[row] = RowFlowed("error", str(outcome["error"]))
                result_file(self.place, row).unlink(missing_ok=True)
                continue
            out = outcome.get("out")
            outs[row] = out
        sizes = write_rows(self.place, outs, self.take)
        for row, out in outs.items():
            kind: Kind = "dropped" if out is None else "out"
            flowed[row] = RowFlowed(kind, size_bytes=sizes[row])
        journal.append(flowed.items())
        self.on_rows(self.step, flowed)
        return flowed

    def _delete_stale(self, wanted: Mapping[int, RowFlowed]) -> None:
        """Delete the shard's row files of an earlier version of the steps."""
        for row in self.there - wanted.keys():
            result_file(self.place, row).unlink(missing_ok=True)


class Present:
    """The rows that have a file of a step, listed once for all shards: a folder may have millions."""

    def __init__(self, folder: Path) -> None:
        """List nothing yet. folder: of the step."""
        self._folder = folder
        self._rows: npt.NDArray[np.int64] | None = None

    def find(self, rows: range) -> set[int]:
        """Those of `rows` that had a file when the first shard was looked at."""
        if self._rows is None:
            names = (entry.name for entry in self._list())
            numbers = (int(name[:-5]) for name in names if name[:-5].isdecimal())
            self._rows = np.sort(np.fromiter(numbers, np.int64))
        first, end = np.searchsorted(self._rows, (rows.start, rows.stop))
        return set(self._rows[first:end].tolist())

    def _list(self) -> Iterator["os.DirEntry[str]"]:
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            yield from entries


def next_size(size: int, seconds: float, largest_bytes: int) -> int:
    """The next window's size: more rows after a quick window, fewer after a slow one.

    largest_bytes: of one result in the window.
    """
    if seconds < WINDOW_S / 2:
        size = min(size * 2, LARGEST_WINDOW)
    elif seconds > WINDOW_S * 2:
        size //= 2
    return max(1, min(size, WINDOW_BYTES // max(1, largest_bytes)))


def _largest(flowed: Mapping[int, RowFlowed]) -> int:
    return max((each.size_bytes for each in flowed.values()), default=0)


def count_fitting(rows: Sequence[Mapping[str, Any]]) -> int:
    """How many of the first rows have no more than WINDOW_BYTES of text; at least one."""
    total = 0
    for number, fields in enumerate(rows):
        total += sum(len(value) for value in fields.values() if isinstance(value, str | list))
        if total > WINDOW_BYTES:
            return max(1, number)
    return max(1, len(rows))
