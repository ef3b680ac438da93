"""Dagster as people start it: real processes, from the project's root, with nothing set."""

import re
import signal
import subprocess
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from hugflow.ledger.stages import STAGE_NAMES
from hugflow.settings import load_settings
from hugflow.store.layout import Places
from hugflow.testing.faults import Match, Stall
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_tables, publish_text, speech_table
from hugflow_resources.instance import open_instance
from tests.dagster.conftest import Project, free_port, kill_group, wait_until
from tests.projects import HUGFLOW

pytestmark = pytest.mark.slow

SHARDS = 5


def request_text(hf_id: str) -> str:
    return f"hf_id: {hf_id}\ndescription: For tests\n"


def name_of(hf_id: str) -> str:
    return f"{hf_id.replace('/', '__')}__split_train__rev_main"


def places_of(project: Project) -> Places:
    return load_settings(project.root).places


def selection(name: str) -> str:
    return " or ".join(f'key:"{name}/{stage}"' for stage in STAGE_NAMES)


def materialized(project: Project, name: str) -> dict[str, int]:
    """How many partitions of each stage Dagster holds for materialized."""
    with open_instance(project.root) as instance:
        return {
            stage: len(instance.get_materialized_partitions(dg.AssetKey([name, stage])))
            for stage in STAGE_NAMES
        }


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
    assert materialized(project, name) == dict.fromkeys(STAGE_NAMES, 3)
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


def test_with_steps_the_four_keys_alone_end_with_an_error_that_names_flows(
    project: Project, hub: LoopbackHub
):
    publish_text(hub, "processes/steps", rows=3, shards=1)
    name = name_of("processes/steps")
    step = "{name: loud, flow: my_flows.Loud, rows: {in: [text], out: [loud]}}"
    project.write_request("steps.yaml", f"{request_text('processes/steps')}flows: [{step}]\n")
    (project.root / "my_flows.py").write_text(
        "from hugflow.flows import AtomicFlow\n"
        "class Loud(AtomicFlow):\n"
        "    def run(self, data):\n"
        "        return {'loud': data['text'].upper()}\n"
    )
    command = ("asset", "materialize", "-m", "hugflow_assets.definitions", "--select")
    planned = project.dagster(*command, f'key:"{name}/plan"')
    printed = re.search(r"--select '(.+)' --partition (\S+)", planned.stderr + planned.stdout)
    assert printed is not None
    alone = project.dagster(*command, selection(name), "--partition", printed[2])
    assert alone.returncode != 0
    assert "flows is not done" in alone.stderr
    link = places_of(project).link(name)
    assert not link.is_symlink()
    assert materialized(project, name)["processed"] == 0
    made = project.dagster(*command, printed[1], "--partition", printed[2])
    assert made.returncode == 0, made.stderr
    assert f'key:"{name}/flows"' in printed[1]
    assert link.is_symlink()
    again = subprocess.run(
        [str(HUGFLOW), "local-sync", "requests/add/steps.yaml", "--json"],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert "Dataset already exists in storage" in again.stderr


# With real speech in tests/e2e/test_prompts_by_dagster.py.
@pytest.mark.soak
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
    assert materialized(project, name) == dict.fromkeys(STAGE_NAMES, SHARDS)
    assert places_of(project).link(name).is_symlink()
    assert all(path.stat().st_mtime_ns == at for path, at in finished.items())


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


def json_files(places: Places, name: str) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in places.dataset(name).json.glob("*.json")}


def test_while_a_run_of_dagster_is_at_work_the_command_line_is_told_who_holds_the_shard(
    project: Project, hub: LoopbackHub
):
    publish_speech(hub, "processes/both", rows=4, shards=1)
    name = name_of("processes/both")
    project.write_request("both.yaml", request_text("processes/both"))
    module = ("-m", "hugflow_assets.definitions")
    project.dagster("asset", "materialize", *module, "--select", f'key:"{name}/plan"')
    with open_instance(project.root) as instance:
        [key] = instance.get_dynamic_partitions(f"{name}/shards")
    hub.inject(Stall(12.0), when=Match(port="storage", has_range=False))
    command = ["asset", "materialize", *module, "--select", selection(name), "--partition", key]
    run = project.start(*command)
    locks = places_of(project).dataset_lock(name).parent
    wait_until(lambda: any(locks.glob("*-of-*.holder")), 60, "a shard in work")
    second = subprocess.run(
        [HUGFLOW, "local-sync", "requests/add/both.yaml"],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 8, second.stderr
    assert re.search(r"process \d+ on ", second.stderr)
    assert run.wait(60) == 0
    assert places_of(project).link(name).is_symlink()
