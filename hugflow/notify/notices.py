"""A notice: the latest known state of one dataset.

`STATE_DIR/notices/<name>.json`, written whole; the latest state wins:

    {
      "version": 1,
      "name": "acme__speech__split_train__rev_main", "hf_id": "acme/speech",
      "state": "downloading",
      "at": "2026-11-22T01:02:03.456789Z",
      "rows": 20000, "total_rows": 100000, "failed_rows": 2,
      "resumed_from": 10000,               rows that existed when the work began
      "rows_per_second": 812.5,            of this run; null if unknown
      "location": null,                    of the tree, once it is complete
      "link": null,                        the link to the tree
      "commit": "8a6c...",
      "steps": [{"name": "clean", "rows": 99990, "dropped": 7, "errors": 1}],     of a complete one
      "request": "77ab...",                digest of the request that the dataset is made for
      "first_failed": [{"row": 14, "code": "audio_empty", "message": "..."}],     at the end of a run
      "failure": null                      or {"what": "...", "why": "...", "mend": "..."}
    }

A lost notice is harmless: messages miss the dataset's state until the next notice.
"""

from contextlib import suppress
from typing import Self

from pydantic import AwareDatetime

from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.ledger.progress import Status
from hugflow.store.layout import Places
from hugflow.store.records import RecordForm


@dataclass(frozen=True, slots=True)
class Failure:
    """The three lines of an error: what happened, why, and how to fix it."""

    what: str
    why: str
    mend: str

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """The lines of an error, without secrets; only the name of an error that is not ours."""
        if isinstance(error, HugflowError):
            return cls(error.what, error.why, error.mend)
        return cls(
            f"unexpected {type(error).__name__}",
            "this error was not foreseen",
            "its log has more; run it again, and report it if it happens again",
        )


@dataclass(frozen=True, slots=True)
class StepNote:
    """One row step: the rows that went on, were left out, and failed."""

    name: str
    rows: int
    dropped: int
    errors: int


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row that could not be made, with its code and the reason in words."""

    row: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Notice:
    """The state of one dataset at one moment; the module explains each field."""

    name: str
    hf_id: str
    state: Status
    at: AwareDatetime
    rows: int = 0
    total_rows: int | None = None
    failed_rows: int = 0
    resumed_from: int = 0
    rows_per_second: float | None = None
    location: str | None = None
    link: str | None = None
    commit: str | None = None
    request: str | None = None
    failure: Failure | None = None
    steps: tuple[StepNote, ...] = ()
    first_failed: tuple[FailedRow, ...] = ()

    @property
    def is_start(self) -> bool:
        """Whether the work has begun and nothing is made yet."""
        return self.state == "downloading" and self.rows <= self.resumed_from

    @property
    def left_s(self) -> float | None:
        """Seconds until all rows are made, at the rate of this run; None if unknown."""
        if self.state != "downloading" or not self.rows_per_second or self.total_rows is None:
            return None
        return max(0, self.total_rows - self.rows - self.failed_rows) / self.rows_per_second


NOTICE = RecordForm(
    Notice,
    "the notice",
    version=1,
    mend="delete the file: the next notice of the dataset writes it again",
)


def write_notice(places: Places, notice: Notice) -> None:
    """Write the latest notice of a dataset."""
    # Not synced to the disk: that would cost more than a lost notice does.
    NOTICE.write_view(places.notice(notice.name), notice)


def read_notice(places: Places, name: str) -> Notice | None:
    """The latest notice of a dataset; None if there is none or it cannot be read."""
    return NOTICE.read(places.notice(name))


def notice_times(places: Places) -> dict[str, int]:
    """When each notice was written, in ns, by dataset name."""
    found: dict[str, int] = {}
    for path in places.notice("any").parent.glob("*.json"):
        with suppress(FileNotFoundError):
            found[path.stem] = path.stat().st_mtime_ns
    return found


def newest(one: Notice | None, other: Notice | None) -> Notice | None:
    """The later of two notices; the first if both are of the same moment."""
    if one is None or other is None:
        return one or other
    return other if other.at > one.at else one
