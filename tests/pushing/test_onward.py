"""`publish_to` in a request: what is published is pushed, and a failed push unpublishes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from hugflow.clients.hub import Hub
from hugflow.requests.grammar import FieldInvalid, publish_to
from hugflow.requests.model import AddRequest
from hugflow.stages.standing.push_records import read_push
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from tests.projects import Project
from tests.runners import name_of

ALLOWED = "policy: {publish_to: ['file://*']}\n"


def entry_of(project: Project) -> dict[str, Any]:
    [entry] = json.loads(project.run("status", "--json").stdout)["datasets"]
    found: dict[str, Any] = entry
    return found


def note_of(project: Project) -> str | None:
    note: str | None = entry_of(project)["note"]
    return note


def publication_of(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = entry_of(project)["publication"]
    return found


def test_a_published_dataset_is_pushed_once_and_stays_there_when_it_is_removed(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "onward/made", rows=2, shards=1)
    (project.root / "hugflow.yaml").write_text(ALLOWED)
    out = project.root / "out"
    request = project.request("onward/made", f'publish_to: "file://{out}"')
    done = project.run("local-sync", request)
    version = json.loads((out / "latest.json").read_text())["version"]
    assert done.returncode == 0
    assert f"pushed: file://{out}/{version}" in done.stdout
    assert (out / version / "manifest.json").is_file()
    # It is not pushed again: the record says where it is.
    (out / version / "manifest.json").unlink()
    again = json.loads(project.run("local-sync", request, "--json").stdout)["datasets"][0]
    assert (again["pushed"]["version"], again["pushed"]["exit_code"]) == (version, 0)
    assert not (out / version / "manifest.json").exists()
    assert project.run("remove", request, "--yes").returncode == 0
    assert (out / "latest.json").is_file()


def test_a_repository_of_the_hub_is_made_private_and_gets_the_version_as_its_tag(
    project: Project, hub: LoopbackHub
):
    token = "hf_onward_token_12345"
    hub.add_token(token, "onward", writes=True)
    publish_text(hub, "onward/source", rows=2, shards=1)
    request = project.request("onward/source", "publish_to: onward/copy")
    planned = project.run("plan", request, "--no-sample").stdout
    assert "publish to   onward/copy on the Hub\n" in planned
    done = json.loads(project.run("local-sync", request, "--json", HF_TOKEN=token).stdout)
    version = done["datasets"][0]["pushed"]["version"]
    name = name_of("onward/source")
    for command in (["why", name], ["why", f"{name}#1"], ["status", name]):
        told = project.run(*command).stdout
        assert f"onward/copy: version {version} since 20" in told
    # Another place is pending, whatever was pushed before, and it is work to do.
    project.request("onward/source", "publish_to: onward/other")
    [entry] = json.loads(project.run("status", "--json").stdout)["datasets"]
    assert entry["publication"]["state"] == "pending"
    assert entry["publication"]["version"] == version
    assert f"`hugflow retry {name}` sends it now" in project.run("why", name).stdout
    plan = project.run("plan", request, "--no-sample", "--exit-code", "--json")
    assert (plan.returncode, json.loads(plan.stdout)["datasets"][0]["publish_to"]) == (
        3,
        "onward/other",
    )
    api = Hub(token=token).api
    assert api.repo_info("onward/copy", repo_type="dataset").private
    there = api.list_repo_files("onward/copy", repo_type="dataset", revision=version)
    assert "manifest.json" in there


def test_a_push_that_fails_leaves_the_dataset_published_and_the_next_sync_pushes(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "onward/fails", rows=2, shards=1)
    (project.root / "hugflow.yaml").write_text(ALLOWED)
    out, name = project.root / "out", name_of("onward/fails")
    out.write_text("in the way")
    request = project.request("onward/fails", f'publish_to: "file://{out}"')
    done = project.run("local-sync", request)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr or "cannot be read" in done.stderr
    assert project.places.link(name).is_symlink()
    assert note_of(project) == "not pushed"
    assert project.run("retry", name).returncode == 1
    record = read_push(project.places, name)
    assert record is not None
    assert record.why is not None
    table = project.run("status").stdout
    assert f"file://{out}: failed at 20" in table
    assert f"then `hugflow retry {name}` sends it" in table
    out.unlink()
    assert project.run("local-sync", request).returncode == 0
    assert (out / "latest.json").is_file()
    assert note_of(project) is None


def test_a_published_dataset_is_not_pushed_where_the_policy_forbids_it_now(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "onward/forbidden", rows=2, shards=1)
    assert project.run("local-sync", project.request("onward/forbidden")).returncode == 0
    out = project.root / "out"
    done = project.run(
        "local-sync", project.request("onward/forbidden", f'publish_to: "file://{out}"')
    )
    assert done.returncode == 4
    assert "the policy does not allow to push to" in done.stderr
    assert project.places.link(name_of("onward/forbidden")).is_symlink()
    assert not out.exists()


def test_a_version_stays_published_when_the_push_of_the_next_one_fails(
    project: Project, hub: LoopbackHub
):
    token, name = "hf_onward_token_67890", name_of("onward/stays")
    hub.add_token(token, "onward", writes=True)
    publish_text(hub, "onward/stays", rows=2, shards=1)
    request = project.request("onward/stays", "publish_to: onward/kept")
    assert project.run("local-sync", request, HF_TOKEN=token).returncode == 0
    first = publication_of(project)
    publish_text(hub, "onward/stays", rows=3, shards=1)
    assert project.run("plan", request, "--no-sample", "--update").returncode == 0
    for again in (["local-sync", request], ["retry", name]):
        assert project.run(*again, KEEP_VERSIONS="1").returncode != 0
    failed = publication_of(project)
    assert (failed["state"], failed["earlier"]["version"]) == ("failed", first["version"])
    assert f"version {first['version']} is at {first['address']}" in project.run("why", name).stdout
    assert project.run("rollback", name).returncode == 0
    assert publication_of(project) == first
    assert note_of(project) is None
    # What is there already is not pushed, so no token is needed.
    [again] = json.loads(project.run("local-sync", request, "--json").stdout)["datasets"]
    assert (again["pushed"]["version"], again["pushed"]["exit_code"]) == (first["version"], 0)


@pytest.mark.parametrize(
    "place",
    ["acme/copy", "hf://acme/copy", "hf://datasets/acme/copy", "s3://bucket/sets", "file:///mnt/a"],
)
def test_a_repository_or_an_address_is_a_place(place: str):
    assert publish_to(place) == place


@pytest.mark.parametrize(
    "place",
    [
        "copy",
        "a/b/c",
        "hf://copy",
        "../x",
        "s3://",
        "ftp://ana:secret@host/x",
        "s3://a b",
        "s3://a::file:///b",
        "s3://a/../b",
        "file:///a/%2e%2e/b",
        "file:///a/./b",
        "x\n/y",
    ],
)
def test_what_is_no_place_or_has_a_password_is_refused(place: str):
    with pytest.raises(FieldInvalid):
        publish_to(place)


def test_a_request_of_several_datasets_has_no_one_place():
    fields = {"hf_id": "a/b", "description": "x", "publish_to": "a/c", "expand": {"splits": "all"}}
    with pytest.raises(ValueError, match="one place"):
        AddRequest(**fields)  # type: ignore[arg-type]


def test_it_changes_neither_name_nor_plan(tmp_path: Path):
    request = AddRequest(hf_id="a/b", description="x")
    pushed = AddRequest(hf_id="a/b", description="x", publish_to="a/c")
    assert pushed.name == request.name
    assert pushed.publish_to == "a/c"
