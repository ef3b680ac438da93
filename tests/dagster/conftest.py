"""Projects with requests, a Hub to make them from, and Dagster in this process or in others."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from hugflow.ledger.stages import STAGE_NAMES
from hugflow.names import op_name
from hugflow.requests.model import AddRequest
from hugflow.stages.build.build import Build
from hugflow.stages.planning.open_build import open_build
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text
from hugflow_assets.datasets import build_dataset, group_of
from hugflow_resources.hub import HubResource
from hugflow_resources.storage import Storage

if TYPE_CHECKING:
    from tests.dagster.sensor_world import World

ROOT = Path(__file__).parents[2]
DAGSTER = Path(sys.executable).with_name("dagster")
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@dataclass(frozen=True)
class Dataset:
    """One dataset's assets, materialized in this process."""

    request: AddRequest
    places: Places
    instance: dg.DagsterInstance
    max_bad_rows: str = "1%"

    @property
    def name(self) -> str:
        return self.request.name

    @property
    def keys(self) -> list[str]:
        return list(self.instance.get_dynamic_partitions(f"{self.name}/shards"))

    @property
    def storage(self) -> Storage:
        return Storage(
            storage_root=str(self.places.storage_root),
            processed_root=str(self.places.processed_root),
            state_dir=str(self.places.state_dir),
            max_bad_rows=self.max_bad_rows,
        )

    @property
    def resources(self) -> dict[str, object]:
        return {"hub": HubResource(), "storage": self.storage}

    def open(self) -> Build:
        """The build that the assets would open, for work without Dagster."""
        return open_build(self.request, self.places, HubResource().open(), self.storage.options())

    def materialize(
        self,
        *stages: str,
        tags: Mapping[str, str] | None = None,
        partition: str | None = None,
        config: Mapping[str, object] | None = None,
    ) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            build_dataset(self.request),
            selection=[dg.AssetKey([self.name, stage]) for stage in stages],
            instance=self.instance,
            resources=self.resources,
            tags=dict(tags or {}),
            partition_key=partition,
            run_config=dict(config or {}),
            raise_on_error=False,
        )

    def plan(self, *, update: bool = False) -> dg.ExecuteInProcessResult:
        op = {op_name(group_of(self.request), "plan"): {"config": {"update": update}}}
        return self.materialize("plan", config={"ops": op})

    def make(self, first: str, last: str, *stages: str) -> dg.ExecuteInProcessResult:
        tags = {RANGE_START: first, RANGE_END: last}
        return self.materialize(*(stages or STAGE_NAMES), tags=tags)

    def make_all(self) -> dg.ExecuteInProcessResult:
        return self.make(self.keys[0], self.keys[-1])

    def materialized(self, stage: str) -> set[str]:
        return self.instance.get_materialized_partitions(dg.AssetKey([self.name, stage]))

    def events(self, stage: str) -> list[dg.AssetMaterialization]:
        key = dg.AssetKey([self.name, stage])
        records = self.instance.fetch_materializations(key, limit=100).records
        found = [record.asset_materialization for record in records]
        return [event for event in found if event is not None]


@pytest.fixture
def dataset(
    places: Places, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Dataset]:
    """Assets of a request for what stands on the Hub: `dataset("acme/speech", split="test")`."""
    monkeypatch.chdir(tmp_path)

    def of(hf_id: str, *, budget: str = "1%", **fields: object) -> Dataset:
        request = AddRequest(hf_id=hf_id, description="For tests", **fields)  # type: ignore[arg-type]
        return Dataset(request, places, instance, budget)

    return of


def failure_text(result: dg.ExecuteInProcessResult) -> str:
    """What the failed step of a run says."""
    (event,) = result.get_step_failure_events()
    error = event.step_failure_data.error
    return error.message if error is not None else ""


@dataclass
class Project:
    """A project folder of its own, the bare remote that it watches, and Dagster on both."""

    root: Path
    remote: Path
    work_tree: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DAGSTER_")}
        return {**kept, "PYTHONUNBUFFERED": "1"}

    def write_request(self, name: str, text: str) -> None:
        path = self.root / "requests" / "add" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def push(self, files: Mapping[str, str]) -> str:
        """Put files on main; the commit."""
        for name, text in files.items():
            path = self.work_tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(self.work_tree, "add", "--all")
        git(self.work_tree, "commit", "--quiet", "--allow-empty", "--message", "Ask")
        git(self.work_tree, "push", "--quiet", "--force", str(self.remote), "HEAD:main")
        return git(self.work_tree, "rev-parse", "HEAD").strip()

    def dagster(
        self, *arguments: str, timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run `dagster` in the project's root, with nothing set."""
        return subprocess.run(
            [str(DAGSTER), *arguments],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `dagster` in a process group of its own, which ends with the test."""
        with (self.root / "dagster.log").open("ab") as log:
            process = subprocess.Popen(
                [str(DAGSTER), *arguments],
                cwd=self.root,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def stop_all(self) -> None:
        for process in self.started:
            kill_group(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            kill_group(process, signal.SIGKILL)
            process.wait()


def kill_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to every process of a group that we started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody; what it said."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until(is_so: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Look again and again; fail the test when it does not come true."""
    ends_at = time.monotonic() + timeout_s
    began = time.monotonic()
    while not is_so():
        now = time.monotonic()
        assert now < ends_at, f"waited {timeout_s:.0f} s in vain: {what}"
        # To open an instance takes as long as a sensor's look at main: what is waited for comes first.
        time.sleep(min(max(0.2, 5 * (now - began)), 2.0))
        began = time.monotonic()


@pytest.fixture
def project(tmp_path: Path, hub: LoopbackHub) -> Iterator[Project]:
    """An empty project, and a bare remote with an empty main."""
    root = tmp_path / "project"
    root.mkdir()
    for name in ("workspace.yaml", "dagster.yaml"):
        (root / name).write_text((ROOT / name).read_text())
    remote, work_tree = tmp_path / "remote.git", tmp_path / "work"
    (root / ".env").write_text(f"PROCESSED_ROOT=./processed\nREQUESTS_REPO={remote}\nWORKERS=2\n")
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(work_tree))
    project = Project(root, remote, work_tree)
    project.push({"README.md": "requests\n"})
    yield project
    project.stop_all()


Ask = Callable[..., str]


@pytest.fixture
def world(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> "World":
    """A project with an empty main."""
    from tests.dagster.sensor_world import World

    monkeypatch.chdir(project.root)
    return World(project, instance)


@pytest.fixture
def ask(world: "World", hub: LoopbackHub, request: pytest.FixtureRequest) -> Ask:
    """Publish a dataset and push a request for it; the dataset's name."""

    def ask_for(shards: int = 2, name: str = "", publish: bool = True) -> str:
        own = name or request.node.name.replace("_", "-")[:60].strip("-")
        if publish:
            publish_text(hub, f"sensor/{own}", rows=2 * shards, shards=shards)
        text = f"hf_id: sensor/{own}\ndescription: ArrivalOnMain for\n"
        world.project.push({f"requests/add/{own}.yaml": text})
        return f"sensor__{own}__split_train__rev_main"

    return ask_for
