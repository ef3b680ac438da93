"""Row steps asked for on main: the sensor's runs, and whose word allows a module's code."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from hugflow.hierarchy.lock import update_lock
from hugflow.ledger.stages import asset_names
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from hugflow_resources.storage import Storage
from tests.dagster.conftest import failure_text
from tests.dagster.sensor_world import World
from tests.flows.hub import publish
from tests.hierarchy.worlds import commit_all, write_repository

pytestmark = pytest.mark.slow

MODULE = "flowsonmain/Text"
FLOW = """\
    from hugflow.flows import AtomicFlow

    class Loud(AtomicFlow):
        defaults = {"sign": "!"}

        def run(self, data):
            return {"loud": data["text"].upper() + self.config["sign"]}
    """
LOUD = "{name: loud, use: flowsonmain/Text, flow: Loud, rows: {in: [text], out: [loud]}"
ALLOWED = f'flows:\n  allow: ["{MODULE}"]\n'
STAGES = asset_names(has_flows=True)


@pytest.fixture
def module(hub: LoopbackHub) -> str:
    """A module whose flow a request asks for; its commit."""
    return publish(hub, MODULE, {"__init__.py": FLOW})


def ask(world: World, hub: LoopbackHub, own: str, *steps: str, **files: str) -> str:
    """Push a request with steps, and other files of the root; the dataset's name."""
    publish_text(hub, f"flowsonmain/{own}", rows=4, shards=2)
    push(world, own, *steps, **files)
    return f"flowsonmain__{own}__split_train__rev_main"


def push(world: World, own: str, *steps: str, **files: str) -> None:
    lines = [f"hf_id: flowsonmain/{own}", "description: Asked for"]
    lines += ["flows:", *(f"  - {step}" for step in steps)] if steps else []
    named = {f"{name}.yaml": text for name, text in files.items()}
    world.project.push({f"requests/add/{own}.yaml": "\n".join(lines) + "\n", **named})


def run(world: World, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    """What the sensor asked for, by the definitions that a run's own process would load."""
    job = world.load().resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=world.instance,
        tags=dict(request.tags),
        asset_selection=list(request.asset_selection or ()),
        raise_on_error=False,
    )


def stages_of(request: dg.RunRequest) -> list[str]:
    return sorted(key.path[1] for key in request.asset_selection or ())


def counts(world: World, name: str) -> Mapping[str, object]:
    """The newest row of the table that the asset of the steps shows."""
    key = dg.AssetKey([name, "flows"])
    [record] = world.instance.fetch_materializations(key, limit=1).records
    assert record.asset_materialization is not None
    [row] = record.asset_materialization.metadata["steps"].value.records  # type: ignore[union-attr]
    return row.data


def test_a_request_with_steps_becomes_a_run_with_the_asset_of_its_steps(
    world: World, hub: LoopbackHub, module: str
):
    name = ask(world, hub, "steps", f"{LOUD}}}", hugflow=ALLOWED)
    (request,) = world.tick_after_push().run_requests or []
    assert stages_of(request) == sorted(STAGES)
    result = run(world, request)
    assert result.success, failure_text(result)
    assert counts(world, name)["commit"] == module
    assert "1 complete" in world.words(world.tick())
    assert not world.tick().run_requests


def test_changing_a_step_on_main_asks_for_a_run_that_keeps_the_made_rows(
    world: World, hub: LoopbackHub, module: str
):
    name = ask(world, hub, "changes", f"{LOUD}}}", hugflow=ALLOWED)
    (request,) = world.tick_after_push().run_requests or []
    assert run(world, request).success
    made = {path: path.stat().st_mtime_ns for path in world.places.dataset(name).json.iterdir()}
    push(world, "changes", f"{LOUD}, config: {{sign: '?'}}}}")
    (again,) = world.tick_after_push().run_requests or []
    assert again.run_key != request.run_key
    assert run(world, again).success
    index = next(world.places.dataset(name).index.glob("*.parquet"))
    assert all(loud.endswith("?") for loud in pl.read_parquet(index)["loud"])
    assert made == {
        path: path.stat().st_mtime_ns for path in world.places.dataset(name).json.iterdir()
    }
    push(world, "changes")
    (last,) = world.tick_after_push().run_requests or []
    assert "flows" not in stages_of(last)
    assert run(world, last).success
    assert "loud" not in pl.read_parquet(index).columns
    assert "1 complete" in world.words(world.tick())


def test_only_main_allows_a_module_and_never_the_work_tree_of_the_platform(
    world: World, hub: LoopbackHub, module: str
):
    (world.project.root / "hugflow.yaml").write_text(ALLOWED)
    name = ask(world, hub, "untrusted", f"{LOUD}}}")
    (request,) = world.tick_after_push().run_requests or []
    result = run(world, request)
    assert not result.success
    assert f"{MODULE} is not on the allow list" in failure_text(result)
    assert not world.places.link(name).is_symlink()

    (world.project.root / "hugflow.yaml").unlink()
    push(world, "untrusted", f"{LOUD}}}", hugflow=f'flows: {{allow: ["{MODULE}@{module}"]}}\n')
    world.tick()
    assert run(world, request).success
    assert world.places.link(name).is_symlink()


def test_a_module_that_main_no_longer_allows_runs_no_more(
    world: World, hub: LoopbackHub, module: str
):
    ask(world, hub, "withdrawn", f"{LOUD}}}", hugflow=ALLOWED)
    (request,) = world.tick_after_push().run_requests or []
    push(world, "withdrawn", f"{LOUD}}}", hugflow='flows: {allow: ["somebody/Else"]}\n')
    world.tick()
    result = run(world, request)
    assert "is not on the allow list" in failure_text(result)


@pytest.mark.parametrize("is_named", [True, False])
def test_an_allow_list_of_a_locked_parent_counts_where_main_names_the_parent(
    world: World,
    hub: LoopbackHub,
    module: str,
    is_named: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("HUGFLOW_CACHE_DIR", str(tmp_path / "cache"))
    parent = tmp_path / "org"
    write_repository(parent, {"flows": {"allow": [MODULE]}})
    commit_all(parent)
    named = "flows: {allow_parents: [org]}\n" if is_named else ""
    location = f"git+file://{parent}@refs/heads/main"
    (world.project.work_tree / "hugflow.yaml").write_text(
        f"parents: {{org: {{location: {location!r}}}}}\n{named}"
    )
    update_lock(world.project.work_tree)
    name = ask(world, hub, f"inherits{is_named}", f"{LOUD}}}")
    (request,) = world.tick_after_push().run_requests or []
    assert storage(world).flows_allow == ([MODULE] if is_named else [])
    assert run(world, request).success == is_named
    assert world.places.link(name).is_symlink() == is_named


def test_parents_without_a_lock_on_main_allow_nothing_and_it_is_told(world: World, tmp_path: Path):
    world.project.push(
        {
            "hugflow.yaml": "parents: {org: {location: 'git+https://example.org/org.git@main'}}\n"
            "flows: {allow: [own/Text], allow_parents: [org]}\n"
        }
    )
    said = world.words(world.tick())
    assert "the allow lists of parents do not count: main has no hugflow.lock" in said
    assert storage(world).flows_allow == ["own/Text"]


def test_linked_folders_are_allowed_by_main_alone(world: World, hub: LoopbackHub):
    (world.project.root / "hugflow.yaml").write_text("flows: {allow_local: true}\n")
    push(world, "local")
    world.tick()
    assert not storage(world).flows_allow_local
    push(world, "local", hugflow="flows: {allow_local: true}\n")
    world.tick()
    assert storage(world).flows_allow_local


def test_an_allow_list_on_main_that_cannot_be_read_allows_nothing_and_is_told(
    world: World, hub: LoopbackHub, module: str
):
    (world.project.root / "hugflow.yaml").write_text(ALLOWED)
    ask(world, hub, "misspelt", f"{LOUD}}}", hugflow=f'flows: {{alow: ["{MODULE}"]}}\n')
    words = world.words(world.tick())
    assert "no flow module may run: hugflow.yaml:1" in words
    assert storage(world).flows_allow == []


def test_before_main_was_read_the_work_tree_allows(world: World):
    (world.project.root / "hugflow.yaml").write_text(ALLOWED)
    assert storage(world).flows_allow == [MODULE]


def test_loading_before_main_was_read_looks_for_no_parent(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.hierarchy.inherited_allow.inherited_entries", pytest.fail)
    (world.project.root / "hugflow.yaml").write_text(
        "parents: {org: {location: 'git+https://example.org/org.git@main'}}\n"
        "flows: {allow: [own/Text], allow_parents: [org]}\n"
    )
    assert storage(world).flows_allow == ["own/Text"]


def test_a_dataset_with_steps_is_removed_with_all_its_records(
    world: World, hub: LoopbackHub, module: str
):
    name = ask(world, hub, "leaves", f"{LOUD}}}", hugflow=ALLOWED)
    (request,) = world.tick_after_push().run_requests or []
    assert run(world, request).success
    folder = world.places.dataset(name).root
    assert (folder / "flows" / "loud").is_dir()
    text = "hf_id: flowsonmain/leaves\nreason: No longer needed\n"
    (world.project.work_tree / "requests/add/leaves.yaml").unlink()
    world.project.push({"requests/remove/leaves.yaml": text})
    world.tick()
    world.load()
    world.tick()
    assert not folder.exists()
    for stage in ("plan", *STAGES):
        assert not world.instance.has_asset_key(dg.AssetKey([name, stage]))


def storage(world: World) -> Storage:
    """The resource that a run of now would be given."""
    found = (world.load().resources or {})["storage"]
    assert isinstance(found, Storage)
    return found
