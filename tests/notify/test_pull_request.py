"""A pull request from its files to its outcome, as a command on a runner goes through it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hugflow.clients.github import GitHub
from hugflow.clients.hub import Hub
from hugflow.clients.pulls import fetch_changed_files, fetch_file, fetch_pull, merge_pull
from hugflow.errors import HugflowError
from hugflow.notify.conversation import PullRequest, Service
from hugflow.notify.courier import Courier
from hugflow.notify.lines import to_lines
from hugflow.notify.notices import Failure, Notice
from hugflow.notify.outbox import finish_conversation, open_conversation
from hugflow.notify.senders import Senders, open_senders
from hugflow.notify.telling import TellingPace
from hugflow.requests.collect import collect_requests
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.sync import sync_dataset
from hugflow.stages.telling.idle_notices import plan_facts
from hugflow.stages.telling.tracker import Tracker
from hugflow.store.layout import Places
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from hugflow.testing.slack import LoopbackSlack
from tests.notify.conftest import BOT_TOKEN, CHANNEL
from tests.testing.githubs import REPO, REQUEST, TOKEN

BRISK = TellingPace(spacing_s=0.0, settle_s=0.5, first_wait_s=0.2)
SERVICES: tuple[Service, ...] = ("github", "slack")


@pytest.fixture
def senders(github: LoopbackGitHub, slack: LoopbackSlack) -> Iterator[Senders]:
    """A workflow and a bot."""
    with open_senders(
        github_api_url=github.api_url,
        github_token="ghs_made_up",
        slack_api_url=slack.api_url,
        slack_bot_token=BOT_TOKEN,
        slack_channel=f"#{CHANNEL}",
    ) as senders:
        yield senders


def now() -> datetime:
    return datetime.now(UTC)


def work_on(github: LoopbackGitHub, senders: Senders, places: Places) -> None:
    """Read the requests of pull request 1, plan, make, and tell of it."""
    with GitHub(github.api_url, TOKEN, patience_s=5) as reader:
        pull = fetch_pull(reader, REPO, 1)
        changed = [each.path for each in fetch_changed_files(reader, REPO, 1)]
        paths = [path for path in changed if path.startswith("requests/")]
        data = {path: fetch_file(reader, REPO, path, pull.head_sha) for path in paths}
    requests = collect_requests(data)
    told = PullRequest(REPO, 1, pull.head_sha, pull.url)

    builds: list[Build] = []
    failed: dict[str, Notice] = {}
    for add in requests.adds:
        request = add.request
        try:
            builds.append(open_build(request, places, Hub(), replace(Options(), workers=2)))
        except HugflowError as error:
            notice = Notice(request.name, request.hf_id, "failed", now(), request=request.digest)
            failed[add.path] = replace(notice, failure=Failure.of(error))
    facts = {build.name: plan_facts(build.plan) for build in builds}
    lines = [
        replace(line, notice=failed.get(line.path, line.notice))
        for line in to_lines(requests, facts)
    ]
    found = [open_conversation(places, each, lines, now(), pull=told) for each in SERVICES]
    keys = [key for key in found if key is not None]
    with Courier(places, senders, keys, pace=BRISK) as courier:
        for build in builds:
            sync_dataset(build, Tracker(build, courier.wake))
        for key in keys:
            finish_conversation(places, key, now())
        assert courier.flush(20)


def test_good_requests_end_with_their_places_and_a_green_check(
    github: LoopbackGitHub,
    slack: LoopbackSlack,
    hub: LoopbackHub,
    senders: Senders,
    places: Places,
):
    publish_text(hub, "pull/text", rows=10)
    request = b'hf_id: "pull/text"\ndescription: "a"\n'
    github.push(REPO, {REQUEST: request}, branch="add-x")
    for _ in range(2):
        work_on(github, senders, places)
    name = "pull__text__split_train__rev_main"
    living, outcome = [comment.body for comment in github.comments(REPO, 1)]
    assert f"`{name}` | ✅ completed | 10 |" in living
    assert f"`{name}`: 10 rows, on the server in `{places.dataset(name).root}`" in outcome
    assert {check.conclusion for check in github.check_runs(REPO)} == {"success"}
    [message] = slack.messages(CHANNEL)
    assert f"`{name}` ✅ completed, 10 rows" in message.text
    sha = github.pull(REPO, 1).head_sha
    with GitHub(github.api_url, TOKEN) as merger:
        assert merge_pull(merger, REPO, 1, sha) == github.pull(REPO, 1).merge_sha


def test_bad_requests_end_with_what_is_wrong_and_a_red_check(
    github: LoopbackGitHub,
    slack: LoopbackSlack,
    hub: LoopbackHub,
    senders: Senders,
    places: Places,
):
    github.push(
        REPO,
        {
            REQUEST: b'hf_id: "pull/missing"\ndescription: "a"\n',
            "requests/add/y.yaml": b'hf_id: "pull/text"\ndescription: "a"\ncolour: "b"\n',
        },
        branch="add-x",
    )
    work_on(github, senders, places)
    living, outcome = [comment.body for comment in github.comments(REPO, 1)]
    for text in (living, outcome, slack.messages(CHANNEL)[0].text):
        assert "pull/missing" in text
        assert "requests/add/y.yaml:3: colour" in text
    assert "**Failed**: 2 of 2 requests" in outcome
    assert [check.conclusion for check in github.check_runs(REPO)] == ["failure"]


def test_a_pull_request_without_requests_hears_nothing(
    github: LoopbackGitHub, slack: LoopbackSlack, senders: Senders, places: Places
):
    github.push(REPO, {"NOTES.md": b"a"}, branch="add-x", delete=[REQUEST])
    github.clear_requests()
    work_on(github, senders, places)
    assert github.comments(REPO, 1) == ()
    assert github.check_runs(REPO) == ()
    assert slack.messages(CHANNEL) == ()
    assert {ask.method for ask in github.requests} == {"GET"}
