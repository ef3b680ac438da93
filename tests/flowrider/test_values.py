"""Values in files: type for type, without pickle, or not at all."""

import collections
import math
import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from hugflow.flowrider.cache import cache_getter_fn, cache_path
from hugflow.flowrider.value_files import NoValue, read_value, write_value

KEY = ("Flow", "17", "artifact")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        10**30,
        -0.0,
        0.1,
        "text é \ud800",
        b"\x00bytes",
        [1, [2.5, None]],
        {"b": 1, "a": {"c": [True]}},
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.array(["a", "bc"]),
        np.array(3.5),
        np.array([np.nan]),
        pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [[1], []]}),
        pl.DataFrame({"a": [math.nan]}),
        pa.table({"a": [1, 2]}).replace_schema_metadata({"k": "v"}),
    ],
    ids=repr,
)
def test_a_value_comes_back_with_its_type(tmp_path: Path, value: object):
    path = tmp_path / "x.value"
    assert write_value(path, KEY, value)
    back = read_value(path, KEY)
    assert type(back) is type(value)
    assert repr(back) == repr(value)
    if isinstance(value, np.ndarray):
        assert back.dtype == value.dtype
    if isinstance(value, pa.Table):
        assert back.schema.equals(value.schema, check_metadata=True)
    assert [file.name for file in tmp_path.iterdir()] == ["x.value"]


class Text(str):
    """A text of another type."""

    __slots__ = ()


def nested(depth: int) -> object:
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        (1, 2),
        [(1, 2)],
        math.nan,
        [math.inf],
        {1: "a"},
        Text("a"),
        collections.OrderedDict(a=1),
        np.float64(1.5),
        np.array([object()]),
        np.ma.masked_array([1], [True]),
        pl.Series([1]),
        pl.DataFrame({"a": [object()]}, schema={"a": pl.Object}),
        object(),
        nested(100_000 // 200),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_would_change_is_not_kept(tmp_path: Path, value: object):
    assert not write_value(tmp_path / "x.value", KEY, value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("position", [0, 5, -1])
def test_a_broken_file_has_no_value(tmp_path: Path, position: int):
    path = tmp_path / "x.value"
    write_value(path, KEY, {"a": 1})
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(NoValue):
        read_value(path, KEY)


def test_a_file_of_another_key_has_no_value(tmp_path: Path):
    write_value(tmp_path / "x.value", KEY, 1)
    with pytest.raises(NoValue):
        read_value(tmp_path / "x.value", ("Flow", "18", "artifact"))


class Bomb:
    """Whoever unpickles it fails the test."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a pickle was opened",)


def test_a_getter_is_asked_once_unless_the_value_is_broken_or_cannot_be_kept(tmp_path: Path):
    asked = []

    @cache_getter_fn
    def get(flow_name: str, run_id: str, artifact: str) -> object:
        asked.append((flow_name, run_id, artifact))
        return {1} if artifact == "odd" else {"of": run_id}

    assert get("Flow", "1", "info") == get("Flow", "1", "info") == {"of": "1"}
    assert get("Flow", "2", "info") == {"of": "2"}
    assert get("Flow", "1", "odd") == get("Flow", "1", "odd") == {1}
    assert asked == [
        ("Flow", "1", "info"),
        ("Flow", "2", "info"),
        ("Flow", "1", "odd"),
        ("Flow", "1", "odd"),
    ]
    cache_path(tmp_path, "Flow", "1", "info").write_bytes(pickle.dumps(Bomb()))
    assert get("Flow", "1", "info") == {"of": "1"}
    assert len(asked) == 5
    assert get("Flow", "1", "info") == {"of": "1"}
    assert len(asked) == 5


def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    full = tmp_path / "full"
    full.mkdir()
    (full / "artifacts").touch()
    monkeypatch.setenv("FLOWRIDER_TEMP_DIR", str(full))
    assert cache_getter_fn(lambda *_: 5)("Flow", "1", "info") == 5
    assert "is not kept" in caplog.text
