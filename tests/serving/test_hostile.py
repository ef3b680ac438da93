"""What users send who mean harm: an error for them, and nothing for anybody else."""

import asyncio
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from hugflow.errors import FlowError
from hugflow.serving import get_flow_instance, serve_flow, wire
from hugflow.serving.envelope import read_call_reply
from hugflow.serving.keys import new_seed, read_seed, write_seed
from hugflow.serving.mounting import Wanted, Way, ask
from tests.serving.conftest import MakeUser

ID = "00000000-0000-0000-0000-000000000000"
OFFSETS = struct.pack("<qqq", 0, 2, 3)
METADATA = {b"message": b'{"clip": {"m": 1}}', b"marker": b"m"}


def to_arrow(
    metadata: dict[bytes, bytes] | None = None,
    name: str = "blobs",
    compression: str | None = None,
    blobs: tuple[bytes, ...] = (b"ab", b"c"),
) -> bytes:
    schema = pa.schema([(name, pa.large_binary())]).with_metadata(metadata)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        column = pa.array(blobs, pa.large_binary())
        writer.write_batch(pa.record_batch([column], schema=schema))
    return bytes(sink.getvalue().to_pybytes())


SOUND = to_arrow(METADATA)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"\xff",
        SOUND[:-10],
        SOUND[:30],
        SOUND.replace(OFFSETS, struct.pack("<qqq", 0, 2, 1 << 46)),
        to_arrow(),
        to_arrow(METADATA, name="other"),
        to_arrow({**METADATA, b"message": b'{"clip": {"m": 7}}'}),
        to_arrow({**METADATA, b"message": b'{"clip": {"m": null}}'}),
    ],
    ids=["deep", "bytes", "cut", "head", "offset", "bare", "column", "beyond", "null"],
)
def test_whatever_is_no_message_is_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each fault has words of its own
        wire.decode(data)


@pytest.mark.parametrize(
    "column",
    [
        pa.nulls(100_000),
        pa.array([b"ab", b"c"], pa.binary()),
        pa.array([b"ab", b"c"], pa.binary_view()),
        pa.array([b"ab", b"ab"], pa.large_binary()).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_a_message_is_one_column_of_bytes_and_nothing_else(column: pa.Array) -> None:
    schema = pa.schema([("blobs", column.type)]).with_metadata(METADATA)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.record_batch([column], schema=schema))
    with pytest.raises(ValueError, match="not one column of bytes"):
        wire.decode(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_message_that_would_grow_in_memory_is_refused(compression: str) -> None:
    data = to_arrow(METADATA, compression=compression, blobs=(bytes(1 << 20), b"c"))
    assert len(data) < 100_000
    with pytest.raises(ValueError, match="compressed"):
        wire.decode(data)


@pytest.mark.parametrize("value", [{"text": "a\ud800"}, {"text": "a\ud800", "clip": b"sound"}])
def test_half_of_a_character_arrives_as_it_was_sent(value: dict[str, Any]) -> None:
    assert wire.decode(wire.encode(value)) == value


def test_a_reply_with_half_of_a_character_does_not_stop_an_instance(new_user: MakeUser) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Upper", "upper")
    flow = get_flow_instance(cl, "upper")
    for text in ("a\ud800", "b"):
        future = flow.get_reply_future(flow.package_input_message({"text": text}))
        assert future.get_data(timeout=10)["text"] == text.upper()


def test_a_state_that_outgrows_the_server_is_an_error_and_the_next_message_works(
    new_user: MakeUser,
) -> None:
    cl = new_user()
    serve_flow(cl, "served_classes.Count", "count")
    flow = get_flow_instance(cl, "count")
    large = flow.get_reply_future(flow.package_input_message({"number": "x" * (5 << 20)}))
    with pytest.raises(FlowError, match="the state"):
        large.get_data(timeout=20)
    small = flow.get_reply_future(flow.package_input_message({"number": 1}))
    assert small.get_data(timeout=10)["seen"] == [1]


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"data": 3}',
        b'{"error": 3}',
        b'{"error": {"what": 1}}',
        b"\xff",
    ],
)
def test_a_reply_to_a_call_that_cannot_be_read_is_an_error_of_the_flow(reply: bytes) -> None:
    with pytest.raises(FlowError, match="cannot be read"):
        read_call_reply(reply)


@pytest.mark.parametrize(
    ("flow_id", "works"), [(ID, True), ("*", False), ("a.b", False), ("", False)]
)
def test_an_owner_gives_instances_of_its_own_alone(flow_id: str, works: bool) -> None:
    answer = {"sub": {"successful": True, "message": "", "flow_id": flow_id, "user_id": "VICTIM"}}

    async def give(*_: object) -> bytes:
        return wire.encode(answer)

    cl: Any = SimpleNamespace(
        get_user_id=lambda: "US", shared_key=lambda user_id: b"", link=SimpleNamespace(ask=give)
    )
    got = asyncio.run(ask(cl, "OWNER", [Wanted("sub", "count", {})], Way()))["sub"]
    assert (got.successful, got.user_id) == (works, "OWNER")


def test_a_seed_appears_whole_and_replaces_none(tmp_path: Path, monkeypatch: Any) -> None:
    seed = new_seed()
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", _fail)
        with pytest.raises(OSError, match="full"):
            write_seed(tmp_path / "a.seed", seed)
    assert list(tmp_path.iterdir()) == []
    write_seed(tmp_path / "a.seed", seed)
    with pytest.raises(FileExistsError):
        write_seed(tmp_path / "a.seed", new_seed())
    assert read_seed(tmp_path / "a.seed") == seed
    assert [path.name for path in tmp_path.iterdir()] == ["a.seed"]


def _fail(fd: int) -> None:
    raise OSError("the disk is full")
