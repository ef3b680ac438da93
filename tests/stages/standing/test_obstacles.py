"""Why a request is refused or waits, kept for `status` and the web UI."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hugflow.errors import HubUnavailable, HugflowError, NotAuthorised, RequestInvalid
from hugflow.stages.standing.obstacles import obstacle_of, read_obstacle, write_obstacle
from hugflow.stages.standing.status import read_status
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.builds import OpenFor

AT = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
NAME = "obstacle__text__split_train__rev_main"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (RequestInvalid, "refused"),
        (NotAuthorised, "refused"),
        (HubUnavailable, "waiting until 01:02:03 UTC"),
    ],
)
def test_what_a_later_try_cannot_help_is_refused_and_the_rest_waits(
    kind: type[HugflowError], words: str
):
    error = kind("no answer", why="status 503", mend="try later")
    assert obstacle_of(error, "5f3c", AT, AT).words == words


def test_a_request_waits_until_it_can_be_planned(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_text(hub, "obstacle/text", rows=2, shards=1)
    error = HubUnavailable("no answer", why="status 503", mend="try later")
    obstacle = obstacle_of(error, "5f3c", AT, AT)
    write_obstacle(places, NAME, obstacle)
    status = read_status(places, NAME)
    assert (status.state, status.note, status.obstacle) == ("pending", "waiting", obstacle)
    assert read_status(places, NAME, digest="of another request").note is None
    build = open_for("obstacle/text")
    assert build.name == NAME
    assert read_obstacle(places, NAME) is None
    assert read_status(places, NAME).note is None


def test_the_same_obstacle_is_not_written_twice(places: Places):
    obstacle = obstacle_of(RequestInvalid("a", why="b", mend="c"), "5f3c", AT)
    write_obstacle(places, NAME, obstacle)
    before = places.obstacle(NAME).stat().st_ino
    write_obstacle(places, NAME, obstacle)
    assert places.obstacle(NAME).stat().st_ino == before
    write_obstacle(places, NAME, replace(obstacle, next_try_at=AT))
    assert read_obstacle(places, NAME) == replace(obstacle, next_try_at=AT)
