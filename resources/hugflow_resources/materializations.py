"""What Dagster is told of a dataset: one materialization per stage and shard.

The op yields them as shards finish, `local-sync` reports them, and the sensor adopts with them
what it finds on disk; all three say the same of the same shard.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import dagster as dg

from hugflow.exports.statistics import Spread, Statistics, from_json
from hugflow.ledger.markers import SHARD_STAGES, Marker, Stage, read_marker
from hugflow.shards.plan import Shard
from hugflow.stages.build import Build
from hugflow.stages.manifest import read_manifest
from hugflow.stages.processed import is_published

STAGES: Final[tuple[Stage, ...]] = (*SHARD_STAGES, "processed")
ROW_COUNT: Final = "dagster/row_count"
SAMPLE_ROWS: Final = 3
MOST_SAMPLE_CHARACTERS: Final = 160

Metadata = dict[str, Any]


def partitions_name(name: str) -> str:
    """The name under which Dagster keeps the shards of a dataset."""
    return f"{name}/shards"


def register_partitions(instance: dg.DagsterInstance, build: Build) -> None:
    """Let Dagster know the shards of the plan in force, in their order, and no others.

    A range is what lies between two keys in the order in which they were added.
    """
    known = list(instance.get_dynamic_partitions(partitions_name(build.name)))
    keys = list(build.plan.shard_by_key())
    if known == keys:
        return
    if known != keys[: len(known)]:
        for key in known:
            instance.delete_dynamic_partition(partitions_name(build.name), key)
    instance.add_dynamic_partitions(partitions_name(build.name), keys)


def materialize_command(name: str) -> str:
    """The command that materializes stages of a dataset; a partition or a range follows it."""
    selection = " or ".join(f'key:"{name}/{stage}"' for stage in STAGES)
    return f"dagster asset materialize -m hugflow_assets.definitions --select '{selection}'"


def plan_metadata(build: Build) -> Metadata:
    """What the plan settles, and how to go on."""
    plan = build.plan
    keys = list(plan.shard_by_key())
    metadata: Metadata = {
        "shards": len(plan.shards),
        "rows": plan.rows,
        "source_bytes": plan.source_bytes,
        "commit": dg.MetadataValue.url(_commit_url(build)),
        "licence": plan.licence or "none given",
        "gated": plan.is_gated,
        "audio_column": plan.audio_column or "none: text only",
        "text_column": plan.text_column or "none",
        "plan": _plan_file(build),
    }
    if keys:
        command = materialize_command(build.name)
        metadata["partition_range"] = f"{keys[0]}...{keys[-1]}"
        metadata["materialize_all"] = f"{command} --partition-range {keys[0]}...{keys[-1]}"
        metadata["materialize_one"] = f"{command} --partition {keys[0]}"
    if plan.warnings:
        metadata["warnings"] = dg.MetadataValue.text("\n".join(plan.warnings))
    return metadata


def stage_materialization(
    build: Build, shard: Shard, stage: Stage, marker: Marker
) -> dg.AssetMaterialization:
    """One of the stages `raw`, `audio` and `metadata`, done for one shard."""
    metadata: Metadata = {
        ROW_COUNT: marker.rows,
        "bytes": marker.bytes,
        "seconds": marker.seconds,
        "commit": dg.MetadataValue.url(_commit_url(build)),
    }
    if stage != "raw":
        metadata["failed_rows"] = len(marker.failed_rows)
        metadata["rows_per_second"] = (
            round(marker.rows / marker.seconds, 1) if marker.seconds else 0.0
        )
    if stage == "raw":
        metadata["source"] = dg.MetadataValue.url(_file_url(build, shard.file.path))
    elif stage == "audio":
        metadata |= {
            "audio_seconds": marker.audio_seconds,
            "audio_hours": round(marker.audio_seconds / 3600, 6),
            "copied": marker.copied,
            "encoded": marker.rows - marker.copied if build.plan.audio_column else 0,
            "path": dg.MetadataValue.path(str(build.folder.audio)),
        }
    else:
        metadata["path"] = dg.MetadataValue.path(str(build.folder.json))
        if marker.index_sha256 is not None:
            index = build.folder.index_file(shard.name)
            metadata["index"] = dg.MetadataValue.path(str(index))
            metadata["index_sha256"] = marker.index_sha256
            metadata |= _statistics_metadata(_read_shard_statistics(build, index))
        if sample := read_sample(build, shard, marker):
            metadata["sample"] = _to_table(sample)
    if marker.failed_rows:
        metadata["failed"] = _to_words(marker.failed_rows)
    return _materialization(build, shard, stage, metadata)


def processed_materialization(
    build: Build, shard: Shard, manifest: Mapping[str, Any]
) -> dg.AssetMaterialization:
    """The dataset is published, and this shard in it: figures of the whole, from its manifest."""
    rows, audio = manifest["rows"], manifest["audio"]
    marker = read_marker(build.state.marker(shard.name, "metadata"))
    metadata: Metadata = {
        ROW_COUNT: marker.rows if marker is not None else 0,
        "dataset_rows": rows["made"],
        "dataset_failed_rows": rows["failed"],
        "dataset_bytes": audio["bytes"] + manifest["json"]["bytes"],
        "dataset_hours": round(audio["seconds"] / 3600, 6),
        "dataset_copied": audio["copied"],
        "dataset_encoded": audio["encoded"],
        **_statistics_metadata(from_json(manifest.get("statistics")), "dataset_"),
        "licence": manifest["licence"] or "none given",
        "link": dg.MetadataValue.path(str(build.places.link(build.name))),
        "path": dg.MetadataValue.path(str(build.folder.root)),
        "commit": dg.MetadataValue.url(_commit_url(build)),
    }
    return _materialization(build, shard, "processed", metadata)


def unrecorded(instance: dg.DagsterInstance, build: Build) -> Iterator[dg.AssetMaterialization]:
    """Everything that is done on disk, whoever did it, and that Dagster has no event of."""
    if not _is_plan_recorded(instance, build):
        yield dg.AssetMaterialization(
            dg.AssetKey([build.name, "plan"]), metadata=plan_metadata(build)
        )
    recorded = {
        stage: instance.get_materialized_partitions(dg.AssetKey([build.name, stage]))
        for stage in STAGES
    }
    manifest = read_manifest(build.folder.manifest) if is_published(build) else None
    for key, shard in build.plan.shard_by_key().items():
        for stage in SHARD_STAGES:
            if key in recorded[stage]:
                continue
            marker = read_marker(build.state.marker(shard.name, stage))
            if marker is not None:
                yield stage_materialization(build, shard, stage, marker)
        if manifest is not None and key not in recorded["processed"]:
            yield processed_materialization(build, shard, manifest)


def read_sample(build: Build, shard: Shard, marker: Marker) -> list[dict[str, str | int | float]]:
    """The text and the length of a shard's first rows that stand, for people to look at."""
    failed: Collection[int] = frozenset(marker.failed_rows)
    sample: list[dict[str, str | int | float]] = []
    for row in shard.row_range:
        if len(sample) == SAMPLE_ROWS:
            break
        if row not in failed and (value := _read_row(build.folder.json / f"{row}.json")):
            info = value["audio_info"] if build.plan.audio_column is not None else {}
            sample.append(
                {
                    "row": row,
                    "text": str(value.get("text", ""))[:MOST_SAMPLE_CHARACTERS],
                    **({"duration": info["duration"], "audio": info["path"]} if info else {}),
                }
            )
    return sample


