"""Tables beside clips: what they name, what they may not name, and how their rows are cut."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hugflow.clients.repository import PublishedFile
from hugflow.errors import HugflowError
from hugflow.shards.layouts import last_table, loose
from hugflow.shards.layouts.tables import read_table
from hugflow.shards.plans import read_current_plan
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.projects import Project
from tests.shards.layouts.published import COUNT, TEXTS, at, rows, to_csv, to_jsonl
from tests.shards.layouts.tars import clip
from tests.trees import read_failures, read_rows_json


def told(plan_warnings: tuple[str, ...]) -> str:
    return "\n".join(plan_warnings)


def test_rows_are_cut_into_slices_that_are_numbered_through(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loose, "SLICE_ROWS", 2)
    hub.publish("table/slices", {**at("clips/"), "train.csv": to_csv(rows("path"))})
    build = open_for("table/slices")
    plan = build.plan
    assert [(shard.first_row, shard.rows) for shard in plan.shards] == [(0, 2), (2, 2), (4, 1)]
    assert plan.numbering == "through"
    assert [file.path for file in plan.shards[1].files] == [
        "train.csv",
        "clips/c2.wav",
        "clips/c3.wav",
    ]
    assert read_current_plan(build.places, build.name) == plan
    sync_dataset(build)
    assert [row["text"] for _, row in sorted(read_rows_json(build.folder).items())] == list(TEXTS)


def test_a_table_of_text_is_read_once_for_all_slices_and_again_when_it_changed(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loose, "SLICE_ROWS", 1)
    read: list[str] = []

    def count(*arguments: Any, **options: Any) -> pa.Table:
        read.append("")
        return read_table(*arguments, **options)

    monkeypatch.setattr(last_table, "read_table", count)
    monkeypatch.setattr(last_table, "_kept", {})
    hub.publish("table/once", {**at("clips/"), "train.csv": to_csv(rows("path"))})
    build = open_for("table/once")
    sync_dataset(build)
    assert (len(build.plan.shards), len(read)) == (COUNT, 1)
    others = [{**row, "text": f"{row['text']}!"} for row in rows("path")]
    hub.publish("table/once", {"train.csv": to_csv(others)})
    moved = open_build(build.request, build.places, build.hub, build.options, update=True)
    sync_dataset(moved)
    assert len(read) == 2
    texts = [row["text"] for _, row in sorted(read_rows_json(build.folder).items())]
    assert texts == [f"{text}!" for text in TEXTS]


def test_a_table_that_is_large_in_memory_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(last_table, "_kept", {})
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"path,text\n" + b"a.wav,word\n" * 1_000))
    file = PublishedFile(path.name, path.stat().st_size, None, "0" * 40)
    table = last_table.read_table_of(file, path)
    monkeypatch.setattr(last_table, "MOST_KEPT_BYTES", table.nbytes - 1)
    assert path.stat().st_size < last_table.MOST_KEPT_BYTES, "packed, it is small"
    assert last_table.read_table_of(file, path) is table, "what is kept stays"
    last_table.read_table_of(replace(file, git_oid="1" * 40), path)
    assert last_table._kept == {}


def test_a_changed_clip_makes_only_its_slice_again(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loose, "SLICE_ROWS", 2)
    files = {**at("train/"), "train/metadata.csv": to_csv(rows("file_name"))}
    hub.publish("table/moved", files)
    build = open_for("table/moved")
    sync_dataset(build)
    hub.publish("table/moved", {"train/c4.wav": files["train/c0.wav"]})
    moved = open_build(build.request, build.places, build.hub, build.options, update=True)
    assert sync_dataset(moved).new_rows == 1
    assert list(verify_dataset(build.places, build.name, deep=True)) == []


def test_a_killed_run_makes_and_fetches_only_what_it_lacks(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loose, "SLICE_ROWS", 2)
    hub.publish("table/killed", {**at("clips/"), "train.csv": to_csv(rows("path"))})
    build = open_for("table/killed")
    events = make_shards(build, build.shards)
    next(events)
    events.close()
    hub.clear_requests()
    assert sync_dataset(open_for("table/killed")).new_rows == COUNT - 2
    assert not [request for request in hub.requests if request.path.endswith("c0.wav")]


def test_what_a_table_leaves_out_and_lacks_is_told_and_a_missing_clip_is_a_failed_row(
    hub: LoopbackHub, open_for: OpenFor
):
    table = [*rows("file_name"), {"file_name": "gone.wav", "text": "no clip"}, rows("file_name")[0]]
    files = {**at("train/"), "train/extra.wav": at("")["c1.wav"]}
    hub.publish("table/told", {**files, "train/metadata.csv": to_csv(table)})
    build = open_for("table/told", max_bad_rows=2)
    words = told(build.plan.warnings)
    assert "no audio file of the repository for 1 row: they will fail" in words
    assert "left out: 1 audio file in no row, such as 'train/extra.wav'" in words
    assert "1 rows name a clip that another row names too" in words
    synced = sync_dataset(build)
    assert sorted(read_rows_json(build.folder)) == [0, 1, 2, 3, 4, 6]
    assert synced.published.manifest.rows.failed == 1


@pytest.mark.parametrize(
    "word",
    [
        "http://127.0.0.1:9/c0.wav",
        "hf://datasets/other/name/c0.wav",
        "../../etc/c0.wav",
        "file:///etc/passwd",
        "/etc/passwd",
    ],
)
def test_a_word_that_leads_elsewhere_is_never_followed(
    hub: LoopbackHub, open_for: OpenFor, word: str
):
    table = [*rows("path", "clips/{}".format), {"path": word, "text": "elsewhere"}]
    hf_id = f"table/elsewhere-{word.count('/')}{len(word)}"
    hub.publish(hf_id, {**at("clips/"), "train.jsonl": to_jsonl(table)})
    build = open_for(hf_id, max_bad_rows=1)
    hub.clear_requests()
    sync_dataset(build)
    assert sorted(read_rows_json(build.folder)) == list(range(COUNT))
    assert not [r for r in hub.requests if "other/name" in r.path or "passwd" in r.path]


def test_metadata_above_the_splits_gives_each_split_its_own_rows(
    hub: LoopbackHub, open_for: OpenFor
):
    names = [f"{'test' if n == 0 else 'train'}/c{n}.wav" for n in range(COUNT)]
    files = {name: at("")[name.partition("/")[2]] for name in names}
    table = [{"file_name": n, "text": t} for n, t in zip(names, TEXTS, strict=True)]
    hub.publish("table/splits", {**files, "metadata.csv": to_csv(table)})
    for split, expected in (("test", TEXTS[:1]), ("train", TEXTS[1:])):
        build = open_for("table/splits", split=split)
        assert "'metadata.csv' is in no split" in told(build.plan.warnings)
        sync_dataset(build)
        texts = [row["text"] for _, row in sorted(read_rows_json(build.folder).items())]
        assert texts == list(expected)


def test_a_table_without_clips_is_a_text_dataset(hub: LoopbackHub, open_for: OpenFor):
    hub.publish("table/text", {"train.csv": b'id;text\n007;NA\n1;"a; b"\n'})
    build = open_for("table/text")
    assert build.plan.audio_column is None
    sync_dataset(build)
    found = read_rows_json(build.folder)
    assert [(row["id"], row["text"]) for _, row in sorted(found.items())] == [
        ("007", "NA"),
        ("1", "a; b"),
    ]


def test_a_ragged_line_is_refused_by_its_number(hub: LoopbackHub, open_for: OpenFor):
    hub.publish("table/ragged", {"train.csv": b"id,text\n1,a\n2,b,c\n"})
    with pytest.raises(HugflowError, match=r"train\.csv cannot be read") as refused:
        open_for("table/ragged")
    assert "line 3 has 3 fields, where the first has 2" in refused.value.why


def test_values_of_json_keep_their_types_and_columns_that_come_later_are_null_before(
    hub: LoopbackHub, open_for: OpenFor
):
    lines = [{"text": "a", "n": 1}, {"text": "b", "n": 2.5, "tags": ["x"], "more": {"k": 1}}]
    hub.publish("table/json", {"train.jsonl": to_jsonl(lines)})
    build = open_for("table/json")
    sync_dataset(build)
    first, second = (row for _, row in sorted(read_rows_json(build.folder).items()))
    assert (first["n"], first["tags"], first["more"]) == (1.0, None, None)
    assert (second["n"], second["tags"], second["more"]) == (2.5, ["x"], {"k": 1})


def test_names_of_a_column_audio_filename_are_the_names_of_the_files(
    hub: LoopbackHub, open_for: OpenFor
):
    table = [{**row, "audio_filename": "same"} for row in rows("path")]
    hub.publish("table/named", {**at("clips/"), "train.csv": to_csv(table)})
    build = open_for("table/named")
    sync_dataset(build)
    stems = {path.stem for path in build.folder.audio.iterdir()}
    assert stems == {"same", "same-1", "same-2", "same-3", "same-4"}


@pytest.mark.slow
def test_commands_read_a_folder_of_clips(project: Project, hub: LoopbackHub):
    hub.publish("table/cli", {**at("train/"), "train/metadata.csv": to_csv(rows("file_name"))})
    request = project.request("table/cli")
    [planned] = json.loads(project.run("plan", request, "--json").stdout)["datasets"]
    assert (planned["rows"], planned["files"]) == (COUNT, COUNT + 1)
    assert "5 rows, 5 of them new" in project.run("local-sync", request).stdout
    name = "table__cli__split_train__rev_main"
    assert project.run("verify", name, "--deep").returncode == 0
    found = project.run("why", f"datasets/{name}/audio/3.mp3").stdout
    assert "train/c3.wav" in found


def test_files_in_no_split_are_counted_by_the_plan(hub: LoopbackHub, open_for: OpenFor):
    files = {**at("train/"), "speaker/y.wav": at("")["c1.wav"]}
    hub.publish("table/dropped", files)
    words = told(open_for("table/dropped").plan.warnings)
    assert "left out: 1 files are in no split of the subset 'default'" in words
    assert "'speaker/y.wav'" in words
    assert "there is no table: the rows are the 5 audio files" in words


def test_tables_that_a_folder_of_audio_does_not_read_are_told_with_what_reads_them(
    hub: LoopbackHub, open_for: OpenFor
):
    files = {
        **at("audio/"),
        "labels.csv": to_csv(rows("file")),
        "wav.scp": b"".join(f"{n} audio/c{n}.wav\n".encode() for n in range(COUNT)),
        "text": b"0 zero\n",
        "audio/c0.json": b"{}",
        "dataset_infos.json": b"{}",
    }
    hub.publish("table/unread", files)
    words = told(open_for("table/unread").plan.warnings)
    assert "left out: 1 table whose name is not metadata.csv or metadata.jsonl or" in words
    assert "such as 'labels.csv'; to have the rows of the tables, set source: {layout: t" in words
    assert "left out: 1 JSON file beside audio files, such as 'audio/c0.json'" in words
    assert "left out: Kaldi's 'wav.scp'; to have its rows, set source: {layout: kaldi}" in words
    assert open_for("table/unread", source={"layout": "kaldi"}).plan.columns[1:] == ("id", "text")


def test_files_of_the_names_of_clips_that_are_not_read_are_told(
    hub: LoopbackHub, open_for: OpenFor
):
    files = {**at("train/"), "train/c0.lab": b"a", "train/c1.TextGrid": b"b", "README.md": b""}
    hub.publish("table/lab", {**files, "train/c2.txt": b"c"})
    words = told(open_for("table/lab").plan.warnings)
    assert "left out: 2 other files of the names of audio files, such as 'train/c0.lab'" in words
    hub.publish("table/srt", {**at("train/"), "train/c0.srt": b"a"})
    words = told(open_for("table/srt").plan.warnings)
    assert "'train/c0.srt'; to have its cues as rows, set segments: {beside: srt}" in words
    table = to_csv(rows("file_name"))
    hub.publish("table/texts", {**files, "train/c2.txt": b"c", "train/metadata.csv": table})
    words = told(open_for("table/texts").plan.warnings)
    assert "left out: 3 other files of the names of audio files" in words


def test_a_path_with_a_disk_of_windows_is_one_of_another_machine(
    hub: LoopbackHub, open_for: OpenFor
):
    named = [{**row, "path": f"D:\\corpus\\clips\\{row['path']}"} for row in rows("path")]
    hub.publish("table/disk", {**at("clips/"), "train.jsonl": to_jsonl(named)})
    build = open_for("table/disk")
    assert "will fail" not in told(build.plan.warnings)
    sync_dataset(build)
    assert len(read_rows_json(build.folder)) == COUNT


def test_columns_that_look_like_time_ranges_are_told_where_clips_are_whole(
    hub: LoopbackHub, open_for: OpenFor
):
    named = [{**row, "offset": 0.0, "duration": 0.1} for row in rows("audio_filepath")]
    hub.publish("table/offsets", {**at("clips/"), "train.jsonl": to_jsonl(named)})
    advice = "to cut them, set segments: {start: offset, duration: duration}"
    assert advice in told(open_for("table/offsets").plan.warnings)
    ranges = {"start": "offset", "duration": "duration"}
    assert "to cut them" not in told(open_for("table/offsets", segments=ranges).plan.warnings)
    hub.publish("table/lengths", {**at("clips/"), "train.csv": to_csv(rows("path"))})
    assert "to cut them" not in told(open_for("table/lengths").plan.warnings)


@pytest.mark.parametrize("name", ["train.txt", "train.stm"])
def test_clips_beside_files_of_no_layout_are_proposed_as_a_folder_of_audio(
    hub: LoopbackHub, open_for: OpenFor, name: str
):
    hf_id = f"table/beside-{name.replace('.', '-')}"
    hub.publish(hf_id, {**at("clips/"), name: b"clips/c0.wav|hello\n"})
    with pytest.raises(HugflowError, match="is not published as parquet") as refused:
        open_for(hf_id)
    assert "write source: {layout: audio_folder} into the request; or" in str(refused.value.mend)
    assert open_for(hf_id, source={"layout": "audio_folder"}).plan.shards[0].rows == COUNT


def test_each_table_of_a_split_names_its_clips_by_its_own_column(
    hub: LoopbackHub, open_for: OpenFor
):
    tables = {"train/a.csv": to_csv(rows("path")[:2]), "train/b.csv": to_csv(rows("file")[2:])}
    hub.publish("table/columns", {**at("clips/"), **tables})
    build = open_for("table/columns")
    assert "will fail" not in told(build.plan.warnings)
    sync_dataset(build)
    found = [row["audio_info"]["source_path"] for row in read_rows_json(build.folder).values()]
    assert sorted(found) == sorted(at("clips/"))


@pytest.mark.parametrize("indent", [None, 1])
def test_the_fields_of_a_json_object_are_its_rows_if_they_name_clips(
    hub: LoopbackHub, open_for: OpenFor, indent: int | None
):
    named = {
        f"u{n}": {"wav": f"{{data_root}}/clips/{row['path']}", "text": row["text"]}
        for n, row in enumerate(rows("path"))
    }
    hub.publish(
        f"table/keyed-{indent}",
        {**at("clips/"), "train.json": json.dumps(named, indent=indent).encode()},
    )
    build = open_for(f"table/keyed-{indent}")
    assert build.plan.columns == ("audio", "id", "wav", "text")
    sync_dataset(build)
    found = read_rows_json(build.folder)
    assert [(row["id"], row["text"]) for _, row in sorted(found.items())] == [
        (f"u{n}", text) for n, text in enumerate(TEXTS)
    ]


@pytest.mark.parametrize("indent", [None, 1])
def test_an_object_of_very_many_objects_is_no_row_of_so_many_columns(
    tmp_path: Path, indent: int | None
):
    path = tmp_path / "train.json"
    named = {f"u{n}": {"words": "a", "id": n} for n in range(300)}
    path.write_text(json.dumps(named, indent=indent))
    table = read_table(path, path.name)
    assert (table.column_names, len(table)) == (["__key__", "words", "id"], 300)


def test_metadata_above_a_split_that_has_its_own_is_told_to_be_left_out(
    hub: LoopbackHub, open_for: OpenFor
):
    table = {"train/metadata.csv": to_csv(rows("file_name")), "metadata.csv": b"file_name\n"}
    hub.publish("table/above", {**at("train/"), **table, "test/x.wav": clip(9)})
    words = told(open_for("table/above").plan.warnings)
    assert "left out: 'metadata.csv', because 'train/metadata.csv' is in the split" in words


def test_a_transcript_ends_at_the_end_of_its_line_and_at_no_other_sign(
    hub: LoopbackHub, open_for: OpenFor
):
    clips = {f"train/1/{name}.wav": clip(n) for n, name in enumerate(("1-0", "1-1"))}
    lines = "1-0 one\u2028two\x85three\r\n1-1 four\n"
    hub.publish("table/lines", {**clips, "train/1/1.trans.txt": lines.encode()})
    build = open_for("table/lines")
    sync_dataset(build)
    texts = [row["text"] for _, row in sorted(read_rows_json(build.folder).items())]
    assert texts == ["one\u2028two\x85three", "four"]


def test_lines_of_transcripts_that_no_row_gets_are_told(hub: LoopbackHub, open_for: OpenFor):
    lines = b"1-0 one\n1-0 two\n1-7 gone\n"
    hub.publish("table/gone", {"train/1/1-0.wav": clip(0), "train/1/1.trans.txt": lines})
    words = told(open_for("table/gone").plan.warnings)
    assert "left out: 1 line of trans.txt files without an audio file, such as that of" in words
    assert "'train/1/1-7'" in words
    assert "left out: 1 line of trans.txt files before others of their clip" in words


def test_transcripts_beside_clips_are_fetched_with_their_shard_and_not_by_the_plan(
    hub: LoopbackHub, open_for: OpenFor
):
    texts = {"train/c0.txt": b"ein Wort\r\n", "train/c1.txt": "\ufeffzwei".encode()}
    empty = {"train/c2.txt": b""}
    hub.publish("table/beside", {**at("train/"), **texts, **empty})
    hub.clear_requests()
    build = open_for("table/beside")
    assert not [asked.path for asked in hub.requests if asked.path.endswith(".txt")]
    assert "3 audio files have no transcript, or an empty one" in told(build.plan.warnings)
    sync_dataset(build)
    found = [row["text"] for _, row in sorted(read_rows_json(build.folder).items())]
    assert found == ["ein Wort", "zwei", "", None, None]


def test_a_transcript_that_is_not_utf8_fails_its_own_row(hub: LoopbackHub, open_for: OpenFor):
    texts = {"train/c0.txt": b"caf\xe9", "train/c1.txt": "café".encode()}
    hub.publish("table/latin", {**at("train/"), **texts})
    build = open_for("table/latin")
    sync_dataset(build)
    assert {row: each["text"] for row, each in read_rows_json(build.folder).items()} == {
        1: "café",
        2: None,
        3: None,
        4: None,
    }
    assert [(each["row"], each["code"]) for each in read_failures(build.folder)] == [
        (0, "text_not_utf8")
    ]


def test_a_transcript_that_is_too_large_fails_its_shard_by_name(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loose, "SLICE_ROWS", 2)
    monkeypatch.setattr(loose, "MOST_TEXT_BYTES", 10)
    hub.publish("table/long", {**at("train/"), "train/c0.txt": b"eleven bytes"})
    build = open_for("table/long")
    with pytest.raises(HugflowError, match="1 of 3 shards failed") as failed:
        sync_dataset(build)
    assert "the transcript 'train/c0.txt' cannot be read: it is larger" in failed.value.why
    assert sorted(read_rows_json(build.folder)) == [2, 3, 4]


def test_another_column_of_file_names_in_an_audio_folder_is_an_audio_column(
    hub: LoopbackHub, open_for: OpenFor
):
    pairs = [("a.wav", "noisy/a.wav", "a"), ("b.wav", "", "b")]
    table = [{"file_name": name, "noisy_file_name": n, "text": t} for name, n, t in pairs]
    clips = {f"train/{name}": clip(at) for at, name in enumerate(("a.wav", "b.wav"))}
    clips |= {"train/noisy/a.wav": clip(7, 0.4)}
    hub.publish("table/noisy", {**clips, "train/metadata.jsonl": to_jsonl(table)})
    build = open_for("table/noisy", audio_columns=["audio", "noisy"], max_bad_rows="50%")
    assert build.plan.columns == ("audio", "noisy", "text")
    assert not any("left out" in told for told in build.plan.warnings)
    sync_dataset(build)
    made = read_rows_json(build.folder)
    assert made[0]["audio_info"]["duration"] == 0.2
    assert [path.name for path in build.folder.root.glob("audio*/**/*.mp3")].count("0.mp3") == 2
    alone = open_for("table/noisy")
    assert any("there is audio in 'noisy' too" in told for told in alone.plan.warnings)
