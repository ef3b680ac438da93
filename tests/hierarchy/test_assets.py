"""The hierarchy in Dagster: one asset per source and parent node, their lineage and versions."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from hugflow.hierarchy.assets import build_hierarchy_defs
from hugflow.hierarchy.lock import lock_project
from hugflow.hierarchy.pulling.pull import pull
from tests.hierarchy.worlds import CHILD, GRANDPARENT, PARENT, at, commit_all, write_repository

pytestmark = pytest.mark.slow

UPDATE = {"id": "update", "type": "update_expiration_times", "sources": ["expiration_times"]}
LOAD = {"id": "load", "type": "load_json", "sources": ["own"]}


@pytest.fixture
def child(tmp_path: Path) -> Path:
    """The seed's child, with git parents, own pulled data, and two steps."""
    grandparent = write_repository(tmp_path / "grandparent", GRANDPARENT)
    commit_all(grandparent)
    where = f"git+file://{grandparent}@refs/heads/main"
    parent = write_repository(tmp_path / "parent", at(PARENT, grandparent1=where))
    times = parent / "input/expiration_times/special_expiration_file.json"
    times.write_text('{"a": 5}')
    commit_all(parent)
    root = write_repository(tmp_path / "child", {})
    child_times = {**CHILD["sources"]["expiration_times"], "files_dict": {}}
    config: dict[str, Any] = {
        "parents": {"parent1": {"location": "../parent", "follows": {}}},
        "sources": {
            "flow_definitions": {
                "format": "sheets",
                "subformat": "google_sheets",
                "parent_sources": ["parent1.flow_definitions"],
            },
            "expiration_times": child_times,
            "own": {"format": "json", "files_list": ["flows.json"]},
        },
        "steps": [LOAD, {**UPDATE, "default_expiration_time": 9}],
    }
    (root / "hugflow.json").write_text(json.dumps(config))
    (root / "flows.json").write_text('{"flows": [{"name": "a"}, {"name": "b"}]}')
    lock_project(root)
    return root


def materialize(defs: dg.Definitions, job: str, instance: dg.DagsterInstance) -> dict[str, Any]:
    """Run a job; its materializations by asset key."""
    done = defs.resolve_job_def(job).execute_in_process(instance=instance)
    assert done.success
    return {
        "/".join(event.asset_key.path): event
        for step in done.get_asset_materialization_events()
        for event in [step.step_materialization_data.materialization]
        if event.asset_key is not None
    }


def version(event: dg.AssetMaterialization) -> str:
    return (event.tags or {})["dagster/data_version"]


