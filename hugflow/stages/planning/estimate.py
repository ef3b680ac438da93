"""The estimate of a plan, before the work: hours, bytes, files, disk, time.

Some figures are known. The others are estimated, and marked so, from a few rows that are read by
ranges and made into MP3s on this machine. The estimate is kept beside the plan, so that it can be
compared with the result:

    STATE_DIR/plans/<name>/<plan id>.estimate.json
    {"version": 1, "hours": 12.3, "basis": "sampled", "sampled_rows": 16, "mp3_bytes": ..., ...}
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from hugflow.audio.bad import AudioBad
from hugflow.audio.isolated import IsolatedConverter
from hugflow.audio.mp3 import AudioInfo
from hugflow.audio.value import SampledAudio
from hugflow.exports.export import Foreseen
from hugflow.exports.registry import foresee_exports
from hugflow.late_dataclass import dataclass
from hugflow.ledger.journal import Clip, RowMade
from hugflow.requests.flow_steps import FlowStep
from hugflow.rows.audio import audio_value
from hugflow.rows.record import render_row
from hugflow.shards.plan import Plan
from hugflow.shards.sample import read_sample
from hugflow.stages.build.build import Build
from hugflow.stages.planning.extrapolate import (
    SampledFile,
    SampledRow,
    Span,
    add_spans,
    extrapolate,
)
from hugflow.stages.standing.measure import measure_storage
from hugflow.stages.tree.manifest import Manifest
from hugflow.store.layout import Places
from hugflow.store.records import RecordForm
from hugflow.workers.by_module import open_workers

# A typical value, to measure the JSON without the values of the columns.
TYPICAL_STEM: Final = "clip_000000"
TYPICAL_AUDIO: Final = AudioInfo(
    sampling_rate=16_000,
    num_samples=100_000,
    source_format="flac",
    source_sampling_rate=16_000,
    source_channels=1,
    bitrate_kbps=160,
    copied=False,
    source_path="clip_000000.flac",
)
# The tree, its folders `audio` and `json`, failures.jsonl, the manifest, and the link.
FILES_BESIDE_ROWS: Final = 6
# A row's file of a step: braces, quotes and a line break; and a short field.
EMPTY_STEP_BYTES: Final = 12
LEAST_FIELD_BYTES: Final = 16
# Requests to the Hub in five minutes: https://huggingface.co/docs/hub/rate-limits.
WINDOW_S: Final = 300
FILES_PER_WINDOW: Final = {False: 3_000, True: 5_000}

_SILENCE: Final = SampledAudio(np.zeros(800, np.int16), 8_000)

Basis = Literal["measured", "sampled", "unknown"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimate of a plan; unknown figures are None.

    basis: the source of hours and mp3_bytes: the existing tree, sampled_rows rows, or nothing.
    files: the number of files in the finished tree.
    peak_bytes: the most disk that the work takes at one time.
    quota_left_bytes: the rest of STORAGE_QUOTA_GB before the work.
    rate_floor_s: the least time that the Hub's rate limit allows.
    eta_s: encoding time with all workers; fetching runs beside it.
    hours_range, mp3_bytes_range: where the figure will lie, 95 times of 100; None if it is exact.
    """

    hours: float | None
    basis: Basis
    sampled_rows: int
    mp3_bytes: int | None
    json_bytes: int | None
    files: int | None
    peak_bytes: int
    quota_left_bytes: int | None
    rate_floor_s: int
    eta_s: int | None
    hours_range: tuple[float, float] | None = None
    mp3_bytes_range: tuple[int, int] | None = None


ESTIMATE = RecordForm(
    Estimate, "the estimate", version=1, mend="delete the file, and plan the request again"
)


@dataclass(frozen=True, slots=True)
class _Means:
    """What sampled rows say: of all rows the seconds and the bytes of MP3s, of a row its cost.

    seconds: of the main audio column; mp3_bytes: of all. None if no row was made.
    audio_bytes: of the published audio column; other_bytes: of all columns that have no MP3s.
    text_bytes: of the text column.
    """

    rows: int
    seconds: Span | None
    mp3_bytes: Span | None
    cpu_s: float
    audio_bytes: float
    other_bytes: float
    text_bytes: float


@dataclass(frozen=True, slots=True)
class Compared:
    """A planned and an actual figure, in the unit of the estimate.

    planned: None if it was unknown.
    """

    what: Literal["rows", "hours", "mp3_bytes", "json_bytes", "files"]
    planned: float | None
    actual: float


