"""The progress file: the seed's fields, and nothing that is missed when it is lost."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.ledger.progress import (
    STATUS_WORDS,
    Progress,
    StepProgress,
    read_progress,
    to_pairs,
    write_progress,
)

# Seed 004, "Resume Capability Details", with its `...` written out.
SEED_2_0 = {
    "dataset_name": "org/dataset",
    "status": "downloading",
    "downloaded_files": 1500,
    "total_files": 10_000,
    "percent_complete": 15.0,
    "resumed_from": 1000,
    "newly_downloaded": 500,
    "resume_data": {
        "completed_rows": list(range(1500)),
        "last_successful_row": 1499,
        "expected_total_rows": 10_000,
        "version": "2.0",
    },
}


def test_the_file_has_exactly_the_fields_of_the_contract(tmp_path: Path):
    path = tmp_path / "progress" / "a.json"
    write_progress(path, Progress("name", "downloading", ((0, 2), (5, 5)), 10, resumed_from=1))
    assert json.loads(path.read_text()) == {
        "dataset_name": "name",
        "status": "downloading",
        "downloaded_files": 4,
        "total_files": 10,
        "percent_complete": 40.0,
        "resumed_from": 1,
        "newly_downloaded": 3,
        "resume_data": {
            "completed_ranges": [[0, 2], [5, 5]],
            "completed_rows": [0, 1, 2, 5],
            "last_successful_row": 5,
            "expected_total_rows": 10,
            "version": "3.0",
        },
    }


STEPS = (
    StepProgress("clean", 3, 1, 1, 6, ((0, 2), (4, 4))),
    StepProgress("short", 0, 0, 0, None, ()),
)


def test_each_row_step_has_its_counts_and_its_completed_rows(tmp_path: Path):
    path = tmp_path / "a.json"
    progress = Progress("name", "downloading", ((0, 5),), 6, steps=STEPS)
    write_progress(path, progress)
    flows = json.loads(path.read_text())["flows"]
    assert list(flows) == ["clean", "short"]
    assert flows["clean"] == {
        "rows": 3,
        "dropped": 1,
        "errors": 1,
        "expected_total_rows": 6,
        "completed_ranges": [[0, 2], [4, 4]],
        "completed_rows": [0, 1, 2, 4],
    }
    assert flows["short"]["expected_total_rows"] is None
    assert read_progress(path) == progress


def test_rows_of_steps_are_listed_up_to_100000_of_all_steps(tmp_path: Path):
    path = tmp_path / "a.json"
    many = tuple(StepProgress(name, 60_000, 0, 0, None, ((0, 59_999),)) for name in "ab")
    for steps, is_listed in ((many, False), (many[:1], True)):
        write_progress(path, Progress("name", "downloading", ((0, 59_999),), None, steps=steps))
        flows = json.loads(path.read_text())["flows"]
        assert all(("completed_rows" in step) is is_listed for step in flows.values())
        progress = read_progress(path)
        assert progress is not None
        assert progress.steps == steps


def test_the_status_words_are_those_of_the_contract():
    words = "pending planned downloading interrupted incomplete failed completed removed"
    assert words.split() == list(STATUS_WORDS)


@given(
    rows=st.sets(st.integers(0, 400), max_size=60),
    status=st.sampled_from(STATUS_WORDS),
    resumed=st.integers(0, 60),
)
def test_progress_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: set[int], status: str, resumed: int
):
    path = tmp_path_factory.getbasetemp() / "any-progress.json"
    progress = Progress("name", status, tuple(to_pairs(sorted(rows))), 401, resumed)  # type: ignore[arg-type]
    write_progress(path, progress)
    assert read_progress(path) == progress
    assert progress.rows == len(rows)


@given(rows=st.sets(st.integers(0, 200)))
def test_ranges_hold_the_same_rows_in_order_and_never_touch(rows: set[int]):
    pairs = to_pairs(sorted(rows))
    assert [row for first, last in pairs for row in range(first, last + 1)] == sorted(rows)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(pairs))


@pytest.mark.parametrize(("last", "is_listed"), [(99_999, True), (100_000, False)])
def test_rows_are_listed_one_by_one_up_to_100000(tmp_path: Path, last: int, is_listed: bool):
    path = tmp_path / "a.json"
    write_progress(path, Progress("name", "completed", ((0, last),), last + 1))
    resume = json.loads(path.read_text())["resume_data"]
    assert ("completed_rows" in resume) is is_listed
    assert resume["completed_ranges"] == [[0, last]]
    assert read_progress(path) == Progress("name", "completed", ((0, last),), last + 1)


def test_a_file_of_the_seeds_version_is_read(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(SEED_2_0))
    progress = Progress("org/dataset", "downloading", ((0, 1499),), 10_000, resumed_from=1000)
    assert read_progress(path) == progress


def test_rows_of_the_seeds_version_may_come_in_any_order_and_twice(tmp_path: Path):
    path = tmp_path / "a.json"
    resume = {**SEED_2_0["resume_data"], "completed_rows": [5, 0, 1, 5, 1]}  # type: ignore[dict-item]
    path.write_text(json.dumps({**SEED_2_0, "resume_data": resume}))
    progress = read_progress(path)
    assert progress is not None
    assert progress.ranges == ((0, 1), (5, 5))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"resume_data": 5}',
        "[" * 20_000,
        json.dumps({**SEED_2_0, "status": "dancing"}),
        json.dumps({**SEED_2_0, "resume_data": {"version": "4.0"}}),
        json.dumps({**SEED_2_0, "resumed_from": float("inf")}),
        json.dumps({**SEED_2_0, "resume_data": {"version": "2.0", "completed_rows": ["a", 1]}}),
        json.dumps(SEED_2_0)[:-40],
    ],
)
def test_a_view_that_cannot_be_read_is_no_view(tmp_path: Path, text: str):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert read_progress(path) is None


def test_a_file_that_is_not_there_is_no_view(tmp_path: Path):
    assert read_progress(tmp_path / "a.json") is None


def test_a_dataset_without_rows_is_complete(tmp_path: Path):
    write_progress(tmp_path / "a.json", Progress("name", "completed", (), 0))
    value = json.loads((tmp_path / "a.json").read_text())
    assert value["percent_complete"] == 100.0
    assert value["resume_data"]["last_successful_row"] is None
