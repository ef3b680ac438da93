"""Clips that were repaired, or that no longer sound as they did, are said and counted everywhere."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from hugflow.ledger.markers import read_marker
from hugflow.stages.build.options import Options
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from tests.audio.clips import tone, write, write_bare_mp3
from tests.audio.ogg_files import with_granules, without_end
from tests.builds import OpenFor
from tests.trees import read_failures, read_rows_json

SOUND = tone(8_000)
WAV = write(SOUND)
OGG = write(SOUND, format="OGG", subtype="VORBIS")
REPAIRED = {
    0: (WAV[:4] + bytes(4) + WAV[8:40] + bytes(4) + WAV[44:], ["wav_size"]),
    2: (without_end(OGG), ["ogg_end"]),
    3: (with_granules(without_end(OGG), lambda granule: 0), ["ogg_end", "ogg_granule"]),
    4: (bytes(700) + write_bare_mp3(SOUND), ["mp3_junk"]),
    5: (b"ID3\x04\0\0\0\0\0\x20" + bytes(range(1, 100)) + write_bare_mp3(SOUND), ["mp3_id3_size"]),
}
LEVELS = {
    6: (write(np.hstack([SOUND, -SOUND])), "anti_phase"),
    7: (write((SOUND * 32_767).astype(np.float32), subtype="FLOAT"), "beyond_full_scale"),
    8: (write(SOUND / 2**16, subtype="PCM_32"), "silent_after_scaling"),
}
COUNTS = {"mp3_id3_size": 1, "mp3_junk": 1, "ogg_end": 2, "ogg_granule": 1, "wav_size": 1}
CODES = {"anti_phase": 1, "beyond_full_scale": 1, "silent_after_scaling": 1}


def publish(hub: LoopbackHub, hf_id: str) -> None:
    clips = {1: WAV} | {row: data for row, (data, _) in (REPAIRED | LEVELS).items()}
    audio = pa.array([{"bytes": clips[row], "path": f"{row}"} for row in sorted(clips)])
    hub.publish(hf_id, {"data/train-0.parquet": write_parquet(pa.table({"audio": audio}))})


def test_what_was_noted_of_clips_is_in_their_json_the_log_the_manifest_and_the_card(
    hub: LoopbackHub, open_for: OpenFor, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    publish(hub, "notes/all")
    build = open_for("notes/all")
    audio = sync_dataset(build).published.manifest.audio
    infos = {row: each["audio_info"] for row, each in read_rows_json(build.folder).items()}
    assert {row: info.get("repaired") for row, info in infos.items()} == {
        row: REPAIRED.get(row, (None, None))[1] for row in range(9)
    }
    assert {row: info.get("level") for row, info in infos.items()} == {
        row: LEVELS.get(row, (None, None))[1] for row in range(9)
    }
    assert (audio.repaired, audio.levels) == (COUNTS, CODES)
    assert json.loads(build.folder.manifest.read_text())["audio"]["repaired"] == COUNTS
    marker = read_marker(build.state.marker(build.shards[0].name, "audio"))
    assert (marker.repaired, marker.levels) == (COUNTS, CODES)
    card = (build.folder.root / "README.md").read_text()
    assert "| repaired framing | ogg_end (2), mp3_id3_size (1)" in card
    assert "| levels to look at | anti_phase (1), beyond_full_scale (1)" in card
    lines = [each.message for each in caplog.records if each.message.startswith("shard ")]
    assert [line for line in lines if "beyond full scale" in line] == [
        "shard 00000-of-00001: 1 clip (beyond_full_scale): most samples lie beyond full scale, so "
        "that the MP3 is clipped throughout; floats that were never divided by 32768 are like that: "
        "row 7"
    ]
    assert any("5 clips was repaired (mp3_id3_size 1, mp3_junk 1" in line for line in lines)


def test_a_dataset_without_such_clips_says_nothing_of_them(hub: LoopbackHub, open_for: OpenFor):
    audio = pa.array([{"bytes": WAV, "path": "a"}] * 2)
    hub.publish("notes/none", {"data/train-0.parquet": write_parquet(pa.table({"audio": audio}))})
    build = open_for("notes/none")
    sync_dataset(build)
    for row in read_rows_json(build.folder).values():
        assert not {"repaired", "level"} & row["audio_info"].keys()
    for text in (build.folder.manifest.read_text(), (build.folder.root / "README.md").read_text()):
        assert "repaired" not in text
        assert "levels" not in text


def test_the_counts_are_the_same_when_the_lines_of_the_ledger_are_lost(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "notes/lost")
    build = open_for("notes/lost")
    before = sync_dataset(build).published.manifest
    shard = build.shards[0].name
    journal, marker = build.state.journal(shard), build.state.marker(shard, "audio")
    journal.write_text(journal.read_text().splitlines(keepends=True)[0])
    marker.unlink()
    build.folder.manifest.unlink()
    again = sync_dataset(open_for("notes/lost"))
    assert again.new_rows == 0
    assert again.published.manifest.audio == before.audio


@pytest.mark.parametrize("by_request", [True, False])
def test_without_repairs_such_clips_are_failed_rows(
    hub: LoopbackHub, open_for: OpenFor, by_request: bool
):
    publish(hub, "notes/refused")
    if by_request:
        build = open_for("notes/refused", max_bad_rows="100%", repair_audio=False)
    else:
        options = replace(Options(), repair_audio=False, workers=2)
        build = open_for("notes/refused", options, max_bad_rows="100%")
    assert sync_dataset(build).published.manifest.audio.repaired == {}
    assert [failed["row"] for failed in read_failures(build.folder)] == sorted(REPAIRED)


def test_the_request_s_limit_of_a_clip_s_length_goes_before_the_setting_s(
    hub: LoopbackHub, open_for: OpenFor
):
    audio = pa.array([{"bytes": WAV, "path": "a"}, {"bytes": write(tone(40_000)), "path": "b"}])
    hub.publish("notes/long", {"data/train-0.parquet": write_parquet(pa.table({"audio": audio}))})
    short = replace(Options(), max_clip_hours=1 / 3600, workers=2)
    build = open_for("notes/long", short, max_bad_rows="100%")
    assert sync_dataset(build).published.manifest.rows.failed == 1
    [failed] = read_failures(build.folder)
    assert (failed["row"], failed["code"]) == (1, "audio_too_long")
    build = open_for("notes/long", short, split="train", max_clip_hours=0, subset=None)
    assert build.clip_rules.max_hours == 0
