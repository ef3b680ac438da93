"""A deep verification that was stopped goes on where it stopped, and trusts nothing else."""

import json
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.ledger.journal import RowMade
from hugflow.stages.build.build import Build
from hugflow.stages.sync import sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow.verify.dataset import verify_dataset
from hugflow.verify.rows import DEEP_PIECE_ROWS, RowCheck
from hugflow.verify.sound import LONGEST_S, read_sound
from tests.builds import OpenFor
from tests.projects import Project

pytestmark = pytest.mark.slow

ROWS = 10 * DEEP_PIECE_ROWS


@pytest.fixture
def made(hub: LoopbackHub, open_for: OpenFor, request: pytest.FixtureRequest) -> Build:
    name = f"sound/{request.node.originalname[5:80].strip('_')}"
    publish_speech(hub, name, rows=ROWS, shards=2, seconds=0.05, container="wav")
    build = open_for(name)
    sync_dataset(build)
    # What is younger than a verification is read.
    for path in [*build.folder.audio.iterdir(), *build.folder.json.iterdir()]:
        os.utime(path, (1e9, 1e9))
    return build


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows whose MP3 was decoded."""
    rows: list[int] = []
    decode = RowCheck._decode
    monkeypatch.setattr(
        RowCheck,
        "_decode",
        lambda check, row, *rest: [rows.append(row), *decode(check, row, *rest)][1:],
    )
    return rows


def stop_after(places: Places, build: Build, pieces: int, *, now: float | None = None) -> None:
    """Verify so many pieces, and be interrupted."""
    sound = read_sound(places, build.name, now or time.time())
    seen = 0

    def interrupt(rows: object) -> None:
        nonlocal seen
        seen += 1
        if seen == pieces:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(verify_dataset(places, build.name, deep=True, sound=sound, on_rows=interrupt))


def go_on(places: Places, build: Build, *, afresh: bool = False, now: float | None = None):
    sound = read_sound(places, build.name, now or time.time(), afresh=afresh)
    return list(verify_dataset(places, build.name, deep=True, sound=sound))


def test_what_was_found_sound_is_not_decoded_again_and_all_the_rest_is(
    made: Build, places: Places, decoded: list[int]
):
    stop_after(places, made, 4)
    decoded.clear()
    assert go_on(places, made) == []
    assert sorted(decoded) == list(range(4 * DEEP_PIECE_ROWS, ROWS))
    assert not places.verified(made.name).exists()
    decoded.clear()
    assert go_on(places, made) == []
    assert len(decoded) == ROWS


def test_it_can_be_stopped_again_and_again(made: Build, places: Places, decoded: list[int]):
    stop_after(places, made, 3)
    stop_after(places, made, 6)
    decoded.clear()
    assert go_on(places, made) == []
    assert sorted(decoded) == list(range(6 * DEEP_PIECE_ROWS, ROWS))


@pytest.mark.parametrize(
    "harm", ["rewritten", "missing", "afresh", "a-day-later", "manifest", "note"]
)
def test_nothing_that_may_have_changed_is_taken_for_sound(
    made: Build, places: Places, decoded: list[int], harm: str
):
    stop_after(places, made, 5)
    clip = next(path for path in made.folder.audio.iterdir() if "00003" in path.name)
    now = time.time()
    match harm:
        case "rewritten":
            clip.write_bytes(bytes(clip.stat().st_size))
        case "missing":
            clip.unlink()
        case "a-day-later":
            now += LONGEST_S + 60
        case "manifest":
            text = made.folder.manifest.read_text()
            made.folder.manifest.write_text(text.replace('"version": 1', '"version":  1'))
        case "note":
            places.verified(made.name).write_text('{"version": 1, "rows": [[0, 1e999]]}')
    decoded.clear()
    found = go_on(places, made, now=now, afresh=harm == "afresh")
    codes = {"rewritten": ["mp3_undecodable"], "missing": ["mp3_missing"]}
    assert [each.code for each in found] == codes.get(harm, [])
    assert 3 in decoded or harm == "missing"
    assert harm in codes or len(decoded) == ROWS


def test_rows_with_differences_are_named_again(made: Build, places: Places):
    clip = next(path for path in made.folder.audio.iterdir() if "00003" in path.name)
    size = clip.stat().st_size
    clip.write_bytes(bytes(size))
    os.utime(clip, (1e9, 1e9))
    stop_after(places, made, 5)
    assert [each.row for each in go_on(places, made)] == [3]


@given(rows=st.sets(st.integers(0, 200)), began=st.integers(1, 99))
def test_what_is_written_down_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: set[int], began: int
):
    root = tmp_path_factory.mktemp("sound")
    places = Places(root / "datasets", root / "processed", root / "state")
    places.state_dir.mkdir()
    places.dataset("a").root.mkdir(parents=True)
    places.dataset("a").manifest.write_text("{}")
    sound = read_sound(places, "a", float(began))
    assert sound is not None
    sound.add(RowMade(row, str(row), None, None, None) for row in sorted(rows))
    sound.write()
    again = read_sound(places, "a", float(began + 1))
    assert again is not None
    old = os.stat_result((0o100644, 1, 1, 1, 0, 0, 9, 0, 0, 0))
    assert {row for row in range(210) if again.has(row, old)} == rows
    assert (again.rows, again.began_at) == (len(rows), began)


def test_on_the_command_line_it_goes_on_and_ends_with_3_where_something_differs(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "sound/cli", rows=6, shards=2, seconds=0.1)
    request = project.request("sound/cli")
    assert project.run("local-sync", request).returncode == 0
    name = "sound__cli__split_train__rev_main"
    sound = read_sound(project.places, name, time.time())
    assert sound is not None
    sound.add(RowMade(row, str(row), None, None, None) for row in range(4))
    sound.write()
    again = project.run("verify", name, "--deep", "--json")
    assert again.returncode == 0, again.stderr
    assert f"going on: 4 rows of {name} were found sound" in again.stderr
    assert json.loads(again.stdout)["datasets"][0]["rows_checked"] == 6
    clip = next(project.dataset(name).audio.iterdir())
    clip.write_bytes(b"x" * clip.stat().st_size)
    differing = project.run("verify", name, "--deep", "--json")
    assert differing.returncode == 3
    assert "going on" not in differing.stderr
