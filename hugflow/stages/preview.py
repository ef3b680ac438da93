"""What a sync would do, without doing any of it."""

from dataclasses import dataclass

from hugflow.clients.hub import Hub
from hugflow.requests.model import AddRequest
from hugflow.shards.plan import Plan
from hugflow.shards.plans import read_current_plan
from hugflow.stages.manifest import read_manifest
from hugflow.stages.measure import Measured, measure_plan
from hugflow.stages.open import changed_fields, fetch_request_plan, read_commits
from hugflow.stages.options import Options
from hugflow.store.layout import Places


@dataclass(frozen=True, slots=True)
class Preview:
    """What stands of a plan and what is missing; nothing of it is recorded.

    is_new_plan: the plan is not the one in force. fetch_bytes: of the source files that still
    have rows to give.
    """

    plan: Plan
    is_new_plan: bool
    done: Measured
    fetch_files: int
    fetch_bytes: int

    @property
    def missing_rows(self) -> int:
        """Rows to be made."""
        return self.plan.rows - self.done.rows - self.done.failed_rows


def preview_sync(request: AddRequest, places: Places, hub: Hub, options: Options) -> Preview:
    """Look at what a sync of `request` would make; the Hub is asked where it would be.

    By the ledger alone: a file deleted since then is noticed by the sync itself. Raises what
    planning raises.
    """
    current = read_current_plan(places, request.name)
    plan = _find_plan(request, places, hub, options, current)
    state = places.state(plan.dataset, plan.id)
    missing = [shard for shard in plan.shards if not state.marker(shard.name, "metadata").is_file()]
    return Preview(
        plan=plan,
        is_new_plan=current is None or current.id != plan.id,
        done=measure_plan(places, plan),
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