def _read_shard_statistics(build: Build, index: Path) -> Statistics | None:
    """Statistics of one shard; None where its index cannot be read, which is told elsewhere."""
    import polars as pl

    from hugflow.exports.measure import index_text_column, read_statistics

    try:
        return read_statistics([index], index_text_column(build.plan))
    except (OSError, pl.exceptions.PolarsError):
        return None


def _statistics_metadata(statistics: Statistics | None, prefix: str = "") -> Metadata:
    """Statistics as numbers, which plot over time, and counts by value as JSON."""
    metadata: Metadata = {}
    if statistics is not None and (audio := statistics.audio):
        metadata["hours"] = audio.hours
        metadata |= _spread_metadata("duration", audio.duration)
        for name in ("sampling_rates", "source_sampling_rates", "source_formats", "bitrates_kbps"):
            counts = {str(value): rows for value, rows in getattr(audio, name).items()}
            metadata[name] = dg.MetadataValue.json(counts)
    if statistics is not None and (text := statistics.text):
        metadata["characters"] = text.characters
        metadata["rows_without_text"] = text.empty_rows
        if text.characters_per_second is not None:
            metadata |= _spread_metadata("characters_per_second", text.characters_per_second)
    return {f"{prefix}{name}": value for name, value in metadata.items()}


def _spread_metadata(name: str, spread: Spread) -> Metadata:
    """The mean under the name itself, the percentiles beside it."""
    percentiles = {f"{name}_{field}": value for field, value in asdict(spread).items()}
    return {name: percentiles.pop(f"{name}_mean"), **percentiles}


def _is_plan_recorded(instance: dg.DagsterInstance, build: Build) -> bool:
    latest = instance.get_latest_materialization_event(dg.AssetKey([build.name, "plan"]))
    known = latest.asset_materialization if latest is not None else None
    return known is not None and known.metadata.get("plan") == _plan_file(build)


def _plan_file(build: Build) -> dg.PathMetadataValue:
    return dg.MetadataValue.path(str(build.places.plans(build.name) / f"{build.plan.id}.json"))


def _materialization(
    build: Build, shard: Shard, stage: Stage, metadata: Metadata
) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=dg.AssetKey([build.name, stage]),
        partition=build.plan.partition_key(shard),
        metadata=metadata,
    )


def _read_row(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _to_table(sample: list[dict[str, str | int | float]]) -> dg.TableMetadataValue:
    kinds = {str: "string", int: "int", float: "float"}
    columns = [dg.TableColumn(name, kinds[type(value)]) for name, value in sample[0].items()]
    records = [dg.TableRecord(dict(row)) for row in sample]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))


def _to_words(rows: tuple[int, ...]) -> str:
    shown = ", ".join(str(row) for row in rows[:20])
    return shown if len(rows) <= 20 else f"{shown} and {len(rows) - 20} more"


def _commit_url(build: Build) -> str:
    plan = build.plan
    return f"{build.hub.endpoint}/datasets/{plan.request.hf_id}/tree/{plan.commit}"


def _file_url(build: Build, path: str) -> str:
    plan = build.plan
    return f"{build.hub.endpoint}/datasets/{plan.request.hf_id}/blob/{plan.commit}/{quote(path)}"
