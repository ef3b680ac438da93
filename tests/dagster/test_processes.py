"""Dagster as people start it: real processes, from the project's root, with nothing set."""

import json
import os
import re
import signal
import urllib.request
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from hugflow.settings import load_project
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_tables, publish_text, speech_table
from hugflow_resources.instance import open_instance
from hugflow_resources.materializations import STAGES
from tests.dagster.conftest import Project, free_port, kill_group, wait_until

pytestmark = pytest.mark.slow

SHARDS = 5


def request_text(hf_id: str) -> str:
    return f"hf_id: {hf_id}\ndescription: For tests\n"


def name_of(hf_id: str) -> str:
    return f"{hf_id.replace('/', '__')}__split_train__rev_main"


def places_of(project: Project) -> Places:
    return load_project(project.root).places


def selection(name: str) -> str:
    return " or ".join(f'key:"{name}/{stage}"' for stage in STAGES)


def materialized(project: Project, name: str) -> dict[str, int]:
    """How many partitions of each stage Dagster holds for materialized."""
    with open_instance(project.root) as instance:
        return {
            stage: len(instance.get_materialized_partitions(dg.AssetKey([name, stage])))
            for stage in STAGES
        }


def statuses(project: Project) -> list[dg.DagsterRunStatus]:
    with open_instance(project.root) as instance:
        return [run.status for run in instance.get_runs()]


def publish_long(hub: LoopbackHub, hf_id: str) -> None:
    """A dataset that takes some seconds to encode, and hardly any to publish."""
    clip = speech_table(1, seconds=120.0, seed=3)
    table = pa.concat_tables([clip] * (12 * SHARDS))
    publish_tables(hub, hf_id, {"default": {"train": table}}, shards=SHARDS)


def start_dagster_dev(project: Project) -> int:
    """Start it; gives the port of the UI."""
    port = free_port()
    project.start("dev", "--host", "127.0.0.1", "--port", str(port))
    return port


def has_marker(places: Places, name: str) -> bool:
    return any((places.state_dir / "ledger" / name).glob("*/*.metadata.json"))


def log_of(project: Project) -> str:
    return (project.root / "dagster.log").read_text("utf-8", "replace")[-8_000:]


def test_the_range_that_the_plan_prints_makes_the_dataset(project: Project, hub: LoopbackHub):
    publish_speech(hub, "processes/cli", rows=6, shards=3)
    name = name_of("processes/cli")
    project.write_request("cli.yaml", request_text("processes/cli"))
    module = ("-m", "hugflow_assets.definitions")
    planned = project.dagster("asset", "materialize", *module, "--select", f'key:"{name}/plan"')
    assert planned.returncode == 0, planned.stderr
    found = re.search(r"--partition-range (\S+)", planned.stderr + planned.stdout)
    assert found is not None
    made = project.dagster(
        "asset", "materialize", *module, "--select", selection(name), "--partition-range", found[1]
    )
    assert made.returncode == 0, made.stderr
    assert made.stderr.count("Starting download...") == 3
    assert " - DEBUG - " not in made.stderr
    assert places_of(project).link(name).is_symlink()
    assert materialized(project, name) == dict.fromkeys(STAGES, 3)
    again = project.dagster("asset", "materialize", *module, "--select", f'key:"{name}/plan"')
    assert again.returncode == 0, again.stderr
    first, _, last = found[1].partition("...")
    reversed_ = project.dagster(
        "asset",
        "materialize",
        *module,
        "--select",
        selection(name),
        "--partition-range",
        f"{last}...{first}",
    )
    assert reversed_.returncode != 0


def test_a_push_to_main_becomes_a_link_without_a_further_command(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "processes/pushed", rows=4, shards=2)
    name = name_of("processes/pushed")
    start_dagster_dev(project)
    catalog = places_of(project).catalog / "requests.json"
    wait_until(catalog.is_file, 60, f"the sensor reads main\n{log_of(project)}")
    project.push({"requests/add/pushed.yaml": request_text("processes/pushed")})
    wait_until(places_of(project).link(name).is_symlink, 90, "the link")
    wait_until(lambda: materialized(project, name) == dict.fromkeys(STAGES, 2), 30, "all is green")
    publish_text(hub, "processes/second", rows=4, shards=1)
    second = name_of("processes/second")
    project.push({"requests/add/second.yaml": request_text("processes/second")})
    wait_until(places_of(project).link(second).is_symlink, 90, "the link of a second request")


