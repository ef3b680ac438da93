"""A row's JSON: strict, whatever Arrow holds."""

import json
import math
import tracemalloc
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.audio.mp3 import AudioInfo
from hugflow.ledger.journal import RowMade
from hugflow.rows.record import NOT_TEXT, column_values, render_row
from tests.shards.plans import plan_of

INF, NAN = float("inf"), float("nan")
MADE = RowMade(7, "7", None, None, None)


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not strict JSON")


def strict(data: bytes) -> Any:
    return json.loads(data, parse_constant=refuse_constant)


def render(values: dict[str, Any]) -> dict[str, Any]:
    plan = plan_of(audio_column=None, text_column=None, columns=tuple(values))
    value: dict[str, Any] = strict(render_row(plan, f"datasets/{plan.dataset}", MADE, values))
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
        (pa.array([Decimal("1.10")], pa.decimal32(5, 2)), ["1.10"]),
        (pa.array([Decimal(0)], pa.decimal128(20, 10)), ["0.0000000000"]),
        (pa.array([Decimal(7000)], pa.decimal128(5, -3)), ["7000"]),
        (pa.array(["1", None], pa.json_()), [1, None]),
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


LABELS = {"_type": "ClassLabel", "names": ["cat", "dog"]}


@pytest.mark.parametrize(
    ("array", "feature", "values"),
    [
        (
            pa.array([1, None, -1, 2]),
            LABELS,
            [
                {"index": 1, "name": "dog"},
                None,
                {"index": -1, "name": None},
                {"index": 2, "name": None},
            ],
        ),
        (pa.array([1], pa.uint8()), LABELS, [{"index": 1, "name": "dog"}]),
        (
            pa.array([[0, None], None]),
            {"_type": "List", "feature": LABELS},
            [[{"index": 0, "name": "cat"}, None], None],
        ),
        (
            pa.array([[{"kind": 0}]], pa.large_list(pa.struct([("kind", pa.int64())]))),
            {"_type": "LargeList", "feature": {"kind": LABELS}},
            [[{"kind": {"index": 0, "name": "cat"}}]],
        ),
        (
            pa.array([{"_type": 1, "n": 1}]),
            {"_type": LABELS, "n": {"_type": "Value", "dtype": "int64"}},
            [{"_type": {"index": 1, "name": "dog"}, "n": 1}],
        ),
        (
            pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
            {"_type": "List", "feature": {"key": {}, "value": LABELS}},
            [[["k", {"index": 1, "name": "dog"}]]],
        ),
        (pa.array(["x"]), LABELS, ["x"]),
        (pa.array([[1]]), LABELS, [[1]]),
        (pa.array([1]), {"_type": "ClassLabel"}, [1]),
        (pa.array([{"a": 1}]), 5, [{"a": 1}]),
    ],
)
def test_a_class_is_its_index_and_its_name_at_any_depth(
    array: pa.Array, feature: Any, values: list[Any]
):
    assert column_values(array, feature) == values


MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def test_the_bytes_of_media_stay_in_arrow_at_any_depth():
    image = {"bytes": b"\x89PNG" * 5_000_000, "path": "a.png"}
    column = pa.array([[image, {"bytes": None, "path": "b.png"}, None], []], pa.list_(MEDIA))
    tracemalloc.start()
    [images, none] = column_values(column)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert images == [
        {"bytes": 20_000_000, "path": "a.png"},
        {"bytes": None, "path": "b.png"},
        None,
    ]
    assert none == []
    assert peak < 100_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, null, "x"]}', {"a": [1, None, "x"]}),
        ("5", 5),
        (str(2**70), 2**70),
        ('{"a": NaN}', '{"a": NaN}'),
        ("1e999", "1e999"),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ('"\\ud800"', '"\\ud800"'),
        ("no json", "no json"),
        ("[" * 100_000, "[" * 100_000),
        ("", ""),
    ],
)
def test_a_json_column_is_what_it_says_and_its_text_where_it_is_not_strict(text: str, value: Any):
    found = column_values(pa.array([text, None], pa.json_()))
    assert found == [value, None]
    render({"x": found[0]})


