"""What commands cost before their work: `python bench/start_up.py`.

CPU seconds of commands, child processes included, as multiples of importing pyarrow.parquet, soundfile,
numpy and httpx2 in the same run. Each figure is the least of ROUNDS. The dataset has one row, in a parquet
file of the loopback Hub, whose work is not counted. `local-sync` begins in a fresh project each time,
with VERIFY_LOAD=false: the check that opens a finished tree with `datasets` is no part of start-up.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_tables, speech_table

ROUNDS = 5
IMPORTS = "import pyarrow.parquet, soundfile, numpy, httpx2"
REQUEST = "requests/add/one.yaml"
HUGFLOW = str(Path(sys.executable).with_name("hugflow"))
# The name, the arguments, whether it needs a fresh project, and its limit.
COMMANDS: tuple[tuple[str, tuple[str, ...], bool, float], ...] = (
    ("--help", ("--help",), False, 0.6),
    ("plan", ("plan", REQUEST), True, 3.7),
    ("local-sync", ("local-sync", "--no-report", REQUEST), True, 4.0),
    ("local-sync, nothing to do", ("local-sync", "--no-report", REQUEST), False, 1.4),
)


def main() -> None:
    """Measure and print a line for each command."""
    with tempfile.TemporaryDirectory() as folder, LoopbackHub() as hub:
        os.environ |= {
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": f"{folder}/hf",
            "VERIFY_LOAD": "false",
        }
        # As it is installed: the first round leaves the compiled modules.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        publish_tables(hub, "bench/one", {"default": {"train": speech_table(1)}})
        project = Path(folder) / "project"
        unit = least(lambda: cpu_of([sys.executable, "-c", IMPORTS], Path(folder)))
        print(f"imports: {unit:.2f} CPU s")
        for name, arguments, is_fresh, limit in COMMANDS:

            def run(arguments: Sequence[str] = arguments, is_fresh: bool = is_fresh) -> float:
                if is_fresh or not project.exists():
                    make_project(project)
                return cpu_of([HUGFLOW, *arguments], project)

            used = least(run)
            verdict = "" if used <= limit * unit else ": NOT KEPT"
            print(f"{name}: {used:.2f} CPU s, {used / unit:.1f}x (limit {limit}x{verdict})")


def least(measure: Callable[[], float]) -> float:
    """The least of several measurements: others on this machine only add."""
    return min(measure() for _ in range(ROUNDS))


def make_project(root: Path) -> None:
    """An empty project with one request."""
    shutil.rmtree(root, ignore_errors=True)
    (root / "requests" / "add").mkdir(parents=True)
    (root / "workspace.yaml").touch()
    (root / ".env").write_text("PROCESSED_ROOT=./processed\n")
    (root / REQUEST).write_text("hf_id: bench/one\ndescription: one row\n")


def cpu_of(command: Sequence[str], folder: Path) -> float:
    """CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
