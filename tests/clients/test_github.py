"""The one who speaks with GitHub: once, in bounded time, and it knows what has happened."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from hugflow.clients.comments import (
    fetch_check_run,
    fetch_own_comment,
    send_comment,
    send_edit,
)
from hugflow.clients.github import GitHub, judge
from hugflow.clients.github_calls import (
    Call,
    check_content,
    comments_call,
    create_check_run_call,
    create_status_call,
    pull_call,
)
from hugflow.clients.github_replies import Reply, User, read_check_run, read_comment
from hugflow.clients.services import ServiceRefused, ServiceUnavailable
from hugflow.testing.faults import Fault, Match, Page, Reset, Stall, Status
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.limits import PrimaryLimit, SecondaryLimit
from tests.testing.githubs import BOT, REPO, TOKEN, fill

COMMENTING = Match(method="POST", path="*/comments")
OpenGitHub = Callable[..., GitHub]


@pytest.fixture
def github(github: LoopbackGitHub) -> LoopbackGitHub:
    """A GitHub with nothing on it but one pull request, number 1."""
    assert fill(github) == 1
    return github


@pytest.fixture
def open_github(github: LoopbackGitHub) -> Iterator[OpenGitHub]:
    """Open a client: `open_github(token, ...)`; none of them waits long."""
    opened: list[GitHub] = []

    def open_github(token: str | None = TOKEN, timeout_s: int = 1, **options: float) -> GitHub:
        opened.append(GitHub(github.api_url, token, timeout_s=timeout_s, **options))
        return opened[-1]

    yield open_github
    for client in opened:
        client.close()


@pytest.fixture
def client(open_github: OpenGitHub) -> GitHub:
    """A client with a person's token."""
    return open_github()


def test_a_comment_is_made_and_changed_in_its_place(github: LoopbackGitHub, client: GitHub):
    made = send_comment(client, REPO, 1, "one")
    changed = send_edit(client, REPO, made.id, "two")
    assert (made.id, made.author) == (changed.id, User("ana", is_bot=False))
    assert [(each.id, each.body) for each in github.comments(REPO, 1)] == [(made.id, "two")]


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
@pytest.mark.parametrize(
    ("token", "who"), [(TOKEN, User("ana", is_bot=False)), ("ghs_made_up", User(BOT, is_bot=True))]
)
def test_it_knows_who_it_is_also_where_it_is_no_user(prefix: str, token: str, who: User):
    with LoopbackGitHub(prefix=prefix) as github:
        fill(github)
        with GitHub(github.api_url, token, timeout_s=1) as client:
            assert client.fetch_user() == who
            asked = len(github.requests)
            assert client.fetch_user() == who
            assert len(github.requests) == asked


def test_where_nobody_says_who_it_is_it_is_taken_for_a_workflow_and_for_no_other_bot(
    github: LoopbackGitHub, open_github: OpenGitHub
):
    github.inject(Status(404), when=Match(path="/graphql"), times=None)
    client = open_github("ghs_made_up")
    github.comment(REPO, 1, "marked", author="other[bot]")
    assert fetch_own_comment(client, REPO, 1, lambda body: body == "marked") is None
    mine = send_comment(client, REPO, 1, "marked")
    assert fetch_own_comment(client, REPO, 1, lambda body: body == "marked") == mine


def test_where_it_cannot_be_found_out_now_who_it_is_nobody_is_taken_for_it(
    github: LoopbackGitHub, open_github: OpenGitHub
):
    github.inject(Status(503), when=Match(path="/graphql"))
    client = open_github("ghs_made_up")
    with pytest.raises(ServiceUnavailable):
        client.fetch_user()
    assert client.fetch_user() == User(BOT, is_bot=True)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (User("ana", False), User("Ana", False), True),
        (User("ana", False), User("bob", False), False),
        (User("github-actions[bot]", True), User("github-actions", True), True),
        (User("github-actions", False), User("github-actions[bot]", True), False),
    ],
)
def test_a_user_who_is_named_like_a_bot_is_none(one: User, other: User, is_same: bool):
    assert one.is_same(other) is is_same
    assert other.is_same(one) is is_same


