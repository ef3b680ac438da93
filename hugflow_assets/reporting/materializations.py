"""Materializations of a dataset: one per stage and shard.

The op yields them as shards finish, `local-sync` reports them, and the sensor records with them
what it finds on disk. All three give the same materialization for the same shard.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import dagster as dg

from hugflow.ledger.markers import Marker, read_marker
from hugflow.ledger.stages import (
    FLOWS,
    PUBLISHING,
    ROW_STAGES,
    SHARD_STAGES,
    STAGE_NAMES,
    StageName,
    asset_names,
    first_row_stage,
)
from hugflow.shards.plan import Shard
from hugflow.stages.build.build import Build
from hugflow.stages.tree.flow_files import flows_folder, made_index_file
from hugflow.stages.tree.manifest import Manifest, ManifestFlows, ManifestStep
from hugflow.statistics.figures import Spread, Statistics
from hugflow_assets.reporting.glimpses import (
    Metadata,
    dataset_durations_metadata,
    durations_metadata,
    failed_metadata,
    listen_metadata,
    sample_metadata,
    waveform_metadata,
)
from hugflow_assets.reporting.links import commit_url, file_url
from hugflow_resources.asset_keys import stage_key

ROW_COUNT: Final = "dagster/row_count"
# Pictures and tables cost more than everything else that an event holds.
PICTURED_SHARDS: Final = 20
COLUMN_SCHEMA: Final = "dagster/column_schema"
SECONDS_BY_STAGE: Final = {
    "raw": "fetch_seconds",
    "audio": "encode_seconds",
    "metadata": "write_seconds",
}


def partitions_name(name: str) -> str:
    """The name under which Dagster keeps the shards of a dataset."""
    return f"{name}/shards"


def register_partitions(instance: dg.DagsterInstance, build: Build) -> None:
    """Make the shards of the plan in force, in their order, the dataset's only partitions.

    A range of partitions follows the order in which the keys were added.
    """
    known = list(instance.get_dynamic_partitions(partitions_name(build.name)))
    keys = list(build.plan.shard_by_key())
    if known == keys:
        return
    if known != keys[: len(known)]:
        for key in known:
            instance.delete_dynamic_partition(partitions_name(build.name), key)
    instance.add_dynamic_partitions(partitions_name(build.name), keys)


def materialize_command(name: str, *, has_flows: bool = False) -> str:
    """The command that materializes stages of a dataset; append a partition or a range."""
    stages = asset_names(has_flows=has_flows)
    selection = " or ".join(f'key:"{name}/{stage}"' for stage in stages)
    return f"dagster asset materialize -m hugflow_assets.definitions --select '{selection}'"


def plan_metadata(build: Build) -> Metadata:
    """What the plan fixes, and the next commands."""
    plan = build.plan
    keys = list(plan.shard_by_key())
    metadata: Metadata = {}
    if plan.warnings:
        metadata["warnings"] = dg.MetadataValue.text("\n".join(plan.warnings))
    metadata |= {
        "shards": len(plan.shards),
        "rows": "not known before they are fetched" if plan.rows is None else plan.rows,
        "source_bytes": plan.source_bytes,
        "commit": dg.MetadataValue.url(commit_url(build)),
        "licence": plan.licence or "none given",
        "gated": plan.is_gated,
        "audio_column": ", ".join(plan.all_audio) or "none: text only",
        "text_column": plan.text_column or "none",
        "plan": _plan_file(build),
    }
    if keys:
        command = materialize_command(build.name, has_flows=bool(build.request.flows))
        metadata["partition_range"] = f"{keys[0]}...{keys[-1]}"
        metadata["materialize_all"] = f"{command} --partition-range {keys[0]}...{keys[-1]}"
        metadata["materialize_one"] = f"{command} --partition {keys[0]}"
    return metadata


def is_pictured(build: Build, shard: Shard) -> bool:
    """Whether a shard's events have pictures and sample rows: the first shards, and the last.

    Of the last shard is the event that an asset's page shows.
    """
    shards = build.plan.shards
    return shard.name in {each.name for each in (*shards[: PICTURED_SHARDS - 1], shards[-1])}


def stage_materialization(
    build: Build, shard: Shard, stage: StageName, marker: Marker
) -> dg.AssetMaterialization:
    """One of SHARD_STAGES, done for one shard.

    Pages show entries in this order, so the most important ones come first.
    """
    metadata: Metadata = {ROW_COUNT: marker.rows}
    if stage in ROW_STAGES:
        metadata["failed_rows"] = len(marker.failed_rows)
    if stage == first_row_stage(has_audio=build.plan.audio_column is not None):
        metadata |= failed_metadata(build, shard, marker)
    has_pictures = is_pictured(build, shard)
    if stage == "audio":
        if has_pictures:
            metadata |= waveform_metadata(build, shard, marker)
            metadata |= listen_metadata(build, shard, marker)
        metadata |= _audio_metadata(build, marker)
    elif stage == "metadata":
        if has_pictures:
            metadata |= sample_metadata(build, shard, marker)
            metadata |= listen_metadata(build, shard, marker)
        if marker.index_sha256 is not None:
            index = made_index_file(build.folder, shard.name)
            metadata |= _schema_metadata(index)
            if has_pictures:
                metadata |= durations_metadata(index)
            metadata |= _statistics_metadata(_read_shard_statistics(build, index))
    metadata |= {"bytes": marker.bytes, SECONDS_BY_STAGE[stage]: marker.seconds}
    if stage in ROW_STAGES:
        metadata |= _speed_metadata(marker)
    metadata |= _place_metadata(build, shard, stage, marker)
    metadata["commit"] = dg.MetadataValue.url(commit_url(build))
    return _materialization(build, shard, stage, metadata, _in_words(stage, shard, marker))


def flows_materialization(
    build: Build, shard: Shard, steps: Sequence[ManifestStep]
) -> dg.AssetMaterialization:
    """The row steps are done for one shard: a line for each, of the rows that are counted so far."""
    last = steps[-1]
    metadata: Metadata = {
        ROW_COUNT: last.rows,
        "steps": _steps_table(steps),
        "path": dg.MetadataValue.path(str(flows_folder(build.folder))),
        "version": last.version,
    }
    words = f"{last.rows:,} rows went through {len(steps)} steps"
    event = _materialization(build, shard, FLOWS, metadata, words)
    # What Dagster compares to say that something is out of date.
    return event._replace(tags={**(event.tags or {}), "dagster/data_version": last.version})


def _steps_table(steps: Sequence[ManifestStep]) -> dg.TableMetadataValue:
    """A line for each step."""
    records = [
        dg.TableRecord(
            {
                "step": step.name,
                "module": step.module or step.flow,
                "commit": step.commit or "own code",
                "rows": step.rows,
                "dropped": step.dropped,
                "errors": step.errors,
            }
        )
        for step in steps
    ]
    return dg.MetadataValue.table(records)


def processed_materializations(
    build: Build, shards: Iterable[Shard], manifest: Manifest
) -> Iterator[dg.AssetMaterialization]:
    """The shards are published with their dataset; the figures are the manifest's, of the dataset."""
    pictures = dataset_durations_metadata(build, manifest)
    figures, words = _dataset_metadata(build, manifest)
    for shard in shards:
        marker = read_marker(build.state.marker(shard.name, "metadata"))
        metadata: Metadata = {
            ROW_COUNT: manifest.rows.made,
            "shard_rows": marker.rows if marker is not None else 0,
        }
        if is_pictured(build, shard):
            metadata |= pictures
        yield _materialization(build, shard, PUBLISHING, metadata | figures, words)


