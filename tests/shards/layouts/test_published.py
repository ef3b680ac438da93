"""One set of clips gives the same MP3s and texts in every layout."""

import pytest

from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.shards.layouts.published import LAYOUTS, TEXTS
from tests.trees import read_rows_json

pytestmark = pytest.mark.slow

_first: dict[str, list[bytes]] = {}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_clips_give_the_same_files_in_every_layout(
    hub: LoopbackHub, open_for: OpenFor, layout: str
):
    hf_id = f"published/{layout}"
    hub.publish(hf_id, LAYOUTS[layout])
    build = open_for(hf_id)
    assert any("layout is" in warning for warning in build.plan.warnings)
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert [rows[row]["text"] for row in sorted(rows)] == list(TEXTS)
    mp3s = [(build.folder.audio / f"{row}.mp3").read_bytes() for row in sorted(rows)]
    assert mp3s == _first.setdefault("mp3s", mp3s)
    assert all(row["audio_info"]["source_path"].endswith(".wav") for row in rows.values())
    assert list(verify_dataset(build.places, build.name, deep=True)) == []
