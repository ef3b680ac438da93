"""Whether a dataset has moved on upstream since it was planned."""

from dataclasses import dataclass

from hugflow.clients.hub import Hub
from hugflow.clients.repository import RepoId
from hugflow.shards.plan import Plan
from hugflow.shards.plans import read_current_plan
from hugflow.store.layout import Places


@dataclass(frozen=True, slots=True)
class Drift:
    """The plan in force, and the commit that its revision points to now; None: it is gone."""

    plan: Plan
    upstream: str | None

    @property
    def has_moved(self) -> bool:
        """Whether the revision does not point to the commit that was planned."""
        return self.upstream != self.plan.commit


def find_drift(places: Places, name: str, hub: Hub) -> Drift | None:
    """Ask the Hub where the revision of a planned dataset points to; None where there is no plan.

    Raises what the Hub's client raises.
    """
    plan = read_current_plan(places, name)
    if plan is None:
        return None
    return Drift(plan, hub.find_commit(RepoId.dataset(plan.request.hf_id), plan.request.revision))
