"""Running `hugflow` as a user does: in a project, as a process of its own."""

import atexit
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hugflow.settings_model import Settings
from hugflow.store.layout import DatasetFolder, Places
from hugflow.testing.hub import LoopbackHub
from tests.warm import READ_ON_IMPORT, WARM_COVERAGE, WarmProcess, may_be_warm

HUGFLOW = Path(sys.executable).with_name("hugflow")
# Names of the environment that nothing reads on import.
_LATE = frozenset(
    {str(field.alias) for field in Settings.model_fields.values()} - set(READ_ON_IMPORT)
    | {f"GITHUB_{word}" for word in ("ACTIONS", "EVENT_PATH", "WORKSPACE", "SERVER_URL", "RUN_ID")}
    | {"GITHUB_STEP_SUMMARY", "HUGFLOW_HOME", WARM_COVERAGE}
)


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
        """Run a command to its end; see `tests.warm` for how it is started."""
        wanted = self.environment | environment
        if warm := _warm_process(wanted, self.root):
            command = [str(HUGFLOW), *map(str, arguments)]
            done = warm.run(command, self.root, wanted, timeout_s=300)
        else:
            process = self.start(*arguments, **environment)
            output, talk = process.communicate(timeout=300)
            done = subprocess.CompletedProcess(arguments, process.returncode, output, talk)
        assert "Traceback" not in done.stderr, done.stderr
        return done

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


_MOST_WARM = 3
_warm: dict[frozenset[tuple[str, str]], WarmProcess | None] = {}


def _warm_process(environment: dict[str, str], root: Path) -> WarmProcess | None:
    """What forks a command with this environment; None where it has to be started cold.

    The first command with other things that are read on import is started cold, and so are those
    of the fourth such environment.
    """
    if not may_be_warm(root):
        return None
    early = {name: value for name, value in environment.items() if name not in _LATE}
    if any(name.startswith(("LD_", "PYTHON")) for name in early):
        # What is preloaded counts what one process does, and patches one program.
        return None
    key = frozenset(early.items())
    if key not in _warm:
        _warm[key] = None
        return None
    if _warm[key] is None and sum(map(bool, _warm.values())) < _MOST_WARM:
        _warm[key] = warm = WarmProcess(early)
        atexit.register(warm.close)
    return _warm[key]


def make_project(hub: LoopbackHub, root: Path) -> Project:
    """A project with links beside its storage."""
    root.mkdir(parents=True)
    (root / "workspace.yaml").write_text("load_from: []\n")
    kept = ("PATH", "HOME", "HF_HOME", "HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY", "TMPDIR")
    kept += (WARM_COVERAGE,)
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"HF_ENDPOINT": hub.endpoint, "PROCESSED_ROOT": "./processed"}
    # Two seconds a dataset; tests of the check set it.
    environment |= {"VERIFY_LOAD": "false"}
    return Project(root, environment)
