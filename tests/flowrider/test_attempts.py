"""The record of attempts: whose run is resumed, what a killed one leaves, how many are kept."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hugflow.flowrider import RunNotFound
from hugflow.flowrider.attempts import (
    ATTEMPT_FORM,
    MOST_KEPT,
    AttemptPlaces,
    RunAttempt,
    attempts_folder,
    clear_leftovers,
    finish,
    read_attempts,
    recorded,
)
from hugflow.flowrider.environment import ATTEMPT, user_name
from hugflow.flowrider.places import PipelinePlaces
from hugflow.flowrider.resume import choose_origin
from hugflow.flowrider.run_ids import load_run_id
from hugflow.flowrider.run_values import DONE, read_done, write_run_value

FLOW = "example/flow"
AT = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture
def places(tmp_path: Path) -> PipelinePlaces:
    return PipelinePlaces(tmp_path / "project_name")


def attempt(number: int, user: str | None = None, bundle: str | None = None) -> RunAttempt:
    return RunAttempt(
        id=f"{number:04}",
        flow=FLOW,
        tag="dev",
        engine="metaflow",
        user=user or user_name(),
        started_at=AT + timedelta(seconds=number),
        bundle=bundle,
    )


def record(places: PipelinePlaces, made: RunAttempt, run_id: str | None) -> None:
    """Record an attempt that has failed."""
    with recorded(places, made) as mine:
        if run_id is not None:
            mine.run_id.write_text(run_id)
        finish(mine, made, "failed", 1)


def test_only_the_last_attempt_of_this_user_that_has_a_run_id_is_resumed(places: PipelinePlaces):
    with pytest.raises(RunNotFound, match="can be resumed"):
        choose_origin(places, FLOW, "dev", None)
    record(places, attempt(1, user="somebody-else"), "run-1")
    with pytest.raises(RunNotFound, match="can be resumed"):
        choose_origin(places, FLOW, "dev", None)
    record(places, attempt(2), "run-2")
    record(places, attempt(3, user="somebody-else"), "run-3")
    record(places, attempt(4), None)
    assert choose_origin(places, FLOW, "dev", None) == "run-2"
    assert choose_origin(places, FLOW, "dev", "run-3") == "run-3"
    with pytest.raises(RunNotFound):
        choose_origin(places, FLOW, "prod", None)


def test_what_a_killed_attempt_left_is_ended_and_deleted_and_a_running_one_is_left_alone(
    places: PipelinePlaces, tmp_path: Path
):
    bundle = tmp_path / "bundles/0001"
    bundle.mkdir(parents=True)
    mine = AttemptPlaces(attempts_folder(places, FLOW, "dev") / "0001")
    ATTEMPT_FORM.write(mine.record, attempt(1, bundle=str(bundle)))
    mine.run_id.write_text("run-1")
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], env={**os.environ, ATTEMPT: "0001"}
    )
    assert [each.state for each in read_attempts(places, FLOW, "dev")] == ["killed"]
    with recorded(places, attempt(2, bundle=str(tmp_path))):
        clear_leftovers(places)
        states = [(each.state, each.run_id) for each in read_attempts(places, FLOW, "dev")]
    assert states == [("killed", "run-1"), ("running", None)]
    assert not bundle.exists()
    assert tmp_path.exists()
    assert left.wait(10) < 0
    assert choose_origin(places, FLOW, "dev", None) == "run-1"


def test_an_attempt_that_raises_has_failed(places: PipelinePlaces):
    with pytest.raises(KeyboardInterrupt), recorded(places, attempt(1)):
        raise KeyboardInterrupt
    [failed] = read_attempts(places, FLOW, "dev")
    assert failed.state == "failed"
    assert failed.ended_at is not None


def test_the_latest_attempts_are_kept(places: PipelinePlaces):
    for number in range(MOST_KEPT + 3):
        record(places, attempt(number), None)
    kept = read_attempts(places, FLOW, "dev")
    assert [kept[0].id, kept[-1].id] == ["0003", f"{MOST_KEPT + 2:04}"]


def test_an_old_attempt_whose_record_cannot_be_read_is_kept(places: PipelinePlaces, tmp_path: Path):
    record(places, attempt(0), None)
    (first,) = tmp_path.rglob("attempt.json")
    first.write_bytes(first.read_bytes()[:-9])
    for number in range(1, MOST_KEPT + 2):
        record(places, attempt(number), None)
    assert first.exists()
    assert read_attempts(places, FLOW, "dev")[0].id == "0002"


def test_only_a_folder_that_a_run_makes_is_deleted_as_its_bundle(
    places: PipelinePlaces, tmp_path: Path
):
    precious = tmp_path / "precious"
    precious.mkdir()
    mine = AttemptPlaces(attempts_folder(places, FLOW, "dev") / "0001")
    mine.folder.mkdir(parents=True)
    ATTEMPT_FORM.write(mine.record, attempt(1, bundle=str(precious)))
    clear_leftovers(places)
    assert precious.is_dir()
    [left] = read_attempts(places, FLOW, "dev")
    assert left.state == "killed"


@pytest.mark.parametrize(
    "data",
    [b"7", b'{"a": 1}', b"\xff", b"[" * 100_000],
    ids=["number", "object", "bytes", "deep"],
)
def test_a_damaged_list_of_made_assets_is_no_list(tmp_path: Path, data: bytes):
    write_run_value(tmp_path, "stats", 1)
    (tmp_path / DONE).write_bytes(data)
    assert read_done(tmp_path) == {"stats"}


def test_a_run_id_that_is_no_text_names_no_run(tmp_path: Path):
    (tmp_path / "flow_dev.run_id").write_bytes("17".encode("utf-16"))
    with pytest.raises(RunNotFound, match="names no run"):
        load_run_id(tmp_path / "flow_dev.yaml")
