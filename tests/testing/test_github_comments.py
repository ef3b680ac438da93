"""Comments, as PyGithub makes, lists and changes them."""

import pytest
from github import Github, GithubException, UnknownObjectException

from hugflow.testing.github import LoopbackGitHub
from tests.testing.githubs import BOT, REPO, connected


def test_a_comment_is_of_whose_token_it_was(github: LoopbackGitHub, ana: Github, workflow: Github):
    for client in (ana, workflow):
        client.get_repo(REPO).get_pull(1).create_issue_comment("Hello")
    made = ana.get_repo(REPO).get_pull(1).get_issue_comments()
    assert [(each.user.login, each.user.type) for each in made] == [("ana", "User"), (BOT, "Bot")]
    assert [each.author for each in github.comments(REPO, 1)] == ["ana", BOT]


def test_a_comment_is_changed_in_its_place_and_taken_back(github: LoopbackGitHub, ana: Github):
    pull = ana.get_repo(REPO).get_pull(1)
    first, second = (pull.create_issue_comment(text) for text in ("one", "two"))
    first.edit("one, again")
    assert pull.get_issue_comment(first.id).body == "one, again"
    assert [each.body for each in github.comments(REPO, 1)] == ["one, again", "two"]
    second.delete()
    assert [each.id for each in github.comments(REPO, 1)] == [first.id]
    for gone in (lambda: second.edit("three"), second.delete):
        with pytest.raises(UnknownObjectException):
            gone()


def test_a_comment_that_somebody_took_away_is_not_found(github: LoopbackGitHub, ana: Github):
    comment = ana.get_repo(REPO).get_pull(1).create_issue_comment("Hello")
    github.delete_comment(REPO, comment.id)
    with pytest.raises(UnknownObjectException) as refused:
        comment.edit("Hello?")
    assert refused.value.data["documentation_url"].endswith(
        "/rest/issues/comments#update-an-issue-comment"
    )


@pytest.mark.parametrize(("per_page", "pages"), [(1, 5), (2, 3), (5, 1), (30, 1)])
def test_comments_come_in_pages_the_oldest_first(github: LoopbackGitHub, per_page: int, pages: int):
    said = [f"number {number}" for number in range(5)]
    for body in said:
        github.comment(REPO, 1, body)
    with connected(github, per_page=per_page) as client:
        pull = client.get_repo(REPO).get_pull(1)
        github.clear_requests()
        found = pull.get_issue_comments()
        assert [each.body for each in found] == said
        assert len(github.requests) == pages
        assert found.totalCount == 5
        assert [each.body for each in reversed(pull.get_issue_comments())] == said[::-1]


def test_no_page_is_longer_than_a_hundred(github: LoopbackGitHub):
    for number in range(101):
        github.comment(REPO, 1, str(number))
    with connected(github, per_page=1000) as client:
        found = client.get_repo(REPO).get_pull(1).get_issue_comments()
        assert len(found.get_page(0)) == 100
        assert [each.body for each in found.get_page(1)] == ["100"]
        assert found.get_page(2) == []


def test_comments_of_another_pull_request_are_not_among_them(github: LoopbackGitHub, ana: Github):
    github.push(REPO, {"requests/add/y.yaml": b"hf_id: a/y\n"}, branch="add-y")
    other = github.open_pull(REPO, "add-y")
    github.comment(REPO, other, "there")
    github.comment(REPO, 1, "here")
    assert [each.body for each in ana.get_repo(REPO).get_issue(1).get_comments()] == ["here"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("x" * 65_537, "Body is too long (maximum is 65536 characters)"),
        (" ", "Body can't be blank"),
    ],
)
def test_a_comment_that_github_does_not_take_says_why(
    github: LoopbackGitHub, ana: Github, body: str, message: str
):
    pull = ana.get_repo(REPO).get_pull(1)
    comment = pull.create_issue_comment("x" * 65_536)
    for attempt in (pull.create_issue_comment, comment.edit):
        with pytest.raises(GithubException, match="Validation Failed") as refused:
            attempt(body)
        assert refused.value.status == 422
        assert refused.value.data["errors"] == [
            {
                "resource": "IssueComment",
                "code": "unprocessable",
                "field": "data",
                "message": message,
            }
        ]
    [kept] = github.comments(REPO, 1)
    assert len(kept.body) == 65_536


def test_any_user_may_comment_and_change_what_is_theirs_alone(github: LoopbackGitHub, ana: Github):
    github.add_token("ghp_reader", "eve", rights=())
    theirs = ana.get_repo(REPO).get_pull(1).create_issue_comment("ana's")
    with connected(github, "ghp_reader") as client:
        pull = client.get_repo(REPO).get_pull(1)
        pull.create_issue_comment("eve's").edit("eve's, again")
        with pytest.raises(GithubException, match="admin rights") as refused:
            pull.get_issue_comment(theirs.id).edit("eve was here")
    assert refused.value.status == 403
    assert [each.body for each in github.comments(REPO, 1)] == ["ana's", "eve's, again"]


def test_a_workflow_comments_only_where_it_has_the_right(github: LoopbackGitHub):
    for right in ("issues", "pull_requests"):
        github.add_token("ghs_made_up", BOT, is_integration=True, rights=[right])
        with connected(github, "ghs_made_up") as client:
            client.get_repo(REPO).get_pull(1).create_issue_comment(right)
    github.add_token("ghs_made_up", BOT, is_integration=True, rights=["contents"])
    with connected(github, "ghs_made_up") as client:
        pull = client.get_repo(REPO).get_pull(1)
        with pytest.raises(GithubException, match="not accessible by integration") as refused:
            pull.create_issue_comment("none")
    assert refused.value.status == 403
    assert [each.body for each in github.comments(REPO, 1)] == ["issues", "pull_requests"]
