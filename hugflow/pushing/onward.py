"""The field `publish_to` of a request: a published dataset is pushed to a place of its own.

A push that fails leaves the dataset published; the next sync pushes again.
"""

from datetime import UTC, datetime

from hugflow.clients.hub import Hub
from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.pushing.push import open_destination, push_dataset
from hugflow.redact import redact
from hugflow.requests.model import AddRequest
from hugflow.requests.policy import Policy, refuse_place
from hugflow.stages.standing.publication import is_of
from hugflow.stages.standing.push_records import Push, read_push, write_push
from hugflow.stages.tree.versions import read_version
from hugflow.store.layout import Places


@dataclass(frozen=True, slots=True)
class Onward:
    """The outcome of a push. error: why it failed; None if the version is there."""

    push: Push
    error: HugflowError | None = None


def push_onward(
    places: Places, request: AddRequest, hub: Hub, *, policy: Policy, actor: str
) -> Onward | None:
    """Push a published dataset to the place that its request names, unless it is there already.

    policy: whether it may be pushed there; the dataset may be older than the policy.

    None without such a place, and for a dataset that is not complete. A new repository is private.
    A push that fails raises nothing: what is published stays published. Raises CannotWrite if the
    outcome cannot be recorded, and StateUnreadable if the manifest cannot be read from the disk.
    """
    name, to = request.name, request.publish_to
    version = read_version(places.dataset(name), name) if to is not None else None
    if to is None or version is None:
        return None
    before, shown = read_push(places, name), redact(to)
    there = before.last_done if before is not None else None
    if there is not None and is_of(there, to, version.id):
        return Onward(Push(there.at, there.to, there.pushed, there.address))
    try:
        refuse_place(policy, name, to)
        target = open_destination(to, hub, is_private=True)
        pushed = push_dataset(places, name, target, actor=actor, where=to)
    except HugflowError as error:
        why = f"{error.what}: {error.why}"
        failed = Push(datetime.now(UTC), shown, version.id, None, why, error.mend, there)
        found = Onward(failed, error)
    else:
        found = Onward(Push(datetime.now(UTC), shown, pushed.version, pushed.address))
    write_push(places, name, found.push)
    return found
