"""Features: what the index declares is what `datasets` reads back."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.shards.features import (
    AUDIO_TYPE,
    has_audio_feature,
    index_features,
    index_names,
    is_audio_type,
)

ours = ["row", "audio_info", "row_source", "audio_info_source", "row_source_source", "text", "Row"]


@given(columns=st.lists(st.sampled_from(ours) | st.text(min_size=1, max_size=3), unique=True))
def test_columns_of_the_index_never_collide(columns: list[str]):
    names = ("row", *index_names(columns), "audio_info")
    assert len(set(names)) == len(columns) + 2
    for column, name in zip(columns, names[1:-1], strict=True):
        assert name == column or column in ("row", "audio_info")


@pytest.mark.parametrize(
    ("type_", "is_audio"),
    [
        (pa.binary(), True),
        (pa.large_binary(), True),
        (AUDIO_TYPE, True),
        (pa.struct([("path", pa.string()), ("bytes", pa.large_binary())]), True),
        (pa.struct([("path", pa.string())]), False),
        (pa.struct([("bytes", pa.string())]), False),
        (pa.string(), False),
        (pa.list_(pa.binary()), False),
        (pa.int64(), False),
    ],
)
def test_audio_is_bytes_or_a_struct_with_bytes(type_: pa.DataType, is_audio: bool):
    assert is_audio_type(type_) is is_audio


def test_the_publishers_own_word_decides_what_is_audio():
    declared = b'{"info": {"features": {"a": {"_type": "Image"}, "b": {"_type": "Audio"}}}}'
    schema = pa.schema([("a", AUDIO_TYPE), ("b", AUDIO_TYPE), ("c", AUDIO_TYPE), ("d", pa.int8())])
    schema = schema.with_metadata({"huggingface": declared})
    assert [has_audio_feature(schema, name) for name in "abcd"] == [False, True, True, False]


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
    features, card = index_features(schema, None)
    assert features["text"] == {"dtype": "string", "_type": "Value"}
    assert card == [{"name": "row", "dtype": "int64"}, {"name": "text", "dtype": "string"}]
    assert not has_audio_feature(schema, "text")


def test_audio_is_declared_without_decoding():
    features, card = index_features(pa.schema([("clip", AUDIO_TYPE)]), "clip")
    assert features["clip"] == {"decode": False, "_type": "Audio"}
    assert card[1] == {"name": "clip", "dtype": {"audio": {"decode": False}}}
    assert list(features) == ["row", "clip", "audio_info"]


def test_a_type_that_datasets_does_not_know_is_named():
    with pytest.raises(ValueError, match="map"):
        index_features(pa.schema([("m", pa.map_(pa.string(), pa.int64()))]), None)
