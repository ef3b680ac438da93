"""What measuring costs: `python bench/quality.py [--quick]`.

The same clips are made with MEASURE off and on, by turns, so that a busy machine is unfair to both
alike. The limit is 1.05. CPU seconds of this process, the best of several rounds. Short clips are
also made together, as a dataset's are.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import TypeVar

from encode import CASES, best_cpu_seconds, make_clip

from hugflow.audio.clip import DEFAULT_RULES, ClipRules
from hugflow.audio.convert import make_mp3
from hugflow.audio.isolated import SHORT_BYTES
from hugflow.audio.together import make_together
from hugflow.audio.value import EncodedAudio
from hugflow.stages.making.convert_rows import MOST_TOGETHER

LIMIT = 1.05
MEASURED = ClipRules(measure="all")

T = TypeVar("T")


def main() -> None:
    """Measure every case and print one line for each."""
    parser = argparse.ArgumentParser(description="Compare making MP3s with measuring them too.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the clips")
    quick = parser.parse_args().quick
    print(f"{'clips':34} {'off':>8} {'on':>8} {'ratio':>6} {'limit':>6}")
    for case in CASES:
        count = max(4, case.count // 10) if quick else case.count // 4
        clips = [EncodedAudio(make_clip(case, seed), "clip") for seed in range(count)]
        report(f"{count} x {case.name}", encode, clips)
        if len(clips[0].data) <= SHORT_BYTES:
            some = [clips[at : at + MOST_TOGETHER] for at in range(0, count, MOST_TOGETHER)]
            report(f"  the same, {MOST_TOGETHER} together", make_together, some)
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
    verdict = "" if limit is None or on <= limit * off else "  too slow"
    shown = "" if limit is None else f"{limit:6.2f}"
    print(f"{name:34} {off:8.3f} {on:8.3f} {on / off:6.3f} {shown}{verdict}")


def encode(clip: EncodedAudio, rules: ClipRules) -> object:
    """Make an MP3 from the samples, whatever the source."""
    return make_mp3(clip, copy_mp3=False, rules=rules)


def copy(clip: EncodedAudio, rules: ClipRules) -> object:
    """Make an MP3, passing a sound one through."""
    return make_mp3(clip, copy_mp3=True, rules=rules)


if __name__ == "__main__":
    main()
