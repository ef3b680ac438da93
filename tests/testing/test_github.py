"""PyGithub takes the loopback GitHub for the real one: who asks, repositories, files, limits."""

import httpx2
import pytest
from github import BadCredentialsException, Github, GithubException, UnknownObjectException
from github import RateLimitExceededException as RateLimitExceeded

from hugflow.testing.github import LoopbackGitHub
from tests.testing.githubs import BOT, REPO, REQUEST, TOKEN, connected, fill


def test_a_token_says_whose_it_is(ana: Github):
    user = ana.get_user()
    assert (user.login, user.type) == ("ana", "User")


def test_a_workflow_has_no_user_who_could_be_asked_for(workflow: Github):
    with pytest.raises(GithubException, match="not accessible by integration") as refused:
        assert workflow.get_user().login
    assert refused.value.status == 403


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
@pytest.mark.parametrize(("token", "login"), [(TOKEN, "ana"), ("ghs_made_up", BOT)])
def test_everybody_is_told_who_they_are_by_graphql(prefix: str, token: str, login: str):
    with LoopbackGitHub(prefix=prefix) as github:
        fill(github)
        with connected(github, token) as client:
            _, found = client.requester.graphql_query("query { viewer { login } }", {})
            with pytest.raises(GithubException, match="knows `viewer"):
                client.requester.graphql_query("query { viewer { email } }", {})
        assert github.requests[0].path == f"{prefix.removesuffix('/v3')}/graphql"
    assert found == {"data": {"viewer": {"login": login}}}


@pytest.mark.parametrize("token", ["ghp_unknown", "ghp_gone"])
def test_a_token_that_nobody_was_given_is_a_bad_credential(github: LoopbackGitHub, token: str):
    github.add_token("ghp_gone", "ana")
    github.remove_token("ghp_gone")
    with connected(github, token) as client, pytest.raises(BadCredentialsException) as refused:
        client.get_repo(REPO)
    assert refused.value.status == 401
    assert refused.value.data["documentation_url"] == "https://docs.github.com/rest"


def test_without_a_token_public_things_are_read_and_nothing_is_written(github: LoopbackGitHub):
    with connected(github, None) as client:
        pull = client.get_repo(REPO).get_pull(1)
        with pytest.raises(GithubException, match="Requires authentication") as refused:
            pull.create_issue_comment("Hello")
    assert refused.value.status == 401
    assert github.comments(REPO, 1) == ()


@pytest.mark.parametrize("token", [None, "ghp_other"])
def test_a_private_repository_is_not_there_for_others(github: LoopbackGitHub, token: str | None):
    github.add_token("ghp_other", "eve", repos=["eve/own"])
    github.change_repo(REPO, is_private=True)
    with connected(github, token) as client:
        for full_name in (REPO, "acme/nothing"):
            with pytest.raises(UnknownObjectException) as refused:
                client.get_repo(full_name)
            assert refused.value.data == {
                "message": "Not Found",
                "documentation_url": "https://docs.github.com/rest/repos/repos#get-a-repository",
                "status": "404",
            }


def test_a_private_repository_is_there_for_who_was_let_in(github: LoopbackGitHub):
    github.add_token("ghp_other", "eve", repos=[REPO])
    github.change_repo(REPO, is_private=True)
    with connected(github, "ghp_other") as client:
        repo = client.get_repo("ACME/requests")
    assert (repo.full_name, repo.private, repo.default_branch) == (REPO, True, "main")


def test_a_repository_says_what_its_reader_may_do(github: LoopbackGitHub, ana: Github):
    github.add_token("ghp_reader", "eve", rights=())
    assert ana.get_repo(REPO).permissions.push
    with connected(github, "ghp_reader") as client:
        permissions = client.get_repo(REPO).permissions
    assert (permissions.push, permissions.pull) == (False, True)


def test_nothing_is_written_to_an_archived_repository(github: LoopbackGitHub, ana: Github):
    pull = ana.get_repo(REPO).get_pull(1)
    github.change_repo(REPO, is_archived=True)
    assert ana.get_repo(REPO).archived
    with pytest.raises(GithubException, match="archived") as refused:
        pull.create_issue_comment("Hello")
    assert refused.value.status == 403


@pytest.mark.parametrize("ref", ["add-x", "refs/heads/add-x", "refs/pull/1/head", "sha"])
def test_a_file_is_read_at_any_name_of_a_commit(github: LoopbackGitHub, ana: Github, ref: str):
    repo = ana.get_repo(REPO)
    named = github.pull(REPO, 1).head_sha if ref == "sha" else ref
    found = repo.get_contents(REQUEST, ref=named)
    assert not isinstance(found, list)
    assert found.decoded_content == b"hf_id: a/b\n"


def test_a_folder_lists_what_lies_in_it(ana: Github):
    repo = ana.get_repo(REPO)
    top = repo.get_contents("", ref="add-x")
    assert isinstance(top, list)
    assert [(each.type, each.path) for each in top] == [("file", "README.md"), ("dir", "requests")]
    [inside] = repo.get_contents("requests/add", ref="add-x")
    assert inside.decoded_content == b"hf_id: a/b\n", "it is completed by its own address"


