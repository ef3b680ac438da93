"""A preview of a sync: what it would do."""

from dataclasses import replace

from hugflow.clients.hub import Hub
from hugflow.late_dataclass import dataclass
from hugflow.ledger.stages import NEEDED_TO_PUBLISH
from hugflow.requests.model import AddRequest
from hugflow.shards.counts import count_rows
from hugflow.shards.plan import Plan
from hugflow.stages.build.options import Options
from hugflow.stages.planning.open_build import find_plan, read_predecessor
from hugflow.stages.standing.measure import Measured, measure_plan, measure_shard
from hugflow.stages.tree.exchange import read_standing
from hugflow.stages.tree.stored_dataset import StoredDataset, read_stored_dataset
from hugflow.store.layout import Places


@dataclass(frozen=True, slots=True)
class Preview:
    """What exists of a plan and what is missing; nothing is recorded.

    rows: of the plan; None if they are unknown before they are fetched.
    is_new_plan: the plan is not the one in force.
    reused: what is reused from the existing tree.
    fetch_bytes: of the source files that still have rows to make.
    """

    plan: Plan
    rows: int | None
    is_new_plan: bool
    done: Measured
    reused: Measured
    fetch_files: int
    fetch_bytes: int

    @property
    def missing_rows(self) -> int | None:
        """Rows to make; None if unknown."""
        there = self.done + self.reused
        return None if self.rows is None else self.rows - there.rows - there.failed_rows


def preview_sync(request: AddRequest, places: Places, hub: Hub, options: Options) -> Preview:
    """Preview a sync of `request`; it asks the Hub only if the sync would.

    It reads only the ledger: only the sync itself notices deleted files. Raises the errors of
    planning.
    """
    stored = read_stored_dataset(places, request.name)
    plan = find_plan(request, stored, hub, options)
    state = places.state(plan.dataset, plan.id)
    reused = _measure_reused(places, stored, plan)
    done = {
        shard.name
        for shard in plan.shards
        if all(state.marker(shard.name, stage).is_file() for stage in NEEDED_TO_PUBLISH)
    }
    done |= {name for name, measured in reused.items() if measured.shards_done}
    missing = [shard for shard in plan.shards if shard.name not in done]
    return Preview(
        plan=plan,
        rows=count_rows(state, plan.shards),
        is_new_plan=stored.plan_id != plan.id,
        done=measure_plan(places, plan),
        reused=sum(reused.values(), Measured()),
        fetch_files=sum(len(shard.files) for shard in missing),
        fetch_bytes=sum(shard.size_bytes for shard in missing),
    )


def _measure_reused(places: Places, stored: StoredDataset, plan: Plan) -> dict[str, Measured]:
    """The shards that are not begun and whose rows the existing tree has, by name.

    If it has only their MP3s, the rows are still to be made. Failed rows are retried at another
    commit, because its files may differ.
    """
    standing = read_standing(places, stored.name, stored.manifest, plan.id)
    before = read_predecessor(places, plan, standing, stored)
    if before is None or not before.has_same_json:
        return {}
    state = places.state(plan.dataset, plan.id)
    found = {
        name: measure_shard(places, before.plan, shard)
        for name, shard in before.shard_by_name.items()
        if not state.journal(name).exists()
    }
    if before.plan.commit == plan.commit:
        return found
    return {name: _without_failed(measured) for name, measured in found.items()}


def _without_failed(measured: Measured) -> Measured:
    return replace(measured, failed_rows=0, shards_done=0) if measured.failed_rows else measured
