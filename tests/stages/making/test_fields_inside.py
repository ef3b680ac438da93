"""Audio and text that lie inside columns, and text that is no text."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.errors import RequestInvalid
from hugflow.stages.flowing.row_inputs import read_inputs
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.speech import encode, speech_like
from hugflow.testing.tables import write_parquet
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.trees import read_failures, read_rows_json

CLIP = encode(speech_like(0.05, 8_000), 8_000, "wav")
AUDIO = {"bytes": CLIP, "path": "a.wav"}
LABEL = {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}


def publish(hub: LoopbackHub, hf_id: str, columns: dict[str, Any], features: Any = None) -> None:
    table = pa.table(columns)
    if features is not None:
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        table = table.replace_schema_metadata(metadata)
    hub.publish(hf_id, {"data/train-0.parquet": write_parquet(table)})


def nested(values: list[Any], type_: pa.DataType | None = None) -> dict[str, Any]:
    return {"audio": [AUDIO] * len(values), "json": pa.array(values, type_)}


@pytest.mark.parametrize(
    ("name", "columns", "fields", "texts"),
    [
        (
            "struct",
            nested([{"text": "a", "n": 1}, {"text": None, "n": 2}, None]),
            {"text_column": "json.text"},
            ["a", None, None],
        ),
        (
            "deep",
            nested([{"a": {"b.c": "x"}}, {"a": None}]),
            {"text_column": "json.a.b.c"},
            ["x", None],
        ),
        (
            "literal",
            {**nested([{"text": "inside"}]), "json.text": ["outside"]},
            {"text_column": "json.text"},
            ["outside"],
        ),
        (
            "list",
            {"audio": [AUDIO] * 4, "caps": [["a dog", "barks"], ["rain", None], [], None]},
            {"text_column": "caps", "text_join": " "},
            ["a dog barks", "rain", "", None],
        ),
        (
            "list-named-text",
            {"audio": [AUDIO], "text": [["a", "b"]]},
            {"text_join": ", "},
            ["a, b"],
        ),
        (
            "dictionary",
            {"audio": [AUDIO] * 2, "text": pa.array(["a", None]).dictionary_encode()},
            {},
            ["a", None],
        ),
    ],
)
def test_text_is_text_or_null_wherever_it_lies(
    name: str,
    columns: dict[str, Any],
    fields: dict[str, Any],
    texts: list[Any],
    hub: LoopbackHub,
    open_for: OpenFor,
    places: Places,
):
    publish(hub, f"inside/{name}", columns)
    build = open_for(f"inside/{name}", **fields)
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert [rows[row]["text"] for row in range(len(texts))] == texts
    assert list(verify_dataset(places, build.name, deep=True)) == []


def test_a_text_inside_a_column_is_the_column_text_of_the_index(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish(hub, "inside/index", nested([{"text": "a", "n": 1}, {"text": None, "n": 2}]))
    build = open_for("inside/index", text_column="json.text", exports=["croissant"])
    sync_dataset(build)
    index = build.folder.index_file(build.plan.shards[0].name)
    table = pq.read_table(index)
    assert table.column_names == ["row", "audio", "json", "text", "audio_info"]
    assert table.column("text").to_pylist() == ["a", None]
    text = {"dtype": "string", "_type": "Value"}
    assert json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]["text"] == text
    assert "\n  - name: text\n" in (build.folder.root / "README.md").read_text()
    assert '"column": "text"' in (build.folder.root / "croissant.json").read_text()
    # A row step reads it.
    [rows] = read_inputs(build.plan, build.folder, index, ["text"], {}, [0, 1])
    assert rows == [(0, {"text": "a"}), (1, {"text": None})]
    # It is made again as it was, and compared with the JSON.
    before = index.read_bytes()
    index.unlink()
    sync_dataset(build)
    assert index.read_bytes() == before
    told = build.folder.json / "0.json"
    told.write_text(told.read_text().replace('"text": "a",\n', '"text": "b",\n'))
    found = [str(each) for each in verify_dataset(places, build.name, deep=True)]
    assert any("its text is not what the index says" in each for each in found)


@pytest.mark.parametrize(
    ("name", "value", "features", "fields", "text"),
    [
        ("class", {"a": 1}, {"json": {"a": LABEL["label"]}}, {}, "yes"),
        ("list", {"a": ["x", "y"]}, None, {"text_join": " "}, "x y"),
    ],
)
def test_the_text_in_the_index_is_that_of_the_json(
    name: str,
    value: dict[str, Any],
    features: Any,
    fields: dict[str, Any],
    text: str,
    hub: LoopbackHub,
    open_for: OpenFor,
):
    publish(hub, f"inside/index-{name}", nested([value]), features)
    build = open_for(f"inside/index-{name}", text_column="json.a", **fields)
    sync_dataset(build)
    table = pq.read_table(build.folder.index_file(build.plan.shards[0].name))
    assert table.column("text").to_pylist() == [text]
    assert read_rows_json(build.folder)[0]["text"] == text


def test_the_datasets_own_column_text_stays_in_the_index(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish(hub, "inside/own-text", {**nested([{"text": "inside"}]), "text": ["own"]})
    build = open_for("inside/own-text", text_column="json.text")
    sync_dataset(build)
    table = pq.read_table(build.folder.index_file(build.plan.shards[0].name))
    assert table.column("text").to_pylist() == ["own"]
    row = read_rows_json(build.folder)[0]
    assert (row["text"], row["text_source"]) == ("inside", "own")
    assert list(verify_dataset(places, build.name, deep=True)) == []


@pytest.mark.parametrize("column", ["label", "text"])
def test_a_class_gives_its_name_as_text(
    column: str, hub: LoopbackHub, open_for: OpenFor, places: Places
):
    columns = {"audio": [AUDIO] * 3, column: pa.array([1, 0, None], pa.int64())}
    publish(hub, f"inside/class-{column}", columns, {column: LABEL["label"]})
    build = open_for(f"inside/class-{column}", text_column=column)
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert [rows[row]["text"] for row in range(3)] == ["yes", "no", None]
    assert list(verify_dataset(places, build.name, deep=True)) == []


@pytest.mark.parametrize(
    ("values", "mend"),
    [
        ([{"text": "a", "speaker": "s"}], "set text_column: 'json.text', or another of"),
        ([{"n": {"said": "a"}}], "set text_column: 'json.n.said'"),
        ([[{"text": "a"}]], "no other column holds text"),
        ([7], "no other column holds text"),
        ([["a", "b"]], 'set text_join: " "'),
    ],
    ids=["struct", "deep", "structs", "number", "list"],
)
def test_a_text_column_that_holds_no_text_is_refused_with_the_texts_inside_it(
    values: list[Any], mend: str, hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "inside/refused", nested(values))
    with pytest.raises(RequestInvalid, match="'json' holds") as refused:
        open_for("inside/refused", text_column="json")
    assert refused.value.exit_code == 4
    assert str(refused.value.mend).startswith(mend)


@pytest.mark.parametrize(
    ("name", "items", "left"),
    [
        ("only", [{"audio": AUDIO}] * 2, set()),
        ("beside", [{"audio": AUDIO, "text": "a"}, {"audio": AUDIO, "text": "b"}], {"text"}),
        ("bytes", [{"audio": CLIP, "n": 1}] * 2, {"n"}),
        ("listed", [{"audio": [AUDIO], "n": 1}] * 2, {"n"}),
    ],
)
def test_audio_inside_a_struct_becomes_a_column_of_its_own(
    name: str,
    items: list[Any],
    left: set[str],
    hub: LoopbackHub,
    open_for: OpenFor,
    places: Places,
):
    publish(hub, f"inside/audio-{name}", {"item": items, "text": ["a", "b"]})
    build = open_for(f"inside/audio-{name}", audio_column="item.audio")
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert rows[1]["item.audio"] == f"datasets/{build.name}/audio/1.mp3"
    assert set(rows[1].get("item", {})) == left
    assert (build.folder.audio / "1.mp3").stat().st_size > 0
    assert list(verify_dataset(places, build.name, deep=True)) == []


def test_audio_that_lies_in_a_struct_is_named_where_no_column_is_audio(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "inside/hidden", {"item": [{"audio": AUDIO, "n": 1}], "text": ["a"]})
    with pytest.raises(RequestInvalid, match="no audio column 'audio'") as refused:
        open_for("inside/hidden")
    assert refused.value.mend == "set audio_column: 'item.audio'"


def test_the_path_of_the_audio_is_no_text(hub: LoopbackHub, open_for: OpenFor):
    publish(hub, "inside/path", {"audio": [AUDIO], "sentence": ["a"]})
    with pytest.raises(RequestInvalid, match=r"no text column 'audio\.path'"):
        open_for("inside/path", text_column="audio.path")


def test_a_list_of_one_clip_is_the_clip_and_a_longer_one_a_failed_row(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    clips = [[AUDIO], [AUDIO, AUDIO], [], None, [None], [AUDIO]]
    publish(hub, "inside/lists", {"audio": clips, "text": list("abcdef")})
    build = open_for("inside/lists", max_bad_rows=4)
    sync_dataset(build)
    assert sorted(read_rows_json(build.folder)) == [0, 5]
    codes = {line["row"]: line["code"] for line in read_failures(build.folder)}
    assert codes == {1: "audio_several", **dict.fromkeys((2, 3, 4), "audio_missing")}
    assert list(verify_dataset(places, build.name, deep=True)) == []
