"""What telling Dagster costs: `python bench/telling.py [SHARDS]`, by default 40.

CPU seconds of whole process trees beyond `local-sync --no-report`, for the same dataset of text in
so many shards: of `local-sync`, which tells Dagster afterwards, and of a Dagster run. Each way has
its turn ROUNDS times, in a project of its own that is planned before, and the least counts.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cost import cost_of

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_text

ROUNDS = 3
SHARDS = 40
ROWS_OF_SHARD = 5
NAME = "bench__text__split_train__rev_main"
REQUEST = "requests/add/text.yaml"
HUGFLOW, DAGSTER = (Path(sys.executable).with_name(name) for name in ("hugflow", "dagster"))
STAGES = ("raw", "audio", "metadata", "processed")
WAYS = ("local-sync --no-report", "local-sync", "Dagster run")


def main() -> None:
    """Measure, and print a table."""
    shards = int(sys.argv[1]) if len(sys.argv) > 1 else SHARDS
    limits = {"local-sync": 1.5 + 0.015 * shards, "Dagster run": 3.0 + 0.02 * shards}
    used: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder, LoopbackHub() as hub:
        os.environ |= {
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": f"{folder}/hf",
            "VERIFY_LOAD": "false",
            "LOG_LEVEL": "ERROR",
            "PROCESSED_ROOT": "./processed",
        }
        publish_text(hub, "bench/text", rows=ROWS_OF_SHARD * shards, shards=shards)
        for turn in range(ROUNDS):
            for way in WAYS:
                root = make_project(Path(folder) / f"{way}-{turn}")
                used[way].append(cost_of(command_of(way, root), root, environment_of(root)).cpu_s)
    alone = min(used[WAYS[0]])
    print("| shards | way | CPU s | beyond the first | limit |")
    print("| --- | --- | --- | --- | --- |")
    for way in WAYS:
        more = min(used[way]) - alone
        limit = limits.get(way)
        told = "" if limit is None else f"{limit:.1f}" + (", MISSED" if more > limit else "")
        print(f"| {shards} | {way} | {min(used[way]):.2f} | {more:.2f} | {told} |")


def make_project(root: Path) -> Path:
    """A project whose dataset is planned; the range of its shards is written beside it."""
    (root / REQUEST).parent.mkdir(parents=True)
    (root / ".dagster").mkdir()
    (root / "workspace.yaml").touch()
    (root / REQUEST).write_text("hf_id: bench/text\ndescription: text\n")
    planned = subprocess.run(
        materialize(f'key:"{NAME}/plan"'),
        cwd=root,
        env=environment_of(root),
        check=True,
        capture_output=True,
        text=True,
    )
    found = re.search(r"--partition-range (\S+)", planned.stderr + planned.stdout)
    (root / "range").write_text(found[1] if found is not None else "")
    return root


def command_of(way: str, root: Path) -> Sequence[str | Path]:
    """The command that makes the dataset."""
    if way != "Dagster run":
        return [HUGFLOW, *way.split(), REQUEST]
    selected = " or ".join(f'key:"{NAME}/{stage}"' for stage in STAGES)
    return [*materialize(selected), "--partition-range", (root / "range").read_text()]


def materialize(selected: str) -> Sequence[str | Path]:
    """Dagster's command for these assets."""
    module = ("-m", "hugflow_assets.definitions")
    return [DAGSTER, "asset", "materialize", *module, "--select", selected]


def environment_of(root: Path) -> dict[str, str]:
    """The environment, with records of Dagster that are the project's own."""
    return os.environ | {"DAGSTER_HOME": str(root / ".dagster")}


if __name__ == "__main__":
    main()
