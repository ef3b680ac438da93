"""Encoding behind fetching, or fetching behind it: `python bench/behind.py [--fetching 1]`.

A dataset of large clips in 30 shards of 16 MB, one worker, and a Hub that sends so many bytes a second per
connection that fetching alone takes --fetching times as long as encoding alone. Wall seconds, the
least of ROUNDS, by turns: of encoding with the files fetched before, of fetching alone, and of a
`local-sync` that does both. What `local-sync` takes for one clip is taken off.
"""

import argparse
import os
import tempfile
from pathlib import Path

from encode import CASES
from fetching import fetch_all, throttled
from two_workers import make_again, prepare

from hugflow.testing.hub import LoopbackHub

ROUNDS = 3
SLOTS = 5
CASE = CASES[3]
SHARDS = 30
CLIPS = 90
MOST = 1.15


def main() -> None:
    """Measure, and print a line for each rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fetching", type=float, nargs="+", default=[1.0])
    asked = parser.parse_args()
    os.environ["MAX_CONCURRENT_DOWNLOADS"] = str(SLOTS)
    with tempfile.TemporaryDirectory() as name, LoopbackHub() as hub:
        one = prepare(hub, Path(name), 1, case=CASE)
        many = prepare(hub, Path(name), CLIPS, SHARDS, CASE)
        start_s = min(make_again(one, workers=1) for _ in range(ROUNDS))
        print("| fetching alone, s | encoding alone, s | both, s | x the longer | goal |")
        print("| --- | --- | --- | --- | --- |")
        for times in asked.fetching:
            print(line_of(hub, many, start_s, times), flush=True)


def line_of(hub: LoopbackHub, project: Path, start_s: float, times: float) -> str:
    """A line of the table, for a Hub that needs so many times what encoding does."""
    size, _ = fetch_alone(project)
    fetched, encoded, both = [], [], []
    for _ in range(ROUNDS):
        encoded.append(make_again(project, workers=1) - start_s)
        with throttled(hub, size / (SLOTS * encoded[0] * times)):
            fetched.append(fetch_alone(project)[1])
            both.append(make_again(project, workers=1, kept=("plans",)) - start_s)
    ratio = min(both) / max(min(encoded), min(fetched))
    seconds = " | ".join(f"{min(taken):.1f}" for taken in (fetched, encoded, both))
    return f"| {seconds} | {ratio:.2f} | {MOST}{', MISSED' if ratio > MOST else ''} |"


def fetch_alone(project: Path) -> tuple[int, float]:
    """Fetch all files of the dataset into a folder of their own. Bytes, and wall seconds."""
    from huggingface_hub import HfApi

    hf_id, folder = f"bench/clips-{CLIPS}", tempfile.mkdtemp(dir=project.parent)
    every = HfApi().list_repo_files(hf_id, repo_type="dataset")
    paths = [path for path in every if path.endswith(".parquet")]
    return fetch_all(hf_id, Path(folder), paths, SLOTS)


if __name__ == "__main__":
    main()
