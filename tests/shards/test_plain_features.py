"""Features written without `datasets` are those that `datasets` writes."""

from typing import Any

import datasets
import pyarrow as pa
import pytest

from hugflow.shards import card_features, features
from hugflow.shards.arrow import FILE_TYPE
from hugflow.shards.declared import declared_features
from hugflow.shards.features import arrow_features, column_notes, index_features
from hugflow.shards.plain_features import declared_plain_feature, plain_feature
from hugflow.testing.tables import with_features

PLAIN = [
    pa.int64(),
    pa.uint8(),
    pa.float32(),
    pa.bool_(),
    pa.string(),
    pa.large_string(),
    pa.binary(),
    pa.list_(pa.string()),
    pa.list_(pa.list_(pa.int16())),
    pa.list_(FILE_TYPE),
    pa.struct([("a", pa.int32()), ("b", pa.list_(pa.struct([("c", pa.string())])))]),
    pa.dictionary(pa.int8(), pa.string()),
    pa.map_(pa.string(), pa.int64()),
]
UNUSUAL = [
    pa.timestamp("s"),
    pa.decimal128(5, 2),
    pa.large_list(pa.string()),
    pa.list_(pa.int64(), 3),
    pa.json_(),
    pa.struct([("_type", pa.string())]),
    pa.struct([]),
]
DECLARED = [
    datasets.Value("int64"),
    datasets.Value("string"),
    datasets.ClassLabel(names=["no", "yes"]),
    datasets.Audio(sampling_rate=16000),
    datasets.Audio(decode=False),
    datasets.List(datasets.Value("string")),
    datasets.List(datasets.Audio()),
    datasets.List({"a": datasets.Value("int32")}),
    datasets.Image(),
    {"a": datasets.Value("int32"), "b": datasets.ClassLabel(names=["x"])},
    datasets.Value("timestamp[s]"),
]


def schema_of(type_: pa.DataType) -> pa.Schema:
    return pa.schema([("audio", FILE_TYPE), ("column", type_), ("text", pa.string())])


def declared_schema(feature: Any) -> pa.Schema:
    columns = datasets.Features({"audio": datasets.Audio(), "column": feature})
    return with_features(columns.arrow_schema.empty_table(), columns.to_dict()).schema


def by_datasets(schema: pa.Schema, monkeypatch: pytest.MonkeyPatch, **how: bool) -> Any:
    with monkeypatch.context() as patch:
        patch.setattr(features, "_plain_index_features", lambda *args: None)
        return index_features(schema, ("audio",), **how)


@pytest.mark.parametrize("type_", [*PLAIN, *UNUSUAL[:-2]], ids=str)
def test_a_column_has_the_feature_that_datasets_writes_for_its_type(
    type_: pa.DataType, monkeypatch: pytest.MonkeyPatch
):
    schema = schema_of(type_)
    assert index_features(schema, ("audio",)) == by_datasets(schema, monkeypatch)


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("has_inner_text", [False, True])
def test_our_own_columns_have_the_features_that_datasets_writes(
    measured: bool, has_inner_text: bool, monkeypatch: pytest.MonkeyPatch
):
    schema = pa.schema([("audio", FILE_TYPE)])
    how = {"measured": measured, "has_inner_text": has_inner_text}
    found = index_features(schema, ("audio",), **how)
    assert found == by_datasets(schema, monkeypatch, **how)
    assert ("quality" in found[0]["audio_info"]) is measured


@pytest.mark.parametrize("feature", DECLARED, ids=str)
def test_a_declared_column_has_the_feature_that_datasets_writes(
    feature: Any, monkeypatch: pytest.MonkeyPatch
):
    schema = declared_schema(feature)
    assert index_features(schema, ("audio",)) == by_datasets(schema, monkeypatch)


@pytest.mark.parametrize("feature", DECLARED, ids=str)
def test_notes_on_columns_do_not_depend_on_who_reads_the_declaration(
    feature: Any, monkeypatch: pytest.MonkeyPatch
):
    completed = declared_schema(feature)
    ours = column_notes(completed.remove_metadata(), completed, ("audio",))
    monkeypatch.setattr(features, "declared_plain_feature", lambda *args: None)
    assert ours == column_notes(completed.remove_metadata(), completed, ("audio",))


@pytest.mark.parametrize("type_", [*PLAIN[:-2], pa.timestamp("s")], ids=str)
def test_rows_of_flows_have_the_features_that_datasets_writes(
    type_: pa.DataType, monkeypatch: pytest.MonkeyPatch
):
    schema = pa.schema([("a", type_)])
    ours = arrow_features(schema)
    monkeypatch.setattr(features, "plain_feature", lambda type_: None)
    assert arrow_features(schema) == ours


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "int64"},
        {"dtype": "string"},
        {"dtype": "audio"},
        {"dtype": {"audio": {"sampling_rate": 16000}}},
        {"dtype": {"audio": {"decode": False}}},
        {"dtype": {"class_label": {"names": {"1": "yes", "0": "no"}}}},
        {"dtype": {"class_label": {"names": {"1": "yes"}}}},
        {"dtype": {"class_label": {"names": ["no", "yes"]}}},
        {"sequence": "string"},
        {"list": "int32"},
        {"list": {"dtype": "int32"}},
        {"struct": [{"name": "a", "dtype": "int8"}]},
        {"dtype": "str"},
        {"dtype": "wave"},
        {"dtype": 5},
        {},
    ],
    ids=str,
)
def test_a_cards_feature_means_what_datasets_reads(
    entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    card = {"dataset_info": {"features": [{"name": "column", **entry}]}}
    ours = card_features.card_features(card, None, ["column"])
    monkeypatch.setattr(card_features, "read_plain_card_feature", lambda feature: None)
    assert ours == card_features.card_features(card, None, ["column"])


@pytest.mark.parametrize("type_", PLAIN[:-2], ids=str)
def test_usual_types_need_no_datasets(type_: pa.DataType):
    assert plain_feature(type_) is not None


@pytest.mark.parametrize("type_", UNUSUAL, ids=str)
def test_unusual_types_are_left_to_datasets(type_: pa.DataType):
    assert plain_feature(type_) is None


def test_a_declaration_of_another_type_is_left_to_datasets():
    schema = declared_schema(datasets.ClassLabel(names=["no", "yes"]))
    told = declared_features(schema)["column"]
    assert declared_plain_feature(pa.int64(), told) == told
    assert declared_plain_feature(pa.string(), told) is None
    assert declared_plain_feature(pa.int64(), {**told, "more": 1}) is None
