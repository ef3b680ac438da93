"""What a person is told when a source moves on, is converted anew, or leaves the Hub."""

import json
from typing import Any

import pyarrow as pa

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.layouts import publish_audiofolder, publish_conversion
from hugflow.testing.samples import publish_text, speech_table
from hugflow.testing.tables import with_features
from tests.projects import Project


def drift_of(project: Project) -> tuple[int, dict[str, Any]]:
    done = project.run("drift", "--json")
    [entry] = json.loads(done.stdout)["datasets"]
    return done.returncode, entry


def note_of(project: Project) -> str | None:
    [entry] = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert entry["state"] == "completed"
    note: str | None = entry["note"]
    return note


def test_a_branch_that_moves_is_a_difference_until_the_advice_is_followed(
    hub: LoopbackHub, project: Project
):
    publish_text(hub, "drift/moves", shards=1)
    request = project.request("drift/moves")
    assert project.run("local-sync", request).returncode == 0
    assert drift_of(project)[0] == 0
    commit = hub.publish("drift/moves", {"more.txt": b"x"})
    code, entry = drift_of(project)
    assert (code, entry["upstream"], entry["note"]) == (3, commit, None)
    told = project.run("drift").stdout
    assert f"hugflow plan {request} --update" in told
    assert project.run("plan", request, "--update").returncode == 0
    assert drift_of(project)[0] == 0


def test_a_dataset_that_left_the_hub_stays_and_says_so_everywhere(
    hub: LoopbackHub, project: Project
):
    publish_text(hub, "drift/gone", shards=1)
    request = project.request("drift/gone")
    assert project.run("local-sync", request).returncode == 0
    hub.remove("drift/gone")
    assert note_of(project) is None
    code, entry = drift_of(project)
    assert (code, entry["note"], entry["upstream"]) == (3, "gone upstream", None)
    assert note_of(project) == "gone upstream"
    table = project.run("status").stdout.splitlines()
    assert table[0].endswith("NOTE")
    assert table[1].endswith("gone upstream")
    assert "what is published stays" in project.run("drift").stdout
    publish_text(hub, "drift/gone", shards=1)
    assert drift_of(project)[0] == 0
    assert note_of(project) is None
    assert "NOTE" not in project.run("status").stdout


def test_planning_again_a_dataset_that_left_the_hub_says_that_it_stays_and_it_does(
    hub: LoopbackHub, project: Project
):
    publish_text(hub, "drift/left", shards=1)
    request = project.request("drift/left")
    assert project.run("local-sync", request).returncode == 0
    hub.remove("drift/left")
    done = project.run("plan", request, "--update")
    assert done.returncode == 5  # Without a token the Hub answers as for a private one.
    assert "has left the Hub, and what is published stays" in done.stderr
    assert "`hugflow local-sync` leaves it as it is" in done.stderr
    assert note_of(project) == "gone upstream"
    again = project.run("local-sync", request)
    assert again.returncode == 0
    assert "Dataset already exists in storage" in again.stderr
    removed = project.run("remove", request, "--yes")
    assert removed.returncode == 0


def test_what_left_the_hub_before_it_was_published_is_refused_as_ever(
    hub: LoopbackHub, project: Project
):
    publish_text(hub, "drift/early", shards=1)
    request = project.request("drift/early")
    assert project.run("plan", request).returncode == 0
    hub.remove("drift/early")
    done = project.run("plan", request, "--update")
    assert done.returncode == 5
    assert "stays" not in done.stderr
    [entry] = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert (entry["state"], entry["note"]) == ("planned", "gone upstream")


def test_a_revision_that_is_gone_and_a_disabled_dataset_are_gone_upstream_a_gate_is_not(
    hub: LoopbackHub, project: Project
):
    publish_text(hub, "drift/doors", shards=1, branch="v1")
    request = project.request("drift/doors", 'revision: "v1"')
    assert project.run("local-sync", request).returncode == 0
    hub.restrict("drift/doors", gated=True)
    assert drift_of(project)[1]["note"] is None
    hub.restrict("drift/doors", gated=False, disabled=True)
    assert drift_of(project)[1]["note"] == "gone upstream"
    hub.restrict("drift/doors", disabled=False)
    assert drift_of(project)[1]["note"] is None


def test_a_hub_that_is_down_is_no_news(hub: LoopbackHub, project: Project):
    publish_text(hub, "drift/down", shards=1)
    request = project.request("drift/down")
    assert project.run("local-sync", request).returncode == 0
    done = project.run("drift", HF_ENDPOINT="http://127.0.0.1:1")
    assert done.returncode == 7
    assert note_of(project) is None


def test_a_conversion_that_moves_is_noticed_by_local_sync_drift_and_status_and_then_followed(
    hub: LoopbackHub, project: Project
):
    publish_audiofolder(hub, "drift/converted", rows=2, converted="whole")
    request = project.request("drift/converted")
    first = project.run("local-sync", request)
    assert first.returncode == 0
    assert "anew" not in first.stderr
    publish_conversion(hub, "drift/converted", speech_table(3, with_filenames=False))
    again = project.run("local-sync", request, "--json")
    assert again.returncode == 0
    assert json.loads(again.stdout)["datasets"][0]["note"] == "converted anew"
    assert "the Hub has converted the dataset again" in again.stderr
    assert note_of(project) == "converted anew"
    code, entry = drift_of(project)
    assert (code, entry["note"]) == (3, "converted anew")
    assert entry["commit"] == entry["upstream"]
    assert project.run("plan", request, "--update").returncode == 0
    assert project.run("local-sync", request).returncode == 0
    assert drift_of(project)[0] == 0
    assert note_of(project) is None
    [entry] = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert entry["rows"] == 3


def test_a_dataset_of_its_own_parquet_asks_the_hub_nothing_once_it_is_complete(
    hub: LoopbackHub, project: Project
):
    publish_text(hub, "drift/silent", shards=1)
    publish_conversion(hub, "drift/silent", with_features(pa.table({"text": ["a"]})))
    request = project.request("drift/silent")
    assert project.run("local-sync", request).returncode == 0
    hub.clear_requests()
    assert project.run("local-sync", request).returncode == 0
    assert project.run("status").returncode == 0
    assert not list(hub.requests)
