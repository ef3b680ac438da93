"""Types of the index: known to `datasets`, the same in every shard, and without loss."""

from decimal import Decimal
from typing import Any

import datasets
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.shards.arrow import (
    byte_lengths,
    feature_type,
    index_type,
    row_sizes,
    to_type,
    unique_names,
)
from hugflow.testing.column_types import FAMILIES, foreign_columns, typed_columns

KNOWN = {
    f"{family}.{name}": column
    for family in FAMILIES
    if family not in ("all", "foreign")
    for name, column in typed_columns(family).items()
}


@given(names=st.lists(st.sampled_from(["a", "a_2", "a_3", "", "b"])))
def test_names_become_unique_and_the_first_of_each_stays(names: list[str]):
    unique = unique_names(names)
    assert len(set(unique)) == len(names)
    assert [unique[names.index(name)] for name in names] == names


@pytest.mark.parametrize("name", KNOWN)
def test_a_feature_gives_the_type_that_datasets_gives_it(name: str):
    column = KNOWN[name]
    if column.feature is not None:
        feature: Any = datasets.Features.from_dict({"x": column.feature})
    else:
        feature = datasets.Features.from_arrow_schema(pa.schema([("x", column.type)]))
    [written] = feature.to_dict().values()
    type_ = feature.arrow_schema.field("x").type
    assert feature_type(written) == (type_ if pa.types.is_decimal(type_) else index_type(type_))


@pytest.mark.parametrize(
    "feature",
    [
        None,
        5,
        "int64",
        [],
        {"_type": "Value"},
        {"_type": "Value", "dtype": "nothing"},
        {"_type": "Value", "dtype": 5},
        {"_type": "Later"},
        {"_type": "List"},
        {"_type": "List", "feature": {"_type": "Later"}},
        {"a": {"_type": "Later"}},
        {"_type": "Array2D"},
        {"_type": "Translation"},
    ],
)
def test_what_is_no_known_feature_gives_no_type(feature: Any):
    assert feature_type(feature) is None


@pytest.mark.parametrize("name", sorted(KNOWN.keys() - {"numbers.decimal256"}))
def test_values_of_every_type_that_datasets_knows_stay_as_they_are(name: str):
    column = KNOWN[name]
    array = pa.array(list(column.values), column.type)
    held = to_type(array, index_type(column.type))
    assert held.type == index_type(column.type)
    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    assert repr(held.to_pylist()) == repr(storage.to_pylist())


@pytest.mark.parametrize(
    ("type_", "held", "values", "texts"),
    [
        (pa.decimal256(76, 6), pa.string(), [Decimal("-1.5"), None], ["-1.500000", None]),
        (pa.decimal256(39, 0), pa.string(), [Decimal(10**38)], ["1" + "0" * 38]),
        (
            pa.list_(pa.decimal256(40, 30)),
            pa.list_(pa.string()),
            [[Decimal("1e-30")], None],
            [["0." + "0" * 29 + "1"], None],
        ),
        (
            pa.struct([("price", pa.decimal256(50, 2))]),
            pa.struct([("price", pa.string())]),
            [{"price": Decimal("1.10")}],
            [{"price": "1.10"}],
        ),
        (pa.decimal256(38, 2), pa.decimal128(38, 2), [Decimal("1.10")], [Decimal("1.10")]),
    ],
)
def test_numbers_of_more_than_38_digits_are_text_with_all_their_digits(
    type_: pa.DataType, held: pa.DataType, values: list[Any], texts: list[Any]
):
    assert index_type(type_) == held
    assert to_type(pa.array(values, type_), held).to_pylist() == texts