def test_a_killed_run_keeps_its_finished_shards_and_the_next_does_the_rest(
    project: Project, hub: LoopbackHub
):
    publish_long(hub, "processes/killed")
    name = name_of("processes/killed")
    project.write_request("killed.yaml", request_text("processes/killed"))
    module = ("-m", "hugflow_assets.definitions")
    project.dagster("asset", "materialize", *module, "--select", f'key:"{name}/plan"')
    with open_instance(project.root) as instance:
        keys = list(instance.get_dynamic_partitions(f"{name}/shards"))
    command = ["asset", "materialize", *module, "--select", selection(name)]
    command += ["--partition-range", f"{keys[0]}...{keys[-1]}"]
    run = project.start(*command)
    wait_until(lambda: materialized(project, name)["metadata"] >= 1, 60, "a first shard")
    kill_group(run, signal.SIGKILL)
    run.wait()
    after_kill = materialized(project, name)
    assert 1 <= after_kill["metadata"] < SHARDS
    assert not places_of(project).link(name).is_symlink()
    finished = json_files(places_of(project), name)
    rest = project.dagster(*command)
    assert rest.returncode == 0, rest.stderr
    assert materialized(project, name) == dict.fromkeys(STAGES, SHARDS)
    assert places_of(project).link(name).is_symlink()
    assert all(path.stat().st_mtime_ns == at for path, at in finished.items())


def test_after_the_whole_machine_went_down_the_sensor_goes_on_by_itself(
    project: Project, hub: LoopbackHub
):
    publish_long(hub, "processes/down")
    name = name_of("processes/down")
    project.push({"requests/add/down.yaml": request_text("processes/down")})
    start_dagster_dev(project)
    wait_until(lambda: has_marker(places_of(project), name), 120, "a first shard")
    for process in project.started:
        kill_group(process, signal.SIGKILL)
        process.wait()
    kill_runs(project)
    assert not places_of(project).link(name).is_symlink()
    assert dg.DagsterRunStatus.STARTED in statuses(project)
    start_dagster_dev(project)
    wait_until(
        lambda: dg.DagsterRunStatus.FAILURE in statuses(project), 90, "the dead run is noticed"
    )
    wait_until(places_of(project).link(name).is_symlink, 150, "the link")
    wait_until(
        lambda: materialized(project, name) == dict.fromkeys(STAGES, SHARDS), 30, "all is green"
    )


def test_a_run_that_a_person_stops_in_the_ui_is_left_alone(project: Project, hub: LoopbackHub):
    publish_long(hub, "processes/stopped")
    name = name_of("processes/stopped")
    project.push({"requests/add/stopped.yaml": request_text("processes/stopped")})
    port = start_dagster_dev(project)
    wait_until(lambda: has_marker(places_of(project), name), 120, "a first shard")
    with open_instance(project.root) as instance:
        (run,) = instance.get_runs()
    terminate(port, run.run_id)
    wait_until(
        lambda: dg.DagsterRunStatus.CANCELED in statuses(project), 30, "the run is cancelled"
    )
    wait_until(lambda: "was stopped by a person" in log_of(project), 40, "the sensor's word")
    assert len(statuses(project)) == 1


def test_after_ctrl_c_and_a_new_start_the_work_goes_on_by_itself(
    project: Project, hub: LoopbackHub
):
    publish_long(hub, "processes/restarted")
    name = name_of("processes/restarted")
    project.push({"requests/add/restarted.yaml": request_text("processes/restarted")})
    start_dagster_dev(project)
    wait_until(lambda: has_marker(places_of(project), name), 120, "a first shard")
    (process,) = project.started
    # The terminal sends it to every process of the group.
    kill_group(process, signal.SIGINT)
    process.wait(60)
    start_dagster_dev(project)
    wait_until(places_of(project).link(name).is_symlink, 150, "the link")


def terminate(port: int, run_id: str) -> None:
    """What the button in the UI does."""
    query = "mutation($id: String!) { terminateRun(runId: $id) { __typename } }"
    body = json.dumps({"query": query, "variables": {"id": run_id}}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        assert "TerminateRunSuccess" in answer.read().decode()


def json_files(places: Places, name: str) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in places.dataset(name).json.glob("*.json")}


def kill_runs(project: Project) -> None:
    """End what `dagster dev` started in groups of its own: processes that work in this project."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                is_ours = (entry / "cwd").readlink() == project.root
            except OSError:
                continue
            if is_ours:
                os.kill(int(entry.name), signal.SIGKILL)
