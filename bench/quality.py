"""What measuring costs: `python bench/quality.py [--quick | --runs]`.

The same clips are made with MEASURE off and on, by turns, so that a busy machine is unfair to both
alike. The limit is 1.05. CPU seconds of this process, for each clip the best of several rounds.
Short clips are also made together, as a dataset's are: the limit is for these.

--runs: whole runs of `hugflow local-sync` in pairs, MEASURE off and on, of a whole process tree,
less the same with one clip. Compared are the least of both, as others on a machine only add.
"""

import argparse
import logging
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

from compare import Bench
from encode import CASES, best_cpu_seconds, make_clip

from hugflow.audio.clip import DEFAULT_RULES, ClipRules
from hugflow.audio.convert import make_mp3
from hugflow.audio.isolated import SHORT_BYTES, TOGETHER_BYTES
from hugflow.audio.together import make_together
from hugflow.audio.value import EncodedAudio
from hugflow.stages.making.convert_rows import MOST_TOGETHER
from hugflow.testing.hub import LoopbackHub

LIMIT = 1.05
MEASURED = ClipRules(measure="all")
PAIRS = 9

T = TypeVar("T")


def main() -> None:
    """Measure every case and print one line for each."""
    parser = argparse.ArgumentParser(description="Compare making MP3s with measuring them too.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the clips")
    parser.add_argument("--runs", action="store_true", help="whole runs")
    asked = parser.parse_args()
    # It tells that a client closed a connection early, as ours does.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    if asked.runs:
        compare_runs()
    else:
        compare_clips(quick=asked.quick)


def compare_runs() -> None:
    """Print a line for each kind of clips: whole runs in pairs."""
    print(f"{'clips':34} {'off':>8} {'on':>8} {'ratio':>6} {'limit':>6}  ratios of pairs")
    with tempfile.TemporaryDirectory() as folder, LoopbackHub() as hub:
        for case in CASES:
            bench = Bench(hub, Path(folder), case)

            def run(measure: str, count: int, bench: Bench = bench) -> float:
                return bench.hugflow(count, "reencode", measure)[0].cpu_s

            empty = {way: min(run(way, 1) for _ in range(3)) for way in ("false", "true")}
            taken: dict[str, list[float]] = {way: [] for way in empty}
            for _ in range(PAIRS):
                for way in random.sample([*empty], 2):
                    taken[way].append(run(way, bench.count) - empty[way])
            ratios = sorted(on / off for off, on in zip(*taken.values(), strict=True))
            spread = f"{ratios[0]:.3f}, {median(ratios):.3f}, {ratios[-1]:.3f}"
            name = f"{bench.count - 1} x {case.name}"
            off, on = (min(seconds) for seconds in taken.values())
            print(f"{judged(name, off, on)}  {spread}", flush=True)


def compare_clips(*, quick: bool) -> None:
    """Print a line for each kind of clips: made in this process."""
    print(f"{'clips':34} {'off':>8} {'on':>8} {'ratio':>6} {'limit':>6}")
    for case in CASES:
        count = max(4, case.count // 10) if quick else case.count // 4
        clips = [EncodedAudio(make_clip(case, seed), "clip") for seed in range(count)]
        is_short = len(clips[0].data) <= SHORT_BYTES
        report(f"{count} x {case.name}", encode, clips, limit=None if is_short else LIMIT)
        if is_short:
            size = min(MOST_TOGETHER, TOGETHER_BYTES // len(clips[0].data))
            some = [clips[at : at + size] for at in range(0, count, size)]
            report(f"  the same, {size} together", make_together, some)
        if case.format == "MP3":
            report("  the same, copied (MEASURE=all)", copy, clips, limit=None)


def report(
    name: str,
    make: Callable[[T, ClipRules], object],
    clips: Sequence[T],
    limit: float | None = LIMIT,
) -> None:
    """Print what the clips take without and with measuring."""
    ways = [lambda clip, rules=rules: make(clip, rules) for rules in (DEFAULT_RULES, MEASURED)]
    off, on = best_cpu_seconds(ways, clips, 9)
    print(judged(name, off, on, limit))


def judged(name: str, off: float, on: float, limit: float | None = LIMIT) -> str:
    """The line of some clips."""
    verdict = "" if limit is None or on <= limit * off else "  too slow"
    shown = "" if limit is None else f"{limit:6.2f}"
    return f"{name:34} {off:8.3f} {on:8.3f} {on / off:6.3f} {shown}{verdict}"


def encode(clip: EncodedAudio, rules: ClipRules) -> object:
    """Make an MP3 from the samples, whatever the source."""
    return make_mp3(clip, copy_mp3=False, rules=rules)


def copy(clip: EncodedAudio, rules: ClipRules) -> object:
    """Make an MP3, passing a sound one through."""
    return make_mp3(clip, copy_mp3=True, rules=rules)


if __name__ == "__main__":
    main()
