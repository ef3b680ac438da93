"""Where a dataset is published to by `publish_to`, and whether its present version is there."""

from typing import Literal

from hugflow.late_dataclass import dataclass
from hugflow.redact import redact
from hugflow.stages.standing.push_records import DonePush, Push, read_push
from hugflow.stages.tree.manifest import Manifest
from hugflow.stages.tree.versions import version_id
from hugflow.store.layout import Places

PublicationState = Literal["published", "pending", "failed"]


@dataclass(frozen=True, slots=True)
class EarlierVersion:
    """A version that was pushed before: since when it is there, as ISO 8601, and where."""

    version: str
    at: str
    address: str

    @property
    def words(self) -> str:
        """The version, its address and since when."""
        return f"version {self.version} is at {self.address} since {self.at}"


@dataclass(frozen=True, slots=True)
class Publication:
    """The place that a request names, and the last push to it.

    to: without secrets.
    version: the digest of the manifest that was pushed last, or that could not be pushed; None
        before the first push. at: when, as ISO 8601.
    address: where the last pushed version is; of a pending one this is an earlier version or place.
    why, mend: why it is not there, and what to do about it.
    earlier: where the push failed, the version that was pushed before and is still there.
    """

    to: str
    state: PublicationState
    version: str | None = None
    at: str | None = None
    address: str | None = None
    why: str | None = None
    mend: str | None = None
    earlier: EarlierVersion | None = None

    @property
    def words(self) -> str:
        """The publication in one line."""
        match self.state:
            case "published":
                return f"{self.to}: version {self.version} since {self.at}, {self.address}"
            case "failed":
                there = f"; {self.earlier.words}" if self.earlier is not None else ""
                failed = f"failed at {self.at} with version {self.version}"
                return f"{self.to}: {failed}: {self.why}{there}"
            case "pending":
                before = f"; version {self.version} is at {self.address} since {self.at}"
                there = before if self.address is not None else ""
                return f"{self.to}: pending, {self.why}{there}"


def find_publication(
    places: Places, name: str, publish_to: str | None, manifest: Manifest | None
) -> Publication | None:
    """The publication of a dataset; None if there is no place and nothing was pushed.

    publish_to: what the request names; "" for a request that names nothing, and None where the
        request is unknown: then the record of the last push decides.
    manifest: of the dataset's tree; None for an incomplete dataset.
    """
    push = read_push(places, name)
    there = push.last_done if push is not None else None
    if publish_to is None:
        publish_to = push.to if push is not None else ""
    if not publish_to:
        return _published(there) if there is not None else None
    version = version_id(manifest) if manifest is not None else None
    if there is not None and is_of(there, publish_to, version):
        return _published(there)
    if push is not None and is_of(push, publish_to, version):
        return _failed(push, name)
    why = "it is not sent yet" if version is not None else "the dataset is not complete"
    mend = (
        f"`hugflow retry {name}` sends it now; the sensor does it by itself"
        if version is not None
        else "nothing: it is sent when the dataset is complete"
    )
    pending = Publication(redact(publish_to), "pending", why=why, mend=mend)
    if there is None:
        return pending
    return Publication(
        pending.to, "pending", there.pushed, _moment(there), there.address, why=why, mend=mend
    )


def is_of(push: Push | DonePush, publish_to: str, version: str | None) -> bool:
    """Whether a push was of this version to this place, whatever came of it."""
    return (push.to, push.pushed) == (redact(publish_to), version)


def _published(push: DonePush) -> Publication:
    return Publication(push.to, "published", push.pushed, _moment(push), push.address)


def _failed(push: Push, name: str) -> Publication:
    mend = f"{push.mend or 'see the reason'}; then `hugflow retry {name}` sends it"
    there = push.earlier
    earlier = EarlierVersion(there.pushed, _moment(there), there.address) if there else None
    return Publication(push.to, "failed", push.pushed, _moment(push), None, push.why, mend, earlier)


def _moment(push: Push | DonePush) -> str:
    return push.at.isoformat(timespec="seconds")
