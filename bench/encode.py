"""What making MP3s costs, against the least it could: `python bench/encode.py [--quick]`.

The floor is what nobody can do without (bench/lame.py). Both are CPU seconds of this process, the best of several rounds that take turns,
so that a busy machine is unfair to both alike.
"""

import argparse
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import soundfile
from lame import decode_and_encode

from hugflow.audio.convert import make_mp3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Case:
    """Clips of one kind, and how many times the floor making them may cost."""

    name: str
    count: int
    seconds: float
    rate_hz: int
    channels: int
    format: str
    limit: float


CASES = (
    Case("12 s flac 16 kHz", 100, 12, 16_000, 1, "FLAC", 1.05),
    Case("5 s mp3 48 kHz", 150, 5, 48_000, 1, "MP3", 1.05),
    Case("2.7 s wav 8 kHz", 200, 2.7, 8_000, 1, "WAV", 1.2),
    Case("30 s wav 44.1 kHz stereo", 12, 30, 44_100, 2, "WAV", 1.08),
)
COPY_LIMIT = 0.1


def main() -> None:
    """Measure every case and print one line for each."""
    parser = argparse.ArgumentParser(description="Compare making MP3s with its floor.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the clips, three rounds")
    quick = parser.parse_args().quick
    print(f"{'clips':32} {'floor':>8} {'hugflow':>8} {'ratio':>6} {'limit':>6}")
    for case in CASES:
        count = max(1, case.count // 10) if quick else case.count
        report(case, [make_clip(case, seed) for seed in range(count)], 3 if quick else 5)


def report(case: Case, clips: list[bytes], rounds: int) -> None:
    """Print what the floor and hugflow take for these clips, and copying them if they are MP3."""
    ways: list[Callable[[bytes], object]] = [decode_and_encode, reencode]
    if case.format == "MP3":
        ways.append(copy)
    floor, encoded, *copied = best_cpu_seconds(ways, clips, rounds)
    print_line(f"{len(clips)} x {case.name}", floor, encoded, case.limit)
    for seconds in copied:
        print_line("  the same, copied : re-encoded", encoded, seconds, COPY_LIMIT)


def print_line(name: str, floor: float, ours: float, limit: float) -> None:
    """Print one line of the table, in CPU seconds."""
    verdict = "" if ours <= limit * floor else "  too slow"
    print(f"{name:32} {floor:8.3f} {ours:8.3f} {ours / floor:6.2f} {limit:6.2f}{verdict}")


def best_cpu_seconds(
    ways: list[Callable[[T], object]], clips: Sequence[T], rounds: int
) -> list[float]:
    """The sum over the clips of the least CPU seconds of several rounds, for each way.

    Each clip is taken by all ways, one after the other: what slows the machine down for a while
    slows them all.
    """
    for way in ways:
        way(clips[0])
    best = [[float("inf")] * len(clips) for _ in ways]
    for _ in range(rounds):
        for at, clip in enumerate(clips):
            for way, seconds in zip(ways, best, strict=True):
                started = time.process_time()
                way(clip)
                seconds[at] = min(seconds[at], time.process_time() - started)
    return [sum(seconds) for seconds in best]


def reencode(clip: bytes) -> object:
    """Make an MP3 from the samples, whatever the source."""
    return make_mp3({"bytes": clip, "path": "clip"}, copy_mp3=False)


def copy(clip: bytes) -> object:
    """Make an MP3, passing a sound one through."""
    return make_mp3({"bytes": clip, "path": "clip"}, copy_mp3=True)


def make_clip(case: Case, seed: int) -> bytes:
    """Make a clip that costs an encoder what speech does: a gliding voice, pauses, and noise."""
    random = np.random.default_rng(seed)
    time_s = np.arange(int(case.seconds * case.rate_hz)) / case.rate_hz
    pitch_hz = random.uniform(90, 220) * (1 + 0.2 * np.sin(2 * np.pi * 0.7 * time_s))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / case.rate_hz
    voice = sum(np.sin(k * phase + random.uniform(0, 6)) / k for k in range(1, 16))
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * time_s) + 0.3, 0, 1)
    sound = 0.15 * voice * syllables + 0.005 * random.standard_normal(len(time_s))
    channels = [np.roll(sound, 7 * channel) for channel in range(case.channels)]
    return write_clip(np.stack(channels, axis=1), case)


def write_clip(samples: npt.NDArray[np.float64], case: Case) -> bytes:
    """Write samples in the case's format; an MP3 is one of ours."""
    file = io.BytesIO()
    soundfile.write(
        file, samples, case.rate_hz, format="WAV" if case.format == "MP3" else case.format
    )
    wav = file.getvalue()
    return make_mp3(wav, copy_mp3=False).data if case.format == "MP3" else wav


if __name__ == "__main__":
    main()
