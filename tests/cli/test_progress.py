"""The progress of a dataset's rows and of its steps: lines in a log, bars at a terminal."""

import logging

import pytest

from hugflow.cli import progress
from hugflow.cli.progress import watch_dataset


def test_a_step_is_logged_when_it_begins_and_at_each_interval_of_its_rows(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "is_terminal", lambda: False)
    caplog.set_level(logging.INFO)
    with watch_dataset(100, 100, interval_rows=50) as watch:
        for rows in (10, 30, 30, 29):
            watch.on_step_rows("clean", rows)
        watch.on_step_rows("asr", 100)
    assert [record.getMessage() for record in caplog.records] == [
        "step clean: 10 rows",
        "step clean: 70 rows",
        "step asr: 100 rows",
    ]


def test_at_a_terminal_each_step_has_a_bar_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with watch_dataset(100, 0, interval_rows=50) as watch:
        watch.on_rows([])
        watch.on_step_rows("clean", 40)
    shown = capsys.readouterr().err
    assert "rows of step clean" in shown
    assert "40/100" in shown
