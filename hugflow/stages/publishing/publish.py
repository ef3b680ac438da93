"""Stage `processed`: gate, manifest, link. For a whole dataset, never for a part."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from hugflow.activity import step
from hugflow.audit import Deed, record
from hugflow.errors import HugflowError, Locked, StageMissing
from hugflow.exports.registry import export_folders
from hugflow.late_dataclass import dataclass
from hugflow.ledger.markers import read_marker
from hugflow.ledger.stages import NEEDED_TO_PUBLISH
from hugflow.requests.grammar import BadRowBudget, max_bad_rows
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.build.still_in_force import refuse_superseded, relocated
from hugflow.stages.flowing.flowed import collect_flowed, find_unflowed, prepare_tree
from hugflow.stages.flowing.resolved import ResolvedStep, resolve_steps
from hugflow.stages.publishing.gate import GateResult, judge, judge_bad_rows
from hugflow.stages.publishing.load_check import judge_load
from hugflow.stages.publishing.no_overlap import hold_comparing, refuse_overlaps
from hugflow.stages.publishing.tree_files import (
    count_made,
    has_indexes,
    index_digests,
    read_markers,
    write_failures,
    write_manifest,
)
from hugflow.stages.tree.exchange import (
    delete_aside,
    refuse_linked,
    refuse_linked_folders,
    set_aside,
)
from hugflow.stages.tree.manifest import Manifest, read_manifest
from hugflow.stages.tree.stored_dataset import look_again
from hugflow.stages.tree.versions import keep_replaced, take_place
from hugflow.store.atomic import find_temporary
from hugflow.store.links import is_linked, link
from hugflow.store.locks import hold

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """A complete dataset.

    is_new: whether this call changed anything.
    build: the build with the final path of its tree and with what is stored now.
    """

    manifest: Manifest
    is_new: bool
    build: Build


def publish(
    build: Build,
    *,
    steps: Sequence[ResolvedStep] | None = None,
    on_result: Callable[[GateResult], None] | None = None,
) -> Published | None:
    """Publish the dataset when every shard is done; None while one is not.

    steps: the row steps of its request, where they are known already.

    Whoever finishes the last shard publishes; doing it again changes nothing. A tree that was made
    beside another one takes its place.
    on_result: called with each result of the gate, for a published dataset too. Without it, a
    published and unchanged dataset is not checked again.

    Raises the error of the first failed result, such as TooManyBadRows: then `failures.jsonl`
    names the rows, and neither manifest nor link is written. Raises PlanOutOfDate when another plan
    came into force meanwhile.
    """
    steps = resolve_steps(build) if steps is None else steps
    with step(f"publishing {build.name}"), build.hold_dataset(), hold_comparing(build):
        refuse_superseded(build)
        refuse_linked(build.places, build.places.next_trees(build.name))
        build = relocated(build)
        refuse_linked_folders(build.places, build.folder, build.mp3_folders)
        markers = read_markers(build)
        if markers is None or not has_indexes(build, markers):
            return None
        prepare_tree(build)
        if steps and find_unflowed(build, steps):
            return None
        _sweep(build)
        failed = write_failures(build)
        stored = look_again(build.places, build.stored)
        before = stored.find_published(build.plan)
        made_index = index_digests(markers)
        is_flowed = build.request.flows_digest is not None

        def refuse(errors: int) -> None:
            # A published dataset keeps its indexes where its steps fail at too many rows.
            budget = published_budget(build, before, len(failed), errors)
            if judge_bad_rows(build, failed, budget, errors).error is not None:
                _pass_gate(judge(build, markers, failed, budget, errors), on_result)

        flowed = None
        if is_flowed:
            overlaps = partial(refuse_overlaps, build)
            flowed = collect_flowed(build, steps, made_index, before, refuse, overlaps)
        index = made_index if flowed is None else flowed.index
        errors = len(flowed.errors) if flowed is not None else 0
        budget = published_budget(build, before, len(failed), errors)
        is_unchanged = before is not None and before.index == index
        # An earlier version published datasets without a row.
        if on_result is not None or not is_unchanged or not count_made(markers):
            _pass_gate(judge(build, markers, failed, budget, errors), on_result)
        # A tree beside the existing one has a manifest if a kill came after writing it.
        is_beside = build.folder != stored.folder
        old = read_manifest(build.folder.manifest) if is_beside else stored.manifest
        rows = count_made(markers) if flowed is None else flowed.rows
        if flowed is None:
            refuse_overlaps(build, index)
        check = partial(_check_load, build, rows, on_result)
        manifest, is_same = write_manifest(build, markers, budget, old, flowed, check)
        if is_beside:
            take_place(build.places, build.plan, wait_s=build.options.lock_wait_s)
            build = replace(build, folder=stored.folder, predecessor=None)
        published = build.places.link(build.name)
        if not is_same or not is_linked(published, build.folder.root):
            # Write the audit entry before the link: without the entry nothing is published.
            record(build.places, _published(build, manifest))
        is_linked_anew = link(published, build.folder.root)
        left = keep_replaced(build.places, build.name, build.options.keep_versions)
        left += set_aside(build.places, build.plan)
    # Outside the lock: deleting a tree of a million files takes a while.
    delete_aside(left)
    if is_linked_anew or not is_same:
        log.info("%s is published: %s", build.name, build.places.link(build.name))
    stored = replace(stored, manifest=manifest, is_linked=True)
    return Published(manifest, not is_same or is_linked_anew, replace(build, stored=stored))


def _pass_gate(
    results: Iterable[GateResult], on_result: Callable[[GateResult], None] | None
) -> None:
    """Pass on every result; raises the first error."""
    first: HugflowError | None = None
    for result in results:
        first = first or result.error
        if on_result is not None:
            on_result(result)
    if first is not None:
        raise first


def _check_load(
    build: Build, rows: int, on_result: Callable[[GateResult], None] | None, manifest: Manifest
) -> None:
    """Raise FolderUnloadable where `datasets` does not load the folder, if that is to be checked."""
    if build.options.verify_load:
        with step("loading the folder with datasets, to check it"):
            result = judge_load(build, rows)
        log.info("%s: %s", build.name, result.what)
        _pass_gate([result], on_result)


def _published(build: Build, manifest: Manifest) -> Deed:
    result = {
        "rows": manifest.rows.made,
        "failed_rows": manifest.rows.failed,
        "bytes": manifest.size_bytes,
        "hours": round(manifest.hours, 6),
    }
    plan = build.plan
    return Deed(build.options.actor, "published", build.name, plan.commit, plan.id, result)


def finish_sample(build: Build) -> Manifest:
    """Write the files around the rows of a sample; return its manifest, which has `sample`.

    There is no gate and no link. The caller has made every shard of the sample.
    """
    markers = read_markers(build)
    if markers is None:
        raise StageMissing(
            f"the sample of {build.name} is not complete",
            why="another process deleted something meanwhile",
            mend="run the same command again: only what is missing is made",
        )
    write_failures(build)
    old = read_manifest(build.folder.manifest)
    manifest, _ = write_manifest(build, markers, build.max_bad_rows, old)
    return manifest


def published_budget(
    build: Build, before: Manifest | None, failed: int, errors: int = 0
) -> BadRowBudget:
    """The present budget; for a dataset published with as many bad rows, the budget of then.

    A dataset that was published within its budget stays done, whatever the budget is now.
    before: the manifest published under this plan.
    errors: rows that failed in a step; with more of them than then, the present budget counts.
    """
    try:
        if (
            before is not None
            and before.rows.failed == failed
            and errors <= _count_step_errors(before)
        ):
            return max_bad_rows(before.settings.max_bad_rows)
    except ValueError:
        # A damaged manifest is written again, with the present rules.
        pass
    return build.max_bad_rows


def _count_step_errors(manifest: Manifest) -> int:
    return sum(step.errors for step in manifest.flows.steps) if manifest.flows is not None else 0


def find_published(build: Build) -> Manifest | None:
    """The manifest of the dataset if it is published under this plan by now."""
    return look_again(build.places, build.stored).find_published(build.plan)


def find_undone(build: Build) -> list[Shard]:
    """Give the unfinished shards, which prevent publishing."""
    return [
        shard
        for shard in build.plan.shards
        if any(
            read_marker(build.state.marker(shard.name, stage)) is None
            for stage in NEEDED_TO_PUBLISH
        )
    ]


def _sweep(build: Build) -> None:
    """Remove what killed runs left, except in shards that a process works on.

    A file that a writer has created again since it was listed is not removed.
    """
    folders = (*build.mp3_folders, build.folder.json, *export_folders(build.folder))
    left = {path: _stamp(path) for folder in folders for path in find_temporary(folder)}
    if not left:
        return
    try:
        for shard in build.plan.shards:
            with hold(build.state.shard_lock(shard.name), f"shard {shard.name} of {build.name}"):
                pass
    except Locked:
        return
    for path, stamp in left.items():
        if _stamp(path) == stamp:
            path.unlink(missing_ok=True)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns
