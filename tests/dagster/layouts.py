"""The platform as people run it: one command, or a process for each of its parts."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.dagster.conftest import ROOT, Project, free_port, kill_group

PYTHON = Path(sys.executable)
MODULE = "hugflow_assets.definitions"


@dataclass
class Platform:
    """What runs in a project; `layout` says as what."""

    project: Project
    layout: str
    port: int = field(default_factory=free_port)
    code_port: int = field(default_factory=free_port)
    parts: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self) -> None:
        """Start whatever of it does not run."""
        for part in self.commands:
            if part not in self.parts or self.parts[part].poll() is not None:
                self.start_part(part)

    def start_part(self, part: str) -> None:
        environment = dict(self.project.environment)
        if self.layout == "services":
            environment["DAGSTER_HOME"] = str(self.project.root)
        with (self.project.root / "dagster.log").open("ab") as log:
            self.parts[part] = subprocess.Popen(
                self.commands[part],
                cwd=self.project.root,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.project.started.append(self.parts[part])

    @property
    def commands(self) -> dict[str, list[str]]:
        dagster = [str(PYTHON.with_name("dagster"))]
        port, host = str(self.port), "127.0.0.1"
        if self.layout == "dev":
            return {"all": [*dagster, "dev", "--host", host, "--port", port]}
        if self.layout == "up":
            return {"all": [str(PYTHON.with_name("hugflow")), "up", "--port", port]}
        workspace = self.project.root / "services.yaml"
        text = (ROOT / "deploy" / "services" / "workspace.yaml").read_text()
        workspace.write_text(text.replace("port: 4266", f"port: {self.code_port}"))
        code = ["code-server", "start", "-m", MODULE, "-h", host, "-p", str(self.code_port)]
        web = [str(PYTHON.with_name("dagster-webserver")), "-w", str(workspace)]
        return {
            "code": [*dagster, *code, "--location-name", "hugflow"],
            "daemon": [str(PYTHON.with_name("dagster-daemon")), "run", "-w", str(workspace)],
            "web": [*web, "-h", host, "-p", port],
        }

    def kill(self, part: str) -> None:
        """Kill one part, and what belongs to it, at once; runs are left alone."""
        process = self.parts[part]
        for pid in [process.pid, *self._children(process.pid)]:
            if not self._is_run(pid):
                kill(pid)
        process.wait()

    def kill_all(self) -> None:
        """What a power cut does: nothing is left, no run either."""
        for pid in self._pids():
            kill(pid)
        for process in self.parts.values():
            process.wait()

    def stop(self) -> None:
        """What a person does at the end of the day."""
        for process in self.parts.values():
            kill_group(process, signal.SIGINT if self.layout == "dev" else signal.SIGTERM)
        for process in self.parts.values():
            process.wait(60)

    def run_workers(self) -> list[int]:
        """The processes that carry out runs, of this project alone."""
        return [pid for pid in self._pids() if self._is_run(pid)]

    def pids_of(self, words: str) -> list[int]:
        """The processes of this project whose command line holds the words."""
        return [pid for pid in self._pids() if words in _command_of(pid).replace("\0", " ")]

    def ask(self, query: str, **variables: Any) -> Any:
        """Ask the web server as the UI does."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            told = json.load(answer)
        assert "errors" not in told, told["errors"]
        return told["data"]

    def is_up(self) -> bool:
        """Whether the web server knows the code location and its sensor."""
        query = (
            "{repositoriesOrError{... on RepositoryConnection{nodes{name sensors{name}}}"
            "... on PythonError{message}}}"
        )
        try:
            nodes = self.ask(query)["repositoriesOrError"].get("nodes", [])
        except OSError:
            return False
        return any(node["sensors"] for node in nodes)

    def log(self) -> str:
        return (self.project.root / "dagster.log").read_text("utf-8", "replace")

    def _pids(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if (entry / "cwd").readlink() == self.project.root:
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def _children(self, parent: int) -> list[int]:
        children = [pid for pid in self._pids() if _parent_of(pid) == parent]
        return children + [below for child in children for below in self._children(child)]

    def _is_run(self, pid: int) -> bool:
        return "multiprocessing.spawn" in _command_of(pid)


def kill(pid: int) -> None:
    """Kill a process that may have gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace")
    except OSError:
        return ""


def _parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


Start = Callable[[str], Platform]