@pytest.mark.parametrize("token", [TOKEN, "ghs_made_up"])
def test_only_comments_of_our_own_are_found(
    github: LoopbackGitHub, open_github: OpenGitHub, token: str
):
    client = open_github(token)
    for author in ("bob", "github-actions", "ana[bot]"):
        github.comment(REPO, 1, "marked", author=author)
    # A workflow's comments are a bot's, a person's are not, and neither is the other.
    github.comment(REPO, 1, "marked", author="ana" if token == "ghs_made_up" else BOT)
    assert fetch_own_comment(client, REPO, 1, lambda body: body == "marked") is None
    mine = [send_comment(client, REPO, 1, text) for text in ("other", "marked", "marked")]
    found = fetch_own_comment(client, REPO, 1, lambda body: body == "marked")
    assert found == mine[1]


def test_a_comment_is_found_behind_many_others(github: LoopbackGitHub, client: GitHub):
    for number in range(250):
        github.comment(REPO, 1, str(number))
    mine = send_comment(client, REPO, 1, "marked")
    github.clear_requests()
    assert fetch_own_comment(client, REPO, 1, lambda body: body == "marked") == mine
    assert len([line for line in github.requests if line.path.endswith("/comments")]) == 3


def test_whoever_left_github_wrote_nothing_of_ours():
    value = {"id": 1, "user": None, "body": None}
    comment = read_comment(Reply(200, {}, value))
    assert not comment.author.is_same(User("ana", is_bot=False))
    assert comment.body == ""


@pytest.mark.parametrize(
    ("fault", "with_effect", "may_have_happened"),
    [
        (Reset(), False, True),
        (Reset(), True, True),
        (Status(502), True, True),
        (Status(500), False, True),
        (Page(200), True, True),
        (Page(503), False, True),
        (Stall(3), True, True),
        (SecondaryLimit(7), False, False),
        (PrimaryLimit(7), False, False),
    ],
)
def test_what_may_have_happened_is_known_for_it(
    github: LoopbackGitHub,
    client: GitHub,
    fault: Fault,
    with_effect: bool,
    may_have_happened: bool,
):
    github.inject(fault, when=COMMENTING, with_effect=with_effect)
    before = time.monotonic()
    with pytest.raises(ServiceUnavailable) as error:
        send_comment(client, REPO, 1, "Hello")
    assert error.value.may_have_happened is may_have_happened
    assert error.value.exit_code == 7
    assert len(github.comments(REPO, 1)) == with_effect
    assert len(github.requests) == 1
    assert time.monotonic() - before < 2


def test_where_nobody_listens_nothing_has_happened(github: LoopbackGitHub, client: GitHub):
    with github.outage(), pytest.raises(ServiceUnavailable) as error:
        send_comment(client, REPO, 1, "Hello")
    assert not error.value.may_have_happened
    assert send_comment(client, REPO, 1, "Hello").body == "Hello"


@pytest.mark.parametrize(
    ("fault", "wait_s"),
    [
        (SecondaryLimit(7), 7),
        (SecondaryLimit(7, code=429), 7),
        (SecondaryLimit(None), 60),
        (PrimaryLimit(90), 90),
        (Status(429), 60),
        (Status(429, retry_after_s=30, as_date=True), 30),
        (Status(503, retry_after_s=20), 20),
        (Status(503), None),
    ],
)
def test_how_long_to_wait_is_what_github_says(
    github: LoopbackGitHub, client: GitHub, fault: Fault, wait_s: float | None
):
    github.inject(fault)
    with pytest.raises(ServiceUnavailable) as error:
        client.send(pull_call(REPO, 1))
    assert error.value.wait_s == (None if wait_s is None else pytest.approx(wait_s, abs=2))


@pytest.mark.parametrize(
    ("fault", "status", "exit_code", "words"),
    [
        (Status(401), 401, 5, "GITHUB_TOKEN"),
        (Status(403, error_code="Resource not accessible by integration"), 403, 5, "permissions"),
        (Status(404), 404, 1, "GITHUB_REPOSITORY"),
        (Status(422), 422, 1, "GitHub's words"),
        (Status(307), 307, 1, "GITHUB_REPOSITORY"),
    ],
)
def test_what_github_refuses_says_why_and_how_to_mend_it(
    github: LoopbackGitHub, client: GitHub, fault: Fault, status: int, exit_code: int, words: str
):
    github.inject(fault)
    with pytest.raises(ServiceRefused, match="GET /repos/acme/requests/pulls/1") as error:
        client.send(pull_call(REPO, 1))
    assert (error.value.status, error.value.exit_code) == (status, exit_code)
    assert words in error.value.mend


def test_every_field_that_github_does_not_take_is_named(client: GitHub):
    with pytest.raises(ServiceRefused, match="POST") as error:
        send_comment(client, REPO, 1, "x" * 65_537)
    assert "Validation Failed; Body is too long" in error.value.why


