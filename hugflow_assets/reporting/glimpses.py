"""Metadata for people to look at: sample rows, failed rows with their reasons, a clip, durations.

Each function gives metadata entries, or none when there is nothing to show. An unreadable file
costs only its own entry.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import dagster as dg

from hugflow.audio.bad import AudioBad
from hugflow.audio.levels import read_levels
from hugflow.ledger.journal import RowFailed, RowMade, read_journal
from hugflow.ledger.markers import Marker
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.tree.manifest import Manifest
from hugflow_assets.reporting.markdown import to_cell
from hugflow_assets.reporting.pictures import PIECES, draw_durations, draw_waveform
from hugflow_resources.clip_paths import listen_url

Metadata: TypeAlias = dict[str, Any]
Cell: TypeAlias = str | int | float

SAMPLE_ROWS: Final = 3
MOST_FAILED_ROWS: Final = 20
MOST_CHARACTERS: Final = 160
MOST_CHARACTERS_OF_A_REASON: Final = 300


def sample_metadata(build: Build, shard: Shard, marker: Marker) -> Metadata:
    """Text, length and file of the first rows of a shard that did not fail."""
    sample = [
        _to_sample(row, value)
        for row in _good_rows(shard, marker)[:SAMPLE_ROWS]
        if (value := _read_row(build, row)) is not None
    ]
    return {"sample": _to_table(sample)} if sample else {}


def failed_metadata(build: Build, shard: Shard, marker: Marker) -> Metadata:
    """The first failed rows of a shard, each with its reason."""
    if not marker.failed_rows:
        return {}
    outcomes = read_journal(build.state.journal(shard.name))
    shown = marker.failed_rows[:MOST_FAILED_ROWS]
    metadata: Metadata = {
        "failed": _to_table([_to_reason(row, outcomes.get(row)) for row in shown])
    }
    if more := len(marker.failed_rows) - len(shown):
        metadata["failed_more"] = (
            f"{more:,} more rows of this shard; once its last shard is in, failures.jsonl of the "
            "dataset has all of them"
        )
    metadata["failures"] = dg.MetadataValue.path(str(build.folder.failures))
    return metadata


def waveform_metadata(build: Build, shard: Shard, marker: Marker) -> Metadata:
    """The waveform of a shard's first clip."""
    row = next(iter(_good_rows(shard, marker)), None)
    mp3 = _find_mp3(build, shard, row) if row is not None else None
    if row is None or mp3 is None:
        return {}
    try:
        levels = read_levels(mp3, PIECES)
    except AudioBad:
        return {}
    return {"waveform": dg.MetadataValue.md(draw_waveform(levels, row))}


def listen_metadata(build: Build, shard: Shard, marker: Marker) -> Metadata:
    """A link to the clips of the sample rows: Dagster's markdown leaves out `<audio>`."""
    rows = _good_rows(shard, marker)
    if not rows or build.plan.audio_column is None:
        return {}
    words = "row" if len(rows) == 1 else "rows"
    url = listen_url(build.name, rows)
    return {"listen": dg.MetadataValue.md(f"[{words} {', '.join(map(str, rows))}]({url})")}


def durations_metadata(index: Path) -> Metadata:
    """The durations of a shard's clips."""
    picture = _draw_durations([index])
    return {"durations": dg.MetadataValue.md(picture)} if picture else {}


def dataset_durations_metadata(build: Build, manifest: Manifest) -> Metadata:
    """The durations of the published dataset's clips."""
    picture = _draw_dataset(build.folder.root, tuple(manifest.index.items()))
    return {"dataset_durations": dg.MetadataValue.md(picture)} if picture else {}


@lru_cache(maxsize=1)
def _draw_dataset(root: Path, digest_by_index: tuple[tuple[str, str], ...]) -> str | None:
    """Read once, although each shard's event shows the whole dataset."""
    return _draw_durations([root / file for file, _ in digest_by_index])


def _draw_durations(index_files: Sequence[Path]) -> str | None:
    import polars as pl

    from hugflow.statistics.measure import read_durations

    try:
        histogram = read_durations(index_files)
    except (OSError, pl.exceptions.PolarsError):
        return None
    return draw_durations(histogram) if histogram is not None else None


def _good_rows(shard: Shard, marker: Marker) -> list[int]:
    """The first rows of a shard that did not fail, as many as are shown."""
    failed = frozenset(marker.failed_rows)
    rows: list[int] = []
    for row in shard.row_range:
        if row not in failed:
            rows.append(row)
        if len(rows) == SAMPLE_ROWS:
            break
    return rows


def _find_mp3(build: Build, shard: Shard, row: int) -> Path | None:
    """The MP3 of a row, from its JSON; from the journal if only the stage `audio` is done."""
    value = _read_row(build, row)
    if value is not None:
        name = Path(str(_audio_info(value).get("path", ""))).name
    else:
        made = read_journal(build.state.journal(shard.name)).get(row)
        name = f"{made.stem}.mp3" if isinstance(made, RowMade) else ""
    mp3 = build.folder.audio / name
    return mp3 if mp3.is_file() else None


def _to_sample(row: int, value: Mapping[str, Any]) -> dict[str, Cell]:
    info = _audio_info(value)
    text = value.get("text")
    return {
        "row": row,
        "text": to_cell("" if text is None else str(text), MOST_CHARACTERS),
        **({"duration": info["duration"], "audio": info["path"]} if info else {}),
    }


def _to_reason(row: int, outcome: object) -> dict[str, Cell]:
    if not isinstance(outcome, RowFailed):
        return {"row": row, "code": "unknown", "message": "the journal of the shard does not say"}
    message = to_cell(outcome.message, MOST_CHARACTERS_OF_A_REASON)
    return {"row": row, "code": to_cell(outcome.code, MOST_CHARACTERS), "message": message}


def _audio_info(value: Mapping[str, Any]) -> dict[str, Any]:
    info = value.get("audio_info")
    return info if isinstance(info, dict) else {}


def _read_row(build: Build, row: int) -> dict[str, Any] | None:
    try:
        value = json.loads((build.folder.json / f"{row}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _to_table(rows: Sequence[Mapping[str, Cell]]) -> dg.TableMetadataValue:
    kinds = {str: "string", int: "int", float: "float"}
    columns = [dg.TableColumn(name, kinds[type(value)]) for name, value in rows[0].items()]
    records = [dg.TableRecord(dict(row)) for row in rows]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))
