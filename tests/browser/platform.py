"""A platform that is up, with a dataset that came from a push to main: what a browser looks at."""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hugflow.testing.hub import LoopbackHub
from tests.dagster.conftest import free_port, git, kill_group, wait_until
from tests.projects import HUGFLOW, make_project

LOCATION = "hugflow"
# A noisy machine takes its time; a quiet one is through in half a minute.
READY_S = 240.0


@dataclass(frozen=True, slots=True)
class Platform:
    """Where the web UI listens, and what there is to see of one dataset."""

    url: str
    root: Path
    name: str

    @property
    def group(self) -> str:
        """The address of the dataset's group."""
        return f"{self.url}/locations/{LOCATION}/asset-groups/{self.group_name}/lineage"

    @property
    def group_name(self) -> str:
        """The name of the dataset's group; its split and revision are the defaults."""
        return self.name.removesuffix("__split_train__rev_main").replace("-", "_")

    def asset(self, stage: str, view: str = "overview") -> str:
        """The address of one asset's page."""
        return f"{self.url}/assets/{self.name}/{stage}?view={view}"

    def check(self, stage: str, check: str, name: str | None = None) -> str:
        """The address of one check of an asset of this dataset, or of the one called `name`."""
        asset = f"{self.url}/assets/{name or self.name}/{stage}"
        return f"{asset}?view=checks&checkDetail={check}"

    @property
    def overview(self) -> str:
        """The address of the table of all datasets."""
        return f"{self.url}/assets/hugflow/overview?view=overview"

    def runs(self) -> dict[str, str]:
        """The runs that make stages by their id, each with its status.

        A run of checks alone, as the day's look for drift, selects no asset.
        """
        fields = "runId status assetSelection {path}"
        answer = self.ask(f"{{runsOrError {{... on Runs {{results {{{fields}}}}}}}}}")
        made = [run for run in answer["runsOrError"]["results"] if run["assetSelection"]]
        return {run["runId"]: run["status"] for run in made}

    def partition_keys(self) -> list[str]:
        """The dataset's partitions, in the order of its shards."""
        node = self._ask_of("audio", "partitionKeys")
        return list(node["partitionKeys"])

    def check_names(self, stage: str) -> list[str]:
        """The checks that an asset has."""
        checks = "assetChecksOrError {... on AssetChecks {checks {name}}}"
        found = self._ask_of(stage, checks)["assetChecksOrError"]
        return [check["name"] for check in found.get("checks", [])]

    def compute_logs(self) -> str:
        """What all runs wrote to stdout and stderr."""
        folder = self.root / ".hugflow-state" / "dagster" / "compute_logs"
        files = [*folder.glob("*/compute_logs/*.out"), *folder.glob("*/compute_logs/*.err")]
        return "".join(file.read_text("utf-8") for file in files)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask Dagster's web server."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return dict(json.load(answer)["data"])

    def _ask_of(self, stage: str, fields: str) -> dict[str, Any]:
        query = f"query($key: AssetKeyInput!) {{assetNodeOrError(assetKey: $key) {{... on AssetNode {{{fields}}}}}}}"
        return dict(self.ask(query, key={"path": [self.name, stage]})["assetNodeOrError"])


@contextmanager
def open_platform(
    hub: LoopbackHub,
    folder: Path,
    request: str,
    name: str,
    project_file: str = "",
    more: str = "",
    **environment: str,
) -> Iterator[Platform]:
    """`hugflow up` on a project whose main asks for one dataset, once the dataset is published.

    more: another request, which cannot be planned.
    """
    project = make_project(hub, folder / "project")
    (project.root / "workspace.yaml").unlink()
    remote = folder / "requests.git"
    settings = project.environment | environment | {"REQUESTS_REPO": str(remote)}
    subprocess.run([str(HUGFLOW), "init"], cwd=project.root, env=settings, check=True)
    (project.root / "requests" / "add" / "request.yaml").write_text(request, "utf-8")
    if more:
        (project.root / "requests" / "add" / "more.yaml").write_text(more, "utf-8")
    if project_file:
        (project.root / "hugflow.yaml").write_text(project_file, "utf-8")
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(project.root, "init", "--quiet", "--initial-branch=main")
    git(project.root, "add", ".")
    git(project.root, "commit", "--quiet", "--message", "Ask")
    git(project.root, "push", "--quiet", str(remote), "main")
    port = free_port()
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [str(HUGFLOW), "up", "--port", str(port)],
            cwd=project.root,
            env=settings,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    platform = Platform(f"http://127.0.0.1:{port}", project.root, name)
    try:
        wait_until(lambda: _is_ready(platform), READY_S, "the dataset is published")
        yield platform
    finally:
        kill_group(process, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        _kill_session(process.pid)
        process.wait()


def _is_ready(platform: Platform) -> bool:
    if not (platform.root / "processed" / platform.name).is_symlink():
        return False
    return set(platform.runs().values()) == {"SUCCESS"}


def _kill_session(leader: int) -> None:
    """End what is left of a session that we started; runs have process groups of their own."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError):
            if os.getsid(int(entry.name)) == leader:
                os.kill(int(entry.name), signal.SIGKILL)
