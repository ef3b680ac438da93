"""Which rows are made together."""

import pyarrow as pa
import pytest

from hugflow.audio.isolated import SHORT_BYTES
from hugflow.shards.arrow import FILE_TYPE
from hugflow.stages.making.convert_rows import MOST_TOGETHER, put_together

WANTED = [(at, 100 + at) for at in range(70)]


@pytest.mark.parametrize("type_", [FILE_TYPE, pa.binary(), pa.list_(pa.binary())])
def test_rows_with_short_clips_are_made_together_in_their_order(type_: pa.DataType):
    for row_bytes, most in ((1_000, MOST_TOGETHER), (SHORT_BYTES, 8)):
        pieces = list(put_together(WANTED, [type_], row_bytes, threads=2))
        assert [row for piece in pieces for row in piece] == WANTED
        assert {len(piece) for piece in pieces[:-1]} == {most}


def test_each_thread_gets_rows_where_there_are_few():
    pieces = list(put_together(WANTED[:9], [FILE_TYPE], 1_000, threads=4))
    assert [len(piece) for piece in pieces] == [2, 2, 2, 2, 1]
    assert [len(piece) for piece in put_together(WANTED[:2], [FILE_TYPE], 1_000, threads=4)] == [
        1
    ] * 2


@pytest.mark.parametrize(
    ("types", "row_bytes"),
    [
        ([FILE_TYPE], SHORT_BYTES + 1),
        ([], 10),
        ([pa.string()], 10),
        ([pa.struct({"array": pa.list_(pa.float32()), "sampling_rate": pa.int32()})], 10),
    ],
)
def test_rows_with_long_clips_or_without_their_bytes_are_made_one_by_one(
    types: list[pa.DataType], row_bytes: int
):
    assert [len(piece) for piece in put_together(WANTED, types, row_bytes, threads=2)] == [1] * 70
