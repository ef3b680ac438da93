"""Stage `processed`: gate, manifest, link. Of a whole dataset, never of a part."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hugflow.errors import Locked, StageMissing
from hugflow.ledger.markers import read_marker
from hugflow.requests.grammar import BadRowBudget, max_bad_rows
from hugflow.shards.plan import Shard
from hugflow.stages.build import Build
from hugflow.stages.complete import (
    has_indexes,
    read_markers,
    write_failures,
    write_manifest,
)
from hugflow.stages.gate import refuse_bad_rows
from hugflow.stages.manifest import read_manifest
from hugflow.stages.superseded import refuse_superseded, relocated
from hugflow.stages.trees import delete_aside, refuse_links, set_aside, take_place
from hugflow.store.atomic import find_temporary
from hugflow.store.links import is_linked, link
from hugflow.store.locks import hold


@dataclass(frozen=True, slots=True)
class Published:
    """A complete dataset.

    is_new: whether this call changed anything. build: the build, with its tree at its place.
    """

    manifest: dict[str, Any]
    is_new: bool
    build: Build


def publish(build: Build) -> Published | None:
    """Publish the dataset when every shard is done; None while one is not.

    Whoever finishes the last shard publishes; doing it again changes nothing. A tree that was made
    beside another one takes its place. Raises TooManyBadRows when the gate refuses:
    `failures.jsonl` says which rows, and neither manifest nor link are written; PlanOutOfDate when
    another plan came into force meanwhile.
    """
    with build.hold_dataset():
        refuse_superseded(build)
        refuse_links(build.places, build.name)
        build = relocated(build)
        markers = read_markers(build)
        if markers is None or not has_indexes(build, markers):
            return None
        _sweep(build)
        failed = write_failures(build)
        budget = _published_budget(build, len(failed))
        refuse_bad_rows(build, failed, budget)
        manifest, is_same = write_manifest(build, markers, budget)
        if build.folder != build.places.dataset(build.name):
            take_place(build.places, build.plan, wait_s=build.options.lock_wait_s)
            build = replace(build, folder=build.places.dataset(build.name), predecessor=None)
        is_linked_anew = link(build.places.link(build.name), build.folder.root)
        left = set_aside(build.places, build.plan)
    # Outside of the lock: a tree of a million files takes a while to go.
    delete_aside(left)
    return Published(manifest, not is_same or is_linked_anew, build)


def finish_sample(build: Build) -> dict[str, Any]:
    """Write what goes with the rows of a sample, and give its manifest, which says `sample`.

    There is no gate and no link. The caller has made every shard of the sample.
    """
    markers = read_markers(build)
    if markers is None:
        raise StageMissing(
            f"the sample of {build.name} is not complete",
            why="another process took something away meanwhile",
            mend="run the same command again: only what is missing is made",
        )
    write_failures(build)
    manifest, _ = write_manifest(build, markers, build.max_bad_rows)
    return manifest


def _published_budget(build: Build, failed: int) -> BadRowBudget:
    """The budget in force; of what was published with as many bad rows, that of then.

    What was published within its budget is done, whatever the budget is now.
    """
    old = read_manifest(build.folder.manifest)
    try:
        if old is not None and is_published(build) and old["rows"]["failed"] == failed:
            return max_bad_rows(old["settings"]["max_bad_rows"])
    except (KeyError, TypeError, ValueError):
        # A damaged manifest is written anew, by the rules of now.
        pass
    return build.max_bad_rows


def is_published(build: Build) -> bool:
    """Whether manifest and link stand and speak of this plan."""
    folder = build.places.dataset(build.name)
    manifest = read_manifest(folder.manifest)
    return (
        manifest is not None
        and manifest.get("plan") == build.plan.id
        and is_linked(build.places.link(build.name), folder.root)
    )


def find_undone(build: Build) -> list[Shard]:
    """Give the shards that still keep the dataset from being published."""
    return [
        shard
        for shard in build.plan.shards
        if any(
            read_marker(build.state.marker(shard.name, stage)) is None
            for stage in ("audio", "metadata")
        )
    ]


def _sweep(build: Build) -> None:
    """Remove what killed runs left; while somebody works on a shard, it is left to them.

    A file that a writer began anew since it was listed is that writer's.
    """
    folders = (build.folder.audio, build.folder.json, build.folder.index)
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
