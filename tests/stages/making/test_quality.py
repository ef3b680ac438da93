"""Measured rows: JSON, index, journal and copied MP3s, from the plan to a rerun."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from tests.audio.clips import tone, write, write_bare_mp3
from tests.builds import OpenFor
from tests.trees import read_rows_json

SOUND = 0.5 * tone(16_000)
CLIP = np.rint(SOUND * 32_768).astype(np.int16)
TEXTS = ["Seven paper boats.", None, "Привет"]


def publish(hub: LoopbackHub, hf_id: str) -> None:
    clips = [write(CLIP), write(CLIP, format="FLAC"), write_bare_mp3(SOUND)]
    audio = pa.array([{"bytes": clip, "path": f"{row}"} for row, clip in enumerate(clips)])
    table = pa.table({"audio": audio, "text": TEXTS})
    hub.publish(hf_id, {"data/train-0.parquet": write_parquet(table)})


def in_json(build: Build) -> list[Any]:
    rows = read_rows_json(build.folder)
    return [rows[row]["audio_info"].get("quality", "absent") for row in sorted(rows)]


def in_index(build: Build) -> list[Any]:
    [index] = build.folder.index.glob("*.parquet")
    return [row["audio_info"]["quality"] for row in pq.read_table(index).to_pylist()]


def test_a_measured_row_has_its_figures_in_json_and_index_and_a_copied_mp3_null(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "quality/true")
    build = open_for("quality/true", replace(Options(), measure="true"))
    manifest = sync_dataset(build).published.manifest
    first, second, copied = in_json(build)
    assert copied is None
    assert [first, second, None] == in_index(build)
    assert first["pcm"] == second["pcm"]
    assert (first["script"], first["chars_per_second"]) == ("Latin", 18.0)
    assert (second["script"], second["chars_per_second"]) == (None, None)
    level = 20 * np.log10(np.sqrt(np.mean(SOUND**2)))
    assert abs(first["rms_dbfs"] - level) < 0.1
    assert manifest.settings.measure == "true"
    spreads = manifest.statistics.audio.quality
    assert spreads["rms_dbfs"].max == max(first["rms_dbfs"], second["rms_dbfs"])
    assert spreads.keys() == {"snr", "rms_dbfs", "bandwidth_hz", "clipped", "silence"}
    assert f"level (RMS) | {spreads['rms_dbfs'].min}" in build.folder.card.read_text()


def test_with_all_copied_mp3s_are_measured_and_still_pass_byte_for_byte(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "quality/all")
    build = open_for("quality/all", measure="all")
    assert sync_dataset(build).published.manifest.audio.copied == 1
    assert (build.folder.root / "audio/2.mp3").read_bytes() == write_bare_mp3(SOUND)
    assert in_json(build)[2]["script"] == "Cyrillic"
    assert in_json(build) == in_index(build)


def test_without_measuring_rows_and_plan_are_as_they_always_were(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "quality/false")
    build = open_for("quality/false")
    sync_dataset(build)
    assert in_json(build) == ["absent"] * 3
    [index] = build.folder.index.glob("*.parquet")
    assert "quality" not in pq.read_schema(index).field("audio_info").type.names
    assert "measure" not in json.loads(build.folder.manifest.read_text())["settings"]


def test_a_stored_dataset_keeps_what_it_was_planned_with_until_its_request_says_otherwise(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "quality/later")
    before = open_for("quality/later")
    sync_dataset(before)
    measuring = replace(Options(), measure="true")
    assert open_for("quality/later", measuring).plan.id == before.plan.id
    asked = open_for("quality/later", measure=True)
    sync_dataset(asked)
    after = open_for("quality/later", measure=True)
    assert in_json(after)[0]["pcm"] is not None


def test_lost_ledger_and_lost_journal_lines_bring_the_figures_back(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "quality/lost")
    build = open_for("quality/lost", measure="all")
    sync_dataset(build)
    told = in_json(build)
    [journal] = build.state.journal("x").parent.glob("*.jsonl")
    journal.unlink()
    (build.folder.json / "1.json").unlink()
    again = open_for("quality/lost", measure="all")
    sync_dataset(again)
    assert in_json(again) == told == in_index(again)
