"""The files that complete a tree once its rows are in: failures.jsonl, the card, the manifest."""

import json
import platform
import socket
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, TypeAlias

from hugflow.exports.card import render_card
from hugflow.ledger.journal import RowFailed, read_journal
from hugflow.ledger.markers import Marker, read_marker
from hugflow.requests.grammar import BadRowBudget
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.tree.manifest import VERSION, read_manifest, render_source, without_run
from hugflow.statistics.figures import from_json, to_json
from hugflow.store.atomic import write_if_changed, write_json
from hugflow.store.layout import DatasetState

# By stage, `audio` and `metadata`, and by the shard's name.
Markers: TypeAlias = Mapping[str, Mapping[str, Marker]]


def read_markers(build: Build) -> Markers | None:
    """The markers of all shards, or None when one is missing."""
    found: dict[str, dict[str, Marker]] = {"audio": {}, "metadata": {}}
    for shard in build.shards:
        for stage, markers in found.items():
            marker = read_marker(build.state.marker(shard.name, stage))
            if marker is None:
                return None
            markers[shard.name] = marker
    return found


def has_indexes(build: Build, markers: Markers) -> bool:
    """Whether every index stands as its marker says: a tree that was taken away has none."""
    for name, marker in markers["metadata"].items():
        index = build.folder.index_file(name)
        size = index.stat().st_size if index.is_file() else 0
        if size != marker.index_bytes:
            return False
    return True


def index_digests(markers: Markers) -> dict[str, str]:
    """The sha256 of each index, by its path in the tree."""
    return {
        f"index/{name}.parquet": marker.index_sha256
        for name, marker in markers["metadata"].items()
        if marker.index_sha256 is not None
    }


def render_failures(state: DatasetState, rows: Iterable[tuple[Shard, range]]) -> str:
    """The text of failures.jsonl by the ledger. rows: of each shard, the rows to be made."""
    return _render(_find_failures(state, rows))


def write_failures(build: Build) -> list[RowFailed]:
    """Write failures.jsonl, which is empty when every row was made; gives the rows, in order."""
    found = list(_find_failures(build.state, _rows(build)))
    write_if_changed(build.folder.failures, _render(found))
    return [failed for _, failed in found]


def read_failures(build: Build) -> list[RowFailed]:
    """The rows that could not be made, by the ledger, in order."""
    return [failed for _, failed in _find_failures(build.state, _rows(build))]


def _rows(build: Build) -> list[tuple[Shard, range]]:
    return [(shard, build.rows_of(shard)) for shard in build.shards]


def _find_failures(
    state: DatasetState, rows: Iterable[tuple[Shard, range]]
) -> Iterator[tuple[str, RowFailed]]:
    """The rows that could not be made, each with the name of its shard, in order."""
    for shard, numbers in rows:
        marker = read_marker(state.marker(shard.name, "metadata"))
        if marker is not None and not marker.failed_rows:
            # Its journal may be long, and has nothing to tell.
            continue
        outcomes = read_journal(state.journal(shard.name))
        for row in numbers:
            if isinstance(outcome := outcomes.get(row), RowFailed):
                yield shard.name, outcome


def write_manifest(
    build: Build, markers: Markers, budget: BadRowBudget
) -> tuple[dict[str, Any], bool]:
    """Write the card, then the manifest: what it says, and whether it said so before.

    budget: the bad rows that were allowed.
    """
    old = read_manifest(build.folder.manifest)
    manifest = _compose_manifest(build, markers, budget)
    manifest["statistics"] = _measure(build, manifest, old)
    card = render_card(
        build.plan,
        description=build.request.description,
        statistics=from_json(manifest["statistics"]),
    )
    write_if_changed(build.folder.card, card)
    if old is not None and without_run(old) == without_run(manifest):
        return old, True
    write_json(build.folder.manifest, manifest)
    return manifest, False


def _measure(build: Build, manifest: dict[str, Any], old: dict[str, Any] | None) -> dict[str, Any]:
    """The statistics of the index; of an index that is the same, those that were found then."""
    if old is not None and old.get("index") == manifest["index"]:
        known: dict[str, Any] | None = old.get("statistics")
        if known is not None and from_json(known) and known["rows"] == manifest["rows"]["made"]:
            return known
    # Not before there is something to measure: polars takes as long to load as all the rest.
    from hugflow.statistics.measure import plan_statistics

    return to_json(plan_statistics(build.plan, build.folder))


def _render(failures: Iterable[tuple[str, RowFailed]]) -> str:
    lines = (
        {"row": failed.row, "shard": shard, "code": failed.code, "message": failed.message}
        for shard, failed in failures
    )
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _compose_manifest(build: Build, markers: Markers, budget: BadRowBudget) -> dict[str, Any]:
    plan = build.plan
    audio, metadata = markers["audio"].values(), markers["metadata"].values()
    made = sum(marker.rows for marker in metadata)
    has_audio = plan.audio_column is not None
    copied = sum(marker.copied for marker in audio)
    return {
        "version": VERSION,
        "dataset": plan.dataset,
        **({"sample": build.sample_rows} if build.sample_rows is not None else {}),
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
        "source": render_source(plan),
        "rows": {
            "planned": build.rows,
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
        "index": index_digests(markers),
        "run": {
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "host": socket.gethostname(),
            "hugflow": version("hugflow"),
            "python": platform.python_version(),
        },
    }
