"""Whether a dataset's source has moved on or is gone since it was planned."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from hugflow.clients.hub import Hub
from hugflow.clients.hub_errors import DATASET_GONE
from hugflow.clients.repository import CONVERTED_REF, RepoId
from hugflow.errors import HugflowError
from hugflow.late_dataclass import dataclass
from hugflow.shards.plan import Plan
from hugflow.shards.plan_request import is_imported
from hugflow.shards.plans import read_current_plan
from hugflow.stages.standing.upstream import CONVERTED_ANEW, GONE, Note, write_note
from hugflow.stages.tree.manifest import Manifest
from hugflow.stages.tree.stored_dataset import glance_at_dataset
from hugflow.store.layout import Places


@dataclass(frozen=True, slots=True)
class Drift:
    """The plan in force, and what the Hub has now.

    upstream: the commit that the revision points to; None if it is gone.
    conversion: the commit of the Hub's conversion, if the plan reads one.
    gone: why the source is gone; None if it is not.
    """

    plan: Plan
    upstream: str | None
    conversion: str | None = None
    gone: str | None = None

    @property
    def has_moved(self) -> bool:
        """Whether the source differs from the planned one."""
        return self.upstream != self.plan.commit or self.is_converted_anew

    @property
    def is_converted_anew(self) -> bool:
        """Whether the Hub's conversion differs from the one that the plan reads."""
        return self.conversion is not None and self.conversion != self.plan.files_commit

    @property
    def note(self) -> Note | None:
        """The word that `status` shows beside the state."""
        if self.gone is not None:
            return GONE
        return CONVERTED_ANEW if self.is_converted_anew else None

    @property
    def words(self) -> str:
        """What has happened, as a sentence without a full stop."""
        asked, commit = self.plan.request.revision, self.plan.commit[:7]
        if self.gone is not None:
            return f"{self.plan.request.hf_id} is gone upstream: {self.gone}; planned was {commit}"
        if self.upstream is not None and self.upstream != self.plan.commit:
            return f"{asked} points to {self.upstream[:7]} now; planned was {commit}"
        if self.conversion is not None and self.is_converted_anew:
            return (
                f"the Hub has converted the dataset again, at {self.conversion[:7]}; planned was "
                f"{self.plan.files_commit[:7]}"
            )
        return f"{asked} points to {commit}, as planned"


def find_drift(places: Places, name: str, hub: Hub, now: datetime) -> Drift | None:
    """Ask the Hub about the source of a planned dataset, and keep the answer for `status`.

    None when there is no plan. Raises the errors of the Hub's client, except for a source that is
    gone.
    """
    plan = read_current_plan(places, name)
    if plan is None:
        return None
    drift = _ask(hub, plan)
    write_note(places, name, plan.id, drift.note, drift.gone, now)
    return drift


@contextmanager
def told_when_gone(places: Places, name: str, now: datetime) -> Iterator[None]:
    """If the Hub no longer has the dataset, keep that for `status`, and raise a clearer error.

    For a published dataset the error says that the dataset stays.
    """
    try:
        yield
    except DATASET_GONE as error:
        stored = glance_at_dataset(places, name)
        if stored.plan_id is not None:
            write_note(places, name, stored.plan_id, GONE, error.why, now)
        if stored.manifest is None or not stored.is_linked:
            raise
        raise _GoneUpstream(places, stored.manifest, error) from error


class _GoneUpstream(HugflowError):
    """A published dataset's source is gone; has the exit code of the Hub's refusal."""

    def __init__(self, places: Places, manifest: Manifest, error: HugflowError) -> None:
        """The error, with the words that the published dataset stays."""
        hf_id, link = manifest.request.hf_id, places.link(manifest.dataset)
        super().__init__(
            f"{manifest.dataset}: {hf_id} has left the Hub, and what is published stays",
            why=error.why,
            mend=f"nothing has to be done: {link} is complete, and "
            "`hugflow local-sync` leaves it as it is; `hugflow remove` with the request takes it "
            "out of storage",
        )
        self.exit_code = error.exit_code


def _ask(hub: Hub, plan: Plan) -> Drift:
    if is_imported(plan.request):
        return Drift(plan, plan.commit)
    repo, revision = RepoId.dataset(plan.request.hf_id), plan.request.revision
    try:
        upstream = hub.find_commit(repo, revision)
        if upstream is None:
            return Drift(plan, None, gone=f"the Hub knows no revision {revision} any more")
        conversion = hub.find_commit(repo, CONVERTED_REF) if plan.is_converted else None
        if revision == CONVERTED_REF:
            conversion = upstream
    except DATASET_GONE as error:
        return Drift(plan, None, gone=error.why)
    return Drift(plan, upstream, conversion)
