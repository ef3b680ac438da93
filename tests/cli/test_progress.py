"""Progress: rows, bytes, rates and time left, in a log and on the last line of a terminal."""

import itertools
import logging
import re
import time

import pytest

from hugflow import activity
from hugflow.amounts import share_of_bytes, short_time
from hugflow.cli import output, progress
from hugflow.cli.progress import Watch, render, showing, watch_rows
from hugflow.cli.transfer import Transfer
from hugflow.testing.faults import Match, Stall
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import Project
from tests.terminal import plain, watch_terminal


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def in_a_file(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(progress, "is_live_terminal", lambda: False)
    caplog.set_level(logging.INFO)


def test_the_rates_are_those_of_the_last_seconds_and_the_time_left_is_the_longer_of_the_two():
    clock = Clock()
    transfer = Transfer("acme/speech", 10_000, 0, 100_000_000, clock=clock)
    clock.now, transfer.rows = 10.0, 1_000
    activity.count_received(20_000_000)
    figures = transfer.measure()
    assert figures.parts() == ["1,000/10,000 rows 100/s", "20.0/100.0 MB 2.0 MB/s", "1m30s left"]
    for clock.now in (20.0, 30.0, 40.0, 50.0):
        activity.count_received(1_000_000)
        transfer.rows += 1_000
        figures = transfer.measure()
    assert figures.bytes_per_s == pytest.approx(100_000)
    assert figures.parts()[2] == "12m40s left"


def test_bytes_that_are_on_disk_already_count_as_done_and_not_as_speed():
    clock = Clock()
    transfer = Transfer("acme/speech", None, 0, 1_000, clock=clock)
    activity.count_kept(400)
    clock.now = 1.0
    assert transfer.measure().parts() == ["0 rows", "0.4/1.0 kB"]
    assert transfer.measure().bytes_per_s is None


def test_a_line_fits_its_terminal_and_keeps_the_figures_longest():
    transfer = Transfer("acme/a-name-that-is-rather-long", 10_000, 1_200, clock=Clock())
    for columns in (20, 40, 60, 100, 200):
        shown = re.sub(r"\x1b\[\d+m", "", render(transfer, columns))
        assert len(shown) <= columns
        assert "1,200/10,000" in shown
    assert "acme/" in shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0.4s"), (45, "45s"), (1474, "24m34s"), (12_000, "3h20m"), (432_300, "120h05m")],
)
def test_a_time_is_said_in_two_units(seconds: float, words: str):
    assert short_time(seconds) == words


def test_a_share_of_bytes_has_one_unit():
    assert share_of_bytes(34_100_000, 120_000_000) == "34.1/120.0 MB"
    assert share_of_bytes(12, 900) == "12/900 B"


@pytest.mark.usefixtures("in_a_file")
def test_without_a_terminal_a_line_comes_at_each_interval_of_rows_and_of_time(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    with watch_rows("acme/speech", 100, 0, 50) as on_rows:
        for rows in (30, 30, 30):
            on_rows([None] * rows)  # type: ignore[list-item]  # only their number counts
    assert [line.split(" rows")[0] for line in caplog.messages] == ["60/100"]
    caplog.clear()
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.3)
    monkeypatch.setattr(progress, "DRAW_EVERY_S", 0.05)
    with (
        showing(),
        activity.step("resolving acme/speech"),
        activity.step("reading 600 footers", 600) as reading,
    ):
        reading.advance(120)
        time.sleep(1)
    told = [line for line in caplog.messages if line == "reading 600 footers 120/600"]
    assert 2 <= len(told) <= 4


@pytest.mark.usefixtures("in_a_file")
def test_the_rows_of_a_step_are_told_when_it_begins_and_at_each_interval(
    caplog: pytest.LogCaptureFixture,
):
    transfer = Transfer("acme/speech", 100, 100)
    watch = Watch(lambda outcomes: None, progress._count_step_rows(transfer, 50))
    for rows in (10, 30, 30, 29):
        watch.on_step_rows("clean", rows)
    watch.on_step_rows("asr", 100)
    assert caplog.messages == [
        "step clean: 10/100 rows",
        "step clean: 70/100 rows",
        "step asr: 100/100 rows",
    ]


def test_what_a_command_prints_goes_above_the_line(capsys: pytest.CaptureFixture[str]):
    from hugflow.cli import status_line

    status_line.draw("working")
    output.print_talk("a remark")
    status_line.draw("")
    assert capsys.readouterr().err == "\r\x1b[2Kworking\r\x1b[2Ka remark\n"


def test_at_a_terminal_bytes_rate_and_time_left_move_every_second(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "slow/terminal", rows=30, shards=1, seconds=1)
    for part in range(1, 10):
        hub.inject(
            Stall(0.5, part * 60_000), when=Match(path="*.parquet", port="storage"), times=None
        )
    file = project.request("slow/terminal")
    shown = watch_terminal(project, ["local-sync", str(file), "--no-report"], columns=100)
    bytes_told = [
        (at, told) for at, line in shown for told in re.findall(r"([\d.]+)/[\d.]+ .B ", line)
    ]
    changes = [
        at
        for (at, told), (_, before) in zip(bytes_told[1:], bytes_told, strict=False)
        if told != before
    ]
    gaps = [after - before for before, after in itertools.pairwise(changes)]
    assert len(changes) >= 5
    assert max(gaps) < 1.5
    assert len({told for _, line in shown for told in re.findall(r"B ([\d.]+ .B/s)", line)}) >= 4
    assert len({told for _, line in shown for told in re.findall(r"(\S+) left", line)}) >= 3
    assert all(
        len(re.sub(r"\x1b\[[\d;]*[mK]", "", line)) <= 100 for _, line in shown if "left" in line
    )
    linked = f"      linked {project.root / 'processed'}"
    assert any(plain(line).startswith(linked) for _, line in shown)
    assert not any("README" in line for _, line in shown), "a library's own bar"


def test_without_a_terminal_a_slow_fetch_gives_a_line_at_least_every_15_seconds(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "slow/log", rows=30, shards=1, seconds=1)
    for part in range(1, 10):
        hub.inject(
            Stall(2.6, part * 60_000), when=Match(path="*.parquet", port="storage"), times=None
        )
    file = project.request("slow/log")
    begun = time.monotonic()
    with project.start("local-sync", file, "--no-report") as process:
        assert process.stderr is not None
        told = [(time.monotonic(), line) for line in process.stderr]
    assert process.returncode == 0
    times = [begun, *(at for at, _ in told), time.monotonic()]
    assert times[-1] - begun > 20
    assert max(after - before for before, after in itertools.pairwise(times)) < 15
    shown = [line for _, line in told if "slow/log: " in line]
    assert all(re.search(r"[\d.]+/[\d.]+ .B [\d.]+ .B/s", line) for line in shown)
    assert shown
