"""Stage `processed`: failures, gate, card, manifest, link. Of a whole dataset, never of a part."""

import json
import platform
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hugflow.errors import Locked, TooManyBadRows
from hugflow.exports.card import render_card
from hugflow.ledger.journal import RowFailed, read_journal
from hugflow.ledger.markers import Marker, read_marker
from hugflow.requests.grammar import BadRowBudget, allowed_bad_rows, max_bad_rows
from hugflow.shards.plan import Shard
from hugflow.stages.build import Build
from hugflow.stages.manifest import VERSION, read_manifest, without_run
from hugflow.store.atomic import find_temporary, write_if_changed, write_json
from hugflow.store.links import is_linked, link
from hugflow.store.locks import hold


@dataclass(frozen=True, slots=True)
class Published:
    """A complete dataset. `is_new` tells whether this call changed anything."""

    manifest: dict[str, Any]
    is_new: bool


def publish(build: Build) -> Published | None:
    """Publish the dataset when every shard is done; None while one is not.

    Whoever finishes the last shard publishes; doing it again changes nothing. Raises
    TooManyBadRows when the gate refuses: `failures.jsonl` says which rows, and neither manifest
    nor link are written.
    """
    with build.hold_dataset():
        markers = _read_markers(build)
        if markers is None:
            return None
        _sweep(build)
        write_if_changed(build.folder.failures, _render_failures(build))
        failed = sum(len(marker.failed_rows) for marker in markers["metadata"].values())
        old = read_manifest(build.folder.manifest)
        budget = _published_budget(build, old, failed)
        refuse_bad_rows(build.name, failed, build.plan.rows, budget)
        write_if_changed(
            build.folder.card, render_card(build.plan, description=build.request.description)
        )
        manifest = _make_manifest(build, markers, budget)
        is_same = old is not None and without_run(old) == without_run(manifest)
        if not is_same:
            write_json(build.folder.manifest, manifest)
        is_linked_anew = link(build.places.link(build.name), build.folder.root)
        return Published(
            read_manifest(build.folder.manifest) or manifest, not is_same or is_linked_anew
        )


def _published_budget(build: Build, old: dict[str, Any] | None, failed: int) -> BadRowBudget:
    """The budget in force; of what was published with as many bad rows, that of then.

    What was published within its budget is done, whatever the budget is now.
    """
    try:
        if old is not None and is_published(build) and old["rows"]["failed"] == failed:
            return max_bad_rows(old["settings"]["max_bad_rows"])
    except (KeyError, TypeError, ValueError):
        # A damaged manifest is written anew, by the rules of now.
        pass
    return build.max_bad_rows


def refuse_bad_rows(name: str, failed: int, rows: int, budget: BadRowBudget) -> None:
    """The gate: raise TooManyBadRows when more rows failed than the budget allows."""
    allowed = allowed_bad_rows(budget, rows)
    if failed > allowed:
        raise TooManyBadRows(
            f"{name}: {failed} of {rows} rows could not be made, so it is not published",
            why=f"max_bad_rows is {budget}, which allows {allowed}; failures.jsonl names them",
            mend="run the same command again to try only those rows, or set max_bad_rows higher",
        )


def is_published(build: Build) -> bool:
    """Whether manifest and link stand and speak of this plan."""
    manifest = read_manifest(build.folder.manifest)
    return (
        manifest is not None
        and manifest.get("plan") == build.plan.id
        and is_linked(build.places.link(build.name), build.folder.root)
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


_Markers = Mapping[str, Mapping[str, Marker]]


def _read_markers(build: Build) -> _Markers | None:
    """Markers by stage and shard, or None when one is missing."""
    found: dict[str, dict[str, Marker]] = {"audio": {}, "metadata": {}}
    for shard in build.plan.shards:
        for stage, markers in found.items():
            marker = read_marker(build.state.marker(shard.name, stage))
            if marker is None:
                return None
            markers[shard.name] = marker
    return found


def _render_failures(build: Build) -> str:
    """The lines of failures.jsonl, in row order; empty when every row was made."""
    lines = []
    for shard in build.plan.shards:
        outcomes = read_journal(build.state.journal(shard.name))
        lines += [
            json.dumps(
                {
                    "row": row,
                    "shard": shard.name,
                    "code": outcome.code,
                    "message": outcome.message,
                },
                ensure_ascii=False,
            )
            + "\n"
            for row in shard.row_range
            if isinstance(outcome := outcomes.get(row), RowFailed)
        ]
    return "".join(lines)


def _make_manifest(build: Build, markers: _Markers, budget: BadRowBudget) -> dict[str, Any]:
    plan = build.plan
    audio, metadata = markers["audio"].values(), markers["metadata"].values()
    made = sum(marker.rows for marker in metadata)
    has_audio = plan.audio_column is not None
    copied = sum(marker.copied for marker in audio)
    return {
        "version": VERSION,
        "dataset": plan.dataset,
        "request": {
            name: getattr(plan.request, name) for name in ("hf_id", "subset", "split", "revision")
        },
        "commit": plan.commit,
        "plan": plan.id,
        "licence": plan.licence,
        "columns": list(plan.columns),
        "audio_column": plan.audio_column,
        "text_column": plan.text_column,
        "settings": {
            "mp3_source": plan.request.mp3_source,
            "max_bad_rows": budget,
        },
        "source": {"files": len(plan.shards), "bytes": plan.source_bytes},
        "rows": {
            "planned": plan.rows,
            "made": made,
            "failed": sum(len(marker.failed_rows) for marker in metadata),
        },
        "audio": {
            "files": made if has_audio else 0,
            "bytes": sum(marker.bytes for marker in audio),
            "seconds": round(sum(marker.audio_seconds for marker in audio), 3),
            "copied": copied,
            "encoded": made - copied if has_audio else 0,
        },
        "json": {"files": made, "bytes": sum(marker.bytes for marker in metadata)},
        "index": {
            f"index/{name}.parquet": marker.index_sha256
            for name, marker in markers["metadata"].items()
            if marker.index_sha256 is not None
        },
        "run": {
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "host": socket.gethostname(),
            "hugflow": version("hugflow"),
            "python": platform.python_version(),
        },
    }