@pytest.mark.parametrize(
    ("name", "type_", "values"),
    [
        (
            "map",
            pa.list_(pa.struct([("key", pa.string()), ("value", pa.int32())])),
            [
                [{"key": "a", "value": 1}, {"key": "b", "value": 2}],
                [],
                [{"key": "", "value": None}],
                None,
            ],
        ),
        (
            "decimal32",
            pa.decimal128(5, 2),
            [Decimal("1.50"), Decimal("-999.99"), Decimal("999.99"), None],
        ),
        ("list-view", pa.list_(pa.int8()), [[1, 2], [], [127], None]),
        ("uuid", pa.binary(16), [bytes(15) + b"\x01", bytes(16), b"\xff" * 16, None]),
    ],
)
def test_what_datasets_does_not_know_is_held_as_something_it_knows(
    name: str, type_: pa.DataType, values: list[Any]
):
    column = foreign_columns()[name]
    held = to_type(pa.array(list(column.values), column.type), index_type(column.type))
    assert (held.type, held.to_pylist()) == (type_, values)
    datasets.Features.from_arrow_schema(pa.schema([("x", type_)]))


def test_types_are_brought_together_at_any_depth():
    narrow = pa.array([{"n": [1, None]}, None], pa.struct([("n", pa.list_(pa.int8()))]))
    wide = pa.struct([("n", pa.large_list(pa.float64())), ("new", pa.string())])
    assert to_type(narrow, wide).to_pylist() == [{"n": [1.0, None], "new": None}, None]


def test_what_may_not_be_null_may_be_null_in_the_index():
    type_ = pa.struct([pa.field("a", pa.int64(), nullable=False)])
    held = to_type(pa.array([{"a": 1}], type_), index_type(type_))
    assert held.type == pa.struct([("a", pa.int64())])


def test_fields_of_one_name_are_told_apart():
    array = pa.StructArray.from_arrays([pa.array([1]), pa.array(["x"])], ["a", "a"])
    assert to_type(array, index_type(array.type)).to_pylist() == [{"a": 1, "a_2": "x"}]


def test_a_great_integer_is_rounded_where_all_files_share_a_float():
    assert to_type(pa.array([2**60 + 1]), pa.float64()).to_pylist() == [float(2**60)]


def test_a_value_that_does_not_fit_is_refused_and_not_wrapped():
    with pytest.raises(pa.ArrowInvalid):
        to_type(pa.array([300]), pa.int8())


@pytest.mark.parametrize("name", KNOWN)
def test_a_part_of_an_array_is_held_as_that_part(name: str):
    column = KNOWN[name]
    array = pa.array(list(column.values), column.type)
    whole = to_type(array, index_type(column.type))
    part = to_type(array.slice(1, 2), index_type(column.type))
    assert repr(part.to_pylist()) == repr(whole.to_pylist()[1:3])
    assert row_sizes(part).tolist() == row_sizes(whole).tolist()[1:3]


def test_a_row_is_as_large_as_what_it_holds():
    large, small = b"x" * 10_000, b""
    media = [{"bytes": large, "path": "a"}, {"bytes": small, "path": "a"}, None]
    images = [[media[0], media[0]], [media[1]], None]
    for array in (pa.array(media), pa.array(images)):
        first, second, third = row_sizes(array).tolist()
        assert first >= 10_000
        assert 0 < third <= second < 50


@pytest.mark.parametrize("start", [0, 3, 8, 21, 40])
@pytest.mark.parametrize(
    ("type_", "item"),
    [
        *((type_, "x") for type_ in (pa.string(), pa.large_string(), pa.string_view())),
        *((type_, b"x") for type_ in (pa.binary(), pa.large_binary(), pa.binary_view())),
        *((type_, [1]) for type_ in (pa.list_(pa.int8()), pa.large_list(pa.int8()))),
    ],
)
def test_a_row_takes_what_its_value_takes_wherever_the_array_begins(
    type_: pa.DataType, item: Any, start: int
):
    lengths = [n % 7 if n % 3 else None for n in range(40)]
    array = pa.array([None if n is None else item * n for n in lengths], type_)
    assert row_sizes(array[start:]).tolist() == [4 + (n or 0) for n in lengths[start:]]


@pytest.mark.parametrize(
    "type_", [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.binary_view()]
)
def test_lengths_are_in_bytes(type_: pa.DataType):
    values = ["é", None, ""] if "string" in str(type_) else ["é".encode(), None, b""]
    assert byte_lengths(pa.array(values, type_)).to_pylist() == [2, None, 0]