def estimate(build: Build) -> Estimate:
    """Estimate a build and keep the estimate; for a complete build, give the actual figures.

    Reads some rows from the Hub unless the build is complete. Raises the Hub's errors.
    """
    manifest = build.stored.manifest
    if manifest is not None and manifest.plan == build.plan.id:
        return _measure_tree(build, manifest)
    estimated = _extrapolate(build)
    ESTIMATE.write(_path(build.places, build.plan), estimated)
    return estimated


def compare(build: Build, estimated: Estimate, manifest: Manifest) -> list[Compared]:
    """Compare the estimate with the finished tree."""
    rows = manifest.rows.made
    return [
        Compared("rows", build.plan.rows, rows),
        Compared("hours", estimated.hours, round(manifest.hours, 3)),
        Compared("mp3_bytes", estimated.mp3_bytes, manifest.audio.bytes),
        Compared("json_bytes", estimated.json_bytes, manifest.json.bytes),
        Compared("files", estimated.files, _count_files(build, rows) + _flow_files(manifest)),
    ]


def read_estimate(places: Places, plan: Plan) -> Estimate | None:
    """The estimate made before the work; None if there is none or it cannot be read."""
    return ESTIMATE.read(_path(places, plan))


def _extrapolate(build: Build) -> Estimate:
    """Estimate a whole build from a few of its rows."""
    plan, rows = build.plan, build.plan.rows
    if rows is None:
        return _without_rows(build)
    means = _measure_sample(build)
    hours: float | None = None
    mp3_bytes: int | None = None
    hours_range: tuple[float, float] | None = None
    mp3_range: tuple[int, int] | None = None
    basis: Basis = "unknown"
    if plan.audio_column is None:
        hours, mp3_bytes, basis = 0.0, 0, "measured"
    elif means.seconds is not None and means.mp3_bytes is not None:
        seconds, size = means.seconds, means.mp3_bytes
        hours, mp3_bytes, basis = seconds.middle / 3600, round(size.middle), "sampled"
        hours_range = round(seconds.low / 3600, 3), round(seconds.high / 3600, 3)
        mp3_range = math.floor(size.low), math.ceil(size.high)
    json_bytes = round(_json_row_bytes(build, means) * rows)
    made = mp3_bytes if mp3_bytes is not None else plan.source_bytes
    exports_bytes = foresee_exports(
        Foreseen(plan, rows, means.other_bytes), build.chosen_exports
    ).bytes
    return Estimate(
        hours=None if hours is None else round(hours, 3),
        basis=basis,
        sampled_rows=means.rows,
        mp3_bytes=mp3_bytes,
        json_bytes=json_bytes,
        files=_count_files(build, rows) + rows * len(build.request.flows),
        peak_bytes=made
        + json_bytes
        + exports_bytes
        + _raw_bytes(build)
        + round(rows * _flow_row_bytes(build.request.flows, means)),
        quota_left_bytes=_quota_left_bytes(build),
        rate_floor_s=_rate_floor_s(build),
        eta_s=round(means.cpu_s * rows / build.options.workers) if means.rows else None,
        hours_range=hours_range,
        mp3_bytes_range=mp3_range,
    )


def _without_rows(build: Build) -> Estimate:
    """Estimate a build whose rows are unknown before they are fetched."""
    return Estimate(
        hours=0.0 if build.plan.audio_column is None else None,
        basis="unknown",
        sampled_rows=0,
        mp3_bytes=0 if build.plan.audio_column is None else None,
        json_bytes=None,
        files=None,
        peak_bytes=build.plan.source_bytes + _raw_bytes(build),
        quota_left_bytes=_quota_left_bytes(build),
        rate_floor_s=_rate_floor_s(build),
        eta_s=None,
    )


def _raw_bytes(build: Build) -> int:
    """Fetched bytes in STATE_DIR at one time: of the shard in work, and of those ahead of it."""
    sizes = sorted((shard.size_bytes for shard in build.plan.shards), reverse=True)
    ahead = min(sum(sizes[1:]), build.options.fetch_ahead_bytes)
    return sum(sizes[:1]) + max(ahead, *sizes[1:2], 0)


def _json_row_bytes(build: Build, means: _Means) -> float:
    """Bytes of a row's JSON: the values, plus a row without values."""
    plan = build.plan
    audio = None if plan.audio_column is None else TYPICAL_AUDIO
    others = tuple(Clip(None, TYPICAL_AUDIO) for _ in plan.all_audio[1:])
    empty = RowMade(0, TYPICAL_STEM, None, None, audio, others)
    frame = render_row(plan, build.tree, empty, dict.fromkeys(plan.columns, ""))
    # A text column of another name is written a second time, as `text`.
    repeated = 0.0 if plan.text_column in (None, "text") else means.text_bytes
    return means.other_bytes + repeated + len(frame)


