"""A codec that crashes its process: it costs its row and no other, and no process of ours."""

import json
import re
import signal
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_tables, speech_table
from tests.crash.codec import crashing_codec, marked_clip, marked_mp3
from tests.projects import Project
from tests.trees import read_failures, read_rows_json

HF_ID = "crash/codec"
NAME = "crash__codec__split_train__rev_main"
ROWS = 120
# Three shards of 40: two clips in the first, one in the last.
CRASHING = (5, 33, 97)

pytestmark = pytest.mark.slow


@pytest.fixture
def marked(hub: LoopbackHub, project: Project) -> Project:
    publish_speech(
        hub,
        HF_ID,
        rows=ROWS,
        shards=3,
        seconds=0.1,
        broken_rows=dict.fromkeys(CRASHING, marked_clip()),
    )
    return project


def test_a_clip_that_crashes_the_codec_fails_and_all_others_are_made(
    marked: Project, tmp_path: Path
):
    request = marked.request(HF_ID, 'max_bad_rows: "5%"')
    hook = crashing_codec(tmp_path)
    made = marked.run("local-sync", request, **hook)
    assert made.returncode == 0, made.stderr
    assert made.stderr.count("was ended by SIGSEGV; it is tried again, alone") == len(CRASHING)
    folder = marked.dataset(NAME)
    failures = [(line["row"], line["code"]) for line in read_failures(folder)]
    assert failures == [(row, "codec_crashed") for row in CRASHING]
    assert read_rows_json(folder).keys() == set(range(ROWS)) - set(CRASHING)


def test_a_clip_that_crashed_one_process_and_not_a_second_one_is_made(
    marked: Project, tmp_path: Path
):
    request = marked.request(HF_ID, "max_bad_rows: 0")
    made = marked.run("local-sync", request, **crashing_codec(tmp_path, "once"))
    assert made.returncode == 0, made.stderr
    assert made.stderr.count("SIGSEGV; they are tried again, one by one") >= 1
    assert not read_failures(marked.dataset(NAME))
    assert read_rows_json(marked.dataset(NAME)).keys() == set(range(ROWS))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc lists the processes")
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak), signal.SIGKILL]
)
def test_no_process_outlives_a_command_that_is_stopped(
    hub: LoopbackHub, project: Project, number: signal.Signals
):
    long = pa.concat_tables([speech_table(10, seconds=2.0)] * 40)
    publish_tables(hub, "crash/stopped", {"default": {"train": long}})
    command = project.start("local-sync", project.request("crash/stopped"), "--no-report")
    ends_at = time.monotonic() + 60
    while len(workers := workers_of(command.pid)) < 2 and time.monotonic() < ends_at:
        time.sleep(0.02)
    assert len(workers) >= 2
    command.send_signal(number)
    _, talk = command.communicate(timeout=30)
    assert command.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130}.get(number, -number), (
        talk
    )
    ends_at = time.monotonic() + 5
    while any(map(is_alive, workers)) and time.monotonic() < ends_at:
        time.sleep(0.02)
    assert not [pid for pid in workers if is_alive(pid)]


def workers_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_too_many_of_them_are_told_as_bad_rows_are_and_a_rerun_does_not_crash(
    marked: Project, tmp_path: Path
):
    request = marked.request(HF_ID, "max_bad_rows: 2")
    hook = crashing_codec(tmp_path)
    assert [marked.run("local-sync", request, **hook).returncode for _ in range(2)] == [9, 9]
    mended = marked.run("local-sync", request)
    assert mended.returncode == 0, mended.stderr
    assert not read_failures(marked.dataset(NAME))
    assert read_rows_json(marked.dataset(NAME)).keys() == set(range(ROWS))


def test_a_clip_that_crashes_the_codec_hinders_nobody_from_planning(
    hub: LoopbackHub, project: Project, tmp_path: Path
):
    broken = {1: marked_clip()}
    publish_speech(hub, "crash/planned", rows=3, seconds=0.1, shards=1, broken_rows=broken)
    request = project.request("crash/planned")
    planned = project.run("plan", request, **crashing_codec(tmp_path))
    assert planned.returncode == 0, planned.stderr
    assert re.search(r"hours .*2 rows", planned.stdout), planned.stdout


@pytest.fixture
def copied(hub: LoopbackHub, project: Project) -> Project:
    """A dataset with one MP3 that was copied, and that crashes whoever decodes it."""
    broken = {5: marked_mp3()}
    publish_speech(hub, "crash/copied", rows=20, seconds=0.1, shards=1, broken_rows=broken)
    project.request("crash/copied", "max_bad_rows: 1")
    return project


def test_a_copied_clip_that_crashes_a_decoder_is_found_by_a_deep_verification(
    copied: Project, tmp_path: Path
):
    name = "crash__copied__split_train__rev_main"
    made = copied.run("local-sync", "requests/add/request.yaml")
    assert made.returncode == 0, made.stderr
    hook = crashing_codec(tmp_path)
    found = copied.run("verify", name, "--deep", "--json", **hook)
    assert found.returncode == 3, found.stderr
    [difference] = json.loads(found.stdout)["differences"]
    assert (difference["code"], difference["row"]) == ("mp3_undecodable", 5)
    assert "SIGSEGV" in difference["message"]
    assert copied.run("verify", name, "--deep").returncode == 0


def test_a_copied_clip_that_crashes_a_decoder_is_not_published_where_it_is_looked_at(
    copied: Project, tmp_path: Path
):
    refused = copied.run("local-sync", "requests/add/request.yaml", **crashing_codec(tmp_path))
    assert refused.returncode == 1, refused.stderr
    assert "the MP3s of the rows 5 do not decode" in refused.stderr
