"""What native code writes to stderr goes to the log, with what was being done."""

import logging
import os
import re
import sys
import time
from collections import deque

import pyarrow as pa
import pytest

from hugflow import native_talk
from hugflow.native_talk import MOST_LINES, doing, native_talk_in_log
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from tests.audio.clips import tone, write_bare_mp3
from tests.projects import Project


def write_like_c(text: str) -> None:
    os.write(2, text.encode())


def test_a_line_is_logged_with_what_the_threads_were_doing(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    # Rows of another test may just have ended.
    monkeypatch.setattr(native_talk, "_ended", deque())
    with caplog.at_level(logging.INFO), native_talk_in_log():
        with doing("row 5 of data/a.parquet"):
            write_like_c("[src/libmpg123] error\n")
        time.sleep(0.1)
        sys.stderr.write("ours\n")
    assert "a library says: [src/libmpg123] error (at row 5 of data/a.parquet)" in caplog.text
    assert capfd.readouterr().err == "ours\n"


def test_afterwards_stderr_is_what_it_was(capfd: pytest.CaptureFixture[str]):
    before = sys.stderr
    with pytest.raises(ValueError, match="x"), native_talk_in_log():
        raise ValueError("x")
    assert sys.stderr is before
    write_like_c("C again\n")
    assert capfd.readouterr().err == "C again\n"


def test_of_thousands_of_lines_only_some_are_logged_and_nothing_blocks(
    caplog: pytest.LogCaptureFixture,
):
    with caplog.at_level(logging.INFO), native_talk_in_log():
        for _ in range(5_000):
            write_like_c("[src/libmpg123] error\n" * 4)
    assert caplog.text.count("[src/libmpg123]") == MOST_LINES
    assert "it is left out" in caplog.text


def test_a_damaged_mp3_leaves_no_line_of_its_decoder_on_the_terminal(
    hub: LoopbackHub, project: Project
):
    whole = write_bare_mp3(tone(48_000, 16_000), 16_000)
    clips = [bytes(whole[:3000] + bytes(777) + whole[3000 + gap :]) for gap in range(0, 1200, 60)]
    audio = [{"bytes": clip, "path": "a.mp3"} for clip in clips]
    table = pa.table({"audio": audio, "text": ["a"] * len(clips)})
    hub.publish("talk/mp3", {"data/train-0.parquet": write_parquet(table)})
    request = project.request("talk/mp3", 'max_bad_rows: "100%"', "mp3_source: reencode")
    done = project.run("local-sync", request)
    said = [line for line in done.stderr.splitlines() if "libmpg123" in line]
    assert said
    line = re.compile(
        r"\d\d:\d\d:\d\d a library says: \[src/libmpg123.* \(at rows? \d+( to \d+)? of data/train-0"
    )
    assert [each for each in said if not line.match(each)] == []