def _measure_tree(build: Build, manifest: Manifest) -> Estimate:
    """The figures of the complete tree: no more work is needed."""
    return Estimate(
        hours=round(manifest.hours, 3),
        basis="measured",
        sampled_rows=0,
        mp3_bytes=manifest.audio.bytes,
        json_bytes=manifest.json.bytes,
        files=_count_files(build, manifest.rows.made) + _flow_files(manifest),
        peak_bytes=0,
        quota_left_bytes=_quota_left_bytes(build),
        rate_floor_s=0,
        eta_s=0,
    )


def _count_files(build: Build, rows: int) -> int:
    """Files, and so inodes, of a finished tree with so many rows."""
    plan = build.plan
    files_per_row, folders = 1 + len(plan.all_audio), len(plan.all_audio[1:])
    exports = foresee_exports(Foreseen(plan, rows, row_bytes=0), build.chosen_exports)
    return rows * files_per_row + exports.files + folders + FILES_BESIDE_ROWS


def _flow_files(manifest: Manifest) -> int:
    """The files of the rows of all steps of a complete tree."""
    steps = manifest.flows.steps if manifest.flows is not None else ()
    return sum(step.rows + step.dropped for step in steps)


def _flow_row_bytes(steps: Sequence[FlowStep], means: _Means) -> float:
    """Bytes that the steps write for a row: each field is taken for as long as the row's text."""
    fields = [name for step in steps for name in step.gives]
    value_bytes = max(means.text_bytes, LEAST_FIELD_BYTES)
    return len(steps) * EMPTY_STEP_BYTES + sum(len(name) + value_bytes for name in fields)


def _quota_left_bytes(build: Build) -> int | None:
    quota = build.options.storage_quota_bytes
    return None if quota is None else max(0, quota - measure_storage(build.places))


def _measure_sample(build: Build) -> _Means:
    """Make MP3s of a few rows and discard them; skip clips that cannot be made.

    Runs in a child process, so that a clip that crashes a codec does not prevent planning.
    """
    copy_mp3 = build.plan.request.mp3_source == "copy"
    with open_workers() as workers:
        convert = IsolatedConverter(workers, copy_mp3, rules=build.clip_rules)
        if build.plan.audio_column is not None:
            # The cost of starting the process is paid once, not per row.
            convert(_SILENCE).close()
        main, *others = (
            _measure_column(convert, build, column) for column in build.plan.all_audio or (None,)
        )
    # Each measures its own column, so the others' bytes are among those of the main one.
    sizes = [means.mp3_bytes for means in (main, *others) if means.mp3_bytes is not None]
    return replace(
        main,
        mp3_bytes=add_spans(sizes) if sizes else None,
        cpu_s=main.cpu_s + sum(means.cpu_s for means in others),
        other_bytes=max(0.0, main.other_bytes - sum(means.audio_bytes for means in others)),
    )


def _measure_column(convert: IsolatedConverter, build: Build, column: str | None) -> _Means:
    """The average cost of a row, as far as one audio column makes it."""
    rows, audio, other, text, spent = 0, 0.0, 0.0, 0.0, 0.0
    files: list[SampledFile] = []
    for shard, sampled in read_sample(build.hub, build.plan, column):
        made: list[SampledRow] = []
        other, text = other + sampled.other_row_bytes, text + sampled.text_row_bytes
        audio += sampled.audio_row_bytes
        for place, scalar in enumerate(sampled.audio):
            began, stored_bytes = time.perf_counter(), sampled.audio[place : place + 1].nbytes
            try:
                with convert(audio_value(scalar)) as mp3:
                    made.append(SampledRow(stored_bytes, mp3.info.duration, mp3.size_bytes))
            except AudioBad:
                continue
            rows, spent = rows + 1, spent + time.perf_counter() - began
        files.append(
            SampledFile(tuple(made), shard.rows or 0, shard.size_bytes, sampled.audio_bytes)
        )
    number = max(len(files), 1)
    whole = (files, build.plan.rows or 0, build.plan.source_bytes)
    return _Means(
        rows=rows,
        seconds=extrapolate(*whole, lambda row: row.seconds),
        mp3_bytes=extrapolate(*whole, lambda row: row.mp3_bytes),
        cpu_s=spent / max(rows, 1),
        audio_bytes=audio / number,
        other_bytes=other / number,
        text_bytes=text / number,
    )


def _rate_floor_s(build: Build) -> int:
    """The least seconds that the requests for all files take."""
    per_window = FILES_PER_WINDOW[bool(build.hub.token)]
    windows = max(0, -(-build.plan.file_count // per_window) - 1)
    return windows * WINDOW_S


def _path(places: Places, plan: Plan) -> Path:
    return places.plans(plan.dataset) / f"{plan.id}.estimate.json"
