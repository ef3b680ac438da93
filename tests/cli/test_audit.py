"""`hugflow audit`, as a user types it."""

import json

import pytest

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.projects import Project

pytestmark = pytest.mark.slow

NAME = "audit__one__split_train__rev_main"


@pytest.fixture
def made(project: Project, hub: LoopbackHub) -> Project:
    """A project in which a dataset was made and removed."""
    publish_text(hub, "audit/one", rows=4, shards=1)
    assert project.run("local-sync", project.request("audit/one")).returncode == 0
    assert project.run("remove", "requests/add/request.yaml", "--yes").returncode == 0
    return project


def test_it_tells_what_was_done_by_whom_and_to_what(made: Project):
    told = made.run("audit")
    lines = told.stdout.splitlines()
    assert [line.split()[2] for line in lines] == ["planned", "published", "removed"]
    assert all(NAME in line and " by " in line for line in lines)
    entries = json.loads(made.run("audit", "--json", "--last", "2").stdout)["entries"]
    assert [entry["what"] for entry in entries] == ["published", "removed"]
    assert entries[0]["result"]["rows"] == 4
    assert made.run("audit", "--dataset", "another").stdout == ""


def test_verify_ends_with_3_where_a_line_was_touched(made: Project):
    whole = made.run("audit", "verify")
    assert (whole.returncode, whole.stdout) == (0, "all 3 entries hang together\n")
    trail = made.places.audit
    trail.write_text(trail.read_text().replace('"published"', '"removed"'))
    touched = made.run("audit", "verify", "--json")
    assert touched.returncode == 3
    assert json.loads(touched.stdout)["faults"][0]["line"] == 2


def test_where_nothing_was_done_it_says_so(project: Project):
    told = project.run("audit")
    assert (told.returncode, told.stdout) == (0, "")
    assert "nothing was done" in told.stderr
