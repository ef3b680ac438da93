"""What a plan will come to, before the work: hours, bytes, files, disk, time.

What can be known is known; the rest is worked out from a few rows that are read by ranges and made
into MP3s on this machine, and is marked so. It is kept beside the plan, so that afterwards the
plan can be held against what came of it:

    STATE_DIR/plans/<name>/<plan id>.estimate.json
    {"version": 1, "hours": 12.3, "basis": "sampled", "sampled_rows": 16, "mp3_bytes": ..., ...}
"""

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from hugflow.audio.bad import AudioBad
from hugflow.audio.isolated import IsolatedConverter
from hugflow.audio.mp3 import AudioInfo
from hugflow.audio.value import SampledAudio
from hugflow.clients.hub import Hub
from hugflow.exports.export import Foreseen
from hugflow.exports.registry import foresee_exports
from hugflow.ledger.journal import RowMade
from hugflow.rows.audio import audio_value
from hugflow.rows.record import render_row
from hugflow.shards.plan import Plan
from hugflow.shards.sample import read_sample
from hugflow.stages.build.build import Build
from hugflow.stages.standing.measure import measure_storage
from hugflow.stages.tree.manifest import Manifest
from hugflow.store.layout import Places
from hugflow.store.records import RecordForm

# Stands for a row's own, to see how long its JSON is beside the values of its columns.
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
# Of the Hub, in five minutes: https://huggingface.co/docs/hub/rate-limits.
WINDOW_S: Final = 300
FILES_PER_WINDOW: Final = {False: 3_000, True: 5_000}

_SILENCE: Final = SampledAudio(np.zeros(800, np.int16), 8_000)

