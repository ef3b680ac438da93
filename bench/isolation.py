"""What converting in child processes costs: `python bench/isolation.py [--quick]`.

The same clips become MP3s in threads of this process, and in warm child processes that give them
back through shared memory, by turns. Compared are the CPU seconds of all processes together, as the
kernel counts them, by the median of the pairs' ratios. What a child process costs before its first
clip is a line of its own. Linux alone.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from encode import CASES, make_clip

from hugflow.audio.convert import Converter
from hugflow.audio.isolated import IsolatedConverter
from hugflow.audio.mp3 import Mp3
from hugflow.audio.value import AudioValue
from hugflow.workers.by_module import open_workers

Convert = Callable[[AudioValue], Mp3]

WORKERS = 2
# Above it, isolating each clip would not be worth its price.
LIMIT = 1.03


def main() -> None:
    """Print what both ways cost for clips of 12 s and of 5 s, and what a child process costs."""
    parser = argparse.ArgumentParser(description="Compare threads with child processes.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the clips, three pairs")
    quick = parser.parse_args().quick
    clips_each, pairs = (4, 3) if quick else (40, 15)
    print(
        f"{'CPU milliseconds a clip':32} {'threads':>8} {'children':>8} {'ratio':>6} {'limit':>6}"
    )
    for case in CASES[:2]:
        clips = [make_clip(case, seed) for seed in range(clips_each)]
        threads, children, ratio = compare(clips, pairs)
        verdict = "" if ratio <= LIMIT else "  too much"
        name = f"{len(clips)} x {case.name}"
        print(f"{name:32} {threads:8.2f} {children:8.2f} {ratio:6.3f} {LIMIT:6.2f}{verdict}")
    start = measure_start(make_clip(CASES[0], 0))
    print(f"{'the start of a child process':32} {'':8} {start:8.0f}")


def compare(clips: list[bytes], pairs: int) -> tuple[float, float, float]:
    """Median CPU milliseconds a clip in threads and in child processes, and of their ratio."""
    here = Converter(copy_mp3=False)
    with open_workers() as workers:
        isolated = IsolatedConverter(workers, copy_mp3=False)
        ways: list[Convert] = [here, isolated]
        for way in ways:
            convert_all(way, clips)
        rounds = []
        for pair in range(pairs):
            order = ways if pair % 2 else ways[::-1]
            spent = {id(way): measure(way, clips) for way in order}
            rounds.append([spent[id(way)] / len(clips) * 1000 for way in ways])
    threads, children = zip(*rounds, strict=True)
    ratios = [after / before for before, after in rounds]
    return tuple(map(statistics.median, (threads, children, ratios)))


def measure(convert: Convert, clips: list[bytes]) -> float:
    """CPU seconds of making all of them."""
    began = cpu_seconds()
    convert_all(convert, clips)
    return cpu_seconds() - began


def convert_all(convert: Convert, clips: list[bytes]) -> None:
    """Make all of them, and read each as what writes it to the disk does."""

    def make(clip: bytes) -> int:
        with convert({"bytes": clip, "path": "clip"}) as mp3:
            return sum(map(len, mp3.pieces()))

    with ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(make, clips))


def measure_start(clip: bytes) -> float:
    """CPU milliseconds of a first clip, without those of another one."""
    with open_workers() as workers:
        isolated = IsolatedConverter(workers, copy_mp3=False)
        first, second = (measure(isolated, [clip]) for _ in range(2))
    return (first - second) * 1000


def cpu_seconds() -> float:
    """What this process and its running children have spent so far."""
    listed = Path("/proc/self/task").glob("*/children")
    children = [pid for path in listed for pid in path.read_text().split()]
    threads = [path for pid in children for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    spent_ns = sum(int(path.read_text().split()[0]) for path in threads)
    return time.process_time() + spent_ns / 1e9


if __name__ == "__main__":
    main()