def test_extension_types_are_what_they_lie_in():
    identity = uuid.UUID(int=7)
    tensor = pa.fixed_shape_tensor(pa.int8(), [2])
    storage = pa.array([[1, 2], None], pa.list_(pa.int8(), 2))
    assert column_values(pa.array([identity.bytes, None], pa.uuid())) == [str(identity), None]
    assert column_values(pa.ExtensionArray.from_storage(tensor, storage)) == [[1, 2], None]


def test_a_type_that_nobody_knows_is_its_text():
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), letters(2)])
    assert column_values(union) == ["1", "b"]


def letters(count: int) -> pa.Array:
    return pa.array([chr(97 + number) for number in range(count)])


def test_fields_of_a_struct_that_share_a_name_all_stay():
    inner = pa.StructArray.from_arrays([letters(2), letters(2)], ["a", "a"])
    array = pa.StructArray.from_arrays([pa.array([1, 2]), inner, letters(2)], ["a", "a", "a_2"])
    assert column_values(array)[1] == {"a": 2, "a_3": {"a": "b", "a_2": "b"}, "a_2": "b"}


def test_a_part_of_a_column_is_that_part():
    arrays = [
        pa.array([[1], [2, 3], None, [4]]),
        pa.array([[1, 1], [2, 3], None, [4, 4]], pa.list_(pa.int8(), 2)),
        pa.array([{"a": [1]}, {"a": [2]}, None, {"a": None}]),
        pa.array([[("a", 1)], [("b", 2)], None, []], pa.map_(pa.string(), pa.int8())),
        pa.array([1, 2, None, 3], pa.timestamp("ns")),
        pa.array(["a", "b", None, "c"]).dictionary_encode(),
    ]
    for array in arrays:
        assert column_values(array.slice(1, 2)) == column_values(array)[1:3]


def test_broken_text_costs_its_own_row_only_however_deep_it_lies():
    words = pa.ListArray.from_arrays([0, 1, 2], broken())
    lines = pa.ListArray.from_arrays([0, 1, 2], pa.StructArray.from_arrays([words], ["words"]))
    assert column_values(lines) == [NOT_TEXT, [{"words": ["ok"]}]]


