"""Check runs and commit statuses, as PyGithub makes and reads them."""

from datetime import UTC, datetime

import pytest
from github import Github, GithubException, UnknownObjectException

from hugflow.testing.github import LoopbackGitHub
from tests.testing.githubs import BOT, REPO, connected

OUTPUT = {"title": "1 of 2", "summary": "half", "text": "**half**"}


def test_a_check_run_begins_goes_on_and_ends(github: LoopbackGitHub, workflow: Github):
    repo = workflow.get_repo(REPO)
    sha = repo.get_pull(1).head.sha
    check = repo.create_check_run("hugflow", sha, status="in_progress", external_id="7")
    assert (check.status, check.conclusion, check.completed_at) == ("in_progress", None, None)
    check.edit(output=OUTPUT)
    assert (check.output.title, check.output.text) == ("1 of 2", "**half**")
    check.edit(conclusion="success")
    assert (check.status, check.conclusion) == ("completed", "success")
    assert check.completed_at <= datetime.now(UTC)
    assert check.output.summary == "half", "what is not sent stays"
    assert repo.get_check_run(check.id).external_id == "7"
    [held] = github.check_runs(REPO)
    assert (held.head_sha, held.author, held.conclusion) == (sha, BOT, "success")


def test_of_several_check_runs_of_a_name_the_latest_counts(workflow: Github):
    repo = workflow.get_repo(REPO)
    commit = repo.get_commit(repo.get_pull(1).head.sha)
    for conclusion in ("failure", "success"):
        repo.create_check_run("hugflow", commit.sha, conclusion=conclusion)
    repo.create_check_run("lint", commit.sha, status="queued")
    repo.create_check_run("hugflow", repo.get_branch("main").commit.sha, conclusion="neutral")
    runs = commit.get_check_runs()
    assert [(each.name, each.conclusion) for each in runs] == [
        ("lint", None),
        ("hugflow", "success"),
    ]
    assert runs.totalCount == 2
    every = commit.get_check_runs(filter="all", check_name="hugflow")
    assert [each.conclusion for each in every] == ["success", "failure"]
    assert [each.name for each in commit.get_check_runs(status="queued")] == ["lint"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"status": "completed"}, '"conclusion"'),
        ({"status": "done"}, "done is not a member"),
        ({"conclusion": "good"}, "good is not a member"),
        ({"output": {"title": "x"}}, '"summary"'),
        (
            {"output": {"title": "x", "summary": "x" * 65_536}},
            "Only 65535 characters are allowed; 65536 were supplied.",
        ),
    ],
)
def test_a_check_run_that_github_does_not_take_says_why(
    github: LoopbackGitHub, workflow: Github, fields: dict[str, object], message: str
):
    repo = workflow.get_repo(REPO)
    sha = repo.get_pull(1).head.sha
    check = repo.create_check_run("hugflow", sha)
    for attempt in (
        lambda: repo.create_check_run("hugflow", sha, **fields),
        lambda: check.edit(**fields),
    ):
        with pytest.raises(GithubException) as refused:
            attempt()
        assert refused.value.status == 422
        assert message in refused.value.data["message"]
    assert [each.status for each in github.check_runs(REPO)] == ["queued"]


def test_a_check_run_wants_a_commit_that_is_there(workflow: Github):
    with pytest.raises(GithubException, match="No commit found for SHA: 00") as refused:
        workflow.get_repo(REPO).create_check_run("hugflow", "0" * 40)
    assert refused.value.status == 422


def test_a_user_makes_no_check_runs(github: LoopbackGitHub, ana: Github):
    repo = ana.get_repo(REPO)
    with pytest.raises(GithubException, match="authenticate via a GitHub App") as refused:
        repo.create_check_run("hugflow", repo.get_pull(1).head.sha)
    assert refused.value.status == 403
    assert github.check_runs(REPO) == ()


def test_a_workflow_without_the_right_makes_no_check_runs_and_may_set_statuses(
    github: LoopbackGitHub, workflow: Github
):
    repo = workflow.get_repo(REPO)
    sha = repo.get_pull(1).head.sha
    check = repo.create_check_run("hugflow", sha)
    github.add_token("ghs_made_up", BOT, is_integration=True, rights=["statuses"])
    for attempt in (lambda: repo.create_check_run("x", sha), lambda: check.edit(status="queued")):
        with pytest.raises(GithubException, match="not accessible by integration") as refused:
            attempt()
        assert refused.value.status == 403
    repo.get_commit(sha).create_status("pending", context="hugflow")
    assert [each.context for each in github.statuses(REPO)] == ["hugflow"]


def test_the_newest_status_of_each_context_counts(ana: Github):
    repo = ana.get_repo(REPO)
    commit = repo.get_commit(repo.get_pull(1).head.sha)
    assert commit.get_combined_status().state == "pending", "nobody has said anything"
    for context, state in [("a", "failure"), ("a", "success"), ("b", "pending")]:
        commit.create_status(state, context=context, description=state, target_url="http://x/")
    combined = commit.get_combined_status()
    assert (combined.state, combined.total_count) == ("pending", 2)
    assert {each.context: each.state for each in combined.statuses} == {
        "a": "success",
        "b": "pending",
    }
    commit.create_status("success", context="b")
    assert commit.get_combined_status().state == "success"
    commit.create_status("error", context="c")
    assert commit.get_combined_status().state == "failure"
    every = list(commit.get_statuses())
    assert [(each.context, each.creator.login) for each in every][:2] == [
        ("c", "ana"),
        ("b", "ana"),
    ]
    assert len(every) == 5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"state": "done"}, "state is not included in the list"),
        (
            {"state": "success", "description": "x" * 141},
            "description is too long (maximum is 140 characters)",
        ),
    ],
)
def test_a_status_that_github_does_not_take_says_why(
    github: LoopbackGitHub, ana: Github, fields: dict[str, str], message: str
):
    repo = ana.get_repo(REPO)
    commit = repo.get_commit(repo.get_pull(1).head.sha)
    commit.create_status("success", description="x" * 140)
    with pytest.raises(GithubException, match="Validation Failed") as refused:
        commit.create_status(**fields)
    assert refused.value.status == 422
    assert refused.value.data["errors"][0]["message"] == message
    assert len(github.statuses(REPO)) == 1


def test_a_context_has_a_thousand_statuses_and_no_more(github: LoopbackGitHub, ana: Github):
    repo = ana.get_repo(REPO)
    commit = repo.get_commit(repo.get_pull(1).head.sha)
    statuses = [commit.create_status("pending", context="full") for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hugflow.testing.github_api.statuses.MOST_STATUSES", len(statuses))
        with pytest.raises(GithubException) as refused:
            commit.create_status("success", context="full")
        commit.create_status("success", context="other")
    assert "maximum number of statuses" in refused.value.data["errors"][0]["message"]


def test_who_may_not_write_learns_nothing_of_statuses(github: LoopbackGitHub):
    github.add_token("ghp_reader", "eve", rights=())
    with connected(github, "ghp_reader") as client:
        repo = client.get_repo(REPO)
        commit = repo.get_commit(repo.get_pull(1).head.sha)
        with pytest.raises(UnknownObjectException):
            commit.create_status("success")
    assert github.statuses(REPO) == ()
