"""What is judged before a dataset is published."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.errors import TooManyBadRows
from hugflow.stages.publishing import gate
from hugflow.stages.publishing.gate import ClipsUnsound
from hugflow.stages.standing.status import read_status
from hugflow.stages.sync import sync_dataset
from hugflow.stages.tree.manifest import ManifestRows
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import (
    publish_speech,
    publish_tables,
)
from tests.builds import OpenFor
from tests.trees import read_failures, read_rows_json

JUNK = b"this is no audio"


def test_bad_rows_within_the_budget_are_named_and_the_rest_is_published(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(
        hub, "sync/bad", rows=8, shards=2, seconds=0.2, broken_rows={2: JUNK, 5: b"", 6: None}
    )
    build = open_for("sync/bad", max_bad_rows=3)
    sync_dataset(build)
    failures = read_failures(build.folder)
    assert [(line["row"], line["shard"], line["code"]) for line in failures] == [
        (2, "00000-of-00002", "audio_unsupported"),
        (5, "00001-of-00002", "audio_empty"),
        (6, "00001-of-00002", "audio_missing"),
    ]
    assert sorted(read_rows_json(build.folder)) == [0, 1, 3, 4, 7]
    assert len(list(build.folder.audio.iterdir())) == 5
    index = pq.read_table(build.folder.index)
    assert sorted(index.column("row").to_pylist()) == [0, 1, 3, 4, 7]


def test_more_bad_rows_than_allowed_leave_the_dataset_unpublished(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    publish_speech(
        hub, "sync/refused", rows=4, shards=1, seconds=0.2, broken_rows={1: JUNK, 2: JUNK}
    )
    build = open_for("sync/refused")
    with pytest.raises(TooManyBadRows) as refused:
        sync_dataset(build)
    assert refused.value.exit_code == 9
    # It goes into the comment of a pull request, whose reader opens no path of the server.
    assert f"`hugflow logs {build.name}` shows them" in refused.value.why
    assert str(places.storage_root) not in str(refused.value)
    assert [line["row"] for line in read_failures(build.folder)] == [1, 2]
    assert not build.folder.manifest.exists()
    assert not places.link(build.name).is_symlink()
    assert read_status(places, build.name).state == "failed"


@pytest.mark.parametrize(
    ("rows", "budget"), [(1, None), (1, 5), (3, "100%"), (4, 4)], ids=["default", "5", "all", "4"]
)
def test_a_dataset_of_which_no_row_was_made_is_not_published_whatever_the_budget(
    rows: int, budget: int | str | None, hub: LoopbackHub, open_for: OpenFor, places: Places
):
    hf_id = f"sync/none-{rows}-{str(budget).strip('%')}"
    broken = {row: (JUNK, b"", None, b"RIFF")[row] for row in range(rows)}
    publish_speech(hub, hf_id, rows=rows, shards=1, broken_rows=broken)
    build = open_for(hf_id, max_bad_rows=budget)
    with pytest.raises(TooManyBadRows, match="no audio files extracted") as refused:
        sync_dataset(build)
    assert refused.value.exit_code == 9
    assert not build.folder.manifest.exists()
    assert not places.link(build.name).is_symlink()
    assert read_status(places, build.name).state == "failed"


def test_a_text_dataset_without_a_row_that_is_text_is_not_published(
    hub: LoopbackHub, open_for: OpenFor
):
    text = pa.array([b"\xff", b"\xfe\xff"], pa.binary()).view(pa.string())
    publish_tables(hub, "sync/no-text", {"default": {"train": pa.table({"text": text})}})
    build = open_for("sync/no-text", max_bad_rows="100%")
    with pytest.raises(TooManyBadRows, match="not one row could be made"):
        sync_dataset(build)
    assert not build.folder.manifest.exists()


def test_a_higher_budget_publishes_what_was_refused_and_makes_no_row_twice(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/budget", rows=4, shards=1, seconds=0.2, broken_rows={1: JUNK})
    with pytest.raises(TooManyBadRows):
        sync_dataset(open_for("sync/budget", max_bad_rows=0))
    build = open_for("sync/budget", max_bad_rows=1)
    synced = sync_dataset(build)
    assert synced.new_rows == 0
    assert synced.published.manifest.rows == ManifestRows(4, 3, 1)


def test_a_published_dataset_does_not_try_its_bad_rows_again(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "sync/settled", rows=4, shards=1, seconds=0.2, broken_rows={1: JUNK})
    sync_dataset(open_for("sync/settled"))
    hub.clear_requests()
    assert sync_dataset(open_for("sync/settled")).was_complete
    assert hub.requests == ()


def test_what_was_published_within_its_budget_stays_so_when_the_budget_shrinks(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/shrunk", rows=4, shards=1, seconds=0.2, broken_rows={1: JUNK})
    sync_dataset(open_for("sync/shrunk", max_bad_rows=1))
    assert sync_dataset(open_for("sync/shrunk", max_bad_rows=0)).was_complete


def test_of_long_clips_some_are_decoded_before_publishing_spread_over_all_rows(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gate, "SAMPLED_S", 0.5)
    publish_speech(hub, "sync/long", rows=8, shards=2, seconds=0.2)
    build = open_for("sync/long")
    sync_dataset(build)
    judged = gate.judge_audio(build, ())
    assert (judged.error, judged.facts["decoded"]) == (None, 3)
    told = read_rows_json(build.folder)
    for row in (0, 4, 2):
        (build.folder.root / told[row]["audio_info"]["path"]).write_bytes(b"")
        judged = gate.judge_audio(build, ())
        assert isinstance(judged.error, ClipsUnsound), f"row {row} is one of them"
    assert judged.error.why.startswith("the MP3s of the rows 0, 2, 4 ")
