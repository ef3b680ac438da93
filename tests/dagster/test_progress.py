"""What a run says while it works."""

import logging

import pytest

from hugflow.ledger.journal import RowFailed, RowMade
from hugflow_assets import progress
from hugflow_assets.progress import RunProgress


def made(first: int, last: int) -> list[RowMade]:
    return [RowMade(row, str(row), None, 1, None) for row in range(first, last + 1)]


def test_a_long_shard_tells_how_far_it_is(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    tracker = RunProgress("acme__speech", rows_done=100, rows=1_200)
    with caplog.at_level(logging.INFO, "hugflow"):
        tracker.add(made(100, 399))
    (line,) = caplog.messages
    assert line.startswith("acme__speech: 400 of 1,200 rows (33.3 %), ")
    assert "rows/s, about" in line


def test_it_does_not_say_so_after_every_batch(caplog: pytest.LogCaptureFixture):
    tracker = RunProgress("acme__speech", rows_done=0, rows=1_000)
    with caplog.at_level(logging.INFO, "hugflow"):
        for first in range(0, 1_000, 10):
            tracker.add(made(first, first + 9))
    assert not caplog.messages


def test_a_row_that_failed_is_told_at_once_with_its_reason(caplog: pytest.LogCaptureFixture):
    tracker = RunProgress("acme__speech", rows_done=0, rows=1_000)
    rows = [RowFailed(row, "audio_empty", "there is no sample") for row in range(8)]
    with caplog.at_level(logging.WARNING, "hugflow"):
        tracker.add(rows)
    assert caplog.messages[0] == "row 0 failed: audio_empty: there is no sample"
    assert caplog.messages[5:] == ["and 3 rows more"]
