"""The whole job for one request: every shard, every stage, the link."""

import logging
from collections.abc import Callable, Mapping, Sequence

from hugflow.amounts import count
from hugflow.audit import Deed, record
from hugflow.errors import HugflowError, StageMissing
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Outcome
from hugflow.stages.build.build import Build
from hugflow.stages.build.still_in_force import relocated
from hugflow.stages.flowing.flowed import prepare_tree_alone
from hugflow.stages.flowing.resolved import ResolvedStep, resolve_steps
from hugflow.stages.flowing.run_steps import run_steps
from hugflow.stages.flowing.step_journal import RowFlowed
from hugflow.stages.making.make_shards import ShardDone, ShardFailed, make_shards
from hugflow.stages.making.quota import open_quota
from hugflow.stages.publishing.publish import Published, publish
from hugflow.stages.telling.tracker import Tracker
from hugflow.stages.tree.manifest import Manifest

log = logging.getLogger(__name__)


class ShardsFailed(HugflowError):
    """Some shards could not be made; the others are kept. Has the exit code of the first error."""

    def __init__(self, build: Build, failed: Sequence[ShardFailed]) -> None:
        """Name every failed shard, with the error of the first."""
        names = ", ".join(event.shard.name for event in failed)
        first = failed[0].error
        super().__init__(
            f"{build.name}: {len(failed)} of {count(len(build.plan.shards), 'shard')} failed: {names}",
            why=f"{first.what}: {first.why}",
            mend=first.mend,
        )
        self.exit_code = first.exit_code


@dataclass(frozen=True, slots=True)
class Synced:
    """The result of one call. new_rows: rows made now. was_complete: nothing was to be done."""

    shards: tuple[ShardDone, ...]
    published: Published
    new_rows: int
    was_complete: bool


def sync_dataset(
    build: Build,
    tracker: Tracker | None = None,
    *,
    retry_failed: bool = False,
    on_rows: Callable[[Sequence[Outcome]], None] = lambda outcomes: None,
    on_step_rows: Callable[[str, int], None] = lambda step, rows: None,
    on_shard: Callable[[ShardDone | ShardFailed], None] = lambda event: None,
) -> Synced:
    """Make what is missing of a dataset, and publish it.

    tracker: keeps the progress file; None makes one.
    retry_failed: as in `make_shards`.
    on_rows: called from another thread with each committed batch.
    on_step_rows: called with the name of a row step, and with the rows of each commit.
    on_shard: called with each shard as it ends.

    The progress file is kept up to date, also when the work ends early. Raises ShardsFailed with
    the names of failed shards; TooManyBadRows when the gate refuses; and the errors of
    `make_shards`.
    """
    tracker = tracker or Tracker(build)
    before = build.stored.manifest
    done: list[ShardDone] = []
    failed: list[ShardFailed] = []

    def track(outcomes: Sequence[Outcome]) -> None:
        tracker.add(outcomes)
        on_rows(outcomes)

    def track_step(step: ResolvedStep, flowed: Mapping[int, RowFlowed]) -> None:
        tracker.add_flowed(step.name, flowed)
        on_step_rows(step.name, len(flowed))

    flowed_rows = 0
    with tracker.watch() as ended:
        prepare_tree_alone(build)
        # First: whose code may not run is told so before hours of encoding.
        steps = resolve_steps(build)
        tracker.follow_steps(steps)
        for event in make_shards(build, build.shards, retry_failed=retry_failed, on_rows=track):
            if isinstance(event, ShardDone):
                done.append(event)
            else:
                failed.append(event)
            on_shard(event)
        if failed:
            raise ShardsFailed(build, failed)
        build = relocated(build)
        # Code may have changed while the rows were made, and a result's version says which code ran.
        steps = resolve_steps(build)
        tracker.follow_steps(steps)
        quota = open_quota(build.places, build.options.storage_quota_bytes if steps else None)
        for flowed in run_steps(build, steps, build.shards, on_rows=track_step, take=quota.take):
            flowed_rows += sum(count.new for count in flowed.counts.values())
        published = publish(build, steps=steps)
        if published is None:
            raise StageMissing(
                f"{build.name}: it was made, and is not complete",
                why="another process deleted something meanwhile",
                mend="run the same command again: only what is missing is made",
            )
        ended("completed")
    new_rows = sum(event.new_rows for event in done)
    if new_rows and before is not None and _is_same(before, published.manifest):
        record(build.places, _repaired(build, new_rows))
    is_new = any(event.is_new for event in done) or flowed_rows > 0
    was_complete = not published.is_new and not is_new
    if was_complete:
        log.info("Dataset already exists in storage: %s", published.build.folder.root)
    return Synced(tuple(done), published, new_rows, was_complete)


def _is_same(before: Manifest, manifest: Manifest) -> bool:
    """Whether the tree was complete before; another one is recorded as published."""
    return (before.plan, before.rows) == (manifest.plan, manifest.rows)


def _repaired(build: Build, rows: int) -> Deed:
    """The audit entry for rows of a published dataset that were damaged or missing."""
    plan = build.plan
    return Deed(build.options.actor, "repaired", build.name, plan.commit, plan.id, {"rows": rows})
