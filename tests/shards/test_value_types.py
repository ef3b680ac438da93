"""One type for many JSON values: whatever they are, none is changed by it."""

import json
from functools import reduce
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.shards.value_types import fit_value, infer_type, merge_types, to_arrow

NUMBERS = st.integers(-(2**65), 2**65) | st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**63])
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | FLOATS | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)


def column(values: list[Any]) -> tuple[pa.Array, list[str]]:
    """The values in one column, and the names of those that had no place in it."""
    lost: list[str] = []
    type_ = reduce(merge_types, map(infer_type, values), "null")
    return pa.array([fit_value(each, type_, lost.append) for each in values], to_arrow(type_)), lost


@given(st.lists(SCALARS, max_size=6))
def test_a_value_is_in_its_column_as_it_was_or_as_its_json(values: list[Any]):
    array, lost = column(values)
    assert not lost
    for value, found in zip(values, array.to_pylist(), strict=True):
        assert found == value or found == json.dumps(value, ensure_ascii=False)


@given(st.lists(VALUES, max_size=5))
def test_no_value_is_without_a_place_in_the_type_of_all(values: list[Any]):
    assert column(values)[1] == []


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, 0.5], pa.float64()),
        ([2**53, 0.5], pa.float64()),
        ([2**53 + 1, 1], pa.int64()),
        ([2**53 + 1, 0.5], pa.string()),
        ([2**63, 1], pa.string()),
    ],
)
def test_a_whole_number_that_a_float_would_round_is_no_float(values: list[Any], type_: pa.DataType):
    assert column(values)[0].type == type_


def test_a_whole_number_that_comes_after_the_type_was_settled_is_lost_and_told_not_rounded():
    lost: list[str] = []
    assert fit_value(2**53 + 1, "float", lost.append, "score") is None
    assert lost == ["score"]
