"""Making MP3s: Hugflow, the floor, and other ways: `python bench/compare.py [--full] [--write]`.

All ways take the same parquet file, in turns, ROUNDS times, and the floor and Hugflow twice as often;
the least counts. CPU seconds are of whole process trees, less those of the same way with one clip:
start-up is measured by bench/start_up.py. The other ways take a tenth of the clips, --full all of
them. Fetching is from a loopback Hub whose work is not counted, and VERIFY_LOAD is false. --write
puts the table into docs/performance.md.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cost import Cost, cost_of
from encode import CASES, Case, make_clip
from ways import NOT_INSTALLED, kbps

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_tables, to_audio_column

ROUNDS = 3
HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
HUGFLOW = Path(sys.executable).with_name("hugflow")
# So many that the floor takes a few seconds.
COUNTS = {"12 s flac 16 kHz": 200, "5 s mp3 48 kHz": 200, "2.7 s wav 8 kHz": 1000}
FEW = 48
# As `datasets` writes audio.
GROUP_ROWS = 100
PEERS = ("dump, xargs ffmpeg", "pydub loop", "datasets.map, torchcodec", "lhotse")
# The most of Hugflow's CPU, by the floor's; and the least of the others', by Hugflow's.
MOST = {"12 s": 1.0, "5 s": 1.0, "2.7 s": 1.2, "30 s": 1.08}
LEAST = {
    ("12 s", PEERS[0]): 2.3, ("5 s", PEERS[0]): 2.3, ("2.7 s", PEERS[0]): 8.0, ("30 s", PEERS[0]): 1.2,
    ("12 s", PEERS[1]): 6.0, ("5 s", PEERS[1]): 6.0,
}  # fmt: skip
COPIED_MOST = 0.1
MEASURED_MOST = 1.05


@dataclass(frozen=True, slots=True)
class Taken:
    """The least that a way took for some clips. files: how many it left."""

    cost: Cost
    clips: int
    files: int

    @property
    def a_clip(self) -> float:
        """CPU seconds of a clip."""
        return self.cost.cpu_s / self.clips


def main() -> None:
    """Measure every kind of clips, and print the table."""
    parser = argparse.ArgumentParser(description="Compare Hugflow with its floor and others.")
    parser.add_argument("--full", action="store_true", help="the other ways take all clips")
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    asked = parser.parse_args()
    lines = [
        "| clips | way | CPU s | x floor | goal | wall s | peak MB | files |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as folder, LoopbackHub() as hub:
        for case in CASES:
            rows = Bench(hub, Path(folder), case).lines(is_full=asked.full)
            print(*(lines if len(lines) == 2 else []), *rows, sep="\n", flush=True)
            lines += rows
    if asked.write:
        write_table(lines)


class Bench:
    """One kind of clips, and what each way takes for it."""

    def __init__(self, hub: LoopbackHub, folder: Path, case: Case) -> None:
        """Make and publish the clips."""
        self.case, self.hub = case, hub
        self.folder = folder / f"{case.rate_hz}"
        self.folder.mkdir()
        clips = [make_clip(case, seed) for seed in range(COUNTS.get(case.name, FEW))]
        self.count, self.few = len(clips), max(5, len(clips) // 10)
        for count in (1, self.few, self.count):
            table = to_table(clips[:count])
            pq.write_table(table, self.folder / f"{count}.parquet", row_group_size=GROUP_ROWS)
            publish_tables(
                hub,
                f"bench/{case.rate_hz}-{count}",
                {"default": {"train": table}},
                row_group_rows=GROUP_ROWS,
            )

    def lines(self, *, is_full: bool) -> list[str]:
        """The rows of the table for these clips."""
        ways: dict[str, tuple[Callable[[int], tuple[Cost, int]], int]] = {
            "floor": (self.floor, self.count),
            "hugflow": (lambda count: self.hugflow(count, "reencode"), self.count),
            "hugflow, MEASURE": (lambda count: self.hugflow(count, "reencode", "true"), self.count),
        }
        if self.case.format == "MP3":
            ways["hugflow, copied"] = (lambda count: self.hugflow(count, "copy"), self.count)
        peers = self.count if is_full else self.few
        runs = (self.xargs, self.loop("pydub"), self.loop("map"), self.loop("lhotse"))
        ways |= {name: (run, peers) for name, run in zip(PEERS, runs, strict=True)}
        absent = {name for name in PEERS[1:] if not is_installed(name)}
        taken = in_turns({name: way for name, way in ways.items() if name not in absent})
        return [*self._rows(taken), *(self._absent(name) for name in PEERS if name in absent)]

    def _rows(self, taken: dict[str, Taken]) -> list[str]:
        floor, ours = taken["floor"].a_clip, taken["hugflow"].a_clip
        length = " ".join(self.case.name.split()[:2])
        found: list[str] = []
        for name, each in taken.items():
            goal = ""
            if name == "hugflow":
                goal = judge(f"<= {MOST[length]:g}", each.a_clip <= MOST[length] * floor)
            elif name == "hugflow, MEASURE":
                ratio = each.a_clip / ours
                goal = judge(f"<= {MEASURED_MOST:g} x hugflow: {ratio:.2f}", ratio <= MEASURED_MOST)
            elif name == "hugflow, copied":
                ratio = each.a_clip / ours
                goal = judge(f"<= {COPIED_MOST:g} x hugflow: {ratio:.2f}", ratio <= COPIED_MOST)
            elif (length, name) in LEAST:
                least, ratio = LEAST[length, name], each.a_clip / ours
                goal = judge(f">= {least:g} x hugflow: {ratio:.1f}", ratio >= least)
            cost = each.cost
            found.append(
                f"| {each.clips} x {self.case.name} | {name} | {cost.cpu_s:.2f} "
                f"| {each.a_clip / floor:.2f} | {goal} | {cost.wall_s:.1f} | {cost.peak_mb:.0f} "
                f"| {each.files} |"
            )
        return found

    def _absent(self, name: str) -> str:
        return f"| {self.case.name} | {name} | not installed | | | | | |"

    def floor(self, count: int) -> tuple[Cost, int]:
        """The floor on some clips."""
        return self._way("floor", count)

    def loop(self, way: str) -> Callable[[int], tuple[Cost, int]]:
        """A way of bench/ways.py."""
        return lambda count: self._way(way, count)

    def _way(self, way: str, count: int) -> tuple[Cost, int]:
        made, file = self._new_folder(), self.folder / f"{count}.parquet"
        cost = cost_of([sys.executable, HERE / "ways.py", way, file, made], HERE)
        return cost, len(list(made.iterdir()))

    def _new_folder(self) -> Path:
        """A folder that is deleted with all others.

        Linux' ext4 passes over each inode that was deleted in the last five seconds: creating files
        right after deleting as many takes several times the CPU.
        """
        return Path(tempfile.mkdtemp(dir=self.folder))

    def xargs(self, count: int) -> tuple[Cost, int]:
        """Clips as files, then a process of ffmpeg for each, as many at once as cores."""
        made, file = self._new_folder(), self.folder / f"{count}.parquet"
        convert = f"ffmpeg -v error -nostdin -i {{}} -ac 1 -b:a {kbps(self.case.rate_hz)}k {{}}.mp3"
        script = (
            f"'{sys.executable}' '{HERE}/ways.py' dump '{file}' '{made}' && "
            f"ls '{made}' | sed 's#^#{made}/#' | xargs -P {os.cpu_count()} -I{{}} {convert}"
        )
        cost = cost_of(["bash", "-ec", script], HERE)
        return cost, len(list(made.iterdir()))

    def hugflow(self, count: int, mp3_source: str, measure: str = "false") -> tuple[Cost, int]:
        """`hugflow local-sync` in a new project."""
        root = self._new_folder()
        (root / "workspace.yaml").touch()
        request = root / "requests" / "add" / "bench.yaml"
        request.parent.mkdir(parents=True)
        request.write_text(f"hf_id: bench/{self.case.rate_hz}-{count}\ndescription: a measure\n")
        environment = os.environ | {
            "HF_ENDPOINT": self.hub.endpoint,
            "HF_HOME": f"{root}/hf",
            "PROCESSED_ROOT": "./processed",
            "MP3_SOURCE": mp3_source,
            "MEASURE": measure,
            "VERIFY_LOAD": "false",
            "LOG_LEVEL": "ERROR",
        }
        cost = cost_of([HUGFLOW, "local-sync", "--no-report", request], root, environment)
        files = [path for path in (root / "datasets").rglob("*") if path.is_file()]
        return cost, len(files)


def in_turns(ways: dict[str, tuple[Callable[[int], tuple[Cost, int]], int]]) -> dict[str, Taken]:
    """The least of each way, without what one clip takes."""
    costs: dict[str, list[tuple[Cost, Cost]]] = {name: [] for name in ways}
    files: dict[str, int] = {}
    # Hugflow is judged by less than runs differ.
    for number in range(2 * ROUNDS):
        for name, (run, count) in ways.items():
            if number >= ROUNDS and name in ("hugflow, copied", *PEERS):
                continue
            many, files[name] = run(count)
            costs[name].append((many, run(1)[0]))
    taken: dict[str, Taken] = {}
    for name, (_, count) in ways.items():
        many, one = (least([pair[at] for pair in costs[name]]) for at in (0, 1))
        cost = replace(many, cpu_s=many.cpu_s - one.cpu_s)
        taken[name] = Taken(cost, count - 1, files[name])
    return taken


def least(costs: Sequence[Cost]) -> Cost:
    """The least CPU and time, and the most memory: others on this machine only add."""
    return Cost(
        min(cost.cpu_s for cost in costs),
        min(cost.wall_s for cost in costs),
        max(cost.peak_mb for cost in costs),
    )


def is_installed(name: str) -> bool:
    """Whether a way has what it needs."""
    way = {PEERS[1]: "pydub", PEERS[2]: "map", PEERS[3]: "lhotse"}[name]
    command = [sys.executable, str(HERE / "ways.py"), f"{way}?", "", ""]
    return subprocess.run(command, check=False).returncode != NOT_INSTALLED


def judge(goal: str, is_kept: bool) -> str:
    """The goal, and whether it is missed."""
    return goal if is_kept else f"{goal}, MISSED"


def to_table(clips: list[bytes]) -> pa.Table:
    """Rows with a clip and a text."""
    paths = [f"{number}.bin" for number in range(len(clips))]
    texts = [f"row {number}" for number in range(len(clips))]
    return pa.table({"audio": to_audio_column(list(clips), paths), "text": texts})


def write_table(lines: list[str]) -> None:
    """Replace the table below the command in the docs."""
    text = PAGE.read_text("utf-8")
    pattern = r"(`python bench/compare\.py`[^|]*\n\n)(?:\|[^\n]*\n)*"
    table = "\n".join(lines) + "\n"
    found, number = re.subn(pattern, lambda match: match[1] + table, text, count=1)
    if not number:
        sys.exit(f"{PAGE} has no place for the table")
    PAGE.write_text(found, "utf-8")


if __name__ == "__main__":
    if shutil.which("ffmpeg") is None:
        sys.exit("the comparison needs ffmpeg: apt install ffmpeg")
    main()
