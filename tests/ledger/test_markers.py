"""Markers: whole, or not there."""

import json
from pathlib import Path

import pytest

from hugflow.ledger.markers import Marker, read_marker, write_marker

MARKER = Marker(498, (14, 77), 20_318_212, 12.4, 3600.5, 3, "ab" * 32, 512)


def test_a_marker_is_read_as_it_was_written(tmp_path: Path):
    write_marker(tmp_path / "a", MARKER)
    assert read_marker(tmp_path / "a") == MARKER


def test_a_stage_that_is_not_done_has_no_marker(tmp_path: Path):
    assert read_marker(tmp_path / "a") is None


def test_a_marker_cut_anywhere_says_nothing(tmp_path: Path):
    write_marker(tmp_path / "a", MARKER)
    whole = (tmp_path / "a").read_bytes()
    for cut in range(len(whole) - 2):
        (tmp_path / "a").write_bytes(whole[:cut])
        assert read_marker(tmp_path / "a") is None


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": "1"},
        {"more": 1},
        {"rows": "many"},
        {"failed_rows": 3},
        {"failed_rows": ["a"]},
        {"failed_rows": None},
    ],
)
def test_a_marker_of_another_version_or_shape_says_nothing(
    tmp_path: Path, change: dict[str, object]
):
    write_marker(tmp_path / "a", MARKER)
    value = json.loads((tmp_path / "a").read_text())
    (tmp_path / "a").write_text(json.dumps({**value, **change}))
    assert read_marker(tmp_path / "a") is None


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"\xff", b"[" * 20_000, b"{}"])
def test_garbage_says_nothing(tmp_path: Path, content: bytes):
    (tmp_path / "a").write_bytes(content)
    assert read_marker(tmp_path / "a") is None


def test_a_marker_with_one_changed_digit_is_no_marker(tmp_path: Path):
    path = tmp_path / "marker.json"
    write_marker(path, Marker(rows=498, copied=12))
    path.write_text(path.read_text().replace('"copied": 12', '"copied": 13'))
    assert read_marker(path) is None
