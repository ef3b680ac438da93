"""How each dataset stands: one answer for the command line, the UI and the sensor."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hugflow.errors import StateUnreadable
from hugflow.ledger.progress import Progress, Status, read_progress
from hugflow.shards.plan import Plan
from hugflow.shards.plans import read_current_plan
from hugflow.stages.manifest import read_manifest
from hugflow.stages.measure import Measured, measure_plan
from hugflow.stages.removed import removed_names
from hugflow.store.layout import Places
from hugflow.store.links import is_linked
from hugflow.store.locks import is_held


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """One dataset: what was asked for, what is planned, what is there.

    request: the request file's path, where there is one. total_rows, commit: None before a plan.
    bytes, hours: of what is made. location: of the tree, once begun. link: where it is published.
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


def read_statuses(places: Places, requests: dict[str, str]) -> list[DatasetStatus]:
    """The state of every dataset that is asked for, planned or stored, by name.

    requests: path of the request file by dataset name.
    """
    planned, stored = _subfolders(places.state_dir / "plans"), _stored(places)
    names = {*requests, *planned, *stored, *removed_names(places)}
    return [read_status(places, name, requests.get(name)) for name in sorted(names)]


def read_status(places: Places, name: str, request: str | None = None) -> DatasetStatus:
    """The state of one dataset, from what is on disk; nothing is asked of anyone else.

    While another tree is made to take the place of a complete one, it is the new one's state.
    """
    folder, link = places.dataset(name), places.link(name)
    manifest = read_manifest(folder.manifest)
    try:
        plan = read_current_plan(places, name)
    except StateUnreadable:
        plan = None
    is_linked_ = is_linked(link, folder.root)
    is_current = manifest is not None and (plan is None or manifest.get("plan") == plan.id)
    if manifest is not None and is_current:
        measured, total_rows = _measure_manifest(manifest), manifest["rows"]["planned"]
        commit = manifest["commit"]
        shards_done = shards = len(plan.shards) if plan is not None else manifest["source"]["files"]
    elif plan is not None:
        measured, total_rows, commit = measure_plan(places, plan), plan.rows, plan.commit
        shards_done, shards = measured.shards_done, len(plan.shards)
    else:
        measured, total_rows, commit, shards_done, shards = Measured(), None, None, 0, None
    is_removed = places.removed(name).is_file() and not folder.root.exists()
    progress = read_progress(places.progress(name))
    if manifest is not None and not is_current and progress is not None:
        # What it says is of the tree that stands, until the new plan's rows are begun.
        progress = progress if progress.status != "completed" else None
    state = _unfinished_state(places, plan, progress, is_removed=is_removed)
    return DatasetStatus(
        name=name,
        state="completed" if is_current and is_linked_ else state,
        request=request,
        rows=measured.rows,
        total_rows=total_rows,
        failed_rows=measured.failed_rows,
        shards_done=shards_done,
        shards=shards,
        commit=commit,
        bytes=measured.bytes,
        hours=round(measured.seconds / 3600, 3),
        location=str(folder.root) if folder.root.is_dir() else None,
        link=str(link) if manifest is not None and is_linked_ else None,
    )


def _unfinished_state(
    places: Places, plan: Plan | None, progress: Progress | None, *, is_removed: bool
) -> Status:
    """The word for a dataset that is not complete.

    A file that says `downloading` while nobody holds a lock was left by a killed process.
    """
    if plan is None and is_removed:
        return "removed"
    if progress is None or plan is None or progress.status == "removed":
        return "pending" if plan is None else "planned"
    if progress.status == "downloading":
        locks = (places.state_dir / "locks" / plan.dataset).glob("*.lock")
        return "downloading" if any(is_held(lock) for lock in locks) else "interrupted"
    # Complete once, and now the tree or the link is gone or damaged.
    return "incomplete" if progress.status == "completed" else progress.status


def _measure_manifest(manifest: Mapping[str, Any]) -> Measured:
    rows, audio = manifest["rows"], manifest["audio"]
    size = audio["bytes"] + manifest["json"]["bytes"]
    return Measured(rows["made"], rows["failed"], size, audio["seconds"])


def _stored(places: Places) -> Iterable[str]:
    """Datasets in storage: folders with a manifest of ours."""
    return [
        name for name in _subfolders(places.storage_root) if places.dataset(name).manifest.is_file()
    ]


def _subfolders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return [path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