def test_broken_text_under_a_null_costs_nothing():
    nulls = pa.array([True, False])
    struct = pa.StructArray.from_arrays([broken()], ["a"], mask=nulls)
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 2]).cast(pa.int32()), broken(), mask=nulls)
    assert column_values(struct) == [None, {"a": "ok"}]
    assert column_values(lists) == [None, ["ok"]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A type, values of it, and what each becomes in JSON."""

    type: pa.DataType
    values: st.SearchStrategy[Any]
    to_json: Callable[[Any], Any] = lambda value: value

    def of(self, value: Any) -> Any:
        """What a value, or null, becomes."""
        return None if value is None else self.to_json(value)


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


moments = st.datetimes(timezones=st.just(UTC))
simple = st.sampled_from(
    [
        Kind(pa.null(), st.none()),
        Kind(pa.bool_(), st.booleans()),
        Kind(pa.int8(), st.integers(-128, 127)),
        Kind(pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        Kind(pa.uint64(), st.integers(0, 2**64 - 1)),
        Kind(pa.float64(), st.floats(), finite),
        Kind(pa.float32(), st.floats(width=32), finite),
        Kind(pa.string(), st.text()),
        Kind(pa.large_string(), st.text()),
        Kind(pa.string_view(), st.text()),
        Kind(pa.binary(), st.binary(), len),
        Kind(pa.binary_view(), st.binary(), len),
        Kind(pa.binary(3), st.binary(min_size=3, max_size=3), len),
        Kind(pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["a", "\u2028"])),
        Kind(pa.date32(), st.dates(), date.isoformat),
        Kind(pa.time64("us"), st.times(), time.isoformat),
        Kind(
            pa.timestamp("us"),
            st.datetimes(),
            lambda value: value.isoformat(),
        ),
        Kind(pa.timestamp("us", "UTC"), moments, datetime.isoformat),
        Kind(
            pa.duration("us"),
            st.integers(-(2**62), 2**62).map(lambda us: pa.scalar(us, pa.duration("us"))),
            lambda scalar: scalar.value / 1_000_000,
        ),
        Kind(
            pa.decimal128(38, 9),
            st.decimals(-(10**28), 10**28, places=9),
            lambda value: f"{value:f}" if value else "0.000000000",
        ),
        Kind(
            pa.json_(),
            st.dictionaries(st.text(), st.integers()).map(json.dumps),
            json.loads,
        ),
    ]
)


def kinds_of(inner: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    def lists(kind: Kind, make: Callable[[pa.DataType], pa.DataType]) -> Kind:
        values = st.lists(st.none() | kind.values, max_size=3)
        return Kind(make(kind.type), values, lambda items: [kind.of(item) for item in items])

    def structs(fields: dict[str, Kind]) -> Kind:
        values = st.fixed_dictionaries({n: st.none() | k.values for n, k in fields.items()})
        type_ = pa.struct([(name, kind.type) for name, kind in fields.items()])
        return Kind(type_, values, lambda row: {n: k.of(row[n]) for n, k in fields.items()})

    return st.one_of(
        st.builds(lists, inner, st.sampled_from([pa.list_, pa.large_list, pa.list_view])),
        st.dictionaries(st.text(), inner, min_size=1, max_size=3).map(structs),
    )


def is_buildable(kind: pa.DataType) -> bool:
    """Whether Arrow makes such an array from Python's values: not of JSON within others."""
    try:
        pa.array([], kind)
    except pa.ArrowNotImplementedError:
        return False
    return True


kinds = st.recursive(simple, kinds_of, max_leaves=6).filter(lambda kind: is_buildable(kind.type))


@given(data=st.data())
def test_any_value_of_any_type_becomes_strict_json_that_says_the_same(data: st.DataObject):
    kind = data.draw(kinds)
    values = data.draw(st.lists(st.none() | kind.values, max_size=4))
    found = column_values(pa.array(values, kind.type))
    expected = [kind.of(value) for value in values]
    assert found == expected
    assert [render({"x": value})["x"] for value in found] == expected


@given(
    columns=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, max_size=6
    )
)
def test_any_column_name_and_text_is_kept_one_field_a_line(columns: list[str]):
    values = {name: f"{name}\n\u2028" for name in columns}
    plan = plan_of(audio_column=None, text_column=None, columns=tuple(columns))
    data = render_row(plan, f"datasets/{plan.dataset}", MADE, values)
    assert strict(data) == values
    assert data.count(b"\n") == len(columns) + (2 if columns else 3)


INFO = AudioInfo(16_000, 8_000, "flac", 16_000, 2, 160, False, "clips/a.flac")
SPOKEN = RowMade(7, "clip", 900, None, INFO)


def test_the_audio_column_becomes_the_path_of_its_mp3_and_text_the_text_column():
    plan = plan_of(columns=("audio", "sentence"), text_column="sentence")
    assert strict(render_row(plan, f"data/{plan.dataset}", SPOKEN, {"sentence": "hello"})) == {
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
    row = strict(render_row(plan, f"data/{plan.dataset}", SPOKEN, values))
    assert (row["text"], row["text_source"]) == ("s", "t")
    assert (row["audio_info"]["path"], row["audio_info_source"]) == ("audio/clip.mp3", "i")
    assert row["row"] == 5


def test_the_same_row_gives_the_same_bytes_with_its_columns_in_order():
    plan = plan_of(columns=("b", "a"), audio_column=None, text_column=None)
    data = render_row(plan, f"data/{plan.dataset}", MADE, {"a": 1, "b": "é"})
    assert data == '{\n  "b": "é",\n  "a": 1\n}\n'.encode()
