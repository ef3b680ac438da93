"""Two workers against one: `python bench/two_workers.py [CLIPS]`, on two idle cores at least.

The files are fetched already and the Hub is stopped, so that nothing but the work is measured: wall
seconds of `local-sync` without those of one clip, the least of ROUNDS, by turns.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from compare import GROUP_ROWS, HUGFLOW, to_table
from cost import cost_of
from encode import CASES, Case, make_clip

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_tables

ROUNDS = 3
LEAST = 1.9
# Of STATE_DIR, what is needed to make the rows without the Hub.
KEPT = ("plans", "raw")


def main() -> None:
    """Measure, and print the ratio."""
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    case = CASES[0]
    with tempfile.TemporaryDirectory() as folder:
        with LoopbackHub() as hub:
            projects = {n: prepare(hub, Path(folder), n) for n in (1, clips)}
        wall_s: dict[tuple[int, int], list[float]] = {}
        for _ in range(ROUNDS):
            for workers in (1, 2):
                for count, root in projects.items():
                    wall_s.setdefault((workers, count), []).append(make_again(root, workers))
    one, two = (min(wall_s[workers, clips]) - min(wall_s[workers, 1]) for workers in (1, 2))
    print("| clips | 1 worker, s | 2 workers, s | ratio | goal |")
    print("| --- | --- | --- | --- | --- |")
    missed = "" if one / two >= LEAST else ", MISSED"
    print(
        f"| {clips - 1} x {case.name} | {one:.2f} | {two:.2f} | {one / two:.2f} | {LEAST}{missed} |"
    )


def prepare(
    hub: LoopbackHub, folder: Path, count: int, shards: int = 1, case: Case = CASES[0]
) -> Path:
    """A project whose dataset of so many clips, `bench/clips-<count>`, is planned and fetched."""
    name = f"bench/clips-{count}"
    table = to_table([make_clip(case, seed) for seed in range(count)])
    splits = {"default": {"train": table}}
    publish_tables(hub, name, splits, shards=shards, row_group_rows=GROUP_ROWS)
    root = folder / f"project-{count}"
    request = request_of(root)
    request.parent.mkdir(parents=True)
    (root / "workspace.yaml").touch()
    request.write_text(f"hf_id: {name}\ndescription: clips\n")
    os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": f"{folder}/hf", "LOG_LEVEL": "ERROR"}
    sync(root, workers=os.cpu_count() or 2)
    return root


def make_again(root: Path, workers: int, kept: Sequence[str] = KEPT) -> float:
    """Seconds to make all rows once more, with what is kept of STATE_DIR."""
    # Set aside: creating files right after deleting others may take several times the CPU.
    aside = Path(tempfile.mkdtemp(dir=root.parent))
    for made in ("datasets", "processed", ".hugflow-state"):
        if (root / made).exists():
            (root / made).rename(aside / made)
    for record in (root / "state").iterdir():
        if record.name not in kept:
            record.rename(aside / record.name)
    return sync(root, workers)


def sync(root: Path, workers: int) -> float:
    """Seconds of `local-sync`."""
    environment = os.environ | {
        "WORKERS": str(workers),
        "KEEP_RAW": "true",
        "VERIFY_LOAD": "false",
        "STORAGE_ROOT": "./datasets",
        "PROCESSED_ROOT": "./processed",
        "STATE_DIR": "./state",
    }
    command = [HUGFLOW, "local-sync", "--no-report", request_of(root)]
    return cost_of(command, root, environment).wall_s


def request_of(root: Path) -> Path:
    """The request file of a project."""
    return root / "requests" / "add" / "clips.yaml"


if __name__ == "__main__":
    main()
