"""The schema that shards share: types hold the values of all, and a shard that differs is named."""

from dataclasses import replace

import pyarrow as pa
import pytest

from hugflow.clients.repository import PublishedFile
from hugflow.shards.common_schema import common_schema
from hugflow.shards.layouts.layout import Contents

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def contents_of(*columns: dict[str, pa.DataType]) -> list[Contents]:
    """What the files 0.parquet, 1.parquet, ... with these columns hold, a row each."""
    files = [PublishedFile(f"{n}.parquet", 1, None, "0" * 40) for n in range(len(columns))]
    return [
        Contents((file,), 1, pa.schema(list(each.items())))
        for file, each in zip(files, columns, strict=True)
    ]


def test_types_that_hold_the_values_of_every_file_are_found():
    contents = contents_of(
        {"n": pa.int32(), "x": pa.null()},
        {"x": pa.string(), "n": pa.int64()},
        {"n": pa.int8(), "x": pa.string()},
    )
    assert common_schema(contents) == (pa.schema([("n", pa.int64()), ("x", pa.string())]), {})


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"text": pa.string()}, "it lacks 'audio', compared"),
        ({"sound": STRUCT, "text": pa.string()}, "it lacks 'audio' and has 'sound' besides"),
        ({"audio": STRUCT, "text": pa.string(), "x": pa.int8()}, "it has 'x' besides"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_file_with_other_columns_than_most_rows_is_odd_wherever_it_stands(
    other: dict[str, pa.DataType], difference: str, place: int
):
    usual = {"audio": STRUCT, "text": pa.string()}
    columns = [usual] * 3
    columns.insert(place, other)
    schema, odd = common_schema(contents_of(*columns))
    assert schema.names == ["audio", "text"]
    assert list(odd) == [place]
    assert difference in odd[place]
    assert f"compared with '{1 if place == 0 else 0}.parquet'" in odd[place]


@pytest.mark.parametrize(
    ("one", "other"), [(STRUCT, pa.binary()), (pa.string(), pa.int64()), (pa.int8(), STRUCT)]
)
def test_a_column_in_a_type_that_goes_with_that_of_no_other_is_odd(
    one: pa.DataType, other: pa.DataType
):
    types = (one, pa.null(), other, one)
    schema, odd = common_schema(contents_of(*({"n": pa.int8(), "audio": type_} for type_ in types)))
    assert schema.field("audio").type == one
    assert odd == {2: f"its column 'audio' is {other}, where the others have {one}"}


def test_a_file_without_rows_loses_none_whatever_its_columns():
    usual = {"audio": STRUCT, "text": pa.string()}
    contents = contents_of(usual, {"x": pa.int8()}, usual)
    contents[1] = replace(contents[1], rows=0)
    assert common_schema(contents) == (pa.schema(list(usual.items())), {})


def test_thousands_of_files_that_are_alike_take_no_time():
    columns = {f"column {number}": pa.string() for number in range(200)}
    contents = contents_of(*[columns] * 5000)
    assert common_schema(contents)[0].names == list(columns)


def test_where_rows_are_not_known_one_shard_counts_as_another():
    usual = {"audio": STRUCT, "text": pa.string()}
    contents = [replace(each, rows=None) for each in contents_of({"x": pa.int8()}, usual, usual)]
    schema, odd = common_schema(contents)
    assert (schema.names, list(odd)) == (["audio", "text"], [0])
