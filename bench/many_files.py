"""What planning a dataset of loose files costs: `python bench/many_files.py [COUNT]`.

CPU seconds and peak memory of `hugflow plan --no-sample` on COUNT clips (100,000), each with a
transcript in `<stem>.txt`, less those of one clip. The listing is paged. The Hub is a loopback one, in
this process, whose work is not counted.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hugflow.testing.hub import LoopbackHub

CPU_S, PEAK_MB = 60.0, 300.0
# A small process between us and the command: a child begins with its parent's peak memory.
LAUNCHER = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command took."""

    cpu_s: float
    peak_mb: float


def main() -> None:
    """Measure and print two lines."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder, LoopbackHub() as hub:
        os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": f"{folder}/hf"}
        few, many = (plan_cost(hub, Path(folder), each) for each in (1, count))
    print(f"one clip: {few.cpu_s:.2f} CPU s, {few.peak_mb:.0f} MB")
    is_kept = many.cpu_s < CPU_S and many.peak_mb < PEAK_MB
    limits = f"(limits: {CPU_S:.0f} s, {PEAK_MB:.0f} MB{'' if is_kept else ': NOT KEPT'})"
    print(f"{count:,} clips: {many.cpu_s:.2f} CPU s, {many.peak_mb:.0f} MB {limits}")


def plan_cost(hub: LoopbackHub, folder: Path, count: int) -> Cost:
    """The cost of planning a new dataset of `count` clips with texts."""
    hub.publish(f"bench/loose-{count}", make_files(count))
    project = folder / f"project-{count}"
    (project / "requests" / "add").mkdir(parents=True)
    (project / "workspace.yaml").touch()
    request = project / "requests" / "add" / "loose.yaml"
    request.write_text(f"hf_id: bench/loose-{count}\ndescription: many files\n")
    hugflow = str(Path(sys.executable).with_name("hugflow"))
    command = [hugflow, "plan", "--no-sample", str(request)]
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    code, cpu_s, peak_mb = json.loads(done.stdout)
    if code:
        sys.exit(done.stderr)
    return Cost(cpu_s, peak_mb)


def make_files(count: int) -> dict[str, bytes]:
    """Clips and their texts, in one folder. Planning does not read them."""
    stems = [f"train/clip_{number:06d}" for number in range(count)]
    return {f"{stem}.{ending}": b"x" for stem in stems for ending in ("wav", "txt")}


if __name__ == "__main__":
    main()
