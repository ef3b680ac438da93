"""Features: what the index declares is what `datasets` reads back."""

import json
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.shards.audio_warnings import audio_columns
from hugflow.shards.features import (
    AUDIO_TYPE,
    column_features,
    index_features,
    index_names,
    is_audio_type,
)
from hugflow.shards.text_column import choose_text_column
from tests.shards.plans import REQUEST, plan_of

ours = ["row", "audio_info", "row_source", "audio_info_source", "row_source_source", "text", "Row"]
ours += ["audio_info_text", "audio_info_text_source"]


@given(columns=st.lists(st.sampled_from(ours) | st.text(min_size=1, max_size=3), unique=True))
def test_columns_of_the_index_never_collide(columns: list[str]):
    own = ("row", "audio_info", "audio_info_text")
    names = index_names(columns, ("audio", "text"))
    assert len({*names, *own}) == len(columns) + 3
    for column, name in zip(columns, names, strict=True):
        assert name == column or column in own


def struct(*fields: tuple[str, pa.DataType]) -> pa.DataType:
    return pa.struct(list(fields))


@pytest.mark.parametrize(
    ("type_", "is_audio"),
    [
        (pa.binary(), True),
        (pa.large_binary(), True),
        (pa.binary_view(), True),
        (AUDIO_TYPE, True),
        (struct(("path", pa.string()), ("bytes", pa.large_binary())), True),
        (struct(("path", pa.string_view())), True),
        (struct(("array", pa.list_(pa.float32())), ("sampling_rate", pa.int64())), True),
        (struct(("array", pa.large_list(pa.list_(pa.int16(), 2)))), True),
        (struct(("bytes", pa.string()), ("path", pa.string())), True),
        (struct(("bytes", pa.string())), False),
        (struct(("path", pa.int64())), False),
        (struct(("array", pa.float32())), False),
        (struct(("array", pa.list_(pa.string()))), False),
        (struct(("array", pa.list_(pa.list_(pa.list_(pa.float32()))))), False),
        (struct(("text", pa.string())), False),
        (pa.string(), False),
        (pa.list_(pa.binary()), True),
        (pa.list_(pa.float32()), False),
        (pa.int64(), False),
    ],
)
def test_audio_is_bytes_or_a_struct_with_bytes_a_path_or_samples(
    type_: pa.DataType, is_audio: bool
):
    assert is_audio_type(type_) is is_audio


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_is_audio_where_somebody_says_that_it_is_paths(type_: pa.DataType):
    assert is_audio_type(type_, may_be_path=True)
    assert not is_audio_type(type_)
    assert not is_audio_type(pa.int64(), may_be_path=True)


def test_the_publishers_own_word_decides_what_is_audio():
    declared = b'{"info": {"features": {"a": {"_type": "Image"}, "b": {"_type": "Audio"}}}}'
    schema = pa.schema([("a", AUDIO_TYPE), ("b", AUDIO_TYPE), ("c", AUDIO_TYPE), ("d", pa.int8())])
    schema = schema.with_metadata({"huggingface": declared})
    assert list(audio_columns(schema)) == ["b", "c"]


def test_paths_are_audio_when_the_publisher_declared_them_so():
    declared = b'{"info": {"features": {"a": {"_type": "Audio"}, "b": {"_type": "Audio"}}}}'
    schema = pa.schema([("a", pa.string()), ("b", pa.int8()), ("c", pa.string())])
    schema = schema.with_metadata({"huggingface": declared})
    assert list(audio_columns(schema)) == ["a"]


@pytest.mark.parametrize(
    ("type_", "is_audio"),
    [
        (AUDIO_TYPE, True),
        (struct(("array", pa.list_(pa.float32())), ("sampling_rate", pa.int32())), True),
        (struct(("bytes", pa.int8()), ("path", pa.int8())), False),
        (struct(("path", pa.string()), ("caption", pa.string())), False),
        (pa.binary(), False),
    ],
)
def test_undeclared_audio_is_what_can_be_nothing_else(type_: pa.DataType, is_audio: bool):
    assert list(audio_columns(pa.schema([("a", type_)]))) == (["a"] if is_audio else [])


