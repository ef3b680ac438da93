"""A sample: the first rows of a dataset, to look at; never published."""

import shutil
from collections.abc import Callable, Sequence

from hugflow.clients.hub import Hub
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Outcome
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.flowing.keep_rows import find_kept
from hugflow.stages.making.make_shards import ShardDone, ShardFailed, make_shards
from hugflow.stages.planning.open_build import find_plan
from hugflow.stages.publishing.publish import finish_sample
from hugflow.stages.sync import ShardsFailed
from hugflow.stages.tree.exchange import refuse_linked
from hugflow.stages.tree.manifest import Manifest
from hugflow.stages.tree.stored_dataset import read_stored_dataset
from hugflow.store.layout import Places


@dataclass(frozen=True, slots=True)
class Sampled:
    """The result of one call. manifest: of the sample. new_rows: rows made now.

    would_leave_out: rows of it that the request's `keep` does not keep; None without one.
    """

    manifest: Manifest
    new_rows: int
    would_leave_out: int | None = None


def open_sample(
    request: AddRequest, places: Places, hub: Hub, options: Options, *, rows: int
) -> Build:
    """The build of the first `rows` rows, in `STORAGE_ROOT/samples/<name>/first_<rows>`.

    With rows numbered by shard, the first rows of the first shard.

    Uses the plan in force if it is for this request; else it plans, and records nothing. A sample
    of other rows is deleted. Raises CannotWrite when a link on the path leads out of STORAGE_ROOT.
    """
    stored = read_stored_dataset(places, request.name)
    plan = find_plan(request, stored, hub, options)
    rows = rows if plan.rows is None else min(rows, plan.rows)
    folder = places.sample(plan.dataset, rows)
    refuse_linked(places, folder.root)
    is_known = places.sample_state(plan.dataset, plan.id, rows).ledger.is_dir()
    if folder.root.is_dir() and not is_known:
        shutil.rmtree(folder.root)
    return Build(request, plan, places, hub, options, folder, stored, sample_rows=rows)


def make_sample(
    build: Build, *, on_rows: Callable[[Sequence[Outcome]], None] = lambda outcomes: None
) -> Sampled:
    """Make what is missing of a sample; fetches whole source files, as for a dataset.

    It has all these rows, whatever the request's `keep` and row steps would do with them. Raises
    ShardsFailed, the errors of `make_shards`, and RequestInvalid for quality that `keep` names and
    a copied MP3 does not have.
    """
    done: list[ShardDone] = []
    failed: list[ShardFailed] = []
    for event in make_shards(build, build.shards, on_rows=on_rows):
        if isinstance(event, ShardDone):
            done.append(event)
        else:
            failed.append(event)
    if failed:
        raise ShardsFailed(build, failed)
    manifest, kept = finish_sample(build), find_kept(build)
    would_leave_out = len(kept.left_out) if kept is not None else None
    return Sampled(manifest, sum(event.new_rows for event in done), would_leave_out)
