"""Runs over Celery, with real Postgres and redis: two workers, and what happens when one dies."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from hugflow.cli.project import read_template
from hugflow.settings import load_settings
from hugflow.stages.tree.manifest import read_manifest
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_tables, speech_table
from tests.cluster.servers import find_postgres, postgres, redis
from tests.cluster.venv import make_cluster_venv
from tests.dagster.conftest import ROOT, Project, kill_group, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]

SHARDS = 8
NAME = "cluster__long__split_train__rev_main"


@dataclass
class Cluster:
    """A project on several hosts, all of them this one; what runs there, by name."""

    project: Project
    python: Path
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in self.project.environment.items() if k[:9] != "COVERAGE_"}
        return {**kept, "DAGSTER_HOME": str(self.project.root)}

    def call(self, *arguments: str) -> str:
        """Run a Python module of the cluster's environment to its end."""
        command = [str(self.python), "-W", "ignore", "-m", *arguments]
        root, environment = self.project.root, self.environment
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, name: str, *arguments: str) -> None:
        """Start a Python module of the cluster's environment, in a process group of its own."""
        # As of a service manager: the addresses come from cluster.env.
        given = [line.split("=", 1) for line in self._env_file().splitlines()]
        with self.log_of(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                [str(self.python), "-W", "ignore", "-m", *arguments],
                cwd=self.project.root,
                env={**self.environment, **dict(given)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.project.started.append(self.running[name])

    def start_worker(self, name: str) -> None:
        # As deploy/compose starts it, but for the name, and one run at once.
        compose = yaml.safe_load((ROOT / "deploy" / "compose" / "cluster.yaml").read_text())
        words = compose["services"]["worker"]["command"].split()
        own = {"%h": f"{name}@%h", "2": "1", "WARNING": "INFO"}
        self.start(name, *(own.get(word, word) for word in words))

    def start_daemon(self) -> None:
        self.start("daemon", "dagster._daemon", "run", "-w", "workspace.yaml")

    def kill(self, name: str) -> None:
        """What a power cut does: the process and all that it started."""
        kill_group(self.running[name], signal.SIGKILL)
        self.running[name].wait()

    def log_of(self, name: str) -> Path:
        return self.project.root / f"{name}.log"

    def has_taken(self, worker: str) -> int:
        """How many runs a worker was given."""
        return self.log_of(worker).read_text("utf-8", "replace").count("Task execute_job[")

    def _env_file(self) -> str:
        return (self.project.root / "cluster.env").read_text()


@pytest.fixture
def cluster(project: Project) -> Iterator[Cluster]:
    """A project whose instance is ready in Postgres; nothing runs yet."""
    programs = find_postgres()
    if programs is None:
        pytest.skip("Debian's postgresql is not installed")
    root, python = project.root, make_cluster_venv()
    config = read_template("cluster/dagster.yaml").replace(
        "poll_interval_seconds: 60", "poll_interval_seconds: 5"
    )
    (root / "dagster.yaml").write_text(config)
    for name in ("dagster_celery_config.py",):
        (root / name).write_text(read_template(f"cluster/{name}"))
    with (root / ".env").open("a") as file:
        file.write("RUNS_PER_DATASET=2\nWORKERS=1\n")
    with postgres(programs) as database, redis() as queue:
        lines = {"POSTGRES": database, "BROKER": f"{queue}/0", "RESULT": f"{queue}/1"}
        text = "".join(f"HUGFLOW_{name}_URL={url}\n" for name, url in lines.items())
        (root / "cluster.env").write_text(text)
        cluster = Cluster(project, python)
        try:
            cluster.call("hugflow_resources.instance")
            yield cluster
        finally:
            project.stop_all()


CHECK = """
import json, sys
from dagster._config import process_config, resolve_to_config_type
from dagster_k8s import K8sRunLauncher
done = process_config(resolve_to_config_type(K8sRunLauncher.config_type()), json.load(sys.stdin))
sys.exit(None if done.success else str(done.errors))
"""


def to_snake(key: str) -> str:
    """A key of the chart, as the launcher spells it."""
    return re.sub(r"(?<=[a-z])K8s|(?<=[a-z])[A-Z]", lambda found: f"_{found[0]}", key).lower()


def test_the_values_for_kubernetes_are_what_its_launcher_takes():
    values = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "values.yaml").read_text())
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    config = {to_snake(key): value for key, value in launcher.items()}
    config["run_k8s_config"] = {
        to_snake(key): value for key, value in launcher["runK8sConfig"].items()
    }
    # What the chart makes of the rest.
    config["env_secrets"] = [secret["name"] for secret in launcher["envSecrets"]]
    config |= {"service_account_name": "hugflow", "instance_config_map": "hugflow"}
    python = make_cluster_venv()
    told = subprocess.run(
        [str(python), "-W", "ignore", "-c", CHECK],
        input=json.dumps(config),
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr


QUEUES = """
from types import SimpleNamespace
from dagster_celery.launcher import CeleryRunLauncher

class Launcher(CeleryRunLauncher):
    _instance = SimpleNamespace(report_engine_event=lambda *_, **__: None, add_run_tags=print)

class Task:
    def apply_async(self, **words):
        return SimpleNamespace(task_id=words["queue"])

for tags in ({}, {"dagster-celery/queue": "encode"}):
    run = SimpleNamespace(tags=tags, run_id="run")
    Launcher(default_queue="dagster")._launch_celery_task_run(run, Task(), "job")
"""


def test_a_run_goes_to_the_queue_that_its_tag_names():
    command = [str(make_cluster_venv()), "-W", "ignore", "-c", QUEUES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"'(\w+)'}", done.stdout) == ["dagster", "encode"]


def test_eight_shards_on_two_workers_are_each_made_once_though_a_worker_and_the_scheduler_die(
    cluster: Cluster, hub: LoopbackHub
):
    root = cluster.project.root
    clip = speech_table(1, seconds=90.0, seed=3)
    table = pa.concat_tables([clip] * (2 * SHARDS))
    publish_tables(hub, "cluster/long", {"default": {"train": table}}, shards=SHARDS)
    cluster.project.push(
        {"requests/add/long.yaml": "hf_id: cluster/long\ndescription: For tests\n"}
    )
    places = load_settings(root, os.environ).places
    ledger = places.state_dir / "ledger" / NAME

    def done() -> set[str]:
        return {path.name for path in ledger.glob("*/*.metadata.json")}

    for name in ("w1", "w2"):
        cluster.start_worker(name)
    cluster.start_daemon()
    wait_until(lambda: len(done()) >= 2, 240, "the workers have made two shards")
    made = {path: path.stat().st_mtime_ns for path in ledger.glob("*/*.metadata.json")}
    cluster.kill("w1")
    cluster.kill("daemon")
    cluster.start_daemon()
    wait_until(places.link(NAME).exists, 600, "the other worker has made the rest")
    assert len(done()) == SHARDS
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert cluster.has_taken("w1") >= 1
    assert cluster.has_taken("w2") >= 2
    manifest = read_manifest(places.dataset(NAME).manifest)
    assert manifest is not None
    assert (manifest.rows.made, manifest.rows.failed) == (2 * SHARDS, 0)
