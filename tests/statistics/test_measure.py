"""Statistics: measured on the index, exact, and the same whatever order it came in."""

import math
import subprocess
import sys
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.audio.mp3 import AudioInfo
from hugflow.statistics.figures import Spread, Statistics, TextStatistics
from hugflow.statistics.measure import index_text_column, plan_statistics, read_statistics
from hugflow.store.layout import DatasetFolder
from hugflow.testing.column_types import typed_columns, types_table
from tests.exports.indexes import info_of, write_index_of
from tests.shards.plans import plan_of


def test_what_a_dataset_holds_is_counted(tmp_path: Path):
    infos = [info_of(1), info_of(2, rate=8_000), info_of(3, copied=True), info_of(4)]
    found = read_statistics(
        [write_index_of(tmp_path / "i", ["ab", "", None, "é" * 8], infos)], ("text",)
    )
    assert asdict(found) == {
        "rows": 4,
        "audio": {
            "hours": round(10 / 3600, 6),
            "duration": {"min": 1, "p5": 1, "p50": 2, "p95": 4, "max": 4, "mean": 2.5},
            "sampling_rates": {8_000: 1, 16_000: 3},
            "source_sampling_rates": {8_000: 1, 16_000: 3},
            "source_formats": {"flac": 3, "mp3": 1},
            "bitrates_kbps": {160: 4},
            "copied": 1,
            "encoded": 3,
            "repaired": {},
            "levels": {},
            "quality": {},
        },
        "text": {
            "characters": 10,
            "empty_rows": 2,
            "characters_per_second": {"min": 0, "p5": 0, "p50": 0, "p95": 2, "max": 2, "mean": 1},
        },
    }


def test_white_space_is_no_text(tmp_path: Path):
    index = write_index_of(tmp_path / "i", [" \t\n", "\u3000", " x "], [])
    assert read_statistics([index], ("text",)).text == TextStatistics(7, 2, None)


def test_a_dataset_without_audio_has_none(tmp_path: Path):
    index = write_index_of(tmp_path / "i", ["a"], [])
    assert read_statistics([index], ("text",)) == Statistics(1, None, TextStatistics(1, 0, None))


@pytest.mark.parametrize("text_column", [None, ("row",)])
def test_what_is_not_text_has_no_characters(tmp_path: Path, text_column: Any):
    found = read_statistics([write_index_of(tmp_path / "i", ["a"], [info_of(1)])], text_column)
    assert found.text is None
    assert found.audio is not None


def test_no_rows_are_no_statistics(tmp_path: Path):
    assert read_statistics([], ("text",)) == Statistics(0, None, None)
    empty = write_index_of(tmp_path / "i", [], [])
    assert read_statistics([empty], ("text",)) == Statistics(0, None, None)


def nearest_rank(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(values) * percent / 100) - 1)]


rates = st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
clips = st.builds(
    lambda rate, samples, copied: replace(
        info_of(0, rate=rate, copied=copied), num_samples=samples
    ),
    rates,
    st.integers(1, 6 * 3600 * 48_000),
    st.booleans(),
)
rows = st.tuples(clips, st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20))


@given(rows=st.lists(rows, min_size=1, max_size=12), seed=st.randoms())
def test_it_is_what_counting_row_by_row_gives_in_whatever_order_and_files(
    rows: list[tuple[AudioInfo, str | None]], seed: Random
):
    infos, texts = [info for info, _ in rows], [text for _, text in rows]
    with TemporaryDirectory() as folder:
        one = write_index_of(Path(folder) / "one", texts, infos)
        found = read_statistics([one], ("text",))
        shuffled = list(rows)
        seed.shuffle(shuffled)
        cut = len(rows) // 2
        files = [
            write_index_of(Path(folder) / f"{n}", [t for _, t in part], [i for i, _ in part])
            for n, part in enumerate((shuffled[:cut], shuffled[cut:]))
            if part
        ]
        assert read_statistics(files, ("text",)) == found
    assert found.audio is not None
    assert found.text is not None
    seconds = sum((Fraction(info.num_samples, info.sampling_rate) for info in infos), Fraction())
    assert found.audio.hours == float(round(seconds / 3600, 6))
    assert found.audio.copied == sum(info.copied for info in infos)
    milliseconds = [info.num_samples * 1000 / info.sampling_rate for info in infos]
    for percent, value in ((5, found.audio.duration.p5), (95, found.audio.duration.p95)):
        assert value == pytest.approx(nearest_rank(milliseconds, percent) / 1000, abs=0.0006)
    assert found.text.characters == sum(len(text or "") for text in texts)
    assert found.text.empty_rows == sum(map(is_blank, texts))
    speed = found.text.characters_per_second
    assert isinstance(speed, Spread)
    assert speed.mean == pytest.approx(found.text.characters / float(seconds), abs=0.006)


def test_the_rows_that_stand_in_a_plans_tree_are_measured(tmp_path: Path):
    folder = DatasetFolder(tmp_path / "a=b [c]*{d}?")
    folder.index.mkdir(parents=True)
    plan = plan_of([1, 1, 1], columns=("audio", "text"))
    for shard in (plan.shards[0], plan.shards[2]):
        write_index_of(folder.index_file(shard.name), ["ab"], [info_of(1)])
    found = plan_statistics(plan, folder)
    assert (found.rows, found.text and found.text.characters) == (2, 4)


@pytest.mark.parametrize(
    ("columns", "text_column", "name"),
    [
        (("audio", "text"), "text", ("text",)),
        (("audio", "row"), "row", ("row_source",)),
        (("row", "row_source"), "row", ("row_source_source",)),
        (("audio",), None, None),
    ],
)
def test_the_text_column_is_found_under_the_name_that_the_index_gives_it(
    columns: tuple[str, ...], text_column: str | None, name: tuple[str, ...] | None
):
    assert index_text_column(plan_of(columns=columns, text_column=text_column)) == name


def test_columns_that_polars_cannot_read_are_in_nobodys_way(tmp_path: Path):
    columns = typed_columns("all")
    table = types_table(columns, with_audio=False)
    zone = pa.array([1] * table.num_rows, pa.timestamp("us", "Nowhere/Land"))
    pq.write_table(table.append_column("zone", zone), tmp_path / "i")
    found = read_statistics([tmp_path / "i"], ("text",))
    assert found.rows == table.num_rows


@pytest.mark.slow
def test_a_million_rows_take_seconds_and_are_never_held(tmp_path: Path):
    """Peak memory is measured in a process of its own, against the same with few rows."""
    program = """
import resource, sys
from pathlib import Path
from hugflow.statistics.measure import read_statistics
found = read_statistics(sorted(Path(sys.argv[1]).iterdir()), ("text",))
print(found.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""

    def measure(files: int) -> tuple[int, int]:
        folder = tmp_path / str(files)
        folder.mkdir()
        for number in range(files):
            (folder / f"{number:05}.parquet").hardlink_to(index)
        child = subprocess.run(
            [sys.executable, "-c", program, str(folder)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        rows, peak_mb = child.stdout.split()
        return int(rows), int(peak_mb)

    infos = [info_of(1 + row % 1_000 / 100, copied=bool(row % 2)) for row in range(20_000)]
    index = write_index_of(tmp_path / "i", ["some words that are said"] * 20_000, infos)
    few, many = measure(1), measure(50)
    assert many[0] == 1_000_000
    assert many[1] - few[1] < 150


def is_blank(text: str | None) -> bool:
    """Whether there is nothing but white space, as Unicode has it; Python counts four more to it."""
    return all(char.isspace() and char not in "\x1c\x1d\x1e\x1f" for char in text or "")
