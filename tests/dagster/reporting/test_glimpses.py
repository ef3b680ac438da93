"""What people look at in the metadata of a shard: reasons, clips, durations, sample rows."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from hugflow.clients.hub import Hub
from hugflow.ledger.journal import RowFailed
from hugflow.ledger.markers import read_marker
from hugflow.ledger.stages import StageName
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.publishing.publish import publish
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_tables, publish_text, speech_table
from hugflow_assets.reporting import glimpses, materializations
from hugflow_assets.reporting.materializations import (
    processed_materializations,
    stage_materialization,
)

NOISE = b"noise"


def make(places: Places, hf_id: str, *stages: StageName) -> Build:
    """A dataset whose shards are made, whatever fails in them."""
    request = AddRequest(hf_id=hf_id, description="A test", max_bad_rows="100%")
    build = open_build(request, places, Hub(), Options(workers=2))
    list(make_shards(build, build.plan.shards, stages or ("raw", "audio", "metadata")))
    return build


def metadata_of(build: Build, stage: StageName, shard: int = 0) -> dict[str, dg.MetadataValue]:
    one = build.plan.shards[shard]
    marker = read_marker(build.state.marker(one.name, stage))
    assert marker is not None
    return dict(stage_materialization(build, one, stage, marker).metadata)


def records(value: dg.MetadataValue) -> list[dict[str, object]]:
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]


def test_a_failed_row_stands_with_its_reason_at_the_stage_audio(hub: LoopbackHub, places: Places):
    publish_speech(hub, "glimpses/failed", rows=6, shards=2, broken_rows={1: NOISE, 2: None})
    build = make(places, "glimpses/failed")
    audio, metadata = metadata_of(build, "audio"), metadata_of(build, "metadata")
    assert records(audio["failed"]) == [
        {
            "row": 1,
            "code": "audio_unsupported",
            "message": "the audio begins like no audio format we know",
        },
        {"row": 2, "code": "audio_missing", "message": "the audio is null"},
    ]
    assert audio["failures"] == dg.MetadataValue.path(str(build.folder.failures))
    assert audio["failed_rows"] == metadata["failed_rows"] == dg.MetadataValue.int(2)
    assert "failed" not in metadata
    assert "failed" not in metadata_of(build, "audio", 1)
    assert "failed_more" not in audio


def test_of_many_failed_rows_the_first_twenty_are_told_and_how_many_more_there_are(
    hub: LoopbackHub, places: Places
):
    broken = dict.fromkeys(range(3, 26), NOISE)
    publish_speech(hub, "glimpses/many", rows=27, shards=1, seconds=0.2, broken_rows=broken)
    audio = metadata_of(make(places, "glimpses/many"), "audio")
    assert [record["row"] for record in records(audio["failed"])] == list(range(3, 23))
    assert "3 more rows" in str(audio["failed_more"].value)
    assert "failures.jsonl" in str(audio["failed_more"].value)


def test_in_a_dataset_without_audio_the_reasons_stand_at_the_stage_metadata(
    hub: LoopbackHub, places: Places, monkeypatch: pytest.MonkeyPatch
):
    publish_text(hub, "glimpses/text", rows=2, shards=1)
    build = make(places, "glimpses/text")
    shard = build.plan.shards[0]
    failed = RowFailed(1, "row_bad", "it cannot be\nwritten")
    monkeypatch.setattr(glimpses, "read_journal", lambda path: {1: failed})
    marker = read_marker(build.state.marker(shard.name, "metadata"))
    assert marker is not None
    other = type(marker)(rows=1, failed_rows=(1,), index_sha256=marker.index_sha256)
    told = dict(stage_materialization(build, shard, "metadata", other).metadata)
    assert records(told["failed"]) == [
        {"row": 1, "code": "row_bad", "message": "it cannot be written"}
    ]
    assert "failed" not in stage_materialization(build, shard, "audio", other).metadata


def test_a_row_whose_journal_is_gone_is_told_without_a_reason(hub: LoopbackHub, places: Places):
    publish_speech(hub, "glimpses/gone", rows=3, shards=1, broken_rows={1: NOISE})
    build = make(places, "glimpses/gone")
    build.state.journal(build.plan.shards[0].name).unlink()
    (reason,) = records(metadata_of(build, "audio")["failed"])
    assert (reason["row"], reason["code"]) == (1, "unknown")


def test_the_waveform_is_that_of_the_first_row_that_stands(hub: LoopbackHub, places: Places):
    publish_speech(hub, "glimpses/wave", rows=4, shards=1, broken_rows={0: NOISE})
    build = make(places, "glimpses/wave")
    picture = metadata_of(build, "audio")["waveform"]
    assert isinstance(picture, dg.MarkdownMetadataValue)
    assert picture.value.startswith("![Waveform of row 1: 0.75 s, peak -")


def test_the_waveform_is_there_before_the_row_has_its_json(hub: LoopbackHub, places: Places):
    publish_speech(hub, "glimpses/early", rows=2, shards=1)
    build = make(places, "glimpses/early", "raw", "audio")
    assert not list(build.folder.json.iterdir())
    assert "Waveform of row 0" in str(metadata_of(build, "audio")["waveform"].value)


def test_pictures_are_drawn_of_what_can_be_read_and_the_rest_is_told_all_the_same(
    hub: LoopbackHub, places: Places
):
    publish_speech(hub, "glimpses/damaged", rows=4, shards=2)
    build = make(places, "glimpses/damaged")
    for clip in build.folder.audio.iterdir():
        clip.write_bytes(b"no audio")
    build.folder.index_file(build.plan.shards[0].name).write_bytes(b"PAR1")
    audio, metadata = metadata_of(build, "audio"), metadata_of(build, "metadata")
    assert "waveform" not in audio
    assert "durations" not in metadata
    assert audio["dagster/row_count"] == metadata["dagster/row_count"] == dg.MetadataValue.int(2)
    shutil.rmtree(build.folder.json)
    build.folder.json.mkdir()
    (build.folder.json / "0.json").write_text("[]")
    (build.folder.json / "1.json").write_text(json.dumps({"row": 1, "audio_info": None}))
    assert [row["row"] for row in records(metadata_of(build, "metadata")["sample"])] == [1]


def test_a_dataset_without_audio_has_no_pictures(hub: LoopbackHub, places: Places):
    publish_text(hub, "glimpses/words", rows=2, shards=1)
    build = make(places, "glimpses/words")
    assert "waveform" not in metadata_of(build, "audio")
    assert "durations" not in metadata_of(build, "metadata")


def test_a_shard_in_which_every_row_failed_is_told_too(hub: LoopbackHub, places: Places):
    publish_speech(hub, "glimpses/none", rows=2, shards=1, broken_rows={0: NOISE, 1: NOISE})
    build = make(places, "glimpses/none")
    audio, metadata = metadata_of(build, "audio"), metadata_of(build, "metadata")
    assert len(records(audio["failed"])) == 2
    assert audio["seconds_per_row"] == dg.MetadataValue.float(0.0)
    assert not {"waveform", "durations", "sample"} & {*audio, *metadata}


def test_seconds_per_row_are_a_number_that_plots(hub: LoopbackHub, places: Places):
    publish_speech(hub, "glimpses/speed", rows=4, shards=1)
    audio = metadata_of(make(places, "glimpses/speed"), "audio")
    per_row, seconds = audio["seconds_per_row"].value, audio["encode_seconds"].value
    assert isinstance(per_row, float)
    assert isinstance(seconds, float)
    assert per_row == pytest.approx(seconds / 4, abs=1e-6)


def test_durations_are_those_of_the_shard_and_on_processed_those_of_the_whole(
    hub: LoopbackHub, places: Places
):
    publish_speech(hub, "glimpses/whole", rows=5, shards=2)
    build = make(places, "glimpses/whole")
    shard = str(metadata_of(build, "metadata")["durations"].value)
    assert shard.startswith("![Durations of 2 clips, from 0.5 s to 0.75 s]")
    published = publish(build)
    assert published is not None
    for told in processed_materializations(build, build.plan.shards, published.manifest):
        assert str(told.metadata["dataset_durations"].value).startswith(
            "![Durations of 5 clips, from 0.5 s"
        )


def test_the_durations_of_the_whole_are_read_once_for_all_its_shards_and_again_when_it_changed(
    hub: LoopbackHub, places: Places, monkeypatch: pytest.MonkeyPatch
):
    publish_speech(hub, "glimpses/once", rows=6, shards=3, seconds=0.2)
    build = make(places, "glimpses/once")
    published = publish(build)
    assert published is not None
    drawn: list[list[Path]] = []

    def draw(files: list[Path]) -> str:
        drawn.append(files)
        return "a picture"

    monkeypatch.setattr(glimpses, "_draw_durations", draw)
    for _ in range(2):
        list(processed_materializations(build, build.plan.shards, published.manifest))
    assert [len(files) for files in drawn] == [3]
    changed = {**published.manifest.index, "index/00000-of-00003.parquet": "another"}
    later = replace(published.manifest, index=changed)
    list(processed_materializations(build, build.plan.shards, later))
    assert len(drawn) == 2


def test_where_rows_failed_the_published_dataset_names_the_file_that_has_all(
    hub: LoopbackHub, places: Places
):
    publish_speech(hub, "glimpses/named", rows=3, shards=1, broken_rows={1: NOISE})
    build = make(places, "glimpses/named")
    published = publish(build)
    assert published is not None
    [event] = processed_materializations(build, build.plan.shards, published.manifest)
    told = event.metadata
    assert told["failures"] == dg.MetadataValue.path(str(build.folder.failures))
    assert build.folder.failures.is_file()


def test_what_a_stranger_wrote_stays_in_its_cell(hub: LoopbackHub, places: Places):
    table = speech_table(1, seconds=0.2)
    text = pa.array(["first\nsecond \u202e\x00 <b>" + "x" * 500])
    table = table.set_column(table.column_names.index("text"), "text", text)
    publish_tables(hub, "glimpses/strange", {"default": {"train": table}})
    (row,) = records(metadata_of(make(places, "glimpses/strange"), "metadata")["sample"])
    assert str(row["text"]).startswith(r"first second \u202e\x00 <b>xxx")
    assert len(str(row["text"])) < 200


def test_the_log_of_a_run_says_in_one_line_what_was_made(hub: LoopbackHub, places: Places):
    publish_speech(hub, "glimpses/line", rows=4, shards=2, broken_rows={1: NOISE})
    build = make(places, "glimpses/line")
    shard = build.plan.shards[0]
    marker = read_marker(build.state.marker(shard.name, "audio"))
    assert marker is not None
    told = stage_materialization(build, shard, "audio", marker)
    assert told.description == (
        f"audio of shard 00000-of-00002: 1 rows, {marker.bytes:,} bytes, 1 failed"
    )


def test_pictures_and_sample_rows_are_of_the_first_shards_and_of_the_last(
    hub: LoopbackHub, places: Places, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(materializations, "PICTURED_SHARDS", 3)
    publish_speech(hub, "glimpses/pictured", rows=5, shards=5, seconds=0.2)
    build = make(places, "glimpses/pictured")
    published = publish(build)
    assert published is not None
    names = ("waveform", "sample", "durations", "dataset_durations")
    shown: dict[str, list[int]] = {name: [] for name in names}
    figures = 0
    for shard in build.plan.shards:
        events = [
            stage_materialization(build, shard, stage, marker)
            for stage in ("audio", "metadata")
            if (marker := read_marker(build.state.marker(shard.name, stage))) is not None
        ]
        events += processed_materializations(build, [shard], published.manifest)
        for name, shards in shown.items():
            if any(name in event.metadata for event in events):
                shards.append(build.plan.shards.index(shard))
        figures += sum("duration_mean_s" in event.metadata for event in events)
    assert shown == {name: [0, 1, 4] for name in shown}
    assert figures == 5
