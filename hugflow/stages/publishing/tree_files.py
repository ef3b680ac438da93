"""The files that complete a tree once its rows are in: failures.jsonl, exports, the manifest."""

import json
import platform
import socket
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final, TypeAlias

from hugflow.exports.export import ExportSource
from hugflow.ledger.journal import RowFailed, read_journal
from hugflow.ledger.markers import Marker, read_marker
from hugflow.ledger.stages import NEEDED_TO_PUBLISH, StageName
from hugflow.redact import in_a_line
from hugflow.requests.grammar import BadRowBudget
from hugflow.requests.model import Identity
from hugflow.shards.plan import Shard
from hugflow.shards.taken_lines import find_untaken
from hugflow.stages.build.build import Build, rows_by_shard
from hugflow.stages.flowing.flowed import Flowed
from hugflow.stages.publishing.write_exports import write_exports
from hugflow.stages.tree.flow_files import made_index_file
from hugflow.stages.tree.manifest import (
    Manifest,
    ManifestAudio,
    ManifestJson,
    ManifestRows,
    ManifestRun,
    ManifestSettings,
    ManifestSource,
    render_manifest,
)
from hugflow.statistics.figures import Statistics, with_notes
from hugflow.store.atomic import write_file, write_if_changed
from hugflow.store.layout import DatasetState

# Rows of tables without a clip that are named.
MOST_UNMATCHED_NAMED: Final = 3
# By stage (those needed for publishing), then by the shard's name.
Markers: TypeAlias = Mapping[StageName, Mapping[str, Marker]]


def read_markers(build: Build) -> Markers | None:
    """The markers of all shards, or None when one is missing."""
    found: dict[StageName, dict[str, Marker]] = {stage: {} for stage in NEEDED_TO_PUBLISH}
    for shard in build.shards:
        for stage, markers in found.items():
            marker = read_marker(build.state.marker(shard.name, stage))
            if marker is None:
                return None
            markers[shard.name] = marker
    return found


def has_indexes(build: Build, markers: Markers) -> bool:
    """Whether every index exists as its marker says; a deleted tree has none."""
    for name, marker in markers["metadata"].items():
        index = made_index_file(build.folder, name)
        size = index.stat().st_size if index.is_file() else 0
        if size != marker.index_bytes:
            return False
    return True


def count_made(markers: Markers) -> int:
    """The number of rows made in all shards."""
    return sum(marker.rows for marker in markers["metadata"].values())


def count_unmatched(build: Build) -> int:
    """Rows of tables whose clip is in none of several archives, so that they are in no shard."""
    listed = build.plan.listed_rows
    if listed is None or build.sample_rows is not None:
        return 0
    return max(0, listed - sum(map(len, rows_by_shard(build))))


def name_unmatched(build: Build, markers: Markers) -> tuple[str, ...]:
    """The first of the rows that `count_unmatched` counts, as `row 4 of train.csv`, from 1.

    Empty if the shards do not say it, as those that an earlier version made.
    """
    if not count_unmatched(build):
        return ()
    # Imported only for such datasets.
    from hugflow.shards.layouts.table_archives import listed_rows

    listed = listed_rows(build.plan.shards[0])
    made = (each for each in markers["metadata"].values() if each.rows or each.failed_rows)
    count = sum(rows for _, rows in listed)
    named = []
    for line in find_untaken((marker.taken for marker in made), count, MOST_UNMATCHED_NAMED):
        row = line
        for table, rows in listed:
            if row < rows:
                named.append(in_a_line(f"row {row + 1:,} of {table}"))
                break
            row -= rows
    return tuple(named)


def index_digests(markers: Markers) -> dict[str, str]:
    """The sha256 of each index, by its path in the tree."""
    return {
        f"index/{name}.parquet": marker.index_sha256
        for name, marker in markers["metadata"].items()
        if marker.index_sha256 is not None
    }


def render_failures(state: DatasetState, rows: Iterable[tuple[Shard, range]]) -> str:
    """The text of failures.jsonl from the ledger. rows: each shard's rows to make."""
    return _render(_find_failures(state, rows))


def write_failures(build: Build) -> list[RowFailed]:
    """Write failures.jsonl, empty when every row was made; returns the failed rows in order."""
    found = list(_find_failures(build.state, _rows(build)))
    write_if_changed(build.folder.failures, _render(found))
    return [failed for _, failed in found]


def read_failures(build: Build) -> list[RowFailed]:
    """The failed rows, from the ledger, in order."""
    return [failed for _, failed in _find_failures(build.state, _rows(build))]


def _rows(build: Build) -> list[tuple[Shard, range]]:
    return [(shard, build.rows_of(shard)) for shard in build.shards]


def _find_failures(
    state: DatasetState, rows: Iterable[tuple[Shard, range]]
) -> Iterator[tuple[str, RowFailed]]:
    """The failed rows, each with its shard's name, in order."""
    for shard, numbers in rows:
        marker = read_marker(state.marker(shard.name, "metadata"))
        if marker is not None and not marker.failed_rows:
            # Its journal may be long and has no failures.
            continue
        outcomes = read_journal(state.journal(shard.name))
        for row in sorted(outcomes):
            if row in numbers and isinstance(outcome := outcomes[row], RowFailed):
                yield shard.name, outcome


