"""Parquet files with encrypted columns: refused by name, where pyarrow would end the process."""

import base64
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.shards.layouts.encrypted import find_encrypted
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from tests.projects import Project

TABLE = pa.table({"id": [1, 2], "who": [{"name": "a", "age": 1}] * 2, "text": ["a", "b"]})


class _Keys(pe.KmsClient):  # type: ignore[misc]  # pyarrow's class has no types
    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        return base64.b64decode(wrapped_key)


def encrypted(path: Path, columns: list[str], *, has_plain_footer: bool = True) -> bytes:
    """The table with these columns encrypted, each by its own key."""
    configuration = pe.EncryptionConfiguration(
        footer_key="footer", column_keys={"key": columns}, plaintext_footer=has_plain_footer
    )
    factory = pe.CryptoFactory(lambda connection: _Keys())
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), configuration)
    with pq.ParquetWriter(path, TABLE.schema, encryption_properties=properties) as writer:
        writer.write_table(TABLE)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("columns", "leaves"),
    [(["text"], [3]), (["id"], [0]), (["who.name"], [1]), (["id", "who.age", "text"], [0, 2, 3])],
)
def test_encrypted_columns_are_found_in_the_footer(
    tmp_path: Path, columns: list[str], leaves: list[int]
):
    assert find_encrypted(io.BytesIO(encrypted(tmp_path / "a", columns))) == leaves


def test_a_file_that_is_not_encrypted_has_none():
    assert find_encrypted(io.BytesIO(write_parquet(TABLE))) == []
    assert find_encrypted(io.BytesIO(write_parquet(TABLE.slice(0, 0)))) == []


@given(data=st.binary(max_size=60), cut=st.integers(0, 400), flipped=st.integers(0, 2000))
def test_whatever_the_bytes_are_looking_never_raises(data: bytes, cut: int, flipped: int):
    whole = bytearray(write_parquet(TABLE))
    whole[flipped % len(whole)] ^= 0x55
    length = len(data).to_bytes(4, "little")
    for damaged in (data, bytes(whole), bytes(whole[cut:]), b"PAR1" + data + length + b"PAR1"):
        assert all(isinstance(leaf, int) for leaf in find_encrypted(io.BytesIO(damaged)))


@pytest.mark.parametrize("has_plain_footer", [True, False])
def test_an_encrypted_column_is_refused_at_plan_time_and_the_fix_of_its_owner_helps(
    hub: LoopbackHub, project: Project, tmp_path: Path, has_plain_footer: bool
):
    hf_id = f"encrypted/{'plain' if has_plain_footer else 'closed'}"
    content = encrypted(tmp_path / "a", ["text"], has_plain_footer=has_plain_footer)
    hub.publish(hf_id, {"data/train-0.parquet": content})
    request = project.request(hf_id)
    done = project.run("plan", request)
    assert done.returncode == 1
    assert "data/train-0.parquet" in done.stderr
    assert "encrypt" in done.stderr
    if has_plain_footer:
        assert "columns: 'text'" in done.stderr
        assert "publish it without encryption" in done.stderr
    hub.publish(hf_id, {"data/train-0.parquet": write_parquet(TABLE)})
    assert project.run("plan", request).returncode == 0


def test_no_library_writes_to_the_terminal_beside_our_log(hub: LoopbackHub, project: Project):
    readme = b"# A card without a header\n"
    hub.publish("quiet/card", {"README.md": readme, "data/train-0.parquet": write_parquet(TABLE)})
    done = project.run("local-sync", project.request("quiet/card"), LOG_LEVEL="DEBUG")
    assert done.returncode == 0
    assert "Repo card metadata" not in done.stderr
