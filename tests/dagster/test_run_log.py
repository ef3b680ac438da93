"""What a run tells: in its own log, and as a story on stderr, which is its compute log."""

import contextlib
import io
import logging
import re
import sys
from collections.abc import Callable

import dagster as dg
import pytest

from hugflow.clients.hub import Hub
from hugflow.errors import UsageWrong
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow_assets.run_log import LOGGER, tell_run
from tests.dagster.conftest import Dataset

MakeDataset = Callable[..., Dataset]
log = logging.getLogger("hugflow.testing.of_the_run_log")


def story(stderr: str) -> list[str]:
    """Our lines, without their time; Dagster's own begin with a date."""
    return re.findall(r"^\d\d:\d\d:\d\d (.*)$", stderr, re.MULTILINE)


def run_log(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """What was logged into a run's log, without Dagster's events."""
    return [entry.user_message for entry in instance.all_logs(run_id) if not entry.dagster_event]


def run(instance: dg.DagsterInstance, work: Callable[[], object]) -> dg.ExecuteInProcessResult:
    """A run that does this, and tells of it."""

    @dg.asset(key=["speech", "raw"])
    def raw(context: dg.AssetExecutionContext) -> None:
        with tell_run(context, ["raw"]):
            work()

    return dg.materialize([raw], instance=instance, raise_on_error=False)


def test_the_story_of_a_run_has_a_begin_a_line_per_shard_and_an_end(
    hub: LoopbackHub, dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
):
    publish_speech(hub, "log/story", rows=4, shards=2, seconds=0.3, broken_rows={1: b"noise"})
    made = dataset("log/story", budget="1")
    made.plan()
    assert story(capsys.readouterr().err)[0] == f"plan of {made.name}"
    result = made.make_all()
    lines = story(capsys.readouterr().err)
    stages = "raw, audio, metadata, processed"
    assert lines[0] == f"{stages} of {made.name}, {made.keys[0]}...{made.keys[1]}"
    for file in ("data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"):
        assert lines.count(f"Starting download... {file} of {made.name}") == 1
    text = "\n".join(lines)
    assert "shard 00000-of-00002 is done: 1 rows, 1 of them new, 1 failed, in " in text
    assert "shard 00001-of-00002 is done: 2 rows, 2 of them new, 0 failed, in " in text
    assert lines[-2] == f"{made.name} is published: {made.places.link(made.name)}"
    assert re.fullmatch(r"done after \d+\.\d s", lines[-1])
    assert [line for line in lines if line.startswith("warning: row 1 failed: audio_unsupported")]
    assert len(lines) == 8
    told = run_log(made.instance, result.run_id)
    assert len([line for line in told if line.startswith("Starting download...")]) == 2
    assert not [line for line in told if "is done" in line], "its log has events for them"


def test_the_stage_raw_alone_has_no_rows_to_tell_of(
    hub: LoopbackHub, dataset: MakeDataset, capsys: pytest.CaptureFixture[str]
):
    publish_speech(hub, "log/raw", rows=2, shards=1, seconds=0.3)
    made = dataset("log/raw")
    made.plan()
    capsys.readouterr()
    made.make(made.keys[0], made.keys[0], "raw")
    lines = story(capsys.readouterr().err)
    assert lines[0] == f"raw of {made.name}, {made.keys[0]}...{made.keys[0]}"
    assert lines[2] == "shard 00000-of-00001 is here"


def test_a_line_is_written_once_where_dagster_has_a_console_of_its_own(
    instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
):
    result = run(instance, lambda: log.info("a line like no other"))
    assert capsys.readouterr().err.count("a line like no other") == 1
    assert run_log(instance, result.run_id) == ["a line like no other"]


def test_a_warning_is_told_as_one(instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]):
    result = run(instance, lambda: log.warning("%d rows are odd", 3))
    assert "warning: 3 rows are odd" in story(capsys.readouterr().err)
    (entry,) = [e for e in instance.all_logs(result.run_id) if e.user_message == "3 rows are odd"]
    assert entry.level == logging.WARNING
    assert entry.step_key == "speech__raw"


def test_a_run_that_fails_says_so_at_the_end_of_its_story(
    hub: LoopbackHub,
    dataset: MakeDataset,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    publish_speech(hub, "log/failing", rows=2, shards=1)
    made = dataset("log/failing")
    made.plan()

    def refuse(*_: object, **__: object) -> None:
        raise UsageWrong("it cannot be fetched", why="a test", mend="none")

    monkeypatch.setattr(Hub, "fetch_file", refuse)
    made.make_all()
    last = story(capsys.readouterr().err)[-1]
    assert re.fullmatch(r"failed after \d+\.\d s: it cannot be fetched", last)


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (RuntimeError("what a library said"), r"failed after \d+\.\d s: RuntimeError"),
        (SystemExit(1), r"stopped after \d+\.\d s"),
    ],
)
def test_a_surprise_is_named_and_a_stop_is_no_failure(
    instance: dg.DagsterInstance,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    ending: str,
):
    def surprise() -> None:
        raise error

    with contextlib.suppress(SystemExit):
        run(instance, surprise)
    assert re.fullmatch(ending, story(capsys.readouterr().err)[-1])


def test_work_goes_on_when_nobody_reads_stderr_any_more(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    def work() -> None:
        monkeypatch.setattr(sys, "stderr", Gone())
        log.info("a line that nobody reads")

    result = run(instance, work)
    assert result.success
    assert "a line that nobody reads" in run_log(instance, result.run_id)


def test_work_goes_on_when_a_line_cannot_be_put_into_words(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    # pytest's own handler would raise, and logging would print where it is.
    monkeypatch.setattr(LOGGER, "propagate", False)
    monkeypatch.setattr(logging, "raiseExceptions", False)
    result = run(instance, lambda: log.info("%d rows", "no"))
    assert result.success
    assert run_log(instance, result.run_id) == []


def test_no_credential_of_a_url_is_told(
    instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
):
    result = run(instance, lambda: log.warning("https://ada:secret-word@example.org is away"))
    told = "\n".join(run_log(instance, result.run_id))
    assert "example.org is away" in told
    assert "secret-word" not in told + capsys.readouterr().err


def test_after_a_run_the_logger_is_as_it_was(instance: dg.DagsterInstance):
    before = (LOGGER.level, list(LOGGER.handlers))
    run(instance, lambda: log.info("a line"))
    assert (LOGGER.level, list(LOGGER.handlers)) == before
