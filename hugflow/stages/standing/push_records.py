"""The last push of a dataset to the place that `publish_to` of its request names.

`STATE_DIR/pushed/<name>.json`, written whole after each push:

    {"version": 1, "at": "2026-11-29T01:02:03.123456+00:00", "to": "s3://bucket/speech",
     "pushed": "4c1f0d9b2a7e6685", "address": "s3://bucket/speech/4c1f0d9b2a7e6685",
     "why": null, "mend": null, "earlier": null}

pushed: the version.
address: where the version is; null if it could not be pushed, for the reason `why`.
earlier: after a failed push, the last push that succeeded: {"at", "to", "pushed", "address"}.
"""

from hugflow.late_dataclass import dataclass
from hugflow.store.layout import Places
from hugflow.store.records import Moment, RecordForm


@dataclass(frozen=True, slots=True)
class DonePush:
    """A push that succeeded; the fields are those of `Push`."""

    at: Moment
    to: str
    pushed: str
    address: str


@dataclass(frozen=True, slots=True)
class Push:
    """One push, done or failed; see the module."""

    at: Moment
    to: str
    pushed: str
    address: str | None = None
    why: str | None = None
    mend: str | None = None
    earlier: DonePush | None = None

    @property
    def last_done(self) -> DonePush | None:
        """The last push that succeeded: this one, or the one before it failed."""
        if self.address is None:
            return self.earlier
        return DonePush(self.at, self.to, self.pushed, self.address)


PUSH = RecordForm(Push, "the record of the push", version=1, mend="push it again: hugflow push")


def read_push(places: Places, name: str) -> Push | None:
    """The last push of a dataset; an unreadable record counts as none."""
    return PUSH.read(places.pushed(name))


def write_push(places: Places, name: str, push: Push) -> None:
    """Keep the outcome of a push."""
    PUSH.write(places.pushed(name), push)
