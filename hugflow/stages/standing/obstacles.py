"""Why a request is not being carried out: it was refused, or it waits for a later try.

`STATE_DIR/obstacles/<name>.json`, written whole when planning fails, deleted when it works:

    {"version": 1, "note": "waiting", "request": "5f3c...", "at": "2026-11-22T01:02:03+00:00",
     "what": "the Hub does not answer", "why": "status 503", "mend": "try again later",
     "next_try_at": "2026-11-22T01:04:03+00:00"}

note: `refused` if only a change of the request, the policy or the rights can help, else `waiting`.
request: the digest of the request; the record says nothing about another one.
next_try_at: when the sensor tries again; null if it does not.
"""

from datetime import UTC, datetime
from typing import Literal

from hugflow.errors import HugflowError, NotAuthorised, RequestInvalid, UsageWrong
from hugflow.late_dataclass import dataclass
from hugflow.store.layout import Places
from hugflow.store.records import Moment, RecordForm

Hold = Literal["refused", "waiting"]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What prevents a request, and when it is tried again; see the module."""

    note: Hold
    request: str
    at: Moment
    what: str
    why: str
    mend: str
    next_try_at: Moment | None = None

    @property
    def words(self) -> str:
        """`refused`, or `waiting until 01:04:03 UTC`."""
        if self.note == "refused" or self.next_try_at is None:
            return self.note
        return f"waiting until {self.next_try_at.astimezone(UTC):%H:%M:%S} UTC"


OBSTACLE = RecordForm(
    Obstacle, "the record of why a request waits", version=1, mend="delete the file"
)


def obstacle_of(
    error: HugflowError, request: str, at: datetime, next_try_at: datetime | None = None
) -> Obstacle:
    """The record of an error; request: the digest of the request."""
    is_refused = isinstance(error, RequestInvalid | NotAuthorised | UsageWrong)
    return Obstacle(
        "refused" if is_refused else "waiting",
        request,
        at,
        error.what,
        error.why,
        error.mend,
        next_try_at,
    )


def write_obstacle(places: Places, name: str, obstacle: Obstacle) -> None:
    """Keep the record; the same record is not written twice."""
    path = places.obstacle(name)
    if OBSTACLE.read(path) != obstacle:
        OBSTACLE.write(path, obstacle)


def read_obstacle(places: Places, name: str, request: str | None = None) -> Obstacle | None:
    """The record of a dataset; an unreadable one counts as none.

    request: the digest that it must be about; None accepts any.
    """
    found = OBSTACLE.read(places.obstacle(name))
    return found if found is not None and request in (None, found.request) else None


def clear_obstacle(places: Places, name: str) -> None:
    """Forget the record: the request could be planned, or its dataset is complete."""
    places.obstacle(name).unlink(missing_ok=True)
