"""`hugflow status`: what is done, how fast, what prevents the rest."""

import json
from datetime import UTC, datetime

import pytest

from hugflow.cli.running_up import find_run_url, only_one_up
from hugflow.cli.status_table import Pace, table_lines
from hugflow.errors import HubUnavailable, UsageWrong
from hugflow.requests.match_names import match_names
from hugflow.stages.standing.obstacles import obstacle_of
from hugflow.stages.standing.status import DatasetStatus
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from tests.projects import Project

AT = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
SPEECH, MUSIC = "acme__speech__split_train__rev_main", "acme__speech2__split_train__rev_main"


def status_of(name: str = SPEECH, **fields: object) -> DatasetStatus:
    known = dict.fromkeys(DatasetStatus.__dataclass_fields__) | {
        "name": name,
        "state": "downloading",
        "rows": 120,
        "total_rows": 1_000,
        "failed_rows": 3,
        "bytes": 34_100_000,
        "hours": 1474 / 3600,
        "steps": (),
    }
    return DatasetStatus(**(known | fields))  # type: ignore[arg-type]  # a test names the fields


def test_the_table_says_what_is_done_and_what_prevents_the_rest():
    error = HubUnavailable("no answer", why="status 503", mend="try later")
    waiting = status_of(MUSIC, state="pending", obstacle=obstacle_of(error, "5f3c", AT, AT))
    lines = list(
        table_lines([status_of(run="8c1f"), waiting], {"8c1f": "http://x/runs/8c1f"}, Pace())
    )
    assert lines[0].split() == ["DATASET", "STATE", "DONE", "FAILED", "BYTES", "HOURS", "NOTE"]
    assert lines[1].split() == [SPEECH, "downloading", "120/1,000", "3", "34.1", "MB", "24m34s"]
    assert lines[2] == "    run http://x/runs/8c1f"
    assert lines[3].endswith("waiting until 01:02:03 UTC")
    assert [line.strip() for line in lines[4].splitlines()] == [
        "no answer",
        "why: status 503",
        "fix: try later",
    ]


def test_a_watched_dataset_has_a_rate_and_a_time_left():
    now = 0.0
    pace = Pace(clock=lambda: now)
    pace.see([status_of(rows=100)])
    assert pace.of(status_of(rows=100)) == (None, None)
    now = 10.0
    pace.see([status_of(rows=200)])
    assert pace.of(status_of(rows=200)) == (10.0, 80.0)
    assert list(table_lines([status_of(rows=200)], {}, pace))[1].endswith("10.0 rows/s, 1m20s left")
    assert pace.of(status_of(rows=200, state="completed")) == (None, None)


def test_a_run_has_a_link_while_the_web_ui_runs(places: Places):
    assert find_run_url(places, "8c1f") is None
    with only_one_up(places, "http://127.0.0.1:3000"):
        assert find_run_url(places, "8c1f") == "http://127.0.0.1:3000/runs/8c1f"
    assert find_run_url(places, "8c1f") is None


def test_a_dataset_may_be_called_in_many_ways_and_a_folder_means_all_in_it():
    files = {SPEECH: "requests/add/speech.yaml", MUSIC: "requests/add/more/music.yaml"}
    for wanted in (
        SPEECH,
        "acme/speech",
        "requests/add/speech.yaml",
        "acme__speech",
        "./requests/add/speech.yaml",
    ):
        assert match_names([wanted], files, files) == [SPEECH]
    assert match_names(["requests/add"], files, files) == [SPEECH, MUSIC]
    assert match_names(["acme/speech2", "requests"], files, files) == [MUSIC, SPEECH]
    with pytest.raises(UsageWrong, match="fits 2"):
        match_names(["acme"], files, files)
    with pytest.raises(UsageWrong, match="no dataset"):
        match_names(["acme/video"], files, files)


def test_status_says_why_a_request_could_not_be_planned(project: Project, hub: LoopbackHub):
    file = project.request("status/nowhere")
    assert project.run("local-sync", file).returncode == 5
    [entry] = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert (entry["state"], entry["note"], entry["obstacle"]["next_try_at"]) == (
        "pending",
        "refused",
        None,
    )
    told = project.run("status").stdout
    assert entry["obstacle"]["what"] in told
    assert f"fix: {entry['obstacle']['mend']}" in told
