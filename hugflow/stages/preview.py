"""What a sync would do, without doing any of it."""

from dataclasses import dataclass

from hugflow.clients.hub import Hub
from hugflow.errors import StateUnreadable
from hugflow.requests.model import AddRequest
from hugflow.shards.plan import Plan
from hugflow.shards.plans import read_current_plan, read_plan
from hugflow.stages.manifest import read_manifest
from hugflow.stages.measure import Measured, measure_plan, measure_shard
from hugflow.stages.open import changed_fields, fetch_request_plan, read_commits
from hugflow.stages.options import Options
from hugflow.stages.predecessor import Predecessor, find_predecessor
from hugflow.stages.trees import read_standing
from hugflow.store.layout import Places


@dataclass(frozen=True, slots=True)
class Preview:
    """What stands of a plan and what is missing; nothing of it is recorded.

    is_new_plan: the plan is not the one in force. reused: what is taken over from the tree that
    stands. fetch_bytes: of the source files that still have rows to give.
    """

    plan: Plan
    is_new_plan: bool
    done: Measured
    reused: Measured
    fetch_files: int
    fetch_bytes: int

    @property
    def missing_rows(self) -> int:
        """Rows to be made."""
        there = self.done + self.reused
        return self.plan.rows - there.rows - there.failed_rows


def preview_sync(request: AddRequest, places: Places, hub: Hub, options: Options) -> Preview:
    """Look at what a sync of `request` would make; the Hub is asked where it would be.

    By the ledger alone: a file deleted since then is noticed by the sync itself. Raises what
    planning raises.
    """
    current = read_current_plan(places, request.name)
    plan = _find_plan(request, places, hub, options, current)
    state = places.state(plan.dataset, plan.id)
    reused = _measure_reused(places, plan)
    done = {shard.name for shard in plan.shards if state.marker(shard.name, "metadata").is_file()}
    done |= {name for name, measured in reused.items() if measured.shards_done}
    missing = [shard for shard in plan.shards if shard.name not in done]
    return Preview(
        plan=plan,
        is_new_plan=current is None or current.id != plan.id,
        done=measure_plan(places, plan),
        reused=sum(reused.values(), Measured()),
        fetch_files=len(missing),
        fetch_bytes=sum(shard.file.size_bytes for shard in missing),
    )


def _find_plan(
    request: AddRequest, places: Places, hub: Hub, options: Options, current: Plan | None
) -> Plan:
    if current is None:
        commit, files_commit = read_commits(read_manifest(places.dataset(request.name).manifest))
        mp3_source = options.mp3_source
    elif changed_fields(request, current.request):
        commit, files_commit = current.commit, current.files_commit
        mp3_source = current.request.mp3_source
    else:
        return current
    return fetch_request_plan(request, hub, mp3_source, commit=commit, files_commit=files_commit)


def _measure_reused(places: Places, plan: Plan) -> dict[str, Measured]:
    """The shards not begun whose rows the tree that stands already has, by their names.

    Where it has their MP3s alone, their rows are still to be made.
    """
    before = _read_predecessor(places, plan)
    if before is None or not before.has_same_json:
        return {}
    state = places.state(plan.dataset, plan.id)
    return {
        name: measure_shard(places, before.plan, shard)
        for name, shard in before.shard_by_name.items()
        if not state.journal(name).exists()
    }


def _read_predecessor(places: Places, plan: Plan) -> Predecessor | None:
    try:
        standing = read_standing(places, plan.dataset, plan.id)
        is_other = standing not in (None, plan.id)
        old = read_plan(places, plan.dataset, str(standing)) if is_other else None
    except StateUnreadable:
        return None
    return find_predecessor(old, plan) if old is not None else None
