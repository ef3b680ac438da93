"""Messages as bytes."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.serving import wire


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_bytes_travel_as_a_column_of_arrow_that_anybody_can_read(blobs: list[bytes]) -> None:
    rows = [{"row": row, "audio": {"bytes": blob}} for row, blob in enumerate(blobs)]
    data = wire.encode({"rows": rows})
    assert pa.ipc.open_stream(data).read_all().column("blobs").to_pylist() == blobs
    assert wire.decode(data) == {"rows": rows}


@given(
    st.recursive(
        st.text(max_size=5) | st.binary(max_size=5) | st.integers() | st.none(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=12,
    )
)
def test_a_message_is_never_longer_than_was_counted(value: Any) -> None:
    length, counted = len(wire.encode(value)), wire.most_bytes(value)
    assert length <= counted <= 6 * length + 2048


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_is_like_bytes_arrives_as_bytes(kind: Any) -> None:
    assert wire.decode(wire.encode({"audio": kind(b"ID3")})) == {"audio": b"ID3"}


def test_a_mapping_that_looks_like_a_place_of_bytes_arrives_as_it_is() -> None:
    value = {"audio": b"ID3", "odd": {"$bytes-0": 0}}
    assert wire.decode(wire.encode(value)) == value
