"""The results on a published dataset, whoever published it."""

from collections.abc import Iterator

from hugflow.errors import PlanOutOfDate, StageMissing
from hugflow.stages.build.build import Build
from hugflow.stages.publishing.gate import GateResult, judge
from hugflow.stages.publishing.publish import published_budget
from hugflow.stages.publishing.tree_files import read_failures, read_markers
from hugflow.stages.tree.stored_dataset import StoredDataset, look_again


def judge_stored(build: Build) -> Iterator[GateResult]:
    """Every result on a published dataset, from the disk; nothing is written.

    No results when the ledger does not say how its rows were made.
    """
    markers = read_markers(build)
    if markers is None:
        return
    failed = read_failures(build)
    stored = look_again(build.places, build.stored)
    budget = published_budget(build, stored.find_published(build.plan), len(failed))
    yield from judge(build, markers, failed, budget)
    yield from judge_published(build, stored)


def judge_published(build: Build, stored: StoredDataset) -> Iterator[GateResult]:
    """Whether the manifest and the link of a published dataset belong to its plan."""
    manifest, folder, link = stored.manifest, stored.folder, build.places.link(build.name)
    plan, commit = build.plan.id, build.plan.commit
    error: PlanOutOfDate | StageMissing | None = None
    if manifest is None or (manifest.plan, manifest.commit) != (plan, commit):
        named = manifest.commit if manifest is not None else None
        error = PlanOutOfDate(
            f"{build.name}: the manifest names commit {named}, not {commit}",
            why="the plan moved on, or the tree was made by another one",
            mend="materialize all partitions of the plan in force",
        )
    what = error.what if error is not None else f"made of commit {commit}"
    yield GateResult("commit_is_planned", what, {"commit": commit, "plan": plan}, error)
    missing = None
    if not stored.is_linked:
        missing = StageMissing(
            f"{link} does not lead to {folder.root}",
            why="the link was deleted, or points elsewhere",
            mend="materialize `processed` again",
        )
    what = missing.what if missing is not None else f"{link} leads to {folder.root}"
    yield GateResult("link_stands", what, {"link": str(link)}, missing)