def _dataset_metadata(build: Build, manifest: Manifest) -> tuple[Metadata, str]:
    """What the events of all shards say of the dataset, and the line for it."""
    rows, failures = manifest.rows, build.folder.failures
    metadata: Metadata = {
        "link": dg.MetadataValue.path(str(build.places.link(build.name))),
        "path": dg.MetadataValue.path(str(build.folder.root)),
        "commit": dg.MetadataValue.url(commit_url(build)),
        "licence": manifest.licence or "none given",
        "dataset_rows": rows.made,
        "dataset_failed_rows": rows.failed,
        **({"failures": dg.MetadataValue.path(str(failures))} if rows.failed else {}),
        "dataset_bytes": manifest.size_bytes,
        "dataset_hours": round(manifest.hours, 6),
        "dataset_copied": manifest.audio.copied,
        "dataset_encoded": manifest.audio.encoded,
        **_notes_metadata(manifest.audio.repaired, manifest.audio.levels, "dataset_"),
        **_statistics_metadata(manifest.statistics, "dataset_"),
        **_exports_metadata(manifest),
    }
    words = f"the dataset is published: {rows.made:,} rows, {rows.failed:,} failed"
    if manifest.flows is not None:
        last = manifest.flows.steps[-1]
        metadata |= {
            "dataset_rows_after_steps": last.rows,
            "dataset_steps": _steps_table(manifest.flows.steps),
        }
        words += f"; {last.rows:,} went through its steps"
    return metadata, words


