"""A row's JSON: strict, whatever Arrow holds."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.audio.mp3 import AudioInfo
from hugflow.ledger.journal import RowMade
from hugflow.stages.record import NOT_TEXT, column_values, render_row
from tests.shards.plans import plan_of

INF, NAN = float("inf"), float("nan")
MADE = RowMade(7, "7", None, None, None)


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not strict JSON")


def strict(data: bytes) -> Any:
    return json.loads(data, parse_constant=refuse_constant)


def render(values: dict[str, Any]) -> dict[str, Any]:
    plan = plan_of(audio_column=None, text_column=None, columns=tuple(values))
    value: dict[str, Any] = strict(render_row(plan, "datasets", MADE, values))
    return value


def broken(type_: pa.DataType | None = None) -> pa.Array:
    data = pa.array([b"\xff", b"ok"])
    return pa.Array.from_buffers(type_ or pa.string(), 2, data.buffers())


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (pa.array([1, None], pa.int8()), [1, None]),
        (pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]),
        (pa.array([True, None]), [True, None]),
        (pa.nulls(2), [None, None]),
        (pa.array([1.5, NAN, INF, -INF, None]), [1.5, None, None, None, None]),
        (pa.array([1.5, NAN], pa.float32()), [1.5, None]),
        (pa.array([1.5, NAN], pa.float16()), [1.5, None]),
        (pa.array(["é", None]), ["é", None]),
        (pa.array(["é"], pa.large_string()), ["é"]),
        (pa.array(["é"], pa.string_view()), ["é"]),
        (pa.array(["a", "a", None]).dictionary_encode(), ["a", "a", None]),
        (pa.array([b"abc", b"", None]), [3, 0, None]),
        (pa.array([b"abc"], pa.large_binary()), [3]),
        (pa.array([b"abc"], pa.binary(3)), [3]),
        (pa.array([b"abc", None], pa.binary_view()), [3, None]),
        (pa.array([b"ab", None]).dictionary_encode(), [2, None]),
        (pa.array([date(2026, 2, 3), None]), ["2026-02-03", None]),
        (pa.array([datetime(2026, 2, 3, 4, 5, 6)]), ["2026-02-03T04:05:06"]),  # noqa: DTZ001
        (
            pa.array([datetime(2026, 2, 3, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            ["2026-02-03T00:00:00+00:00"],
        ),
        (pa.array([1], pa.timestamp("ns")), ["1970-01-01T00:00:00.000000001"]),
        (pa.array([time(1, 2, 3)]), ["01:02:03"]),
        (pa.array([timedelta(seconds=1.5)]), [1.5]),
        (pa.array([Decimal("1.10"), None], pa.decimal128(30, 2)), ["1.10", None]),
        (pa.array([Decimal("1.10")], pa.decimal256(60, 2)), ["1.10"]),
        (pa.array([[1, None], [], None]), [[1, None], [], None]),
        (pa.array([[1.0, NAN]], pa.list_(pa.float64(), 2)), [[1.0, None]]),
        (pa.array([[1]], pa.large_list(pa.int64())), [[1]]),
        (pa.array([[1], None], pa.list_view(pa.int64())), [[1], None]),
        (pa.array([{"a": [b"xy"], "b": {"c": NAN}}]), [{"a": [2], "b": {"c": None}}]),
        (pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())), [[["k", 1]], None]),
        (broken(), [NOT_TEXT, "ok"]),
        (broken().dictionary_encode(), [NOT_TEXT, "ok"]),
        (pa.StructArray.from_arrays([broken()], ["a"]), [NOT_TEXT, {"a": "ok"}]),
        (pa.ListArray.from_arrays([0, 1, 2], broken()), [NOT_TEXT, ["ok"]]),
    ],
)
def test_every_type_has_its_form_in_json(array: pa.Array, values: list[Any]):
    found = column_values(array)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]
    render({"x": [value for value in found if value is not NOT_TEXT]})


@pytest.mark.parametrize(
    "array",
    [
        pa.array([2**60, None], pa.timestamp("s")),
        pa.array([2**62, None], pa.timestamp("us")),
        pa.array([1, None], pa.timestamp("us", "Nowhere/Land")),
        pa.array([2**60, None], pa.duration("s")),
        pa.array([2**30, None], pa.date32()),
    ],
)
def test_a_value_that_python_cannot_hold_is_kept_and_stops_nothing(array: pa.Array):
    value, absent = column_values(array)
    assert value is not None
    assert absent is None
    render({"x": value})


def test_a_struct_with_two_fields_of_one_name_stops_nothing():
    array = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])
    render({"x": column_values(array)})


nested = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.binary(max_size=5),
        st.decimals(allow_nan=True),
        st.dates(),
        st.datetimes(),
        st.times(),
        st.timedeltas(),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(value=nested)
def test_any_nested_value_becomes_strict_json(value: Any):
    class Column:
        """Stands in for an Arrow column: Arrow itself refuses to mix types in one."""

        type = pa.struct([])

        def to_pylist(self) -> list[Any]:
            return [value]

    [plain] = column_values(Column())
    assert render({"x": plain})["x"] == plain


@given(
    columns=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, max_size=6
    )
)
def test_any_column_name_and_text_is_kept_one_field_a_line(columns: list[str]):
    values = {name: f"{name}\n\u2028" for name in columns}
    plan = plan_of(audio_column=None, text_column=None, columns=tuple(columns))
    data = render_row(plan, "datasets", MADE, values)
    assert strict(data) == values
    assert data.count(b"\n") == len(columns) + (2 if columns else 3)


INFO = AudioInfo(16_000, 8_000, "flac", 16_000, 2, 160, False, "clips/a.flac")
SPOKEN = RowMade(7, "clip", 900, None, INFO)


def test_the_audio_column_becomes_the_path_of_its_mp3_and_text_the_text_column():
    plan = plan_of(columns=("audio", "sentence"), text_column="sentence")
    assert strict(render_row(plan, "data", SPOKEN, {"sentence": "hello"})) == {
        "audio": f"data/{plan.dataset}/audio/clip.mp3",
        "sentence": "hello",
        "text": "hello",
        "audio_info": {
            "path": "audio/clip.mp3",
            "source_path": "clips/a.flac",
            "sampling_rate": 16_000,
            "num_samples": 8_000,
            "duration": 0.5,
            "source_format": "flac",
            "source_sampling_rate": 16_000,
            "source_channels": 2,
            "bitrate_kbps": 160,
            "copied": False,
        },
    }


def test_a_column_that_is_called_like_one_of_our_fields_is_not_lost():
    plan = plan_of(
        columns=("audio", "sentence", "text", "audio_info", "row"), text_column="sentence"
    )
    values = {"sentence": "s", "text": "t", "audio_info": "i", "row": 5}
    row = strict(render_row(plan, "data", SPOKEN, values))
    assert (row["text"], row["text_source"]) == ("s", "t")
    assert (row["audio_info"]["path"], row["audio_info_source"]) == ("audio/clip.mp3", "i")
    assert row["row"] == 5


def test_the_same_row_gives_the_same_bytes_with_its_columns_in_order():
    plan = plan_of(columns=("b", "a"), audio_column=None, text_column=None)
    data = render_row(plan, "data", MADE, {"a": 1, "b": "é"})
    assert data == '{\n  "b": "é",\n  "a": 1\n}\n'.encode()
