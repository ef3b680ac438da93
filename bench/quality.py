"""What measuring costs: `python bench/quality.py [--quick]`.

The same clips are made with MEASURE off and on, by turns, so that a busy machine is unfair to both
alike. The limit is 1.05. CPU seconds of this process, the best of several rounds.
"""

import argparse

from encode import CASES, best_cpu_seconds, make_clip

from hugflow.audio.clip import DEFAULT_RULES, ClipRules
from hugflow.audio.convert import make_mp3

LIMIT = 1.05
MEASURED = ClipRules(measure="all")


def main() -> None:
    """Measure every case and print one line for each."""
    parser = argparse.ArgumentParser(description="Compare making MP3s with measuring them too.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the clips")
    quick = parser.parse_args().quick
    print(f"{'clips':34} {'off':>8} {'on':>8} {'ratio':>6} {'limit':>6}")
    for case in CASES:
        count = max(4, case.count // 10) if quick else case.count // 4
        clips = [make_clip(case, seed) for seed in range(count)]
        report(f"{count} x {case.name}", clips, copy_mp3=False)
        if case.format == "MP3":
            report("  the same, copied (MEASURE=all)", clips, copy_mp3=True)


def report(name: str, clips: list[bytes], *, copy_mp3: bool) -> None:
    """Print what the clips take without and with measuring."""

    def make(rules: ClipRules) -> object:
        return lambda clip: make_mp3(
            {"bytes": clip, "path": "clip"}, copy_mp3=copy_mp3, rules=rules
        )

    off, on = best_cpu_seconds([make(DEFAULT_RULES), make(MEASURED)], clips, 9)
    verdict = "" if copy_mp3 or on <= LIMIT * off else "  too slow"
    limit = "" if copy_mp3 else f"{LIMIT:6.2f}"
    print(f"{name:34} {off:8.3f} {on:8.3f} {on / off:6.3f} {limit}{verdict}")


if __name__ == "__main__":
    main()