def unrecorded(
    instance: dg.DagsterInstance, build: Build, published: Manifest | None
) -> Iterator[dg.AssetMaterialization]:
    """Everything that is done on disk and that Dagster has no event for.

    published: the manifest of the dataset if it is published under this plan.
    """
    if not _is_plan_recorded(instance, build):
        yield dg.AssetMaterialization(stage_key(build.name, "plan"), metadata=plan_metadata(build))
    recorded = {
        stage: instance.get_materialized_partitions(stage_key(build.name, stage))
        for stage in STAGE_NAMES
    }
    for key, shard in build.plan.shard_by_key().items():
        for stage in SHARD_STAGES:
            if key in recorded[stage]:
                continue
            marker = read_marker(build.state.marker(shard.name, stage))
            if marker is not None:
                yield stage_materialization(build, shard, stage, marker)
        if (
            published is not None
            and published.flows is not None
            and build.request.flows
            and not _is_flow_recorded(instance, build, key, published.flows)
        ):
            yield flows_materialization(build, shard, published.flows.steps)
    if published is not None:
        untold = [
            shard
            for key, shard in build.plan.shard_by_key().items()
            if key not in recorded[PUBLISHING]
        ]
        if untold:
            yield from processed_materializations(build, untold, published)


def _audio_metadata(build: Build, marker: Marker) -> Metadata:
    return {
        "audio_hours": round(marker.audio_seconds / 3600, 6),
        "audio_seconds": marker.audio_seconds,
        "copied": marker.copied,
        "encoded": marker.rows * len(build.plan.all_audio) - marker.copied,
        **_notes_metadata(marker.repaired, marker.levels),
    }


def _notes_metadata(
    repaired: Mapping[str, int], levels: Mapping[str, int], prefix: str = ""
) -> Metadata:
    """Clips that were repaired, and that no longer sound as they did; nothing where there are none."""
    counts = {f"{prefix}repaired": repaired, f"{prefix}levels": levels}
    return {name: dg.MetadataValue.json(dict(each)) for name, each in counts.items() if each}


def _speed_metadata(marker: Marker) -> Metadata:
    rows, seconds = marker.rows, marker.seconds
    return {
        "seconds_per_row": round(seconds / rows, 6) if rows else 0.0,
        "rows_per_second": round(rows / seconds, 1) if seconds else 0.0,
    }


def _place_metadata(build: Build, shard: Shard, stage: StageName, marker: Marker) -> Metadata:
    """Where the shard came from, or where it is stored."""
    if stage == "raw":
        return {"source": dg.MetadataValue.url(file_url(build, shard.files[0].path))}
    if stage == "audio":
        return {"path": dg.MetadataValue.path(str(build.folder.audio))}
    places: Metadata = {"path": dg.MetadataValue.path(str(build.folder.json))}
    if marker.index_sha256 is not None:
        index = made_index_file(build.folder, shard.name)
        places["index"] = dg.MetadataValue.path(str(index))
        places["index_sha256"] = marker.index_sha256
    return places


