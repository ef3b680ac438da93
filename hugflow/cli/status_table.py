"""The table of `hugflow status`, and how fast datasets are made while it is watched."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Final

from hugflow.amounts import human_bytes, short_time
from hugflow.cli.output import data_columns, paint_data
from hugflow.cli.short_names import shorten_names
from hugflow.errors import explain, show_fix
from hugflow.late_dataclass import dataclass

if TYPE_CHECKING:
    from hugflow.stages.standing.fetched import Fetched
    from hugflow.stages.standing.status import DatasetStatus

# Of a line: state, failed rows, bytes, hours, and what separates them.
_BESIDE_NAME_AND_DONE: Final = 2 + 11 + 2 + 2 + 6 + 2 + 8 + 2 + 7
_LEAST_NAME, _LONGEST_NOTE = 24, 24
# Seconds that a rate is measured over.
_PACE_OVER_S: Final = 30.0
COLOR_BY_STATE: Final = {
    "completed": "32",
    "downloading": "36",
    "failed": "31",
    "interrupted": "33",
    "incomplete": "33",
    "removed": "2",
}


@dataclass(slots=True)
class Speed:
    """Rows and fetched bytes of each dataset over the last looks; one look gives no rate."""

    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    _fetched: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    _on_disk: "dict[str, Fetched]" = field(default_factory=dict)

    def see(
        self, statuses: "Sequence[DatasetStatus]", fetched: "Mapping[str, Fetched] | None" = None
    ) -> None:
        """Keep how many rows there are now, and what is fetched of datasets in the making."""
        now = self.clock()
        for status in statuses:
            _keep(self._seen.setdefault(status.name, deque()), now, status.rows)
        for name, found in (fetched or {}).items():
            seen = self._fetched.setdefault(name, deque())
            # A source file is deleted when its rows are made: only growth counts.
            before = self._on_disk[name].bytes if name in self._on_disk else found.bytes
            so_far = seen[-1][1] if seen else 0
            _keep(seen, now, so_far + max(0, found.bytes - before))
            self._on_disk[name] = found

    def of(self, status: "DatasetStatus") -> tuple[float | None, float | None]:
        """Rows a second of a dataset that is being made, and the seconds left."""
        rate = _rate(status, self._seen)
        if not rate:
            return rate, None
        left = None if status.total_rows is None else (status.total_rows - status.rows) / rate
        return round(rate, 3), left

    def fetching(self, status: "DatasetStatus") -> tuple[float | None, float | None]:
        """Bytes a second that are fetched of a dataset now, and the seconds left."""
        rate = _rate(status, self._fetched)
        if not rate:
            return rate, None
        on_disk = self._on_disk[status.name]
        done = status.rows / status.total_rows if status.total_rows else 0.0
        left = max(0.0, on_disk.source_bytes * (1 - done) - on_disk.bytes)
        return round(rate, 1), left / rate

    def words(self, status: "DatasetStatus") -> str | None:
        """`12.5 rows/s, 1m12s left`; while rows are awaited `398.1 kB/s, 11s left`."""
        rows_per_s, left_s = self.of(status)
        bytes_per_s, fetch_left_s = self.fetching(status)
        if not rows_per_s and bytes_per_s:
            return _with_left(f"{human_bytes(int(bytes_per_s))}/s", fetch_left_s)
        return None if rows_per_s is None else rows_words(rows_per_s, left_s)


def rows_words(rows_per_s: float, left_s: float | None) -> str:
    """`12.5 rows/s, 1m12s left`."""
    return _with_left(f"{rows_per_s:,.1f} rows/s", left_s)


def _with_left(rate: str, left_s: float | None) -> str:
    return rate if left_s is None else f"{rate}, {short_time(left_s)} left"


def _keep(seen: deque[tuple[float, int]], now: float, amount: int) -> None:
    seen.append((now, amount))
    while now - seen[0][0] > _PACE_OVER_S and len(seen) > 2:
        seen.popleft()


def _rate(status: "DatasetStatus", looks: Mapping[str, deque[tuple[float, int]]]) -> float | None:
    """What came a second of a dataset that is being made, 0 for less than none; None: unknown."""
    seen = looks.get(status.name, deque())
    if status.state != "downloading" or len(seen) < 2:
        return None
    (first_at, first), (last_at, last) = seen[0], seen[-1]
    return max(0.0, (last - first) / (last_at - first_at)) if last_at > first_at else 0.0


def table_lines(
    statuses: "Sequence[DatasetStatus]", url_by_run: Mapping[str, str | None], speed: Speed
) -> Iterator[str]:
    """A line for each dataset, below it what is wrong with it."""
    done = max(len("DONE"), *(len(_done(status)) for status in statuses))
    notes = [_note(status, speed) for status in statuses]
    noted = min(_LONGEST_NOTE, max(map(len, notes)))
    room = data_columns() - (_BESIDE_NAME_AND_DONE + done + (noted + 2 if noted else 0))
    width = max(len("DATASET"), *(len(status.name) for status in statuses))
    width = min(width, max(_LEAST_NAME, room))
    heads = (
        f"{'DATASET':<{width}}  {'STATE':<11}  {'DONE':>{done}}  FAILED  {'BYTES':>8}  {'HOURS':>7}"
    )
    yield heads + ("  NOTE" if any(notes) else "")
    names = shorten_names([status.name for status in statuses], width)
    for status, name, note in zip(statuses, names, notes, strict=True):
        state = paint_data(f"{status.state:<11}", COLOR_BY_STATE.get(status.state, ""))
        failed = f"{status.failed_rows:,}" if status.failed_rows else "-"
        size = human_bytes(status.bytes) if status.bytes else "-"
        hours = short_time(seconds_of(status)) if seconds_of(status) else "-"
        line = (
            f"{name:<{width}}  {state}  {_done(status):>{done}}  {failed:>6}  {size:>8}  {hours:>7}"
        )
        yield f"{line}  {note}" if note else line
        yield from _remarks(status, url_by_run)


def seconds_of(status: "DatasetStatus") -> float:
    """Seconds of audio; hours are rounded to three decimals, which makes 4 s of 3 s."""
    return status.audio_seconds or status.hours * 3600


def _done(status: "DatasetStatus") -> str:
    return f"{status.rows:,}/{'?' if status.total_rows is None else f'{status.total_rows:,}'}"


def _note(status: "DatasetStatus", speed: Speed) -> str:
    if (words := speed.words(status)) is not None:
        return words
    if status.obstacle is not None and status.note in (None, status.obstacle.note):
        return status.obstacle.words
    return status.note or ""


def _remarks(status: "DatasetStatus", url_by_run: Mapping[str, str | None]) -> Iterator[str]:
    if status.run is not None:
        yield f"    run {url_by_run.get(status.run) or status.run}"
    if status.obstacle is not None:
        told = status.obstacle
        yield f"    {explain(told.what, told.why, told.mend, indent='      ')}"
    elif status.error is not None:
        yield "    " + status.error.replace("\n", "\n    ")
    # Before the dataset is complete there is nothing to do about its publication.
    publication = status.publication if status.state == "completed" else None
    if publication is not None and publication.state != "published":
        yield f"    publication {publication.words}"
        if publication.mend is not None:
            yield f"      {show_fix(publication.mend)}"
    if status.state != "completed" and status.link is not None:
        yield "    (the published dataset stays in place until this is complete)"
