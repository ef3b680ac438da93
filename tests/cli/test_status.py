"""`hugflow status`: what is done, how fast, what prevents the rest."""

import json
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from hugflow.amounts import short_time
from hugflow.cli.running_up import find_run_url, only_one_up
from hugflow.cli.short_names import in_the_middle, shorten_names
from hugflow.cli.status_table import Speed, table_lines
from hugflow.errors import HubUnavailable, UsageWrong
from hugflow.requests.match_names import find_names
from hugflow.shards.plans import read_current_id
from hugflow.stages.standing.fetched import Fetched, measure_fetched
from hugflow.stages.standing.obstacles import obstacle_of
from hugflow.stages.standing.status import DatasetStatus
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.projects import Project
from tests.terminal import watch_terminal

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
        table_lines([status_of(run="8c1f"), waiting], {"8c1f": "http://x/runs/8c1f"}, Speed())
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
    speed = Speed(clock=lambda: now)
    speed.see([status_of(rows=100)])
    assert speed.of(status_of(rows=100)) == (None, None)
    now = 10.0
    speed.see([status_of(rows=200)])
    assert speed.of(status_of(rows=200)) == (10.0, 80.0)
    assert list(table_lines([status_of(rows=200)], {}, speed))[1].endswith(
        "10.0 rows/s, 1m20s left"
    )
    assert speed.of(status_of(rows=200, state="completed")) == (None, None)


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
        "acme/speech#train",
        "requests/add/speech.yaml",
        "acme__speech",
        "./requests/add/speech.yaml",
    ):
        assert find_names(wanted, files, files) == [SPEECH]
    assert find_names("requests/add", files, files) == [SPEECH, MUSIC]
    assert find_names("acme/speech2", files, files) == [MUSIC]
    with pytest.raises(UsageWrong, match="fits 2"):
        find_names("acme", files, files)
    assert find_names("acme/video", files, files) == []
    assert find_names("acme/speech#test", files, files) == []
    test = "acme__speech__split_test__rev_main"
    assert find_names("acme/speech#test", [*files, test], files) == [test]
    with pytest.raises(UsageWrong, match="fits 2"):
        find_names("acme/speech", [*files, test], files)


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


def test_a_long_name_leaves_room_for_its_figures_at_a_terminal():
    name = "acme__parliament-recordings-with-a-long-name__subset_en__split_train__rev_main"
    assert in_the_middle(name, 100) == name
    shown = in_the_middle(name, 40)
    assert len(shown) == 40
    assert name.startswith(shown.partition("…")[0])
    assert name.endswith(shown.partition("…")[2])


@pytest.mark.parametrize("columns", [24, 40, 44, 60, 100])
def test_names_that_differ_are_shown_differently(columns: int):
    names = [
        f"acme__two-languages-of-one-house__subset_{subset}__split_{split}__rev_main"
        for subset in ("en", "ms")
        for split in ("train", "test")
    ]
    shown = shorten_names(names, columns)
    assert len(set(shown)) == len(names)
    if columns >= 40:
        assert max(map(len, shown)) <= columns
    if columns == 44:
        assert "…subset_en…t_test__rev_main" in shown[1]


def test_hours_of_a_few_seconds_are_those_seconds(project: Project, hub: LoopbackHub):
    publish_speech(hub, "status/seconds", rows=7, shards=1, seconds=0.45)
    file = project.request("status/seconds")
    assert project.run("local-sync", file, "--no-report").returncode == 0
    (line,) = project.run("status").stdout.splitlines()[1:]
    (entry,) = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert short_time(entry["audio_seconds"]) == line.split()[-1]
    index = project.dataset(entry["name"]).index
    infos = [
        row for file in index.iterdir() for row in pq.read_table(file)["audio_info"].to_pylist()
    ]
    seconds = sum(info["duration"] for info in infos)
    assert entry["audio_seconds"] == pytest.approx(seconds, abs=0.01)


def test_a_list_at_a_terminal_shows_states_in_colour(project: Project, hub: LoopbackHub):
    publish_speech(hub, "status/colour", rows=1, shards=1, seconds=0.1)
    file = project.request("status/colour")
    assert project.run("local-sync", file, "--no-report").returncode == 0
    said = "\n".join(text for _, text in watch_terminal(project, ["ls"]))
    assert "\x1b[32mcompleted" in said
    plain_said = "\n".join(text for _, text in watch_terminal(project, ["ls"], NO_COLOR="1"))
    assert "\x1b[" not in plain_said
    assert "completed" in plain_said


def test_while_files_are_fetched_a_watched_dataset_has_their_rate_and_time_left():
    now = 0.0
    speed = Speed(clock=lambda: now)
    waiting = status_of(rows=0, total_rows=100)
    speed.see([waiting], {SPEECH: Fetched(1_000_000, 8_000_000)})
    assert speed.fetching(waiting) == (None, None)
    now = 10.0
    speed.see([waiting], {SPEECH: Fetched(3_000_000, 8_000_000)})
    assert speed.fetching(waiting) == (200_000.0, 25.0)
    assert list(table_lines([waiting], {}, speed))[1].endswith("200.0 kB/s, 25s left")
    # A file whose rows are made is deleted.
    now = 20.0
    speed.see([waiting], {SPEECH: Fetched(0, 8_000_000)})
    assert speed.fetching(waiting)[0] == 100_000.0
    made = status_of(rows=50, total_rows=100)
    speed.see([made], {SPEECH: Fetched(0, 8_000_000)})
    assert "rows/s" in list(table_lines([made], {}, speed))[1]


def test_what_is_fetched_is_measured_without_the_holes_of_partial_files(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "status/fetched", rows=2, shards=1, seconds=0.1)
    assert project.run("plan", project.request("status/fetched"), "--no-sample").returncode == 0
    name = "status__fetched__split_train__rev_main"
    assert measure_fetched(project.places, "status__unknown") is None
    empty = measure_fetched(project.places, name)
    assert empty is not None
    assert empty.bytes == 0
    assert empty.source_bytes > 0
    plan_id = read_current_id(project.places, name)
    assert plan_id is not None
    raw = project.places.state(name, plan_id).raw
    raw.mkdir(parents=True, exist_ok=True)
    with (raw / "00000-of-00001.part").open("wb") as file:
        file.write(b"x" * 65_536)
        file.truncate(50_000_000)
    found = measure_fetched(project.places, name, empty)
    assert found is not None
    assert 65_536 <= found.bytes < 1_000_000
    assert found.source_bytes == empty.source_bytes
