"""A codec that takes the process down: it costs its row and no other."""

import re
from pathlib import Path

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.crash.codec import crashing_codec, marked_clip
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
    crashed = marked.run("local-sync", request, **hook)
    assert crashed.returncode == -11
    again = marked.run("local-sync", request, **hook)
    assert again.returncode == 0, again.stderr
    folder = marked.dataset(NAME)
    failures = [(line["row"], line["code"]) for line in read_failures(folder)]
    assert failures == [(row, "codec_crashed") for row in CRASHING]
    assert read_rows_json(folder).keys() == set(range(ROWS)) - set(CRASHING)
    assert not list((marked.root / ".hugflow-state").rglob("*.flight"))


def test_too_many_of_them_are_told_as_bad_rows_are_and_a_rerun_does_not_crash(
    marked: Project, tmp_path: Path
):
    request = marked.request(HF_ID, "max_bad_rows: 2")
    hook = crashing_codec(tmp_path)
    assert [marked.run("local-sync", request, **hook).returncode for _ in range(3)] == [-11, 9, 9]
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