@pytest.mark.parametrize(("path", "ref"), [(REQUEST, "main"), ("README.md", "nowhere")])
def test_a_file_or_ref_that_is_not_there_is_not_found(ana: Github, path: str, ref: str):
    with pytest.raises(GithubException) as refused:
        ana.get_repo(REPO).get_contents(path, ref=ref)
    assert refused.value.status == 404


def test_a_branch_and_a_commit_are_known(github: LoopbackGitHub, ana: Github):
    repo = ana.get_repo(REPO)
    head = github.pull(REPO, 1).head_sha
    assert repo.get_branch("add-x").commit.sha == head
    assert [parent.sha for parent in repo.get_commit(head).parents] == [
        repo.get_branch("main").commit.sha
    ]
    with pytest.raises(GithubException, match="Branch not found"):
        repo.get_branch("nowhere")
    with pytest.raises(GithubException, match="No commit found for SHA: nowhere"):
        repo.get_commit("nowhere")


def test_a_commit_can_have_the_name_that_another_repository_has_for_it(
    github: LoopbackGitHub, ana: Github
):
    sha = "c0ffee" + "0" * 34
    assert github.push(REPO, {REQUEST: b"hf_id: a/c\n"}, branch="add-x", sha=sha) == sha
    assert ana.get_repo(REPO).get_pull(1).head.sha == sha


def test_what_is_left_of_the_hour_is_told(ana: Github):
    ana.get_repo(REPO)
    assert ana.rate_limiting == (4999, 5000)
    assert ana.get_rate_limit().rate.remaining == 4999
    ana.get_repo(REPO)
    assert ana.rate_limiting == (4998, 5000)


def test_who_has_used_up_the_hour_is_refused_and_others_are_not():
    with LoopbackGitHub(rate_limit=2) as github:
        fill(github)
        with connected(github) as ana, connected(github, "ghs_made_up") as workflow:
            repo = ana.get_repo(REPO)
            pull = repo.get_pull(1)
            with pytest.raises(RateLimitExceeded) as refused:
                pull.create_issue_comment("Hello")
            assert refused.value.status == 403
            assert int(ana.rate_limiting_resettime) > 0
            assert workflow.get_repo(REPO).full_name == REPO
        assert github.comments(REPO, 1) == ()


def test_an_enterprise_server_has_its_api_below_a_path():
    with LoopbackGitHub(prefix="/api/v3") as github:
        fill(github)
        assert github.api_url.endswith("/api/v3")
        with connected(github, "ghs_made_up", per_page=1) as client:
            pull = client.get_repo(REPO).get_pull(1)
            for number in range(3):
                pull.create_issue_comment(str(number)).edit(f"{number}!")
            assert [comment.body for comment in pull.get_issue_comments()] == ["0!", "1!", "2!"]
        with connected(github) as client:
            client.requester._Requester__prefix = ""
            with pytest.raises(UnknownObjectException):
                client.get_repo(REPO)


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        ("{", 400, "Problems parsing JSON"),
        ("[]", 400, "Body should be a JSON object"),
        ("", 422, '"body" wasn\'t supplied'),
        ('{"body": 7}', 422, "not a string"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    github: LoopbackGitHub, content: str, status: int, message: str
):
    answer = httpx2.post(
        f"{github.api_url}/repos/{REPO}/issues/1/comments",
        content=content,
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert answer.status_code == status
    assert message in answer.json()["message"]
    assert github.comments(REPO, 1) == ()


def test_a_file_comes_bare_to_who_asks_so(github: LoopbackGitHub):
    address = f"{github.api_url}/repos/{REPO}/contents/README.md"
    bare = httpx2.get(address, headers={"Accept": "application/vnd.github.raw+json"})
    assert bare.content == b"# Requests\n"


def test_a_question_that_the_stand_in_does_not_know_is_named(ana: Github):
    with pytest.raises(UnknownObjectException, match=r"GET /repos/acme/requests/labels"):
        list(ana.get_repo(REPO).get_labels())


def test_the_log_tells_who_asked_for_what_and_shows_no_token(
    github: LoopbackGitHub, workflow: Github
):
    pull = workflow.get_repo(REPO).get_pull(1)
    pull.create_issue_comment("my token is ghs_made_up").edit("Hello")
    with connected(github, "ghp_unknown") as client, pytest.raises(BadCredentialsException):
        client.get_repo("acme/ghp_unknown")
    writes = [line for line in github.requests if line.method != "GET"]
    assert [(line.method, line.user) for line in writes] == [("POST", BOT), ("PATCH", BOT)]
    assert writes[0].sent == {"body": f"my token is <token of {BOT}>"}
    assert writes[0].received_at <= writes[1].received_at
    assert "made_up" not in str(github.requests)
    assert github.requests[-1].path == "/repos/acme/<token of somebody>"


def test_a_cleared_github_knows_nothing_and_nobody(github: LoopbackGitHub, ana: Github):
    github.clear()
    assert github.requests == ()
    with pytest.raises(BadCredentialsException):
        ana.get_repo(REPO)
    with pytest.raises(KeyError):
        github.pull(REPO, 1)
