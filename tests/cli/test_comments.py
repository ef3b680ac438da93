"""`hugflow plan` and `hugflow retry` in a comment on a pull request: what `sync` does for them."""

from pathlib import Path

import pytest

from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.runners import Runner, make_runner, request
from tests.testing.githubs import REPO


@pytest.fixture
def runner(hub: LoopbackHub, github: LoopbackGitHub, tmp_path: Path) -> Runner:
    made = make_runner(hub, github, tmp_path)
    github.set_permission(REPO, "eve", "write")
    return made


@pytest.mark.slow
def test_a_retry_makes_the_failed_rows_of_a_complete_dataset_again(
    runner: Runner, hub: LoopbackHub
):
    publish_speech(hub, "comment/speech", rows=4, shards=1, seconds=0.2, broken_rows={1: b"no"})
    number = runner.propose({"requests/add/a.yaml": request("comment/speech", "max_bad_rows: 1")})
    assert runner.sync(number).returncode == 0
    planned = runner.comment(number, "hugflow plan\n\nhugflow retry")
    assert (planned.returncode, "Starting download..." in planned.stderr) == (0, False)
    done = runner.comment(number, "hugflow retry\r\n\r\nThe clip was mended.")
    assert done.returncode == 0, done.stderr
    assert "Starting download..." in done.stderr


@pytest.mark.slow
def test_what_is_no_command_or_comes_from_a_reader_does_nothing(runner: Runner, hub: LoopbackHub):
    publish_speech(hub, "comment/hostile", rows=1, shards=1, seconds=0.2)
    number = runner.propose({"requests/add/a.yaml": request("comment/hostile")})
    trap = runner.places_root / "trap"
    for body in (
        f"hugflow retry; touch {trap}",
        f"hugflow retry $(touch {trap})",
        "a\nhugflow plan",
    ):
        done = runner.comment(number, body)
        assert done.returncode == 0
        assert "no command" in done.stderr
    runner.github.set_permission(REPO, "eve", "read")
    for association in ("MEMBER", "NONE"):
        done = runner.comment(number, "hugflow retry", association=association)
        assert done.returncode == 5
        assert "eve may not ask for this" in done.stderr
    assert not trap.exists()
    assert not any("Dataset sync" in body for body in runner.comments(number))
    assert runner.conclusions() == []
    assert not runner.dataset("comment/hostile").exists()


@pytest.mark.slow
def test_a_retry_of_another_repository_s_branch_is_left_to_the_hosted_runner(
    runner: Runner, hub: LoopbackHub
):
    publish_speech(hub, "comment/fork", rows=1, shards=1, seconds=0.2)
    files = {"requests/add/a.yaml": request("comment/fork")}
    number = runner.propose(files, branch="bob:add-x")
    done = runner.comment(number, "hugflow retry")
    assert (done.returncode, runner.conclusions()) == (0, [])
    assert "`hugflow plan` plans it" in done.stderr
    hosted = runner.comment(number, "hugflow retry", "--plan-only")
    assert hosted.returncode == 0, hosted.stderr
    assert len(runner.conclusions()) == 1
    assert not runner.dataset("comment/fork").exists()
