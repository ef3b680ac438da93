"""What a command costs: CPU seconds and peak memory of it and all its child processes, and time."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# A small process between us and the command: a child begins with its parent's peak memory. Memory
# is the sum of what each process has of its own and of its share of the rest (PSS).
_LAUNCHER = """
import glob, json, re, resource, subprocess, sys, time

def find_all(pid):
    found = [pid]
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        for child in read(path).split():
            found += find_all(child)
    return found

def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""

began, peak_kb = time.monotonic(), 0
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
while process.poll() is None:
    texts = [read(f"/proc/{pid}/smaps_rollup") for pid in find_all(process.pid)]
    peak_kb = max(peak_kb, sum(int(size) for text in texts for size in re.findall(r"Pss: +(\\d+)", text)))
    time.sleep(0.05)
wall_s = time.monotonic() - began
assert process.returncode == 0
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, wall_s, peak_kb / 1024]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command took."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def cost_of(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None
) -> Cost:
    """Run a command to its end; ends this program if it fails."""
    launched = [sys.executable, "-c", _LAUNCHER, *map(str, command)]
    done = subprocess.run(
        launched, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return Cost(*json.loads(done.stdout.splitlines()[-1]))
