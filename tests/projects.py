"""Running `hugflow` as a user does: in a project, as a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hugflow.store.layout import DatasetFolder, Places
from hugflow.testing.hub import LoopbackHub

HUGFLOW = Path(sys.executable).with_name("hugflow")


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder, with the environment its commands run in."""

    root: Path
    environment: dict[str, str]

    def request(self, hf_id: str, *lines: str, name: str = "request") -> Path:
        """Write a request file, and give its path as a user would type it."""
        path = self.root / "requests" / "add" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join((f'hf_id: "{hf_id}"', 'description: "A test"', *lines)) + "\n")
        return path.relative_to(self.root)

    def start(self, *arguments: str | Path, **environment: str) -> "subprocess.Popen[str]":
        """Start a command; the caller waits for it."""
        return subprocess.Popen(
            [str(HUGFLOW), *map(str, arguments)],
            cwd=self.root,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        process = self.start(*arguments, **environment)
        output, talk = process.communicate(timeout=300)
        assert "Traceback" not in talk, talk
        return subprocess.CompletedProcess(arguments, process.returncode, output, talk)

    def run_python(self, program: str) -> "subprocess.CompletedProcess[str]":
        """Run a Python program as a command of the project."""
        return subprocess.run(
            [sys.executable, "-c", program],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def places(self) -> Places:
        """Where its things lie."""
        return Places(self.root / "datasets", self.root / "processed", self.root / ".hugflow-state")

    def dataset(self, name: str) -> DatasetFolder:
        """The tree of one dataset."""
        return self.places.dataset(name)


def make_project(hub: LoopbackHub, root: Path) -> Project:
    """A project with links beside its storage."""
    root.mkdir(parents=True)
    (root / "workspace.yaml").write_text("load_from: []\n")
    kept = ("PATH", "HOME", "HF_HOME", "HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE_")}
    environment |= {"HF_ENDPOINT": hub.endpoint, "PROCESSED_ROOT": "./processed"}
    return Project(root, environment)
