"""WebDataset tars: members with one key are a row, each tar is a shard, nothing is extracted."""

import json
import logging
import shutil
import tarfile
import time

import pytest

from hugflow.errors import HugflowError, ShardUnreadable
from hugflow.shards.layouts import webdataset
from hugflow.stages.making.make_shards import ShardFailed, make_shards
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.layouts import publish_conversion
from hugflow.testing.samples import speech_table
from hugflow.testing.speech import encode, speech_like
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor, raw_fetches
from tests.projects import Project
from tests.shards.layouts.tars import clip, make_tar, sample, special
from tests.trees import read_rows_json


def publish(hub: LoopbackHub, name: str, *tars: bytes) -> str:
    hf_id = f"webdataset/{name}"
    hub.publish(
        hf_id, {f"data/train-{at:05d}.tar": tar for at, tar in enumerate(tars)}, from_empty=True
    )
    return hf_id


def test_rows_are_numbered_by_tar_and_hold_audio_text_key_and_tar(
    hub: LoopbackHub, open_for: OpenFor
):
    hf_id = publish(
        hub, "rows", make_tar([*sample(0), *sample(1), *sample(2)]), make_tar(sample(3))
    )
    build = open_for(hf_id)
    plan = build.plan
    assert (plan.audio_column, plan.text_column, plan.rows) == ("audio", "json.text", None)
    assert plan.warnings[0] == (
        "the layout is webdataset: 2 files; no conversion to parquet is read, because the Hub has no "
        "conversion of the dataset to parquet (refs/convert/parquet)"
    )
    assert sync_dataset(build).new_rows == 4
    rows = read_rows_json(build.folder)
    assert sorted(rows) == [0, 1, 2, 1_000_000]
    assert [rows[row]["text"] for row in sorted(rows)] == [f"row {n}" for n in range(4)]
    last = rows[1_000_000]
    assert (last["__key__"], last["__url__"]) == ("utt3", "data/train-00001.tar")
    assert last["json"] == {"text": "row 3", "speaker": "s0"}
    assert last["audio_info"]["source_path"] == "utt3.wav"
    assert list(verify_dataset(build.places, build.name, deep=True)) == []


def test_two_clips_of_one_key_are_two_columns_and_the_request_names_one(
    hub: LoopbackHub, open_for: OpenFor
):
    members = [
        ("a/utt.1.wav", clip(1)),
        ("a/utt.2.wav", clip(2)),
        ("b.txt", b"no audio"),
        ("c.wav", clip(3)),
    ]
    build = open_for(publish(hub, "fields", make_tar(members)), audio_column="wav")
    with pytest.raises(HugflowError, match="2 of 3 rows could not be made"):
        sync_dataset(build)
    # Two clips of one key are two fields, so no row has one audio; the others name theirs.
    assert [name for name in build.plan.columns if name.endswith("wav")] == [
        "1.wav",
        "2.wav",
        "wav",
    ]


def test_a_text_member_is_the_text_of_its_row_without_its_line_break(
    hub: LoopbackHub, open_for: OpenFor
):
    members = [
        ("c.wav", clip(3)),
        ("c.txt", "grüße\r\n".encode()),
        ("c.cls", b"7\n"),
        ("c.npy", b"\x00\x01\x02"),
        ("d.txt", b"zweite"),
        ("d.cls", b"8"),
        ("d.flac", clip(4)),
    ]
    build = open_for(publish(hub, "texts", make_tar(members)))
    assert (build.plan.text_column, build.plan.audio_column) == ("txt", "audio")
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert [(rows[row]["text"], rows[row]["cls"]) for row in (0, 1)] == [
        ("grüße", 7),
        ("zweite", 8),
    ]
    assert rows[0]["npy"] == 3
    assert rows[1]["audio_info"]["source_path"] == "d.flac"