def test_a_redirect_to_another_host_takes_no_token_along(github: LoopbackGitHub, client: GitHub):
    github.inject(Status(301, headers={"Location": "http://localhost:1/x"}))
    with pytest.raises(ServiceRefused) as error:
        client.send(pull_call(REPO, 1))
    assert "another address" in error.value.why


def test_an_answer_that_is_none_of_the_apis_is_no_answer(client: GitHub):
    for value in (None, [], {}, {"id": "x"}, {"id": 1, "user": {}, "body": ""}):
        with pytest.raises(ServiceUnavailable):
            read_comment(Reply(200, {}, value))


def test_who_is_patient_asks_again_and_says_so(
    github: LoopbackGitHub,
    open_github: OpenGitHub,
    slept: list[float],
    caplog: pytest.LogCaptureFixture,
):
    client = open_github(patience_s=30)
    github.inject(Status(503), Reset(), SecondaryLimit(7))
    with caplog.at_level(logging.WARNING):
        assert client.send(pull_call(REPO, 1)).status == 200
    assert slept == [1, 2, 7]
    assert [line.rpartition("; ")[2] for line in caplog.messages] == [
        f"trying again in {wait_s} s" for wait_s in (1, 2, 7)
    ]


def test_patience_ends_and_is_for_questions_alone(
    github: LoopbackGitHub, open_github: OpenGitHub, slept: list[float]
):
    client = open_github(patience_s=5)
    github.inject(SecondaryLimit(7), times=None)
    with pytest.raises(ServiceUnavailable):
        client.send(pull_call(REPO, 1))
    github.clear_faults()
    github.inject(Status(503), times=None)
    with pytest.raises(ServiceUnavailable):
        send_comment(client, REPO, 1, "Hello")
    assert slept == []
    assert len(github.requests) == 2


def test_no_error_and_no_log_shows_the_token(
    github: LoopbackGitHub, client: GitHub, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.DEBUG):
        for fault in (Reset(), Status(401), Status(503), Page(200)):
            github.inject(fault)
            with pytest.raises((ServiceUnavailable, ServiceRefused)) as error:
                client.send(pull_call(REPO, 1))
            assert TOKEN not in str(error.value) + repr(error.value.__cause__)
        assert client.send(pull_call(REPO, 1)).status == 200
    assert TOKEN not in caplog.text


def test_a_workflow_makes_check_runs_that_are_found_by_their_mark(
    github: LoopbackGitHub, open_github: OpenGitHub
):
    client, sha = open_github("ghs_made_up"), github.pull(REPO, 1).head_sha
    content = check_content(
        "hugflow",
        status="in_progress",
        conclusion=None,
        title="a",
        summary="b",
        mark="m",
        details_url="https://host/x",
    )
    made = read_check_run(client.send(create_check_run_call(REPO, sha, content)))
    assert fetch_check_run(client, REPO, sha, "hugflow", "m") == made
    assert fetch_check_run(client, REPO, sha, "hugflow", "other") is None
    [run] = github.check_runs(REPO)
    assert (run.status, run.output["title"], run.details_url) == (
        "in_progress",
        "a",
        "https://host/x",
    )


def test_a_person_tells_a_status_instead(github: LoopbackGitHub, client: GitHub):
    sha = github.pull(REPO, 1).head_sha
    with pytest.raises(ServiceRefused) as error:
        client.send(create_check_run_call(REPO, sha, {"name": "hugflow"}))
    assert error.value.status == 403
    call = create_status_call(
        REPO, sha, context="hugflow", state="pending", description="a", target_url=None
    )
    client.send(call)
    [status] = github.statuses(REPO)
    assert (status.context, status.state, status.description) == ("hugflow", "pending", "a")


def test_names_and_paths_stay_within_their_place_in_the_address():
    call = comments_call("acme/a?b#c/../d", 1, 1)
    assert call.path == "/repos/acme/a%3Fb%23c%2F..%2Fd/issues/1/comments"


def test_a_judgement_needs_no_network():
    call, now = Call("POST", "/x"), datetime(2026, 11, 22, tzinfo=UTC)
    good = Reply(201, {}, {"id": 1})
    assert judge(call, good, now) is good
    reset = str(int(now.timestamp()) + 5)
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    with pytest.raises(ServiceUnavailable) as error:
        judge(call, Reply(403, headers, {"message": "no"}), now)
    assert error.value.wait_s == 5
    with pytest.raises(ServiceRefused):
        judge(call, Reply(403, {"x-ratelimit-remaining": "9"}, {"message": "no"}), now)