def test_lineage_runs_from_the_grandparent_to_the_step(child: Path):
    graph = build_hierarchy_defs(child).resolve_asset_graph()
    parents = {
        "/".join(key.path): {"/".join(above.path) for above in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert parents == {
        "input/own": set(),
        "parents/grandparent1/flow_definitions": set(),
        "parents/parent1/flow_definitions": {"parents/grandparent1/flow_definitions"},
        "parents/parent1/expiration_times": set(),
        "sources/flow_definitions": {"parents/parent1/flow_definitions"},
        "sources/expiration_times": {"parents/parent1/expiration_times"},
        "sources/own": {"input/own"},
        "steps/load": {"sources/own"},
        "steps/update": {"steps/load", "sources/expiration_times"},
    }
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert groups == {"input", "parent_grandparent1", "parent_parent1", "sources", "steps"}


def test_the_jobs_pull_compose_and_run_the_pipeline(child: Path):
    defs = build_hierarchy_defs(child)
    with dg.DagsterInstance.ephemeral() as instance:
        pulled = materialize(defs, "pull", instance)
        assert pulled["input/own"].metadata["written"].value == 1
        composed = materialize(defs, "compose", instance)
        files = composed["sources/flow_definitions"].metadata["files"].value.records
        assert [record.data["origin"] for record in files] == [
            *["parent1/grandparent1"] * 2, *["parent1"] * 2,
        ]  # fmt: skip
        assert composed["sources/flow_definitions"].metadata["dagster/row_count"].value == 4
        metadata = composed["parents/grandparent1/flow_definitions"].metadata
        assert metadata["location"].value.startswith("git+file://")
        assert len(metadata["commit"].value) == 40
        again = materialize(defs, "pipeline", instance)
        assert json.loads((child / "output/update.json").read_bytes()) == {
            "flows": [
                {"name": "a", "expire_after_minutes": 5},
                {"name": "b", "expire_after_minutes": 9},
            ]
        }
        same = set(composed) & set(again)
        assert same
        assert {key: version(composed[key]) for key in same} == {
            key: version(again[key]) for key in same
        }
        (child / "flows.json").write_text('{"flows": []}')
        changed = materialize(defs, "pull", instance)
        assert version(changed["input/own"]) != version(pulled["input/own"])


def test_the_checks_say_what_is_not_pinned_current_or_fresh(child: Path):
    pull(child)

    def check() -> dict[str, bool]:
        defs = build_hierarchy_defs(child)
        job = dg.define_asset_job("checks", dg.AssetSelection.all_asset_checks())
        whole = dg.Definitions.merge(defs, dg.Definitions(jobs=[job]))
        done = whole.resolve_job_def("checks").execute_in_process()
        return {
            f"{'/'.join(each.asset_key.path)} {each.check_name}": each.passed
            for each in done.get_asset_check_evaluations()
        }

    found = check()
    assert found["input/own input_is_fresh"]
    assert found["sources/flow_definitions lock_is_current"]
    # The parent is a folder.
    assert not found["sources/flow_definitions parents_are_pinned"]
    (child / "input/own/flows.json.json").write_text("1")
    config = json.loads((child / "hugflow.json").read_text())
    config["parents"]["parent1"]["location"] = str(child.parent / "parent")
    (child / "hugflow.json").write_text(json.dumps(config))
    (child / "hugflow.lock").unlink()
    found = check()
    assert not found["input/own input_is_fresh"]
    assert not found["sources/flow_definitions lock_is_current"]


def test_a_diamond_is_one_asset(tmp_path: Path):
    top = {"sources": {"s": {"format": "json", "files_list": ["a"]}}}
    write_repository(tmp_path / "top", top)
    middle = {"sources": {"s": {"format": "json", "parent_sources": ["top.s"]}}}
    for name in ("left", "right"):
        write_repository(tmp_path / name, at(middle, top="../top"))
    ways = {"sources": {"s": {"format": "json", "parent_sources": ["left.s", "right.s"]}}}
    root = write_repository(tmp_path / "root", at(ways, left="../left", right="../right"))
    keys = build_hierarchy_defs(root).resolve_asset_graph().get_all_asset_keys()
    assert sum(key.path[:2] == ["parents", "top"] for key in keys) == 1


def test_parents_that_are_not_cached_are_left_out_where_nothing_may_be_fetched(
    child: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("HUGFLOW_CACHE_DIR", str(tmp_path / "empty"))
    keys = build_hierarchy_defs(child, offline=True).resolve_asset_graph().get_all_asset_keys()
    assert {key.path[0] for key in keys} == {"input", "sources", "steps"}


def test_the_assets_are_loaded_beside_those_of_datasets_and_cannot_break_them(
    child: Path, monkeypatch: pytest.MonkeyPatch
):
    from hugflow.settings import load_settings
    from hugflow_assets.definitions import load_definitions

    monkeypatch.chdir(child)
    keys = load_definitions(load_settings(child)).resolve_asset_graph().get_all_asset_keys()
    assert dg.AssetKey(["sources", "own"]) in keys
    config = json.loads((child / "hugflow.json").read_text())
    config["sources"]["own"]["format"] = "unheard"
    (child / "hugflow.json").write_text(json.dumps(config))
    graph = load_definitions(load_settings(child)).resolve_asset_graph()
    assert graph.get_all_asset_keys() == {dg.AssetKey(["hugflow", "overview"])}
