"""A few rows for an estimate: what they may cost, and what is done where they would cost more."""

import random

import pyarrow as pa
import pytest

from hugflow.shards.layouts.layout import SampledRows
from hugflow.shards.sample import MOST_BYTES, MOST_FILE_BYTES, read_sample
from hugflow.stages.build.build import Build
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_tables
from tests.builds import OpenFor

MIB = 1 << 20
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def table(rows: int, row_bytes: int) -> pa.Table:
    """Rows of noise that no codec and no encoding makes smaller."""
    noise = random.Random(rows)  # noqa: S311  # the same rows each time
    audio = [{"bytes": noise.randbytes(row_bytes), "path": f"{row}.wav"} for row in range(rows)]
    return pa.table({"audio": pa.array(audio, STRUCT), "text": ["a" * 100] * rows})


def open_table(hub: LoopbackHub, open_for: OpenFor, name: str, what: pa.Table, **how: int) -> Build:
    publish_tables(hub, name, {"default": {"train": what}}, **how)  # type: ignore[arg-type]
    build = open_for(name)
    hub.clear_requests()
    return build


def sample(build: Build) -> list[SampledRows]:
    return [found for _, found in read_sample(build.hub, build.plan, build.plan.audio_column)]


def sent_bytes(hub: LoopbackHub) -> int:
    return sum(request.body_bytes for request in hub.requests)


def values(found: list[SampledRows]) -> int:
    return sum(len(each.audio) for each in found)


def test_a_row_group_that_is_one_large_page_is_not_read(hub: LoopbackHub, open_for: OpenFor):
    what = table(rows=40, row_bytes=MIB)
    build = open_table(hub, open_for, "sample/page", what)
    [found] = sample(build)
    assert len(found.audio) == 0
    # What its footer tells of the other columns is known all the same.
    assert found.other_row_bytes > 0
    assert sent_bytes(hub) < MIB


def test_another_row_group_of_the_file_is_read_instead(hub: LoopbackHub, open_for: OpenFor):
    what = table(rows=42, row_bytes=MIB)
    build = open_table(hub, open_for, "sample/group", what, row_group_rows=40)
    [found] = sample(build)
    assert len(found.audio) == 2
    assert sent_bytes(hub) < 3 * MIB


def test_all_files_together_cost_no_more_than_the_budget(hub: LoopbackHub, open_for: OpenFor):
    what = table(rows=100, row_bytes=MIB)
    build = open_table(hub, open_for, "sample/all", what, shards=5)
    found = sample(build)
    assert values(found) == 12
    assert sent_bytes(hub) < MOST_BYTES


@pytest.mark.parametrize("large", [(0, 1), (0, 3), (2, 5)])
def test_files_that_would_cost_too_much_are_replaced_by_others(
    hub: LoopbackHub, open_for: OpenFor, large: tuple[int, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hugflow.shards.sample.MOST_FILE_BYTES", MIB)
    monkeypatch.setattr("hugflow.shards.sample.FILES", 4)
    tables = [table(rows=6, row_bytes=300_000 if n in large else 3_000) for n in range(8)]
    name = f"sample/others-{large[0]}-{large[1]}"
    build = open_table(hub, open_for, name, pa.concat_tables(tables), shards=8)
    assert values(sample(build)) == 16
    assert sent_bytes(hub) < 2 * MIB


def test_of_a_row_group_of_several_pages_only_the_first_are_read(
    hub: LoopbackHub, open_for: OpenFor
):
    # The writer looks at a page's size every 1,024 rows.
    build = open_table(hub, open_for, "sample/pages", table(rows=8_000, row_bytes=1_000))
    assert values(sample(build)) == 8
    assert sent_bytes(hub) < build.plan.source_bytes / 2


def test_a_footer_that_would_cost_too_much_is_not_read(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    build = open_table(hub, open_for, "sample/footer", table(rows=4, row_bytes=100))
    monkeypatch.setattr("hugflow.shards.sample.MOST_FILE_BYTES", 100)
    assert sample(build) == []
    assert hub.requests == ()


def test_no_file_may_cost_more_than_all_of_them():
    assert MOST_FILE_BYTES <= MOST_BYTES