@pytest.mark.parametrize(
    "metadata",
    [
        b"{",
        b"5",
        b"[]",
        b"\xff",
        b'{"info": 5}',
        b'{"info": {"features": 5}}',
        b'{"info": {"features": {"text": {"_type": "Nope"}}}}',
        b'{"info": {"features": {"text": {"_type": "Value"}}}}',
        b'{"info": {"features": {"text": []}}}',
        b'{"info": {"features": {"text": {"_type": "ClassLabel", "names": ["a"]}}}}',
        b'{"info": {"features": {"other": {"_type": "Value", "dtype": "string"}}}}',
    ],
)
def test_metadata_that_makes_no_sense_is_passed_over(metadata: bytes):
    schema = pa.schema([("text", pa.string())]).with_metadata({"huggingface": metadata})
    features, card = index_features(schema, ())
    assert features["text"] == {"dtype": "string", "_type": "Value"}
    assert card == [{"name": "row", "dtype": "int64"}, {"name": "text", "dtype": "string"}]
    assert not list(audio_columns(schema))


def test_audio_is_declared_without_decoding():
    features, card = index_features(pa.schema([("clip", AUDIO_TYPE)]), ("clip",))
    assert features["clip"] == {"decode": False, "_type": "Audio"}
    assert card[1] == {"name": "clip", "dtype": {"audio": {"decode": False}}}
    assert list(features) == ["row", "clip", "audio_info"]


@pytest.mark.parametrize(
    ("type_", "feature"),
    [
        (
            pa.map_(pa.string(), pa.int64()),
            {
                "feature": {
                    "key": {"dtype": "string", "_type": "Value"},
                    "value": {"dtype": "int64", "_type": "Value"},
                },
                "_type": "List",
            },
        ),
        (pa.dictionary(pa.int8(), pa.string()), {"dtype": "string", "_type": "Value"}),
        (pa.uuid(), {"dtype": "fixed_size_binary[16]", "_type": "Value"}),
        (pa.decimal64(9, 2), {"dtype": "decimal128(9, 2)", "_type": "Value"}),
        (pa.json_(), {"_type": "Json"}),
    ],
)
def test_a_type_that_datasets_does_not_know_is_declared_as_what_the_index_holds(
    type_: pa.DataType, feature: object
):
    features, _ = index_features(pa.schema([("x", type_)]), ())
    assert features["x"] == feature


def test_a_type_that_no_index_can_hold_is_named():
    with pytest.raises(ValueError, match="month_day_nano"):
        index_features(pa.schema([("m", pa.month_day_nano_interval())]), ())


def test_one_declaration_that_makes_no_sense_costs_the_others_nothing():
    declared = (
        b'{"info": {"features": {"a": {"_type": "Later"}, '
        b'"b": {"_type": "ClassLabel", "names": ["no", "yes"]}}}}'
    )
    schema = pa.schema([("a", pa.string()), pa.field("b", pa.int64(), nullable=False)])
    features, _ = index_features(schema.with_metadata({"huggingface": declared}), ())
    assert features["b"] == {"names": ["no", "yes"], "_type": "ClassLabel"}
    assert features["a"] == {"dtype": "string", "_type": "Value"}


def test_the_features_of_a_column_are_found_by_its_published_name():
    features = {"row": 0, "row_source": 1, "text": 2}
    plan = plan_of(columns=("row", "text", "x"), features=features)
    assert column_features(plan) == {"row": 1, "text": 2, "x": None}


def test_what_is_declared_is_read_a_few_times_however_many_columns_there_are(
    monkeypatch: pytest.MonkeyPatch,
):
    read: list[str | bytes] = []

    def loads(text: str | bytes) -> object:
        read.append(text)
        return json.loads(text)

    monkeypatch.setattr("hugflow.shards.declared.json", SimpleNamespace(loads=loads))
    names = [f"c{number}" for number in range(100)]
    features = {name: {"dtype": "int64", "_type": "Value"} for name in names}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    schema = pa.schema([(name, pa.int64()) for name in names]).with_metadata(metadata)
    choose_text_column("a/b@1", schema, REQUEST, ("audio",))
    assert 0 < len(read) < 5