def test_what_is_no_row_is_counted_and_named_and_nothing_is_written_outside(
    hub: LoopbackHub, open_for: OpenFor, caplog: pytest.LogCaptureFixture
):
    members = [
        *sample(0),
        (special("utt9.wav", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (special("utt8.wav", tarfile.CHRTYPE), b""),
        ("../../outside.wav", clip(1)),
        ("/abs.wav", clip(1)),
        (".hidden.wav", clip(1)),
        ("README", b"no ending"),
        (special("folder/", tarfile.DIRTYPE), b""),
        *sample(1),
    ]
    build = open_for(publish(hub, "hostile", make_tar(members)))
    with caplog.at_level(logging.WARNING):
        assert sync_dataset(build).new_rows == 2
    told = caplog.text
    for words in (
        "1 members are no regular files but: link, such as 'utt9.wav'",
        "1 members are no regular files but: device",
        "2 members have names that lead out of the archive, such as '../../outside.wav'",
        "1 members are hidden",
        "1 members have no ending",
    ):
        assert words in told
    assert sorted(read_rows_json(build.folder)) == [0, 1]
    assert not list(build.places.storage_root.parent.rglob("outside*"))


def test_a_tar_that_is_cut_short_fails_by_name_and_the_others_are_made(
    hub: LoopbackHub, open_for: OpenFor
):
    whole = make_tar([*sample(0), *sample(1), *(pair for n in range(2, 9) for pair in sample(n))])
    build = open_for(publish(hub, "cut", whole[: len(whole) * 3 // 4], make_tar(sample(9))))
    failed, done = make_shards(build, build.shards)
    assert isinstance(failed, ShardFailed)
    assert isinstance(failed.error, ShardUnreadable)
    assert "data/train-00000.tar" in failed.error.what
    assert "ends in the middle of" in failed.error.why
    assert sorted(read_rows_json(build.folder)) == [1_000_000]
    assert done.shard.index == 1


def test_what_is_no_tar_is_one_clear_error_of_the_plan(hub: LoopbackHub, open_for: OpenFor):
    hf_id = publish(hub, "no-tar", b"x" * 4096)
    with pytest.raises(ShardUnreadable, match=r"train-00000\.tar cannot be read as a tar"):
        open_for(hf_id)


def test_planning_reads_no_more_of_a_member_than_its_type_needs(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(webdataset, "_LOOKED_AT_BYTES", 5_000)
    large = bytes(6_000)
    taken = [*sample(0), ("utt0.png", large), ("utt0.txt", large)]
    plan = open_for(publish(hub, "large_fields", make_tar(taken))).plan
    assert {"png", "txt"} < set(plan.columns)
    hf_id = publish(hub, "large_json", make_tar([*sample(0), ("utt0.more.json", large)]))
    with pytest.raises(ShardUnreadable) as refused:
        open_for(hf_id)
    assert refused.value.why == "'utt0.more.json' has 6,000 bytes, where 5,000 are read"


def test_a_clip_of_another_format_in_a_later_row_is_the_audio_of_its_row(
    hub: LoopbackHub,
    open_for: OpenFor,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(webdataset, "_LOOKED_THROUGH_BYTES", 0)
    rows = [pair for n in range(5) for pair in sample(n)]
    flac = encode(speech_like(0.2, 16_000, seed=5), 16_000, "flac")
    late = [("utt5.flac", flac), *sample(6), ("utt6.ogg", b"x")]
    build = open_for(publish(hub, "flac_later", make_tar([*rows, *late])))
    with caplog.at_level(logging.WARNING):
        assert sync_dataset(build).published.manifest.rows.failed == 0
    assert read_rows_json(build.folder)[5]["audio_info"]["source_path"] == "utt5.flac"
    assert "'flac'" not in caplog.text
    assert "'ogg' (1)" in caplog.text


def test_of_small_tars_all_rows_say_which_columns_there_are_and_of_which_type(
    hub: LoopbackHub, open_for: OpenFor
):
    rows = [
        sample(n, length=n if n < 7 else 7.5, **({"mood": "x"} if n > 6 else {})) for n in range(8)
    ]
    build = open_for(publish(hub, "all_rows", make_tar(pair for row in rows for pair in row)))
    sync_dataset(build)
    made = [row["json"] for _, row in sorted(read_rows_json(build.folder).items())]
    assert [row["length"] for row in made] == [0, 1, 2, 3, 4, 5, 6, 7.5]
    assert [row["mood"] for row in made] == [None] * 7 + ["x"]


def test_values_of_later_rows_that_fit_no_column_are_kept_as_json(
    hub: LoopbackHub,
    open_for: OpenFor,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(webdataset, "_LOOKED_THROUGH_BYTES", 0)
    rows = [pair for n in range(6) for pair in (*sample(n, age=n), (f"utt{n}.cls", b"1"))]
    late = [*sample(6, age="old", mood="late"), ("utt6.cls", b"x"), ("utt6.lab2", b"late\n")]
    late += [("utt7.wav", clip(7)), ("utt7.npy", b"\x93\xff"), ("utt7.json", b"[1]")]
    build = open_for(publish(hub, "late", make_tar([*rows, *late])))
    with caplog.at_level(logging.WARNING):
        manifest = sync_dataset(build).published.manifest
    made = read_rows_json(build.folder)
    assert made[0]["__other__"] is None
    assert json.loads(made[6]["__other__"]) == {
        "json": {"text": "row 6", "speaker": "s0", "age": "old", "mood": "late"},
        "cls": "x",
        "lab2": "late",
    }
    assert json.loads(made[7]["__other__"]) == {"npy": {"base64": "k/8="}, "json": [1]}
    assert manifest.lost_values == {}
    assert "kept as JSON in '__other__'" in caplog.text
    assert "'json.mood' (1)" in caplog.text
    assert sync_dataset(open_for("webdataset/late")).was_complete
    assert list(verify_dataset(build.places, build.name, deep=True)) == []


def test_a_large_value_of_bytes_without_a_column_is_left_out_and_named(
    hub: LoopbackHub,
    open_for: OpenFor,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(webdataset, "_LOOKED_THROUGH_BYTES", 0)
    monkeypatch.setattr("hugflow.shards.layouts.other_values._MOST_BYTES", 3)
    rows = [pair for n in range(6) for pair in sample(n)]
    build = open_for(publish(hub, "large_late", make_tar([*rows, ("utt5.lab2", b"late")])))
    with caplog.at_level(logging.WARNING):
        manifest = sync_dataset(build).published.manifest
    assert manifest.lost_values == {"lab2": 1}
    assert sync_dataset(open_for("webdataset/large_late")).was_complete
    assert "'lab2' (1)" in caplog.text


def test_fields_that_are_called_as_our_columns_are_kept_beside_them(
    hub: LoopbackHub, open_for: OpenFor
):
    theirs = ("__key__", "__url__", "audio_source", "audio")
    members = [*sample(0), *((f"utt0.{name}", name.encode()) for name in theirs)]
    build = open_for(publish(hub, "own", make_tar(members)))
    sync_dataset(build)
    row = read_rows_json(build.folder)[0]
    assert row["__key__"] == "utt0"
    assert {"__key___source", "__url___source", "audio_source", "audio_source_source"} <= row.keys()


def test_json_of_other_types_in_the_first_rows_of_a_tar_keeps_its_fields(
    hub: LoopbackHub, open_for: OpenFor
):
    members = [*sample(0, score=3, words=[]), *sample(1, score=3.5, words=[{"word": "a"}])]
    build = open_for(publish(hub, "types", make_tar(members)))
    assert build.plan.text_column == "json.text"
    fields = {
        "text": "text",
        "speaker": "text",
        "score": "float",
        "words": {"list": {"struct": {"word": "text"}}},
    }
    found = json.loads(build.plan.shards[0].detail)["columns"]["json"]["type"]
    assert found == {"json": {"struct": fields}}


def test_a_field_of_a_later_tar_is_a_column_and_null_before(hub: LoopbackHub, open_for: OpenFor):
    build = open_for(publish(hub, "wider", make_tar(sample(0)), make_tar(sample(1, mood="glad"))))
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert [rows[row]["json"]["mood"] for row in sorted(rows)] == [None, "glad"]


def test_a_run_that_stopped_in_a_tar_neither_fetches_nor_makes_its_rows_again(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.stages.making.make_rows.BATCH_ROWS", 2)
    monkeypatch.setattr("hugflow.stages.making.make_rows.BATCH_SECONDS", 600)
    hf_id = publish(hub, "resume", make_tar(pair for n in range(8) for pair in sample(n)))
    build = open_for(hf_id)

    def stop(outcomes: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(make_shards(build, build.shards, on_rows=stop))
    made = sorted(read_rows_json(build.folder))
    assert 0 < len(made) < 8
    before = (build.folder.json / "0.json").stat().st_ino
    hub.clear_requests()
    again = sync_dataset(open_for(hf_id))
    assert raw_fetches(hub) == 0
    assert 0 < again.new_rows <= 8 - 2
    assert (build.folder.json / "0.json").stat().st_ino == before
    assert len(read_rows_json(build.folder)) == 8
    assert list(verify_dataset(build.places, build.name, deep=True)) == []


def test_a_table_of_something_else_leaves_tars_of_clips_what_they_are(
    hub: LoopbackHub, open_for: OpenFor
):
    tar = make_tar([("a.wav", clip(1)), ("b.wav", clip(2))])
    beside = {"dataset_infos.json": b"{}", "stats.csv": b"key,hours\nall,1\n"}
    hub.publish("webdataset/bare", {"train-0.tar": tar, **beside})
    build = open_for("webdataset/bare")
    assert {shard.layout for shard in build.plan.shards} == {"webdataset"}
    assert sync_dataset(build).new_rows == 2


def test_the_hubs_whole_conversion_is_read_before_the_tars(hub: LoopbackHub, open_for: OpenFor):
    hf_id = publish(hub, "converted", make_tar(sample(0)))
    publish_conversion(hub, hf_id, speech_table(2, with_filenames=False))
    assert open_for(hf_id).plan.is_converted


def test_the_tars_are_read_where_the_hub_converted_only_the_beginning(
    hub: LoopbackHub, open_for: OpenFor
):
    hf_id = publish(hub, "partial", make_tar(sample(0)), make_tar(sample(1)))
    publish_conversion(hub, hf_id, speech_table(2, with_filenames=False), "partial")
    plan = open_for(hf_id).plan
    assert ([shard.layout for shard in plan.shards], plan.is_converted) == (
        ["webdataset"] * 2,
        False,
    )
    assert "lacks rows" in plan.warnings[0]


@pytest.mark.slow
def test_commands_read_tars_as_they_read_parquet(project: Project, hub: LoopbackHub):
    hf_id = publish(hub, "cli", make_tar([*sample(0), *sample(1)]), make_tar(sample(2)))
    name = f"{hf_id.replace('/', '__')}__split_train__rev_main"
    request = project.request(hf_id)
    planned = project.run("plan", request)
    assert "the layout is webdataset" in planned.stdout
    assert "3 rows, 3 of them new" in project.run("local-sync", request).stdout
    assert "3/3" in project.run("status").stdout
    assert project.run("verify", name, "--deep").returncode == 0
    found = project.run("why", f"datasets/{name}/audio/1000000.mp3").stdout
    assert "data/train-00001.tar" in found
    assert "utt2.wav" in found
    shutil.rmtree(project.root / ".hugflow-state")
    assert "already exists" in project.run("local-sync", request).stderr


@pytest.mark.slow
def test_a_process_killed_in_a_tar_resumes_without_fetching_or_making_its_rows_again(
    project: Project, hub: LoopbackHub
):
    sound, rows = clip(1, 2.0), 200
    members = [pair for n in range(rows) for pair in (sample(n)[1], (f"utt{n}.wav", sound))]
    hf_id = publish(hub, "killed", make_tar(members))
    name = f"{hf_id.replace('/', '__')}__split_train__rev_main"
    request = project.request(hf_id)
    process = project.start("local-sync", request)
    folder = project.dataset(name).json
    while process.poll() is None and not any(folder.glob("*.json")):
        time.sleep(0.02)
    process.kill()
    process.communicate()
    time.sleep(1.0)
    before = {path.name: path.stat().st_ino for path in folder.glob("*.json")}
    assert 0 < len(before) < rows
    hub.clear_requests()
    assert f"{rows} rows" in project.run("local-sync", request).stdout
    assert raw_fetches(hub) == 0
    after = {path.name: path.stat().st_ino for path in folder.glob("*.json")}
    assert len(after) == rows
    assert {path: after[path] for path in before} == before
    assert project.run("verify", name, "--deep").returncode == 0