def _read_shard_statistics(build: Build, index: Path) -> Statistics | None:
    """Statistics of one shard; None when its index cannot be read (reported elsewhere)."""
    import polars as pl

    from hugflow.statistics.measure import index_text_column, read_statistics

    try:
        return read_statistics([index], index_text_column(build.plan))
    except (OSError, pl.exceptions.PolarsError):
        return None


def _statistics_metadata(statistics: Statistics | None, prefix: str = "") -> Metadata:
    """Statistics as numbers, which plot over time, and counts by value as JSON."""
    metadata: Metadata = {}
    if statistics is not None and (audio := statistics.audio):
        metadata["hours"] = audio.hours
        metadata |= _spread_metadata("duration", audio.duration, unit="_s")
        for name in ("sampling_rates", "source_sampling_rates", "source_formats", "bitrates_kbps"):
            counts = {str(value): rows for value, rows in getattr(audio, name).items()}
            metadata[name] = dg.MetadataValue.json(counts)
        for name, spread in audio.quality.items():
            metadata |= _spread_metadata(name, spread)
    if statistics is not None and (text := statistics.text):
        metadata["characters"] = text.characters
        metadata["rows_without_text"] = text.empty_rows
        if text.characters_per_second is not None:
            metadata |= _spread_metadata("characters_per_second", text.characters_per_second)
    return {f"{prefix}{name}": value for name, value in metadata.items()}


def _exports_metadata(manifest: Manifest) -> Metadata:
    """The files of each export, relative to the tree; none if the manifest records none."""
    files = {name: sorted(export.files) for name, export in manifest.exports.items()}
    return {"exports": dg.MetadataValue.json(files)} if files else {}


def _spread_metadata(name: str, spread: Spread, *, unit: str = "") -> Metadata:
    """The mean first, the percentiles beside it: `duration_mean_s`, `duration_p50_s`."""
    values = asdict(spread)
    values = {"mean": values.pop("mean"), **values}
    return {f"{name}_{field}{unit}": value for field, value in values.items()}


def _schema_metadata(index: Path) -> Metadata:
    """The columns of a shard's index; nothing when it cannot be read (reported elsewhere)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(index)
    except (OSError, pa.ArrowException):
        return {}
    columns = [dg.TableColumn(field.name, str(field.type)) for field in schema]
    return {COLUMN_SCHEMA: dg.TableSchema(columns)}


def _is_flow_recorded(
    instance: dg.DagsterInstance, build: Build, partition: str, flows: ManifestFlows
) -> bool:
    """Whether Dagster knows of a shard's steps at their version."""
    key = stage_key(build.name, FLOWS)
    filters = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
    records = instance.fetch_materializations(filters, limit=1).records
    known = records[0].asset_materialization if records else None
    version = known.metadata.get("version") if known is not None else None
    return version is not None and version.value == flows.steps[-1].version


def _is_plan_recorded(instance: dg.DagsterInstance, build: Build) -> bool:
    latest = instance.get_latest_materialization_event(stage_key(build.name, "plan"))
    known = latest.asset_materialization if latest is not None else None
    return known is not None and known.metadata.get("plan") == _plan_file(build)


def _plan_file(build: Build) -> dg.PathMetadataValue:
    return dg.MetadataValue.path(str(build.places.plans(build.name) / f"{build.plan.id}.json"))


def _in_words(stage: StageName, shard: Shard, marker: Marker) -> str:
    """The line for a stage in the run's log, which shows only the first entries beside it."""
    words = f"{stage} of shard {shard.name}: {marker.rows:,} rows, {marker.bytes:,} bytes"
    return f"{words}, {len(marker.failed_rows):,} failed" if stage in ROW_STAGES else words


def _materialization(
    build: Build, shard: Shard, stage: str, metadata: Metadata, words: str
) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=stage_key(build.name, stage),
        description=words,
        partition=build.plan.partition_key(shard),
        metadata=metadata,
    )
