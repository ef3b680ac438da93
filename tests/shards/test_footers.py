"""What files tell of themselves: footers are read by ranges, and files that differ are named."""

import random
from dataclasses import replace

import pyarrow as pa
import pytest

from hugflow.clients.hub import TAIL_BYTES, Hub
from hugflow.clients.repository import PublishedFile, RepoId
from hugflow.errors import ShardCorrupt, ShardUnreadable
from hugflow.shards.footers import Footer, common_schema, read_filenames, read_footer
from hugflow.testing.faults import Flip, Match
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
TABLE = pa.table({"audio": [b"x" * 200_000], "audio_filename": ["a"], "text": ["t"]})


def footers_of(*columns: dict[str, pa.DataType]) -> list[Footer]:
    """Footers of the files 0.parquet, 1.parquet, ... with these columns."""
    return [
        Footer(PublishedFile(f"{n}.parquet", 1, None, "0" * 40), 1, pa.schema(list(each.items())))
        for n, each in enumerate(columns)
    ]


def publish(hub: LoopbackHub, hf_id: str, content: bytes) -> tuple[str, PublishedFile]:
    commit = hub.publish(hf_id, {"a.parquet": content})
    [file] = Hub().fetch_files(RepoId.dataset(hf_id), commit, ["a.parquet"])
    hub.clear_requests()
    return commit, file


def test_types_that_hold_the_values_of_every_file_are_found():
    footers = footers_of(
        {"n": pa.int32(), "x": pa.null()},
        {"x": pa.string(), "n": pa.int64()},
        {"n": pa.int8(), "x": pa.string()},
    )
    assert common_schema(footers) == (pa.schema([("n", pa.int64()), ("x", pa.string())]), {})


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
    schema, odd = common_schema(footers_of(*columns))
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
    schema, odd = common_schema(footers_of(*({"n": pa.int8(), "audio": type_} for type_ in types)))
    assert schema.field("audio").type == one
    assert odd == {2: f"its column 'audio' is {other}, where the others have {one}"}


def test_a_file_without_rows_loses_none_whatever_its_columns():
    usual = {"audio": STRUCT, "text": pa.string()}
    footers = footers_of(usual, {"x": pa.int8()}, usual)
    footers[1] = replace(footers[1], rows=0)
    assert common_schema(footers) == (pa.schema(list(usual.items())), {})


def test_thousands_of_files_that_are_alike_take_no_time():
    columns = {f"column {number}": pa.string() for number in range(200)}
    footers = footers_of(*[columns] * 5000)
    assert common_schema(footers)[0].names == list(columns)


def test_a_footer_takes_one_request_whatever_the_size_of_the_file(hub: LoopbackHub):
    content = write_parquet(TABLE)
    commit, file = publish(hub, "footers/one", content)
    footer = read_footer(Hub(), "footers/one", commit, file)
    assert (footer.rows, footer.schema.names) == (1, TABLE.column_names)
    sent = [request.body_bytes for request in hub.requests if request.port == "storage"]
    assert sent == [min(TAIL_BYTES, len(content))]


def test_names_are_read_without_the_audio_beside_them(hub: LoopbackHub):
    clips = [random.Random(row).randbytes(50_000) for row in range(9)]  # noqa: S311  # no secret
    wide = pa.table({"audio": clips, "audio_filename": ["a"] * 9})
    content = write_parquet(wide, row_group_rows=3)
    commit, file = publish(hub, "footers/names", content)
    names = read_filenames(Hub(), "footers/names", commit, file)
    assert names.to_pylist() == ["a"] * 9
    sent = sum(request.body_bytes for request in hub.requests if request.port == "storage")
    assert sent < 2 * TAIL_BYTES < len(content)


@pytest.mark.parametrize("at", [-1, -5, -30])
def test_a_footer_damaged_on_its_way_is_read_once_more(hub: LoopbackHub, at: int):
    commit, file = publish(hub, f"footers/flipped{at}", write_parquet(TABLE))
    hub.inject(Flip(at), when=Match(port="storage"))
    assert read_footer(Hub(), f"footers/flipped{at}", commit, file).rows == 1


def test_a_file_that_is_published_broken_is_told_apart_from_one_that_arrives_so(hub: LoopbackHub):
    commit, file = publish(hub, "footers/broken", b"PAR1" + b"\xff" * 100 + b"PAR1")
    with pytest.raises(ShardUnreadable, match=rf"footers/broken@{commit}:a\.parquet") as broken:
        read_footer(Hub(), "footers/broken", commit, file)
    assert broken.value.exit_code == 1
    assert ShardCorrupt.exit_code == 7
    assert len([request for request in hub.requests if request.port == "storage"]) == 2
