"""The sensor that reports the state of requests on main to GitHub and Slack."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import dagster as dg
import pytest

from hugflow.errors import Locked, NotAuthorised
from hugflow.notify.conversation import pull_key
from hugflow.notify.deliver import deliver
from hugflow.notify.notices import read_notice, write_notice
from hugflow.notify.outbox import list_keys
from hugflow.settings import load_settings
from hugflow.stages.sync import sync_dataset
from hugflow.store.locks import hold
from hugflow.testing.github import LoopbackGitHub
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.slack import LoopbackSlack
from tests.dagster.conftest import Ask, git
from tests.dagster.sensor_world import World
from tests.testing.githubs import BOT, REPO, fill

CHANNEL = "ml-datasets"


@dataclass
class Told:
    """A world whose requests come by pull request 1, and whoever is told of it."""

    world: World
    github: LoopbackGitHub
    slack: LoopbackSlack

    def tick(self) -> str:
        """One tick of `outcomes`; what it says."""
        definitions = self.world.definitions or self.world.load()
        repository = definitions.get_repository_def()
        with dg.build_sensor_context(
            instance=self.world.instance,
            repository_def=repository,
            resources=dict(definitions.resources or {}),
        ) as context:
            result = repository.get_sensor_def("outcomes")(context)
        assert isinstance(result, dg.SkipReason)
        return result.skip_message or ""

    def comments(self) -> list[str]:
        return [each.body for each in self.github.comments(REPO, 1)]

    def messages(self) -> list[str]:
        return [each.text for each in self.slack.messages(CHANNEL)]


@pytest.fixture
def told(
    world: World,
    github: LoopbackGitHub,
    slack: LoopbackSlack,
    monkeypatch: pytest.MonkeyPatch,
) -> Told:
    """GitHub and Slack are set up."""
    fill(github)
    slack.add_bot("xoxb-made-up", "hugflow")
    slack.add_channel(CHANNEL)
    for name, value in {
        "GITHUB_API_URL": github.api_url,
        "GITHUB_REPOSITORY": REPO,
        "GITHUB_TOKEN": "ghs_made_up",
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": "xoxb-made-up",
    }.items():
        monkeypatch.setenv(name, value)
    return Told(world, github, slack)


@pytest.fixture
def merge(told: Told, ask: Ask) -> Callable[..., str]:
    """Let a request come to main as GitHub merges pull request 1; the dataset's name."""

    def by_pull_request(**how: object) -> str:
        name = ask(**how)
        work_tree = told.world.project.work_tree
        title = "Merge pull request #1 from bob/add-x"
        git(work_tree, "commit", "--quiet", "--amend", "--message", title)
        remote = str(told.world.project.remote)
        git(work_tree, "push", "--quiet", "--force", remote, "HEAD:main")
        told.world.tick_after_push()
        return name

    return by_pull_request


def test_nobody_hears_of_what_nothing_happened_to(told: Told, merge: Callable[..., str]):
    merge()
    assert "nothing to tell" in told.tick()
    assert not told.comments()
    assert not told.messages()


def test_a_dataset_that_is_complete_is_told_on_its_pull_request_and_on_slack(
    told: Told, merge: Callable[..., str]
):
    name = merge()
    sync_dataset(told.world.build(name))
    told.tick()
    living, outcome = told.comments()
    assert "completed" in living
    assert str(told.world.places.dataset(name).root) in outcome
    (message,) = told.messages()
    assert name in message
    assert {each.author for each in told.github.comments(REPO, 1)} == {BOT}
    for _ in range(3):
        told.tick()
    assert len(told.comments()) == 2


def test_a_run_that_failed_is_told_with_how_to_mend_it(
    told: Told, merge: Callable[..., str], hub: LoopbackHub
):
    name = merge()
    build = told.world.build(name)
    hub.remove(build.request.hf_id)
    with pytest.raises(NotAuthorised):
        sync_dataset(build)
    told.tick()
    _, outcome = told.comments()
    assert "Failed" in outcome
    assert name in outcome


def test_a_run_that_was_killed_is_told_to_have_been_interrupted(
    told: Told, merge: Callable[..., str]
):
    name = merge()
    places = told.world.places
    sync_dataset(told.world.build(name))
    notice = read_notice(places, name)
    assert notice is not None
    places.link(name).unlink()
    places.dataset(name).manifest.unlink()
    stale = replace(notice, state="downloading", at=notice.at - timedelta(minutes=5))
    write_notice(places, stale)
    told.tick()
    corrected = read_notice(places, name)
    assert corrected is not None
    assert corrected.state != "downloading"


def test_a_request_that_came_by_no_pull_request_is_told_on_slack_alone(told: Told, ask: Ask):
    name = ask()
    told.world.tick_after_push()
    sync_dataset(told.world.build(name))
    told.tick()
    assert not told.comments()
    (message,) = told.messages()
    assert name in message


def test_what_could_not_be_followed_is_followed_at_a_later_tick(
    told: Told, merge: Callable[..., str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.notify.outbox.LOCK_WAIT_S", 0.1)
    places = told.world.places
    sync_dataset(told.world.build(merge()))
    key = pull_key("github", REPO, 1)
    with hold(places.conversation_lock(key), "x"), pytest.raises(Locked):
        told.tick()
    assert not told.comments()
    told.tick()
    assert "completed" in told.comments()[0]


def test_what_happens_while_main_is_not_known_is_told_once_it_is(
    told: Told, merge: Callable[..., str]
):
    sync_dataset(told.world.build(merge()))
    catalog = told.world.places.catalog
    away = catalog.rename(catalog.with_name("away"))
    told.tick()
    assert not told.comments()
    away.rename(catalog)
    told.tick()
    assert "completed" in told.comments()[0]


def test_while_github_is_away_the_work_goes_on_and_the_comment_catches_up(
    told: Told, merge: Callable[..., str]
):
    name = merge()
    with told.github.outage():
        sync_dataset(told.world.build(name))
        assert told.world.places.link(name).is_symlink()
        told.tick()
    assert not told.comments()
    with load_settings(told.world.project.root).open_senders() as senders:
        for key in list_keys(told.world.places):
            deliver(told.world.places, key, senders, is_hurried=True)
    assert "completed" in told.comments()[0]


def test_without_anybody_to_tell_it_says_so(world: World, ask: Ask):
    ask()
    world.tick_after_push()
    definitions = world.definitions or world.load()
    repository = definitions.get_repository_def()
    with dg.build_sensor_context(
        instance=world.instance,
        repository_def=repository,
        resources=dict(definitions.resources or {}),
    ) as context:
        result = repository.get_sensor_def("outcomes")(context)
    assert isinstance(result, dg.SkipReason)
    assert "nothing is sent" in (result.skip_message or "")


def test_no_token_is_a_field_that_dagster_shows(told: Told):
    fields = str(told.world.load().resources)
    assert "made-up" not in fields
    assert "made_up" not in fields
