"""With VERIFY_LOAD, a folder that `datasets` does not load is not published."""

import re
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest

from hugflow.exports import card
from hugflow.stages.build.options import Options
from hugflow.stages.publishing.gate import GateResult
from hugflow.stages.publishing.load_check import FolderUnloadable, judge_load
from hugflow.stages.publishing.publish import publish
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.builds import OpenFor

pytestmark = pytest.mark.slow

CHECKED = replace(Options(), workers=2, verify_load=True)


def other_card(pattern: str, replacement: str) -> Any:
    render = card.render_card
    return lambda *args, **kw: re.sub(pattern, replacement, render(*args, **kw), count=1)


@pytest.mark.parametrize(
    ("pattern", "replacement", "why"),
    [
        (r"index/\*\.parquet", "nothing/*.parquet", "FileNotFoundError|DataFilesNotFound"),
        ("split: train", "split: test", "split"),
        ("name: text\n    dtype: string", "name: text\n    dtype: int64", "Error"),
    ],
)
def test_a_folder_that_does_not_load_is_not_published(
    hub: LoopbackHub,
    open_for: OpenFor,
    monkeypatch: pytest.MonkeyPatch,
    pattern: str,
    replacement: str,
    why: str,
):
    hf_id = f"load/bad-{len(pattern)}"
    publish_speech(hub, hf_id, rows=3, shards=1, seconds=0.2)
    with monkeypatch.context() as patch:
        patch.setattr(card, "render_card", other_card(pattern, replacement))
        with pytest.raises(FolderUnloadable, match="not published") as caught:
            sync_dataset(open_for(hf_id, CHECKED))
    assert re.search(why, caught.value.why)
    build = open_for(hf_id, CHECKED)
    assert not build.folder.manifest.exists()
    assert not build.places.link(build.name).is_symlink()
    # Once the fault is gone, the same command publishes it.
    assert sync_dataset(build).published is not None
    assert list(build.places.state_dir.glob("load-*")) == []


def test_the_verdict_is_told_once_and_names_the_rows(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "load/good", rows=4, shards=2, seconds=0.2)
    build = open_for("load/good", replace(CHECKED, verify_load=False))
    sync_dataset(build)
    build.folder.manifest.unlink()
    told: list[GateResult] = []
    publish(replace(build, options=CHECKED), on_result=told.append)
    [result] = [each for each in told if each.name == "folder_loads"]
    assert result.is_passed
    assert result.facts["loaded_rows"] == 4
    publish(replace(build, options=CHECKED), on_result=told.append)
    assert sum(each.name == "folder_loads" for each in told) == 1


def test_an_index_that_lacks_rows_is_told(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "load/rows", rows=4, shards=1, seconds=0.2)
    build = open_for("load/rows")
    sync_dataset(build)
    [index] = build.folder.index.iterdir()
    pq.write_table(pq.read_table(index).slice(0, 3), index)
    result = judge_load(build, 4)
    assert result.error is not None
    assert result.error.why == "it gives 3 rows, where the index has 4"
