"""Inherited requests on main: the sensor makes what main's lock says, and nothing else."""

import json
import time
from pathlib import Path

import dagster as dg
import pytest

from hugflow.hierarchy.lock import update_lock
from hugflow.requests.catalog import read_catalog
from hugflow.settings import load_settings
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from hugflow_resources.requests_repo import parents_environment
from tests.dagster.sensor_world import World
from tests.hierarchy.test_composed_requests import ask, write_requests
from tests.hierarchy.worlds import commit_all

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUGFLOW_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def push_team(world: World, parents: dict[str, str], requests: dict[str, str]) -> None:
    """Push a team's repository that inherits from parents, locked."""
    write_requests(world.project.work_tree, requests, parents=parents)
    update_lock(world.project.work_tree, upgrade=[])
    world.project.push({})


def test_the_sensor_makes_an_inherited_request_as_the_lock_of_main_says(
    world: World, hub: LoopbackHub, tmp_path: Path
):
    for name in ("inherited/one", "inherited/two"):
        publish_text(hub, name, rows=2)
    organisation = write_requests(tmp_path / "org", {"one": ask("inherited/one")})
    commit = commit_all(organisation)
    parents = {"org": f"git+file://{organisation}@refs/heads/main"}
    push_team(world, parents, {})
    [run] = world.tick_after_push().run_requests
    assert run.asset_selection is not None
    assert run.asset_selection[0].path[0] == "inherited__one__split_train__rev_main"
    catalog = read_catalog(world.places)
    assert catalog is not None
    arrival = catalog.asked_by_path["org:corpora/one.yaml"]
    assert (arrival.repository, arrival.repository_commit) == (parents["org"], commit)
    assert world.definitions is not None
    key = dg.AssetKey(["inherited__one__split_train__rev_main", "plan"])
    metadata = world.definitions.resolve_asset_graph().get(key).metadata
    assert metadata["inherited_from"] == parents["org"]
    assert metadata["inherited_commit"] == commit
    # A parent's branch that moves changes nothing; nor does its absence.
    write_requests(organisation, {"two": ask("inherited/two")})
    commit_all(organisation)
    organisation.rename(tmp_path / "gone")
    world.tick()
    again = read_catalog(world.places)
    assert again is not None
    assert again.digest == catalog.digest
    (tmp_path / "gone").rename(organisation)
    push_team(world, parents, {})
    world.tick_after_push()
    moved = read_catalog(world.places)
    assert moved is not None
    assert list(moved.data_by_path) == ["org:corpora/two.yaml"]


def test_parents_are_read_with_the_tokens_of_the_settings(tmp_path: Path):
    (tmp_path / "hugflow.yaml").write_text("")
    (tmp_path / ".env").write_text("GITHUB_TOKEN=made-up\n")
    found = parents_environment(load_settings(tmp_path, {}).settings, {"LANG": "C"})
    assert found == {
        "LANG": "C",
        "GITHUB_TOKEN": "made-up",
        "GITHUB_API_URL": "https://api.github.com",
    }


def test_a_hierarchy_that_cannot_be_composed_keeps_what_main_asked_for(
    world: World, tmp_path: Path
):
    organisation = write_requests(tmp_path / "org", {"one": ask("inherited/three")})
    commit_all(organisation)
    push_team(world, {"org": f"git+file://{organisation}@refs/heads/main"}, {})
    world.tick()
    before = read_catalog(world.places)
    (world.project.work_tree / "hugflow.lock").unlink()
    world.project.push({})
    said = world.words(world.tick())
    assert "main has no hugflow.lock" in said
    assert read_catalog(world.places) == before


def test_three_parents_of_two_hundred_requests_load_and_tick_within_seconds(
    world: World, tmp_path: Path
):
    parents = {}
    for parent in ("one", "two", "three"):
        requests = {f"r{n}": ask(f"{parent}/r{n}") for n in range(200)}
        folder = write_requests(tmp_path / parent, requests)
        commit_all(folder)
        parents[parent] = f"git+file://{folder}@refs/heads/main"
    push_team(world, parents, {})
    config = json.loads((world.project.work_tree / "hugflow.json").read_text())
    # Each parent has the keys r0 to r199: all of them count.
    config["sources"] = {
        name: {"format": "requests", "parent_sources": [f"{name}.corpora"]} for name in parents
    }
    world.project.push({"hugflow.json": json.dumps(config)})
    world.tick()
    began = time.process_time()
    definitions = world.load()
    loaded_s = time.process_time() - began
    began = time.process_time()
    world.tick()
    ticked_s = time.process_time() - began
    assert len(definitions.get_repository_def().asset_graph.get_all_asset_keys()) > 600
    assert loaded_s < 6
    assert ticked_s < 20
