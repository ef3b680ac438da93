"""What comparing a million rows costs: `python bench/overlaps.py [--quick]`.

Three datasets with an index each, of clips that differ, with ten copies, five shared speakers and
twenty shared texts planted. CPU seconds and the largest memory of one process that compares them
by the indexes alone, as `hugflow overlaps --index-only` does.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from hugflow.audio.quality import NAMES as QUALITY_NAMES
from hugflow.statistics.overlaps import find_overlaps
from hugflow.statistics.tables import Table

ROWS = 1_000_000
LIMIT_S, LIMIT_MB = 60, 1000
PLANTED = {"audio": 10, "speaker": 5, "text": 20}
NAMES = ("one", "three", "two")


def main() -> None:
    """Write the indexes, compare them in a process of its own, and print what it took."""
    parser = argparse.ArgumentParser(description="Compare a million rows by their indexes.")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the rows")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        compare(options.folder)
        return
    rows = ROWS // 100 if options.quick else ROWS
    with TemporaryDirectory() as folder:
        for number, name in enumerate(NAMES):
            write_index(Path(folder) / name, number, rows // len(NAMES))
        told = subprocess.run(
            [sys.executable, __file__, "--folder", folder], check=True, stdout=subprocess.PIPE
        )
    found = json.loads(told.stdout)
    is_slow = found["cpu_s"] > LIMIT_S or found["memory_mb"] > LIMIT_MB
    print(f"{rows:,} rows: {found['cpu_s']:.1f} CPU s (limit {LIMIT_S}),", end=" ")
    print(f"{found['memory_mb']:,.0f} MB (limit {LIMIT_MB:,}){'  too slow' if is_slow else ''}")
    if found["counts"] != PLANTED:
        raise SystemExit(f"found {found['counts']}, planted {PLANTED}")


def write_index(folder: Path, number: int, rows: int) -> None:
    """The index of one dataset, in parts of 100,000 rows, as a dataset of shards has it."""
    folder.mkdir()
    for part, start in enumerate(range(0, rows, 100_000)):
        frame = pl.DataFrame(
            [row_of(number, row) for row in range(start, min(rows, start + 100_000))]
        )
        frame.write_parquet(folder / f"{part:05}.parquet")


def row_of(number: int, row: int) -> dict[str, object]:
    """A row of a dataset; the first ones of the second and third have what the first has."""

    def own(kind: str) -> str:
        owner = 0 if number == (1 if kind != "speaker" else 2) and row < PLANTED[kind] else number
        return f"{kind} {owner} {row}"

    quality: dict[str, object] = dict.fromkeys(QUALITY_NAMES, 0.0)
    quality |= {"script": "Latin", "bandwidth_hz": 8_000, "snr": 20.0 + row % 7}
    quality["pcm"] = hashlib.sha256(own("audio").encode()).hexdigest()
    info = {
        "path": f"audio/{row:08}.mp3",
        "sampling_rate": 16_000,
        "num_samples": 40_000 + row % 9_000,
        "duration": 2.5,
        "source_format": "wav",
        "bitrate_kbps": 32,
        "copied": False,
        "quality": quality,
    }
    text = f"{own('text')} is a sentence of some length that somebody read aloud"
    return {"row": row, "text": text, "speaker_id": own("speaker"), "audio_info": info}


def compare(folder: Path) -> None:
    """Compare the datasets of a folder, and print counts, CPU seconds and memory as JSON."""
    columns = ("audio", "text", "speaker_id")
    tables = [
        Table(
            name,
            f"bench/{name}",
            "train",
            folder / name,
            {path.name: "" for path in sorted((folder / name).iterdir())},
            columns,
            ("audio",),
            "text",
        )
        for name in NAMES
    ]
    counts: dict[str, int] = {}
    for each in find_overlaps(tables):
        counts[each.kind] = counts.get(each.kind, 0) + 1
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "counts": dict(sorted(counts.items())),
                "cpu_s": used.ru_utime + used.ru_stime,
                "memory_mb": used.ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
