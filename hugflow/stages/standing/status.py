"""The state of each dataset: one answer for the command line, the UI and the sensor."""

from typing import Final

from hugflow.late_dataclass import dataclass
from hugflow.ledger.progress import Progress, Status, read_progress
from hugflow.shards.counts import count_rows
from hugflow.shards.plan import Plan
from hugflow.stages.standing.measure import (
    Measured,
    all_bytes_of,
    measure_manifest,
    measure_plan,
)
from hugflow.stages.standing.obstacles import Obstacle, read_obstacle
from hugflow.stages.standing.publication import Publication, find_publication
from hugflow.stages.standing.stored import list_names
from hugflow.stages.standing.upstream import read_note
from hugflow.stages.tree.manifest import Manifest
from hugflow.stages.tree.stored_dataset import StoredDataset, glance_at_dataset
from hugflow.store.layout import Places
from hugflow.store.locks import is_held

NOT_PUSHED: Final = "not pushed"
NOT_LINKED: Final = "not linked"


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One row step: its code, and the rows that went on, were left out, and failed.

    flow, module, commit: its code; None before the dataset is published with it.
    total_rows: rows that reach it; None while unknown.
    """

    name: str
    flow: str | None
    module: str | None
    commit: str | None
    rows: int
    dropped: int
    errors: int
    total_rows: int | None


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """One dataset: what was requested, what is planned, what exists.

    request: the request file's path, if there is one.
    commit: of the plan; None before a plan.
    total_rows: of the plan; None before a plan, and while rows must be fetched to be counted.
    bytes: everything of it below STORAGE_ROOT. hours, audio_seconds: of the rows made.
    location: of the tree, once it is begun.
    link, published_commit: of the published tree, also while another tree is being made.
    error: the error of the last run, if it failed.
    note: what else a person should know: `refused`, `waiting`, `gone upstream`, `converted anew`,
        `not pushed`, `not linked`.
    obstacle: why it is refused or waits, and when it is tried again.
    run: the run of Dagster that makes it now.
    left_out: rows of the published tree that `keep` leaves out.
    steps: the row steps of the published tree, and what became of their rows; of a dataset that is
        not complete, those that have run so far.
    publication: where its request publishes it to, and whether it is there.
    """

    name: str
    state: Status
    request: str | None
    rows: int
    total_rows: int | None
    failed_rows: int
    shards_done: int
    shards: int | None
    commit: str | None
    bytes: int
    hours: float
    location: str | None
    link: str | None
    published_commit: str | None
    error: str | None
    note: str | None = None
    obstacle: Obstacle | None = None
    audio_seconds: float = 0.0
    run: str | None = None
    left_out: int = 0
    steps: tuple[StepStatus, ...] = ()
    publication: Publication | None = None


def read_statuses(places: Places, requests: dict[str, str]) -> list[DatasetStatus]:
    """The state of every requested, planned or stored dataset, by name.

    requests: path of the request file by dataset name.
    """
    names = sorted({*requests, *list_names(places)})
    return [read_status(places, name, requests.get(name)) for name in names]


def read_status(
    places: Places,
    name: str,
    request: str | None = None,
    digest: str | None = None,
    publish_to: str | None = None,
) -> DatasetStatus:
    """The state of one dataset, from the disk alone; the parameters are those of `to_status`."""
    return to_status(places, glance_at_dataset(places, name), request, digest, publish_to)


def to_status(
    places: Places,
    stored: StoredDataset,
    request: str | None = None,
    digest: str | None = None,
    publish_to: str | None = None,
) -> DatasetStatus:
    """The state of a dataset whose manifest and plan are already read.

    request: the path of the request file. digest: of the request, which an obstacle must be about;
    None accepts any. publish_to: of the request, as for `find_publication`.

    While a new tree is made to replace a complete one, it is the state of the new tree.
    """
    name, folder, link = stored.name, stored.folder, places.link(stored.name)
    manifest, plan, is_current = stored.manifest, stored.plan, stored.is_current
    total_rows: int | None
    shards: int | None
    if manifest is not None and is_current:
        measured, total_rows = measure_manifest(manifest), manifest.rows.planned
        commit, shards = manifest.commit, manifest.source.shard_count
    elif plan is not None:
        measured, total_rows = measure_plan(places, plan), _count_rows(places, plan)
        commit, shards = plan.commit, len(plan.shards)
    else:
        measured, total_rows, commit, shards = Measured(), None, None, None
    is_removed = places.removed(name).is_file() and not folder.root.exists()
    progress = read_progress(places.progress(name))
    if not folder.root.exists() and not places.next_trees(name).exists():
        # The tree is gone, whatever the ledger says.
        measured = Measured()
    if manifest is not None and not is_current and progress is not None:
        # The file describes the existing tree until the new plan's rows are begun.
        progress = progress if progress.status != "completed" else None
    has_plan = stored.plan_id is not None
    is_failed = progress is not None and progress.status == "failed" and not is_current
    state = _unfinished_state(places, name, progress, has_plan=has_plan, is_removed=is_removed)
    if is_current and stored.is_linked:
        state = "completed"
    obstacle = (
        read_obstacle(places, name, digest) if state not in ("completed", "downloading") else None
    )
    publication = find_publication(places, name, publish_to, manifest if is_current else None)
    is_unpushed = publication is not None and publication.state == "failed"
    return DatasetStatus(
        name=name,
        state=state,
        request=request,
        rows=measured.rows,
        total_rows=total_rows,
        failed_rows=measured.failed_rows,
        shards_done=measured.shards_done,
        shards=shards,
        commit=commit,
        bytes=all_bytes_of(places, name, manifest, Measured() if is_current else measured),
        hours=round(measured.seconds / 3600, 3),
        audio_seconds=round(measured.seconds, 3),
        location=str(folder.root) if folder.root.is_dir() else None,
        link=str(link) if manifest is not None and stored.is_linked else None,
        published_commit=manifest.commit if manifest is not None and stored.is_linked else None,
        error=progress.error if is_failed and progress is not None else None,
        note=read_note(places, name, stored.plan_id)
        or (obstacle.note if obstacle else None)
        or (NOT_PUSHED if is_unpushed else None)
        or (NOT_LINKED if is_current and state == "incomplete" else None),
        obstacle=obstacle,
        run=progress.run if progress is not None and state == "downloading" else None,
        steps=_read_steps(manifest) if is_current else _begun_steps(progress),
        left_out=manifest.rows.left_out if is_current and manifest is not None else 0,
        publication=publication,
    )


def _read_steps(manifest: Manifest | None) -> tuple[StepStatus, ...]:
    if manifest is None or manifest.flows is None:
        return ()
    return tuple(
        StepStatus(
            step.name,
            step.flow,
            step.module,
            step.commit,
            step.rows,
            step.dropped,
            step.errors,
            step.rows + step.dropped + step.errors,
        )
        for step in manifest.flows.steps
    )


def _begun_steps(progress: Progress | None) -> tuple[StepStatus, ...]:
    """The steps of a dataset that is not complete, as its progress file was last written."""
    return tuple(
        StepStatus(
            step.name, None, None, None, step.rows, step.dropped, step.errors, step.total_rows
        )
        for step in (progress.steps if progress is not None else ())
    )


def _count_rows(places: Places, plan: Plan) -> int | None:
    return count_rows(places.state(plan.dataset, plan.id), plan.shards)


def _unfinished_state(
    places: Places, name: str, progress: Progress | None, *, has_plan: bool, is_removed: bool
) -> Status:
    """The word for a dataset that is not complete.

    A file that says `downloading` while no process holds a lock is left by a killed process.
    """
    if not has_plan:
        return "removed" if is_removed else "pending"
    if progress is None or progress.status == "removed":
        return "planned"
    if progress.status == "downloading":
        locks = list((places.state_dir / "locks" / name).glob("*.lock"))
        # Between two of its stages a run holds no lock of the dataset.
        locks += [places.run_lock(progress.run)] if progress.run is not None else []
        return "downloading" if any(is_held(lock) for lock in locks) else "interrupted"
    # It was complete, and now the tree or the link is gone or damaged.
    return "incomplete" if progress.status == "completed" else progress.status
