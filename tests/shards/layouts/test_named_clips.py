"""Lists of clips, and clips inside structs, that an audio folder's metadata names."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.errors import RequestInvalid
from hugflow.names import info_names
from hugflow.shards.arrow import FILE_TYPE
from hugflow.shards.layouts import loose
from hugflow.shards.layouts.named_clips import audio_type, find_named, list_words, to_audio
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.projects import Project
from tests.shards.layouts.published import to_jsonl, to_zip
from tests.shards.layouts.tars import clip
from tests.trees import read_failures, read_rows_json, read_tree

CLIPS = {name: clip(seed) for seed, name in enumerate(("a.wav", "b.wav", "far/c.wav", "n.wav"))}
FOLDER = {f"train/{name}": data for name, data in CLIPS.items()}
ROWS: list[dict[str, Any]] = [
    {
        "id": 1,
        "file_names": ["a.wav"],
        "turn": {"who": "x", "file_name": "far/c.wav"},
        "turns": [{"file_name": "a.wav", "n": 1}, {"file_name": "b.wav", "n": 2}],
        "noisy_file_names": ["n.wav", "a.wav"],
    },
    {
        "id": 2,
        "file_names": ["b.wav"],
        "turn": {"who": "y", "file_name": "b.wav"},
        "turns": [{"file_name": "b.wav", "n": 3}],
        "noisy_file_names": ["n.wav"],
    },
]


def told(plan_warnings: tuple[str, ...]) -> str:
    return "\n".join(plan_warnings)


def publish(hub: LoopbackHub, hf_id: str, rows: list[dict[str, Any]]) -> None:
    hub.publish(hf_id, {**FOLDER, "train/metadata.jsonl": to_jsonl(rows)})


def fields_of(**types: pa.DataType) -> list[pa.Field]:
    return [pa.field(name, type_) for name, type_ in types.items()]


def test_fields_that_name_clips_are_found_at_any_depth():
    words = pa.list_(pa.string())
    inner = pa.struct([("file_name", pa.large_string()), ("file_names", words)])
    found = find_named(
        fields_of(
            file_names=words,
            noisy_file_name=pa.string(),
            turn=inner,
            turns=pa.list_(pa.struct([("deep", inner), ("x_file_names", words)])),
            profile_names=words,
        )
    )
    assert tuple(found.names) == (
        ("file_names",),
        ("noisy_file_name",),
        ("turn", "file_name"),
        ("turn", "file_names"),
        ("turns", "deep", "file_name"),
        ("turns", "deep", "file_names"),
        ("turns", "x_file_names"),
    )
    assert not found.odd


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (fields_of(file_names=pa.string()), "'file_names' names no clips: its type is string"),
        (fields_of(x_file_name=pa.int64()), "'x_file_name' names no clips: its type is int64"),
        (
            fields_of(file_names=pa.list_(pa.int64())),
            "'file_names' names no clips: its type is list<item: int64>",
        ),
        (
            fields_of(turn=pa.struct([("file_name", pa.string()), ("audio", pa.string())])),
            "'turn.file_name' names no clips: there is a field 'audio' beside it",
        ),
    ],
)
def test_what_is_called_like_a_field_of_clips_and_is_none_is_told(fields: list[pa.Field], why: str):
    found = find_named(fields)
    assert (found.names, found.odd) == ({}, (why,))


# It wants torch to encode anything, even a path, of which it makes no more than this.
BY_DATASETS = """
import sys, datasets, pyarrow.parquet
datasets.Audio.encode_example = lambda self, value: {"bytes": None, "path": value}
loaded = datasets.load_dataset(sys.argv[1], split="train", cache_dir=sys.argv[2])
table = datasets.table.embed_table_storage(loaded.with_format("arrow")[:])
pyarrow.parquet.write_table(table, sys.argv[3])
"""


WORDS = [["a", None], None, [], ["b"]]


@pytest.mark.parametrize(
    "type_",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.large_string()),
        pa.list_view(pa.string_view()),
    ],
)
@pytest.mark.parametrize("first", [0, 1])
def test_words_become_audio_in_slices_of_every_type_of_list(type_: pa.DataType, first: int):
    values = [{"n": n, "file_names": words} for n, words in enumerate(WORDS)] + [None]
    struct = pa.struct([("n", pa.int64()), ("file_names", type_)])
    array = pa.array(values, struct)[first:]
    places = {("turn", "file_names"): "audios"}
    rows = np.arange(first, len(values))
    found = [
        (word.as_py(), row)
        for _, words, inside in list_words(array, places, ("turn",), rows)
        for word, row in zip(words, inside.tolist(), strict=True)
    ]
    assert found == [("a", 0), (None, 0), ("b", 3)][2 * first :]

    def shout(place: tuple[str, ...], words: pa.Array) -> pa.Array:
        return pa.array([word and word.upper() for word in words.to_pylist()], pa.string())

    assert (
        to_audio(array, places, ("turn",), shout).to_pylist()
        == [
            each and {"n": each["n"], "audios": words and [w and w.upper() for w in words]}
            for each, words in zip(values, [*WORDS, None], strict=True)
        ][first:]
    )
    planned = audio_type(struct, places, ("turn",))
    assert planned.field("audios").type.value_type == FILE_TYPE


@pytest.fixture(scope="session")
def by_datasets(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The same rows as `datasets` reads and writes them, as parquet."""
    folder = tmp_path_factory.mktemp("folder")
    for name, data in {**FOLDER, "train/metadata.jsonl": to_jsonl(ROWS)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    cache, target = (tmp_path_factory.mktemp("cache") / name for name in ("cache", "a.parquet"))
    command = [sys.executable, "-c", BY_DATASETS, folder, cache, target]
    subprocess.run(command, check=True, capture_output=True)
    return target.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("column", ["audios", "turn.audio"])
def test_a_folder_gives_the_rows_that_its_parquet_by_datasets_gives(
    column: str, hub: LoopbackHub, open_for: OpenFor, by_datasets: bytes
):
    name = column.replace(".", "-")
    publish(hub, f"named/folder-{name}", ROWS)
    hub.publish(f"named/parquet-{name}", {"data/train-0.parquet": by_datasets})
    found = []
    for kind in ("folder", "parquet"):
        build = open_for(f"named/{kind}-{name}", audio_column=column)
        sync_dataset(build)
        assert list(verify_dataset(build.places, build.name, deep=True)) == []
        mp3s = {row: (build.folder.audio / f"{row}.mp3").read_bytes() for row in (0, 1)}
        index = pq.read_table(build.folder.index_file(build.plan.shards[0].name))
        features = json.loads(index.schema.metadata[b"huggingface"])["info"]["features"]
        table = index.drop_columns(["audio_info"]).to_pylist()
        found.append((build.plan.columns, mp3s, _without_paths(table), features))
    assert found[0] == found[1]


def _without_paths(value: Any) -> Any:
    """Values of an index without the paths of clips, which say where they were."""
    match value:
        case {"bytes": data, "path": _}:
            return {"bytes": data}
        case dict():
            return {name: _without_paths(each) for name, each in value.items()}
        case list():
            return [_without_paths(each) for each in value]
        case _:
            return value


def test_clips_that_lists_name_are_files_of_the_shard_and_of_no_row_left_out(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "named/files", ROWS)
    build = open_for("named/files", audio_column="audios")
    paths = {file.path for file in build.plan.shards[0].files}
    assert paths == {"train/metadata.jsonl", *FOLDER}
    words = told(build.plan.warnings)
    assert "left out" not in words
    assert "the field 'turns.file_name' names clips: they are 'turns.audio'" in words
    assert build.plan.columns == ("id", "audios", "turn", "turns", "noisy")


def test_the_columns_of_clips_have_to_be_named_where_there_is_no_file_name(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "named/asked", ROWS)
    with pytest.raises(RequestInvalid, match="no audio column 'audio'") as refused:
        open_for("named/asked")
    assert refused.value.mend == "set audio_column: 'audios'"
    publish(hub, "named/asked-struct", [{"turn": row["turn"]} for row in ROWS])
    with pytest.raises(RequestInvalid, match="no audio column 'audio'") as refused:
        open_for("named/asked-struct")
    assert refused.value.mend == "set audio_column: 'turn.audio'"


def test_a_single_column_of_clips_with_a_name_of_its_own_is_the_audio_column(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "named/single", [{"noisy_file_name": "n.wav", "text": "a"}])
    build = open_for("named/single")
    assert (build.plan.columns, build.plan.audio_column) == (("noisy", "text"), "noisy")
    sync_dataset(build)
    assert read_rows_json(build.folder)[0]["text"] == "a"


def test_a_request_for_another_column_of_clips_gets_that_one(hub: LoopbackHub, open_for: OpenFor):
    rows = [{"file_name": "a.wav", "noisy_file_name": "n.wav", "turn": {"file_name": "b.wav"}}]
    publish(hub, "named/which", rows)
    made = {}
    for column in ("audio", "noisy", "turn.audio"):
        build = open_for("named/which", audio_column=column)
        assert {"audio", "noisy"} <= {*build.plan.columns}
        sync_dataset(build)
        made[column] = (build.places.dataset(build.name).audio / "0.mp3").read_bytes()
    for column, name in (("audio", "a"), ("noisy", "n"), ("turn.audio", "b")):
        publish(hub, f"named/alone-{name}", [{"file_name": f"{name}.wav"}])
        alone = open_for(f"named/alone-{name}")
        sync_dataset(alone)
        assert (alone.folder.audio / "0.mp3").read_bytes() == made[column], column


BAD = [
    (["../a.wav"], "path_refused"),
    (["/etc/a.wav"], "path_refused"),
    (["http://127.0.0.1:9/a.wav"], "path_refused"),
    (["gone.wav"], "path_not_found"),
    (["7"], "path_not_found"),
    ([None], "audio_missing"),
    ([""], "audio_missing"),
    ([], "audio_missing"),
    (None, "audio_missing"),
    (["a.wav", "b.wav"], "audio_several"),
]


def test_each_word_that_is_no_clip_of_the_folder_is_one_failed_row(
    hub: LoopbackHub, open_for: OpenFor
):
    rows = [{"file_names": ["b.wav"]}, *({"file_names": words} for words, _ in BAD)]
    # A clip at the root is not the one beside the table.
    hub.publish("named/bad", {"gone.wav": clip(9)})
    publish(hub, "named/bad", rows)
    build = open_for("named/bad", audio_column="audios", max_bad_rows=len(BAD))
    assert "no audio file of the repository for 5 words in 'file_names'" in told(
        build.plan.warnings
    )
    sync_dataset(build)
    assert sorted(read_rows_json(build.folder)) == [0]
    codes = {line["row"]: line["code"] for line in read_failures(build.folder)}
    assert codes == {row: code for row, (_, code) in enumerate(BAD, 1)}
    assert not [asked for asked in hub.requests if "etc" in asked.path]


def test_numbers_in_a_list_of_names_are_words(hub: LoopbackHub, open_for: OpenFor):
    publish(hub, "named/number", [{"file_names": ["a.wav"]}, {"file_names": [7]}])
    build = open_for("named/number", audio_column="audios", max_bad_rows=1)
    sync_dataset(build)
    assert [line["code"] for line in read_failures(build.folder)] == ["path_not_found"]


def test_a_missing_clip_is_never_one_of_the_same_name_at_the_root(
    hub: LoopbackHub, open_for: OpenFor
):
    rows = [{"file_name": "a.wav"}, {"file_name": "gone.wav"}]
    hub.publish("named/root", {"gone.wav": clip(9)})
    publish(hub, "named/root", rows)
    build = open_for("named/root", max_bad_rows=1)
    sync_dataset(build)
    assert [line["code"] for line in read_failures(build.folder)] == ["path_not_found"]


def test_a_clip_that_only_a_list_names_is_made_anew_when_it_changes(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loose, "SLICE_ROWS", 1)
    publish(hub, "named/moved", ROWS)
    build = open_for("named/moved", audio_column="audios")
    assert len(build.plan.shards) == 2
    sync_dataset(build)
    hub.publish("named/moved", {"train/b.wav": clip(8)})
    moved = open_build(build.request, build.places, build.hub, build.options, update=True)
    # The first row has it in `turns`.
    assert sync_dataset(moved).new_rows == 2
    hub.publish("named/moved", {"train/far/c.wav": clip(9)})
    moved = open_build(build.request, build.places, build.hub, build.options, update=True)
    assert sync_dataset(moved).new_rows == 1
    assert list(verify_dataset(moved.places, moved.name, deep=True)) == []


def test_a_killed_run_leaves_no_trace_in_rows_of_lists(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(loose, "SLICE_ROWS", 1)
    publish(hub, "named/killed", ROWS)
    build = open_for("named/killed", audio_column="audios")
    events = make_shards(build, build.shards)
    next(events)
    events.close()
    hub.clear_requests()
    assert sync_dataset(open_for("named/killed", audio_column="audios")).new_rows == 1
    killed = read_tree(build.folder.root)
    publish(hub, "named/undisturbed", ROWS)
    whole = open_for("named/undisturbed", audio_column="audios")
    sync_dataset(whole)
    other = read_tree(whole.folder.root)
    assert {name: killed[name] for name in killed if name.startswith("audio/")} == {
        name: other[name] for name in other if name.startswith("audio/")
    }


def test_metadata_above_the_splits_gives_each_split_the_rows_of_its_lists(
    hub: LoopbackHub, open_for: OpenFor
):
    rows = [{"file_names": ["train/a.wav"], "t": "a"}, {"file_names": ["test/b.wav"], "t": "b"}]
    clips = {"train/a.wav": clip(1), "test/b.wav": clip(2)}
    hub.publish("named/above", {**clips, "metadata.jsonl": to_jsonl(rows)})
    for split, text in (("train", "a"), ("test", "b")):
        build = open_for("named/above", split=split, audio_column="audios")
        sync_dataset(build)
        assert [row["t"] for row in read_rows_json(build.folder).values()] == [text]


def test_lists_in_metadata_of_parquet_are_read_too(hub: LoopbackHub, open_for: OpenFor):
    table = pa.table(
        {
            "file_names": pa.array([["a.wav"], None], pa.large_list(pa.large_string())),
            "turns": [[{"file_name": "b.wav"}, None], []],
        }
    )
    hub.publish("named/table", {**FOLDER, "train/metadata.parquet": write_parquet(table)})
    build = open_for("named/table", audio_column="audios", max_bad_rows=1)
    sync_dataset(build)
    assert sorted(read_rows_json(build.folder)) == [0]
    index = pq.read_table(build.folder.index_file(build.plan.shards[0].name))
    assert index.column("turns")[0].as_py() == [
        {"audio": {"bytes": CLIPS["b.wav"], "path": "train/b.wav"}},
        None,
    ]


def test_rows_of_many_clips_are_cut_into_slices_by_their_clips(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loose, "SLICE_BYTES", 2 * len(CLIPS["a.wav"]))
    rows = [{"file_names": [name]} for name in CLIPS for _ in range(2)]
    publish(hub, "named/slices", rows)
    build = open_for("named/slices", audio_column="audios")
    assert [shard.rows for shard in build.plan.shards] == [4, 4]
    sync_dataset(build)
    assert len(read_rows_json(build.folder)) == len(rows)


def test_a_row_that_names_more_than_fits_in_memory_has_paths(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loose, "MOST_MORE_BYTES", 5 * len(CLIPS["a.wav"]))
    rows = [{"file_names": ["a.wav"] * 6, "turn": {"file_name": "b.wav"}}, ROWS[1]]
    publish(hub, "named/bomb", rows)
    build = open_for("named/bomb", audio_column="turn.audio")
    # Rows with more are alone in their batches.
    monkeypatch.setattr(loose, "BATCH_BYTES", len(CLIPS["a.wav"]))
    sync_dataset(build)
    assert sorted(read_rows_json(build.folder)) == [0, 1]
    index = pq.read_table(build.folder.index_file(build.plan.shards[0].name))
    clips = index.column("audios").to_pylist()
    assert clips[0] == [{"bytes": None, "path": "train/a.wav"}] * 6
    assert clips[1] == [{"bytes": CLIPS["b.wav"], "path": "train/b.wav"}]


def test_lists_of_clips_are_not_cut(hub: LoopbackHub, open_for: OpenFor):
    rows = [{"file_name": "a.wav", "x_file_names": ["b.wav"], "start": 0.0, "end": 0.1}]
    publish(hub, "named/cut", rows)
    ranges = {"start": "start", "end": "end"}
    build = open_for("named/cut", segments=ranges)
    assert build.plan.columns == ("audio", "x_file_names", "start", "end")
    with pytest.raises(RequestInvalid, match="segments cut one column of audio"):
        open_for("named/cut", segments=ranges, audio_column="x")


def test_audio_in_lists_of_structs_is_told_and_proposed_as_no_text(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "named/lists", [{"turns": row["turns"], "x": ["a"]} for row in ROWS])
    build = open_for("named/lists")
    assert build.plan.audio_column is None
    words = told(build.plan.warnings)
    assert "no MP3s are made of the audio inside lists, in 'turns.audio'" in words
    assert "if a column names them" not in words
    sync_dataset(build)
    assert read_rows_json(build.folder)[1]["turns"] == [
        {"audio": {"bytes": len(CLIPS["b.wav"]), "path": "train/b.wav"}, "n": 3}
    ]
    publish(hub, "named/lists-too", ROWS)
    words = told(open_for("named/lists-too", audio_column="turn.audio").plan.warnings)
    assert "in 'turns.audio'" in words
    assert "there is audio in 'audios', 'noisy' too" in words
    assert "if 'id' is it, set text_column: 'id'" in words


PAIR = {"speech": ["a.wav"], "pair": {"target": "b.wav"}, "again": "far/c.wav", "text": "a"}


@pytest.mark.parametrize("column", ["speech", "pair.target", "again"])
def test_any_field_of_a_table_names_clips_by_the_rules_of_its_tables_if_it_is_asked_for(
    column: str, hub: LoopbackHub, open_for: OpenFor
):
    hf_id = f"named/table-{column.replace('.', '-')}"
    clips = {f"en/clips/{name}": data for name, data in CLIPS.items()}
    hub.publish(hf_id, {**clips, "en/train.jsonl": to_jsonl([PAIR])})
    build = open_for(hf_id, audio_columns=["again", column] if column != "again" else [column])
    sync_dataset(build)
    name = {"speech": "a.wav", "pair.target": "b.wav", "again": "far/c.wav"}[column]
    [row] = read_rows_json(build.folder).values()
    assert row[info_names(build.plan.all_audio)[-1]]["source_path"] == f"en/clips/{name}"
    assert f"en/clips/{name}" in {file.path for file in build.plan.shards[0].files}


def test_a_word_in_a_list_that_may_mean_several_clips_is_a_failed_row(
    hub: LoopbackHub, open_for: OpenFor
):
    clips = {f"{folder}/{name}.wav": clip(1) for folder in "ab" for name in "xy"}
    clips["b/z.wav"] = clip(2)
    rows = [{"speech": ["z.wav"]}, {"speech": ["x.wav"]}, {"speech": ["b/y.wav"]}]
    hub.publish("named/unclear", {**clips, "train.jsonl": to_jsonl(rows)})
    build = open_for("named/unclear", audio_column="speech", max_bad_rows=1)
    words = told(build.plan.warnings)
    assert "1 word in 'speech' may mean several audio files, such as 'a/x.wav' and" in words
    sync_dataset(build)
    assert [line["code"] for line in read_failures(build.folder)] == ["path_unclear"]
    assert sorted(read_rows_json(build.folder)) == [0, 2]


def test_a_name_that_no_column_has_is_no_name_for_the_clips_of_another(
    hub: LoopbackHub, open_for: OpenFor
):
    rows = [{"speech": "train/a.wav", "target": "train/b.wav"}]
    hub.publish("named/typo", {**FOLDER, "train.jsonl": to_jsonl(rows)})
    with pytest.raises(RequestInvalid, match="no audio column 'tarqet'"):
        open_for("named/typo", audio_column="tarqet", source={"layout": "table"})


def test_a_list_of_names_in_a_table_is_proposed_as_audio_column(
    hub: LoopbackHub, open_for: OpenFor
):
    rows = [{"audios": ["a.wav"], "text": "one word"}]
    clips = {f"clips/{name}": data for name, data in CLIPS.items()}
    hub.publish("named/propose", {**clips, "train.jsonl": to_jsonl(rows)})
    assert "set audio_column: 'audios'" in told(open_for("named/propose").plan.warnings)


def test_metadata_whose_names_are_no_files_is_refused_with_one_of_them(
    hub: LoopbackHub, open_for: OpenFor
):
    for number, (row, why) in enumerate(
        [
            ({"file_name": "A.wav"}, "none of the 1 name in 'file_name' is that of a file beside"),
            ({"file_names": []}, "no row has a name in 'file_names'"),
            ({"file_name": 7}, "the field 'file_name' names no clips: its type is int64"),
            ({"title": "one word"}, "it has no field `file_name` or `file_names`"),
        ]
    ):
        publish(hub, f"named/none-{number}", [row])
        with pytest.raises(RequestInvalid, match="names no audio file") as refused:
            open_for(f"named/none-{number}")
        assert str(refused.value.why).startswith(why)


def test_of_metadata_in_a_zip_only_file_name_is_read_and_the_plan_says_so(
    hub: LoopbackHub, open_for: OpenFor
):
    for kind, row in {
        "both": {"file_name": "a.wav", "noisy_file_name": "b.wav"},
        "list": {"file_names": ["a.wav"], "id": "a"},
    }.items():
        members = {**CLIPS, "metadata.jsonl": to_jsonl([row])}
        hub.publish(f"named/zip-{kind}", {"train.zip": to_zip(members)})
    warnings = told(open_for("named/zip-both").plan.warnings)
    assert "the field 'noisy_file_name' stays as it is: it names clips, too" in warnings
    with pytest.raises(RequestInvalid, match="no audio column 'noisy'"):
        open_for("named/zip-both", audio_column="noisy")
    with pytest.raises(RequestInvalid, match="is the key") as refused:
        open_for("named/zip-list")
    assert "'file_names' names clips" in str(refused.value.why)
    build = open_for("named/zip-both", audio_column="noisy_file_name")
    sync_dataset(build)
    [row] = read_rows_json(build.folder).values()
    assert row["audio_info"]["source_path"] == "b.wav"


@pytest.mark.slow
def test_commands_read_lists_of_clips(project: Project, hub: LoopbackHub):
    publish(hub, "named/cli", ROWS)
    request = project.request("named/cli", "audio_column: audios")
    [planned] = json.loads(project.run("plan", request, "--json").stdout)["datasets"]
    assert (planned["rows"], planned["files"]) == (2, 5)
    assert "2 rows, 2 of them new" in project.run("local-sync", request).stdout
    name = "named__cli__split_train__rev_main"
    assert project.run("verify", name, "--deep").returncode == 0
    assert "train/b.wav" in project.run("why", f"datasets/{name}/audio/1.mp3").stdout
