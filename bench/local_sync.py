"""What `hugflow local-sync` costs per row, against the floor: `python bench/local_sync.py [--quick]`.

CPU seconds of the whole command, less those of the same command on a single row (start-up and
planning), against libsndfile plus LAME on the same clips in this process. Peak memory is that of
the command and its child processes together (their PSS). The Hub is a loopback one, in this process, whose work is not counted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from encode import CASES, COPY_LIMIT, Case, best_cpu_seconds, encode_barely, make_clip

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_tables, to_audio_column

# A small process between us and the command: a child begins with its parent's peak memory.
LAUNCHER = """
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

process, peak_kb = subprocess.Popen(sys.argv[1:]), 0
while process.poll() is None:
    texts = [read(f"/proc/{pid}/smaps_rollup") for pid in find_all(process.pid)]
    peak_kb = max(peak_kb, sum(int(size) for text in texts for size in re.findall(r"Pss: +(\\d+)", text)))
    time.sleep(0.05)
assert process.returncode == 0
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, peak_kb]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command took."""

    cpu_s: float
    peak_mb: float


def main() -> None:
    """Measure every case and print one line for each."""
    parser = argparse.ArgumentParser(description="Compare hugflow local-sync with its floor.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the clips, two rounds")
    quick = parser.parse_args().quick
    rounds = 2 if quick else 3
    print(
        f"{'clips':34} {'floor':>7} {'rows':>7} {'ratio':>6} {'limit':>6} {'start':>6} {'peak':>8}"
    )
    with LoopbackHub() as hub:
        for case in CASES:
            count = max(2, case.count // 10) if quick else case.count
            clips = [make_clip(case, seed) for seed in range(count)]
            [floor] = best_cpu_seconds([encode_barely], clips, rounds)
            start, _ = measure(hub, case, clips[:1], "reencode", rounds)
            cpu, peak = measure(hub, case, clips, "reencode", rounds)
            report(f"{count} x {case.name}", floor, cpu - start, case.limit, start, peak)
            if case.format == "MP3":
                copied, peak = measure(hub, case, clips, "copy", rounds)
                report(
                    "  copied : re-encoded", cpu - start, copied - start, COPY_LIMIT, start, peak
                )


def report(name: str, floor: float, ours: float, limit: float, start: float, peak: float) -> None:
    """Print one line of the table: CPU seconds, ratios, and MB."""
    verdict = "" if ours <= limit * floor else "  too slow"
    ratio = ours / floor
    print(
        f"{name:34} {floor:7.3f} {ours:7.3f} {ratio:6.2f} {limit:6.2f} {start:6.2f} "
        f"{peak:5.0f} MB{verdict}"
    )


def measure(
    hub: LoopbackHub, case: Case, clips: list[bytes], mp3_source: str, rounds: int
) -> tuple[float, float]:
    """The least CPU seconds and the largest peak memory of some runs from nothing."""
    table = pa.table(
        {
            "audio": to_audio_column(list(clips), [f"{i}.bin" for i in range(len(clips))]),
            "text": [f"row {i}" for i in range(len(clips))],
        }
    )
    hf_id = f"bench/clips-{len(clips)}-{case.rate_hz}"
    publish_tables(hub, hf_id, {"default": {"train": table}})
    costs = [sync_once(hub, hf_id, mp3_source) for _ in range(rounds)]
    return min(cost.cpu_s for cost in costs), max(cost.peak_mb for cost in costs)


def sync_once(hub: LoopbackHub, hf_id: str, mp3_source: str) -> Cost:
    """One `hugflow local-sync` in a new project."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "workspace.yaml").touch()
        request = root / "requests" / "add" / "bench.yaml"
        request.parent.mkdir(parents=True)
        request.write_text(f'hf_id: "{hf_id}"\ndescription: "A measurement"\n')
        environment = os.environ | {
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(root / "hf"),
            "PROCESSED_ROOT": "./processed",
            "MP3_SOURCE": mp3_source,
            "LOG_LEVEL": "ERROR",
        }
        hugflow = Path(sys.executable).with_name("hugflow")
        command = [sys.executable, "-c", LAUNCHER, hugflow, "local-sync", request]
        done = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    cpu_s, peak_kb = json.loads(done.stdout.splitlines()[-1])
    return Cost(cpu_s, peak_kb / 1024)


if __name__ == "__main__":
    main()
