"""How each dataset stands: one answer for the command line, the UI and the sensor."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hugflow.errors import StateUnreadable
from hugflow.ledger.markers import read_marker
from hugflow.ledger.progress import Progress, Status, read_progress
from hugflow.shards.plan import Plan
from hugflow.shards.plans import read_current_plan
from hugflow.stages.manifest import read_manifest
from hugflow.store.layout import Places
from hugflow.store.links import is_linked
from hugflow.store.locks import is_held


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """One dataset: what was asked for, what is planned, what is there.

    request: the request file's path, where there is one. total_rows, commit: None before a plan.
    bytes, hours: of the result, None before it is complete. location: of the tree, once begun.
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
    bytes: int | None
    hours: float | None
    location: str | None
    link: str | None


def read_statuses(places: Places, requests: dict[str, str]) -> list[DatasetStatus]:
    """The state of every dataset that is asked for, planned or stored, by name.

    requests: path of the request file by dataset name.
    """
    names = {*requests, *_subfolders(places.state_dir / "plans"), *_stored(places)}
    return [read_status(places, name, requests.get(name)) for name in sorted(names)]


def read_status(places: Places, name: str, request: str | None = None) -> DatasetStatus:
    """The state of one dataset, from what is on disk; nothing is asked of anyone else."""
    folder = places.dataset(name)
    manifest = read_manifest(folder.manifest) or {}
    try:
        plan = read_current_plan(places, name)
    except StateUnreadable:
        plan = None
    progress = read_progress(places.progress(name))
    link = places.link(name)
    is_complete = bool(manifest) and is_linked(link, folder.root)
    failed, shards_done = _count_shards(places, plan) if plan is not None else (0, 0)
    rows = manifest.get("rows", {})
    audio, metadata = manifest.get("audio", {}), manifest.get("json", {})
    return DatasetStatus(
        name=name,
        state="completed" if is_complete else _unfinished_state(places, plan, progress),
        request=request,
        rows=rows.get("made", 0) if manifest else (progress.rows if progress is not None else 0),
        total_rows=plan.rows if plan is not None else rows.get("planned"),
        failed_rows=rows.get("failed", 0) if manifest else failed,
        shards_done=shards_done,
        shards=len(plan.shards) if plan is not None else None,
        commit=plan.commit if plan is not None else manifest.get("commit"),
        bytes=audio.get("bytes", 0) + metadata.get("bytes", 0) if manifest else None,
        hours=round(audio.get("seconds", 0.0) / 3600, 3) if manifest else None,
        location=str(folder.root) if folder.root.is_dir() else None,
        link=str(link) if is_complete else None,
    )


def _unfinished_state(places: Places, plan: Plan | None, progress: Progress | None) -> Status:
    """The word for a dataset that is not complete.

    A file that says `downloading` while nobody holds a lock was left by a killed process.
    """
    if progress is None or plan is None:
        return "pending" if plan is None else "planned"
    if progress.status == "downloading":
        locks = (places.state_dir / "locks" / plan.dataset).glob("*.lock")
        return "downloading" if any(is_held(lock) for lock in locks) else "interrupted"
    # Complete once, and now the tree or the link is gone or damaged.
    return "incomplete" if progress.status == "completed" else progress.status


def _count_shards(places: Places, plan: Plan) -> tuple[int, int]:
    """Failed rows and finished shards, from the markers."""
    state = places.state(plan.dataset, plan.id)
    found = [read_marker(state.marker(shard.name, "metadata")) for shard in plan.shards]
    markers = [marker for marker in found if marker is not None]
    return sum(len(marker.failed_rows) for marker in markers), len(markers)


def _stored(places: Places) -> Iterable[str]:
    """Datasets in storage: folders with a manifest of ours."""
    return [
        name for name in _subfolders(places.storage_root) if places.dataset(name).manifest.is_file()
    ]


def _subfolders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return [path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
