"""A notice: how one dataset stands, as it was last told.

`STATE_DIR/notices/<name>.json`, written whole; the latest state wins:

    {
      "version": 1,
      "name": "acme__speech__split_train__rev_main", "hf_id": "acme/speech",
      "state": "downloading",
      "at": "2026-11-22T01:02:03.456789Z",
      "rows": 20000, "total_rows": 100000, "failed_rows": 2,
      "resumed_from": 10000,               rows that were there when the work began
      "rows_per_second": 812.5,            of this run; null where it is not known
      "location": null,                    of the tree, once it is complete
      "link": null,                        that leads there
      "commit": "8a6c...",
      "request": "77ab...",                digest of the request that it is made for
      "failure": null                      or {"what": "...", "why": "...", "mend": "..."}
    }

It is a view: losing it loses nothing but what is told of the dataset until the next one.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from pydantic import AwareDatetime

from hugflow.errors import HugflowError
from hugflow.ledger.progress import Status
from hugflow.store.layout import Places
from hugflow.store.records import RecordForm


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened, why, and how to mend it: the three lines of an error."""

    what: str
    why: str
    mend: str

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """The lines of an error, without secrets; of one that is none of ours, its name alone."""
        if isinstance(error, HugflowError):
            return cls(error.what, error.why, error.mend)
        return cls(
            f"unexpected {type(error).__name__}",
            "this error was not foreseen",
            "its log has more; run it again, and report it if it happens again",
        )


@dataclass(frozen=True, slots=True)
class Notice:
    """How one dataset stands at a moment; see the module for each field."""

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

    @property
    def is_start(self) -> bool:
        """Whether the work has begun, and nothing is made yet."""
        return self.state == "downloading" and self.rows <= self.resumed_from

    @property
    def left_s(self) -> float | None:
        """Seconds until all rows are in, at the rate of this run; None where nobody knows."""
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
    """Let this be the latest notice of its dataset."""
    # Not synced to the disk: it would cost the work more than a lost notice does.
    NOTICE.write_view(places.notice(notice.name), notice)


def read_notice(places: Places, name: str) -> Notice | None:
    """The latest notice of a dataset; None where there is none that can be read."""
    return NOTICE.read(places.notice(name))


def notice_times(places: Places) -> dict[str, int]:
    """When each notice was written, in ns, by the name of its dataset."""
    found: dict[str, int] = {}
    for path in places.notice("any").parent.glob("*.json"):
        with suppress(FileNotFoundError):
            found[path.stem] = path.stat().st_mtime_ns
    return found


def newest(one: Notice | None, other: Notice | None) -> Notice | None:
    """The later of two notices; of two of one moment the first."""
    if one is None or other is None:
        return one or other
    return other if other.at > one.at else one
