"""The time range of a row, from what the disk says."""

from pathlib import Path

import pytest

from hugflow.provenance.time_range import find_time_range
from hugflow.shards.layouts.cut_rows import Ranges
from hugflow.shards.plan import Shard, to_detail

RANGES = Ranges("begin", "stop", None, None)
DETAIL = to_detail({"ranges": RANGES.to_json()})


@pytest.mark.parametrize("text", ["", "[", "7", "[" * 100_000, '{"begin": {}}'])
def test_a_damaged_row_has_no_time_range(tmp_path: Path, text: str):
    json_file = tmp_path / "0.json"
    json_file.write_text(text)
    shard = Shard(0, 1, (), 0, 1, detail=DETAIL)
    assert find_time_range(shard, 0, json_file) is None