def write_manifest(
    build: Build,
    markers: Markers,
    budget: BadRowBudget,
    old: Manifest | None,
    flowed: Flowed | None = None,
    check: Callable[[Manifest], None] = lambda manifest: None,
) -> tuple[Manifest, bool]:
    """Write the exports, then the manifest; return the manifest and whether it was unchanged.

    check: called between both unless nothing has changed; what it raises keeps the manifest from
    being written.
    budget: the bad rows that were allowed. old: the manifest of the tree before. flowed: what the
    row steps came to, where there are some.
    """
    manifest = _compose_manifest(build, markers, budget, old, flowed)
    plan = build.plan if flowed is None else flowed.record.of_index(build.plan)
    source = ExportSource(
        plan,
        build.folder,
        build.request.description,
        manifest.statistics,
        home=build.final_folder,
        index=manifest.index,
        keep=manifest.keep,
    )
    exports = write_exports(source, build.chosen_exports, manifest, old)
    manifest = replace(manifest, exports=exports)
    if old is not None and old.has_same_rows(manifest):
        return old, True
    check(manifest)
    write_file(build.folder.manifest, render_manifest(manifest))
    return manifest, False


def _find_statistics(
    build: Build, index: Mapping[str, str], rows: int, old: Manifest | None
) -> Statistics:
    """The statistics of the index; for an unchanged index, those in the old manifest."""
    if old is not None and old.index == index:
        known = old.statistics
        if known is not None and known.rows == rows:
            return known
    # Imported only if needed: polars takes as long to load as everything else.
    from hugflow.statistics.measure import plan_statistics

    return plan_statistics(build.plan, build.folder)


def _render(failures: Iterable[tuple[str, RowFailed]]) -> str:
    lines = (
        {"row": failed.row, "shard": shard, "code": failed.code, "message": failed.message}
        for shard, failed in failures
    )
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _compose_manifest(
    build: Build,
    markers: Markers,
    budget: BadRowBudget,
    old: Manifest | None,
    flowed: Flowed | None,
) -> Manifest:
    """The manifest of a tree whose shards are all done. old: the existing manifest."""
    plan = build.plan
    audio, metadata = markers["audio"].values(), markers["metadata"].values()
    made = count_made(markers)
    index = index_digests(markers) if flowed is None else flowed.index
    indexed = made if flowed is None else flowed.rows
    is_by_shard = plan.numbering == "by_shard"
    planned = tuple(len(rows) for rows in rows_by_shard(build))
    return Manifest(
        dataset=plan.dataset,
        sample=build.sample_rows,
        request=Identity(
            plan.request.hf_id, plan.request.subset, plan.request.split, plan.request.revision
        ),
        commit=plan.commit,
        plan=plan.id,
        licence=plan.licence,
        columns=plan.columns,
        audio_column=plan.audio_column,
        audio_columns=plan.all_audio if plan.all_audio[1:] else (),
        text_column=plan.text_column,
        settings=ManifestSettings.of(plan.request, budget),
        source=ManifestSource.of(plan),
        numbering="by_shard" if is_by_shard else None,
        rows=ManifestRows(
            planned=sum(planned),
            made=made,
            failed=sum(len(marker.failed_rows) for marker in metadata),
            left_out=flowed.left_out if flowed is not None else 0,
            by_shard=planned if is_by_shard else None,
            unmatched=count_unmatched(build),
            unmatched_rows=name_unmatched(build, markers),
        ),
        audio=_count_audio(audio, files=made * len(plan.all_audio)),
        json=ManifestJson(made, sum(marker.bytes for marker in metadata)),
        index=index,
        lost_values=_lost_values(metadata, index, old),
        statistics=with_notes(
            _find_statistics(build, index, indexed, old),
            repaired=_sum_counts(marker.repaired for marker in audio),
            levels=_sum_counts(marker.levels for marker in audio),
        ),
        run=ManifestRun(
            finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            host=socket.gethostname(),
            hugflow=version("hugflow"),
            python=platform.python_version(),
        ),
        flows=flowed.record if flowed is not None else None,
    )


def _lost_values(
    markers: Collection[Marker], index: Mapping[str, str], old: Manifest | None
) -> Mapping[str, int]:
    """The values without a column; of rows that another run has made, as the old manifest says."""
    lost = _sum_counts(marker.lost for marker in markers)
    if not lost and old is not None and old.index == index:
        return old.lost_values
    return lost


def _count_audio(markers: Collection[Marker], *, files: int) -> ManifestAudio:
    copied = sum(marker.copied for marker in markers)
    return ManifestAudio(
        files=files,
        bytes=sum(marker.bytes for marker in markers),
        seconds=round(sum(marker.audio_seconds for marker in markers), 3),
        copied=copied,
        encoded=max(0, files - copied),
        repaired=_sum_counts(marker.repaired for marker in markers),
        levels=_sum_counts(marker.levels for marker in markers),
    )


def _sum_counts(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))
