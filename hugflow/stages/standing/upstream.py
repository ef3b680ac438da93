"""The Hub's last answer about a dataset's source, so that `status` need not ask.

`STATE_DIR/upstream/<name>.json`, written whole at each check:

    {"version": 1, "seen_at": "2026-11-22T01:02:03.123456+00:00", "plan": "4c1f0d9b2a7e6685",
     "note": "gone upstream", "why": "the Hub knows no dataset of that name ..."}

plan: the plan in force at that time, "" if there was none; the record does not apply to another.
note: null if nothing has changed since planning, or only a branch has moved.

No record ever leads to a removal.
"""

from datetime import datetime
from typing import Final, Literal

from hugflow.late_dataclass import dataclass
from hugflow.store.layout import Places
from hugflow.store.records import Moment, RecordForm

Note = Literal["gone upstream", "converted anew", "waiting"]
GONE: Final = "gone upstream"
CONVERTED_ANEW: Final = "converted anew"
# For an archive that has to be imported on this host.
WAITING: Final = "waiting"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The answer and its time; see the module."""

    seen_at: Moment
    plan: str
    note: Note | None = None
    why: str | None = None


UPSTREAM = RecordForm(
    Upstream, "the record of upstream", version=1, mend="look again: hugflow drift"
)


def read_note(places: Places, name: str, plan_id: str | None) -> Note | None:
    """The note of a dataset under the plan in force; an unreadable record counts as none."""
    seen = UPSTREAM.read(places.upstream(name))
    return seen.note if seen is not None and seen.plan == (plan_id or "") else None


def read_any_note(places: Places, name: str) -> Note | None:
    """The note of a dataset under whatever plan it was written."""
    seen = UPSTREAM.read(places.upstream(name))
    return seen.note if seen is not None else None


def write_note(
    places: Places, name: str, plan_id: str, note: Note | None, why: str | None, at: datetime
) -> None:
    """Keep the answer; writes nothing if neither it nor the old record has a note."""
    path = places.upstream(name)
    if note is not None or path.exists():
        UPSTREAM.write(path, Upstream(at, plan_id, note, why))
