"""Names of the dataset's own fields that a reader of an export would take for its own."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from hugflow.exports import croissant, lhotse, metadata
from hugflow.exports.ranges import TimeRange
from hugflow.exports.rows import ExportRow, RowClip


def metadata_of(**columns: Any) -> dict[str, Any]:
    """A line of `metadata.jsonl`, for a row with these columns."""
    source: Any = SimpleNamespace(clip_path=lambda stem: f"audio/{stem}.mp3")
    row = ExportRow(RowClip("0", 8_000, 8_000), "text", columns)
    line: dict[str, Any] = json.loads(metadata._to_line(source, row))
    assert line.pop("file_name") == "audio/0.mp3"
    own = {"text": "text", "duration": 1.0, "sampling_rate": 8_000}
    assert {name: line.pop(name) for name in own} == own
    return line


@pytest.mark.parametrize(
    "name",
    ["file_name", "file_names", "_file_name", "a_file_name", "x-y_file_name", "é _file_names"],
)
def test_metadata_has_no_name_of_a_clip_but_its_own(name: str):
    other = {"profile_name": "a", "file_name_": "b"}
    assert metadata_of(**{name: "/data/x.wav"}, **other) == {
        f"{name}_source": "/data/x.wav",
        **other,
    }


def test_metadata_has_no_name_of_a_clip_inside_structs_and_lists_either():
    inner = {"file_name": "/data/x.wav", "n": 1}
    renamed = {"file_name_source": "/data/x.wav", "n": 1}
    told = metadata_of(meta=inner, parts=[inner, None], deep={"er": [[inner]]}, n=[1])
    assert told == {
        "meta": renamed,
        "parts": [renamed, None],
        "deep": {"er": [[renamed]]},
        "n": [1],
    }


def test_metadata_keeps_a_field_that_has_the_new_name_already():
    told = metadata_of(meta={"a_file_name": "a", "a_file_name_source": "b"})
    assert told["meta"] == {"a_file_name_source_source": "a", "a_file_name_source": "b"}


def test_lhotse_takes_no_field_out_of_a_struct():
    columns = {"features": {"array": [1.0, 2.0], "n": 3}}
    told = lhotse._supervision("0", TimeRange("0", 0.0, 1.0, "text", columns))
    assert told["custom"] == {"features": {"array_source": [1.0, 2.0], "n": 3}}


def test_croissant_describes_no_column_without_a_name():
    text = {"_type": "Value", "dtype": "string"}
    plan = SimpleNamespace(
        columns=("", "a"),
        all_audio=(),
        text_column="a",
        column_notes={},
        features={"": text, "a": text},
        request=SimpleNamespace(text_join=None),
    )
    source: Any = SimpleNamespace(plan=plan)
    assert croissant._described_types(source) == {"row": "sc:Integer", "a": "sc:Text"}