Basis = Literal["measured", "sampled", "unknown"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan will come to; None where nobody knows.

    basis: of hours and mp3_bytes: of the tree that stands, of sampled_rows rows, or of nothing.
    files: in the finished tree. peak_bytes: of the disk, at the moment when most of it is taken.
    quota_left_bytes: of STORAGE_QUOTA_GB, before. rate_floor_s: what the Hub's rate limit takes at
    least. eta_s: of encoding with all workers; fetching comes beside it.
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


ESTIMATE = RecordForm(
    Estimate, "the estimate", version=1, mend="delete the file, and plan the request again"
)


@dataclass(frozen=True, slots=True)
class _Means:
    """What a row takes, on average of some: seconds of sound, bytes, seconds of CPU.

    other_bytes: of the columns but the audio. text_bytes: of that with the text.
    """

    rows: int
    seconds: float
    mp3_bytes: float
    cpu_s: float
    other_bytes: float
    text_bytes: float


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing that was planned, and what came of it; in the unit of the estimate.

    planned: None where nobody knew.
    """

    what: Literal["rows", "hours", "mp3_bytes", "json_bytes", "files"]
    planned: float | None
    actual: float


def estimate(build: Build) -> Estimate:
    """Work out what a build will come to, and keep that; of a complete one, tell what it came to.

    Some rows are read from the Hub, unless it is complete. Raises the Hub's errors.
    """
    manifest = build.stored.manifest
    if manifest is not None and manifest.plan == build.plan.id:
        return _measure_tree(build, manifest)
    estimated = _extrapolate(build)
    ESTIMATE.write(_path(build.places, build.plan), estimated)
    return estimated


def compare(build: Build, estimated: Estimate, manifest: Manifest) -> list[Compared]:
    """Hold what was planned against the tree that came of it."""
    rows = manifest.rows.made
    return [
        Compared("rows", build.plan.rows, rows),
        Compared("hours", estimated.hours, round(manifest.hours, 3)),
        Compared("mp3_bytes", estimated.mp3_bytes, manifest.audio.bytes),
        Compared("json_bytes", estimated.json_bytes, manifest.json.bytes),
        Compared("files", estimated.files, _count_files(build.plan, rows)),
    ]


def read_estimate(places: Places, plan: Plan) -> Estimate | None:
    """What was estimated before the work; None where nobody did, or it cannot be read."""
    return ESTIMATE.read(_path(places, plan))


def _extrapolate(build: Build) -> Estimate:
    """All of a build from a few of its rows."""
    plan, rows = build.plan, build.plan.rows
    if rows is None:
        return _without_rows(build)
    means = _measure_sample(build.hub, plan)
    hours: float | None = None
    mp3_bytes: int | None = None
    basis: Basis = "unknown"
    if plan.audio_column is None:
        hours, mp3_bytes, basis = 0.0, 0, "measured"
    elif means.rows:
        hours, mp3_bytes = means.seconds * rows / 3600, round(means.mp3_bytes * rows)
        basis = "sampled"
    json_bytes = round(_json_row_bytes(build, means) * rows)
    made = mp3_bytes if mp3_bytes is not None else plan.source_bytes
    exports_bytes = foresee_exports(Foreseen(plan, rows, means.other_bytes)).bytes
    return Estimate(
        hours=None if hours is None else round(hours, 3),
        basis=basis,
        sampled_rows=means.rows,
        mp3_bytes=mp3_bytes,
        json_bytes=json_bytes,
        files=_count_files(plan, rows),
        peak_bytes=made + json_bytes + exports_bytes + _raw_bytes(plan),
        quota_left_bytes=_quota_left_bytes(build),
        rate_floor_s=_rate_floor_s(build),
        eta_s=round(means.cpu_s * rows / build.options.workers) if means.rows else None,
    )


def _without_rows(build: Build) -> Estimate:
    """What can be said of a build whose rows are not known before they are fetched."""
    return Estimate(
        hours=0.0 if build.plan.audio_column is None else None,
        basis="unknown",
        sampled_rows=0,
        mp3_bytes=0 if build.plan.audio_column is None else None,
        json_bytes=None,
        files=None,
        peak_bytes=build.plan.source_bytes + _raw_bytes(build.plan),
        quota_left_bytes=_quota_left_bytes(build),
        rate_floor_s=_rate_floor_s(build),
        eta_s=None,
    )


def _raw_bytes(plan: Plan) -> int:
    """Fetched bytes that lie in STATE_DIR at once: of the shard that is made, and of the next."""
    return sum(sorted((shard.size_bytes for shard in plan.shards), reverse=True)[:2])


def _json_row_bytes(build: Build, means: _Means) -> float:
    """What the JSON of a row takes: the values, and a row without any as it would be written."""
    plan = build.plan
    audio = None if plan.audio_column is None else TYPICAL_AUDIO
    empty = RowMade(0, TYPICAL_STEM, None, None, audio)
    frame = render_row(plan, build.tree, empty, dict.fromkeys(plan.columns, ""))
    # A column of another name is told once more, as `text`.
    repeated = 0.0 if plan.text_column in (None, "text") else means.text_bytes
    return means.other_bytes + repeated + len(frame)


def _measure_tree(build: Build, manifest: Manifest) -> Estimate:
    """What the complete tree came to: nothing more is needed."""
    return Estimate(
        hours=round(manifest.hours, 3),
        basis="measured",
        sampled_rows=0,
        mp3_bytes=manifest.audio.bytes,
        json_bytes=manifest.json.bytes,
        files=_count_files(build.plan, manifest.rows.made),
        peak_bytes=0,
        quota_left_bytes=_quota_left_bytes(build),
        rate_floor_s=0,
        eta_s=0,
    )


def _count_files(plan: Plan, rows: int) -> int:
    """Files, and so inodes, of a finished tree with so many rows."""
    files_per_row = 1 if plan.audio_column is None else 2
    exports = foresee_exports(Foreseen(plan, rows, row_bytes=0))
    return rows * files_per_row + exports.files + FILES_BESIDE_ROWS


def _quota_left_bytes(build: Build) -> int | None:
    quota = build.options.storage_quota_bytes
    return None if quota is None else max(0, quota - measure_storage(build.places))


def _measure_sample(hub: Hub, plan: Plan) -> _Means:
    """Make MP3s of a few rows, and throw them away; rows that cannot be made are left out.

    In a child process: a clip that crashes a codec must not keep anybody from planning.
    """
    rows, seconds, size, other, text, files = 0, 0.0, 0, 0.0, 0.0, 0
    spent = 0.0
    with closing(IsolatedConverter(copy_mp3=plan.request.mp3_source == "copy")) as convert:
        # What it costs to start the process is paid once and not per row.
        convert(_SILENCE).close()
        for sampled in read_sample(hub, plan):
            files += 1
            other, text = other + sampled.other_row_bytes, text + sampled.text_row_bytes
            for scalar in sampled.audio:
                began = time.perf_counter()
                try:
                    with convert(audio_value(scalar)) as mp3:
                        seconds, size = seconds + mp3.info.duration, size + mp3.size_bytes
                except AudioBad:
                    continue
                rows, spent = rows + 1, spent + time.perf_counter() - began
    count, files = max(rows, 1), max(files, 1)
    return _Means(
        rows=rows,
        seconds=seconds / count,
        mp3_bytes=size / count,
        cpu_s=spent / count,
        other_bytes=other / files,
        text_bytes=text / files,
    )


def _rate_floor_s(build: Build) -> int:
    """Seconds that the requests for all files take at least."""
    per_window = FILES_PER_WINDOW[bool(build.hub.token)]
    windows = max(0, -(-build.plan.file_count // per_window) - 1)
    return windows * WINDOW_S


def _path(places: Places, plan: Plan) -> Path:
    return places.plans(plan.dataset) / f"{plan.id}.estimate.json"
