"""How cost grows with rows and shards: `python bench/scale.py [ROWS [SHARDS]]` (1,000,000 and 1,000).

A hundredth of the rows, then all of them, each in a new project: `local-sync`, the same again, by its
mark of what is finished and without, and `verify`. CPU microseconds a row, without what one row
takes, and the peak memory of all processes. A row has a clip of 0.1 s and a text; shards have as
many rows each. The Hub is a loopback one, whose work is not counted.
"""

import os
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
from cost import Cost, cost_of
from encode import CASES, make_clip

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_tables, to_audio_column

ROWS, SHARDS, SHARE = 1_000_000, 1_000, 100
CLIP_S = 0.1
# CPU of a row among all, by that of one among a hundredth.
MOST = 1.1
HUGFLOW = Path(sys.executable).with_name("hugflow")


def main() -> None:
    """Measure, and print the table."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    shards = int(sys.argv[2]) if len(sys.argv) > 2 else max(1, SHARDS * rows // ROWS)
    few = rows // SHARE
    with tempfile.TemporaryDirectory() as folder, LoopbackHub() as hub:
        os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": f"{folder}/hf", "LOG_LEVEL": "ERROR"}
        os.environ["VERIFY_LOAD"] = "false"
        sizes = {1: 1, few: max(1, shards // SHARE), rows: shards}
        costs = {size: measure(hub, Path(folder), size, count) for size, count in sizes.items()}
    print("| rows | shards | command | us a row | x the fewer | peak MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for command in costs[1]:
        start = costs[1][command].cpu_s
        a_row = {n: (costs[n][command].cpu_s - start) / n * 1e6 for n in (few, rows)}
        for size in (few, rows):
            ratio = a_row[size] / a_row[few]
            missed = ", MISSED" if ratio > MOST else ""
            peak_mb = costs[size][command].peak_mb
            print(
                f"| {size:,} | {sizes[size]:,} | {command} | {a_row[size]:.0f} | {ratio:.2f}{missed} "
                f"| {peak_mb:.0f} |"
            )


def measure(hub: LoopbackHub, folder: Path, rows: int, shards: int) -> dict[str, Cost]:
    """What each command takes for a dataset of so many rows."""
    case = CASES[2]
    clip = make_clip(case, 0)[: 44 + int(CLIP_S * case.rate_hz) * 2]
    clip = (
        clip[:4]
        + (len(clip) - 8).to_bytes(4, "little")
        + clip[8:40]
        + _size_field(clip)
        + clip[44:]
    )
    table = pa.table(
        {
            "audio": to_audio_column([clip] * rows, ["clip.wav"] * rows),
            "text": [f"row {row}" for row in range(rows)],
        }
    )
    publish_tables(hub, f"bench/rows-{rows}", {"default": {"train": table}}, shards=shards)
    root = folder / f"project-{rows}"
    request = root / "requests" / "add" / "rows.yaml"
    request.parent.mkdir(parents=True)
    (root / "workspace.yaml").touch()
    (root / ".env").write_text("PROCESSED_ROOT=./processed\n")
    request.write_text(f"hf_id: bench/rows-{rows}\ndescription: many rows\n")
    sync = [HUGFLOW, "local-sync", "--no-report", request]
    costs = {"local-sync": cost_of(sync, root), "a full look": cost_of(sync, root)}
    # It found nothing to do, and left a mark.
    costs["local-sync again"] = cost_of(sync, root)
    return costs | {"verify": cost_of([HUGFLOW, "verify"], root)}


def _size_field(clip: bytes) -> bytes:
    return (len(clip) - 44).to_bytes(4, "little")


if __name__ == "__main__":
    main()
