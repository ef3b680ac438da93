"""Each value of a list is a row, whatever kind of list it is and however deep it is."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from hugflow.shards.layouts.list_values import RowLists, locate

STRUCT = pa.struct([("start", pa.float64()), ("text", pa.string())])
A, B, NO_START = (
    {"start": 1.0, "text": "a"},
    {"start": 2.0, "text": "b"},
    {"start": None, "text": "c"},
)
ANY: list[Any] = [[A, B], None, [], [None, NO_START], [B]]
LISTS: dict[str, tuple[Callable[[pa.DataType], pa.DataType], list[Any]]] = {
    "list": (pa.list_, ANY),
    "large list": (pa.large_list, ANY),
    "list view": (pa.list_view, ANY),
    "fixed size": (lambda item: pa.list_(item, 2), [[A, B], None, [None, NO_START]]),
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("first", [0, 1, 2])
def test_the_values_of_a_list_are_taken_one_by_one(kind: str, first: int):
    to_list, rows = LISTS[kind]
    plain = pa.array(rows, to_list(STRUCT))
    inner = pa.StructArray.from_arrays(
        [plain], ["said"], mask=pa.array([row is None for row in rows])
    )
    batch = pa.record_batch([plain, inner, pa.array(range(len(rows)))], ["said", "json", "n"])
    for name in ("said", "json.said"):
        lists = RowLists.of(batch.slice(first), [name])
        left = rows[first:]
        assert lists.lengths == [len(row or ()) for row in left]
        starts = locate(batch.schema, f"{name}.start")
        assert starts is not None
        for at, row in enumerate(left):
            places = range(len(row or ()))
            taken = lists.column(name.partition(".")[0], at, places).to_pylist()
            found = taken if name == "said" else [each["said"] for each in taken]
            assert found == (row or [])
            assert lists.values(starts, at) == [each and each["start"] for each in row or ()]
            assert lists.column("n", at, places).to_pylist() == [at + first] * len(places)


def test_lists_that_differ_in_length_have_none_and_null_values():
    batch = pa.record_batch([pa.array([[1, 2], [3], None]), pa.array([[4], [5], [6]])], ["a", "b"])
    lists = RowLists.of(batch, ["a", "b"])
    assert lists.lengths == [None, 1, None]
    assert [lists.column(name, 0, [0]).to_pylist() for name in "ab"] == [[None], [None]]
    assert [lists.column(name, 1, [0]).to_pylist() for name in "ab"] == [[3], [5]]
