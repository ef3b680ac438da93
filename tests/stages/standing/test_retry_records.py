"""Rows that failed and are tried again, whatever happens meanwhile."""

from collections.abc import Sequence

import pytest

from hugflow.clients.fetch import ATTEMPTS_OF_MISSING
from hugflow.errors import RequestInvalid, TooManyBadRows
from hugflow.ledger.journal import Outcome
from hugflow.ledger.progress import read_progress
from hugflow.stages.build.build import Build
from hugflow.stages.making.make_shards import make_shards
from hugflow.stages.publishing.publish import publish
from hugflow.stages.sync import ShardsFailed, sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.faults import Flip, Match, Status
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.shapes import publish_shape
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.trees import read_failures, read_rows_json, read_tree

pytestmark = pytest.mark.slow

BROKEN = Match(port="api", method="GET", path="*/resolve/*/clips/0003.wav")
GONE = Status(404, error_code="EntryNotFound")
ASKED = Match(port="api", method="GET", path="clips/0003.wav")


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def kill(outcomes: Sequence[Outcome]) -> None:
    raise Killed


def differences(build: Build) -> list[str]:
    return [found.code for found in verify_dataset(build.places, build.name, deep=True)]


@pytest.mark.parametrize("budget", ["50%", 0])
def test_a_kill_right_after_a_failed_row_was_made_leaves_nothing_false(
    hub: LoopbackHub, open_for: OpenFor, budget: str | int
):
    hf_id = f"retry/killed-{str(budget).strip('%')}"
    publish_shape(hub, "paths", hf_id, rows=6)
    build = open_for(hf_id, max_bad_rows=budget)
    # Missing so often, a clip is given up; it is there when it is tried again.
    with hub.faults(GONE, when=BROKEN, times=ATTEMPTS_OF_MISSING):
        if budget == 0:
            with pytest.raises(TooManyBadRows):
                sync_dataset(build)
        else:
            sync_dataset(build)
    assert [row["code"] for row in read_failures(build.folder)] == ["path_not_found"]
    with pytest.raises(Killed):
        sync_dataset(build, retry_failed=True, on_rows=kill)
    sync_dataset(open_for(hf_id, max_bad_rows=budget))
    assert read_failures(build.folder) == []
    assert sorted(read_rows_json(build.folder)) == list(range(6))
    assert differences(build) == []


def test_while_failed_rows_are_retried_nobody_publishes_the_shard_as_it_was(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_shape(hub, "paths", "retry/between", rows=6)
    build = open_for("retry/between", max_bad_rows="50%")
    with hub.faults(GONE, when=BROKEN, times=ATTEMPTS_OF_MISSING):
        sync_dataset(build)
    before = read_tree(build.folder.root)["manifest.json"]
    with pytest.raises(Killed):
        list(make_shards(build, build.shards, retry_failed=True, on_rows=kill))
    assert publish(build) is None
    assert read_tree(build.folder.root)["manifest.json"] == before


def test_a_clip_that_always_arrives_damaged_costs_no_row_and_is_not_published(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_shape(hub, "paths", "retry/damaged", rows=6)
    build = open_for("retry/damaged", max_bad_rows="50%")
    clip = Match(port="storage", method="GET", path="clips/0003.wav")
    with hub.faults(Flip(at=50), when=clip, times=None), pytest.raises(ShardsFailed) as failed:
        sync_dataset(build)
    assert failed.value.exit_code == 7
    assert f"retry/damaged@{build.plan.commit[:7]}" in str(failed.value)
    assert not build.places.link(build.name).is_symlink()
    sync_dataset(build)
    assert read_failures(build.folder) == []


def test_a_row_that_fails_again_leaves_the_dataset_published_as_it_was(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_shape(hub, "mixed", "retry/again")
    build = open_for("retry/again", max_bad_rows="50%")
    sync_dataset(build)
    before = read_tree(build.folder.root)
    synced = sync_dataset(build, retry_failed=True)
    assert synced.new_rows == 0
    assert read_tree(build.folder.root) == before


def test_a_row_whose_mp3_went_and_cannot_be_made_again_has_no_json_either(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_shape(hub, "paths", "retry/gone", rows=6)
    build = open_for("retry/gone", max_bad_rows="50%")
    sync_dataset(build)
    (build.folder.audio / "3.mp3").unlink()
    with hub.faults(GONE, when=BROKEN, times=ATTEMPTS_OF_MISSING):
        sync_dataset(build)
    assert [row["row"] for row in read_failures(build.folder)] == [3]
    assert 3 not in read_rows_json(build.folder)
    assert differences(build) == []


def test_a_repository_that_is_withdrawn_while_it_is_read_fails_no_row(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_shape(hub, "paths", "retry/withdrawn", rows=6)
    build = open_for("retry/withdrawn", max_bad_rows="100%")
    gone = Status(404, error_code="RepoNotFound")
    with hub.faults(gone, when=ASKED, times=None), pytest.raises(ShardsFailed) as failed:
        sync_dataset(build)
    assert failed.value.exit_code == RequestInvalid.exit_code
    assert sync_dataset(build).published.manifest.rows.failed == 0


def test_the_gate_says_which_codes_and_quotes_the_first_row(hub: LoopbackHub, open_for: OpenFor):
    publish_shape(hub, "mixed", "retry/gate")
    with pytest.raises(TooManyBadRows) as refused:
        sync_dataset(open_for("retry/gate"))
    assert "1 audio_unsupported, 1 audio_empty (row 5: " in refused.value.why


def test_the_progress_file_remembers_what_a_failed_run_ended_with(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_shape(hub, "mixed", "retry/said")
    build = open_for("retry/said")
    with pytest.raises(TooManyBadRows) as refused:
        sync_dataset(build)
    progress = read_progress(places.progress(build.name))
    assert progress is not None
    assert (progress.status, progress.error) == ("failed", str(refused.value))
    sync_dataset(open_for("retry/said", max_bad_rows="50%"))
    again = read_progress(places.progress(build.name))
    assert again is not None
    assert again.error is None
