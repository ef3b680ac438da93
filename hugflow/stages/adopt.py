"""Taking up a complete tree whose ledger is gone: manifest, index and failures know every row."""

import json
import logging
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from hugflow.audio.mp3 import AudioInfo
from hugflow.exports.index import file_sha256
from hugflow.ledger.journal import AUDIO_FIELDS, Journal, Outcome, RowFailed, RowMade
from hugflow.shards.plan import Shard
from hugflow.stages.build import Build
from hugflow.stages.manifest import read_manifest
from hugflow.stages.mark import audio_marker, mark, metadata_marker, raw_marker

log = logging.getLogger(__name__)


def adopt_tree(build: Build) -> None:
    """Write the ledger anew where it is missing, from a tree that this very plan made.

    Only of shards that have no journal, and whose index has the hash that the manifest names; the
    rows of others are made again. Sizes are those on disk. The caller holds the dataset's lock.
    """
    missing = [s for s in build.plan.shards if not build.state.journal(s.name).exists()]
    manifest = read_manifest(build.folder.manifest) if missing else None
    if manifest is None or manifest.get("plan") != build.plan.id:
        return
    failures = _read_failures(build.folder.failures)
    for shard in missing:
        index = build.folder.index_file(shard.name)
        expected = manifest.get("index", {}).get(f"index/{index.name}")
        if expected is not None and index.is_file() and file_sha256(index) == expected:
            outcomes = [*_read_index(build, index), *failures.get(shard.name, [])]
            _write_ledger(build, shard, outcomes, expected, index.stat().st_size)
            log.info("%s: took up shard %s; its ledger was missing", build.name, shard.name)


def _write_ledger(
    build: Build, shard: Shard, outcomes: list[Outcome], index_sha256: str, index_bytes: int
) -> None:
    """The journal, and the markers of a shard that is done. Missing files are found later."""
    # A row that stands has not failed, whatever a damaged line says; nor has another shard's.
    made = {outcome.row for outcome in outcomes if isinstance(outcome, RowMade)}
    by_row = {
        outcome.row: outcome
        for outcome in sorted(outcomes, key=lambda each: each.row)
        if isinstance(outcome, RowMade)
        or (outcome.row in shard.row_range and outcome.row not in made)
    }
    with Journal(build.state.journal(shard.name)) as journal:
        journal.append(by_row.values())
    mark(build, shard, "raw", raw_marker(shard, 0.0))
    mark(build, shard, "audio", audio_marker(by_row, 0.0))
    mark(build, shard, "metadata", metadata_marker(by_row, 0.0, index_sha256, index_bytes))


def _read_index(build: Build, index: Path) -> list[Outcome]:
    has_audio = build.plan.audio_column is not None
    table = pq.read_table(index, columns=["row", "audio_info"] if has_audio else ["row"])
    return [
        _to_made(build, row, info)
        for row, info in zip(
            table.column("row").to_pylist(),
            table.column("audio_info").to_pylist() if has_audio else [None] * table.num_rows,
            strict=True,
        )
    ]


def _to_made(build: Build, row: int, info: dict[str, Any] | None) -> RowMade:
    json_bytes = _size(build.folder.json / f"{row}.json")
    if info is None:
        return RowMade(row, str(row), None, json_bytes, None)
    name = Path(info["path"]).name
    audio = AudioInfo(**{field: info[field] for field in AUDIO_FIELDS})
    mp3_bytes = _size(build.folder.audio / name)
    return RowMade(row, name.removesuffix(".mp3"), mp3_bytes, json_bytes, audio)


def _read_failures(path: Path) -> dict[str, list[RowFailed]]:
    """Failed rows by shard; a line that cannot be read is a row to try again."""
    failures: dict[str, list[RowFailed]] = {}
    lines = path.read_bytes().splitlines() if path.is_file() else []
    for line in lines:
        try:
            value = json.loads(line)
            failed = RowFailed(int(value["row"]), str(value["code"]), str(value["message"]))
            failures.setdefault(str(value["shard"]), []).append(failed)
        except (ValueError, KeyError, TypeError, RecursionError):
            log.warning("a line of %s cannot be read; its row is tried again", path)
    return failures


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
