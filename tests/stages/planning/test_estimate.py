"""What a plan will come to, before the work, and what came of it."""

import hashlib
from dataclasses import replace

import pyarrow as pa
import pytest

from hugflow.shards.plan import plan_digest
from hugflow.stages.build.options import Options
from hugflow.stages.planning.estimate import compare, estimate, read_estimate
from hugflow.stages.planning.open_build import open_build
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech, publish_tables, publish_text
from hugflow.testing.speech import encode, speech_like
from tests.builds import OpenFor

pytestmark = pytest.mark.slow


def test_a_sample_of_alike_rows_tells_the_whole_dataset(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "estimate/alike", rows=60, shards=6, seconds=1.0)
    build = open_for("estimate/alike")
    estimated = estimate(build)
    assert (estimated.basis, estimated.sampled_rows) == ("sampled", 18)
    made = sync_dataset(build).published.manifest
    by_what = {each.what: each for each in compare(build, estimated, made)}
    assert by_what["rows"].planned == by_what["rows"].actual == 60
    assert by_what["hours"].planned == pytest.approx(by_what["hours"].actual, rel=0.05)
    low, high = estimated.hours_range or (0.0, 0.0)
    assert 0.7 * high < low < by_what["hours"].actual < high
    low, high = estimated.mp3_bytes_range or (0, 0)
    assert low < by_what["mp3_bytes"].actual < high
    assert by_what["mp3_bytes"].planned == pytest.approx(by_what["mp3_bytes"].actual, rel=0.2)
    assert by_what["json_bytes"].planned == pytest.approx(by_what["json_bytes"].actual, rel=0.2)


@pytest.mark.parametrize("column", ["text", "sentence"])
def test_the_json_of_rows_of_text_is_foretold_closely(
    hub: LoopbackHub, open_for: OpenFor, column: str
):
    words = pa.table({"id": range(500), column: [f"{row:05} and " * 20 for row in range(500)]})
    publish_tables(hub, f"estimate/{column}", {"default": {"train": words}})
    build = open_for(f"estimate/{column}", text_column=column)
    estimated = estimate(build)
    made = sync_dataset(build).published.manifest
    assert estimated.json_bytes == pytest.approx(made.json.bytes, rel=0.2)


def test_as_many_files_are_foretold_as_there_are_then(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "estimate/files", rows=9, shards=3, seconds=0.2)
    build = open_for("estimate/files")
    estimated = estimate(build)
    sync_dataset(build)
    # The tree, its folders and the link are what takes inodes.
    inodes = 1 + sum(1 for _ in build.folder.root.rglob("*")) + 1
    assert abs(estimated.files - inodes) <= 2


def test_the_disk_at_its_fullest_takes_no_more_than_was_foretold(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "estimate/disk", rows=20, shards=2, seconds=0.5)
    build = open_for("estimate/disk")
    estimated = estimate(build)
    sync_dataset(build)
    stored = sum(path.stat().st_size for path in build.folder.root.rglob("*") if path.is_file())
    assert stored < estimated.peak_bytes < stored + build.plan.source_bytes * 2


def test_few_rows_are_read_for_it(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "estimate/thrift", rows=400, shards=2, seconds=0.5, row_group_rows=20)
    build = open_for("estimate/thrift")
    hub.clear_requests()
    estimate(build)
    sent = sum(request.body_bytes for request in hub.requests)
    assert sent < build.plan.source_bytes / 4


def test_a_dataset_without_audio_has_no_hours(hub: LoopbackHub, open_for: OpenFor):
    publish_text(hub, "estimate/text", rows=30)
    estimated = estimate(open_for("estimate/text"))
    assert (estimated.hours, estimated.mp3_bytes, estimated.basis) == (0.0, 0, "measured")


def test_where_no_row_can_be_made_nobody_knows(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(
        hub, "estimate/junk", rows=4, seconds=0.2, broken_rows=dict.fromkeys(range(4), b"junk")
    )
    estimated = estimate(open_for("estimate/junk"))
    assert (estimated.hours, estimated.mp3_bytes, estimated.eta_s) == (None, None, None)
    assert estimated.basis == "unknown"


def test_a_complete_dataset_is_measured_and_the_hub_is_not_asked(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "estimate/complete", rows=6, seconds=0.5)
    build = open_for("estimate/complete")
    foretold = estimate(build)
    published = sync_dataset(build).published
    made = published.manifest
    hub.clear_requests()
    measured = estimate(published.build)
    assert (measured.basis, measured.peak_bytes, measured.eta_s) == ("measured", 0, 0)
    assert measured.mp3_bytes == made.audio.bytes
    assert not hub.requests
    # What was foretold is kept, to be held against what came of it.
    assert read_estimate(build.places, build.plan) == foretold


def test_the_quota_that_is_left_is_told(hub: LoopbackHub, open_for: OpenFor):
    publish_text(hub, "estimate/quota", rows=30)
    options = replace(Options(), storage_quota_bytes=10**9)
    build = open_for("estimate/quota", options)
    assert estimate(build).quota_left_bytes == 10**9
    sync_dataset(build)
    left = estimate(build).quota_left_bytes
    assert left is not None
    assert left < 10**9


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version": 2}', b'{"version": 1}'])
def test_an_estimate_that_cannot_be_read_is_none(
    hub: LoopbackHub, open_for: OpenFor, damage: bytes
):
    digest = hashlib.sha256(damage).hexdigest()[:6]
    publish_text(hub, f"estimate/damage-{digest}", rows=3)
    build = open_for(f"estimate/damage-{digest}")
    estimate(build)
    (path,) = build.places.plans(build.name).glob("*.estimate.json")
    path.write_bytes(damage)
    assert read_estimate(build.places, build.plan) is None


def test_a_digest_tells_requests_and_commits_apart(hub: LoopbackHub, open_for: OpenFor):
    publish_text(hub, "estimate/digest", rows=3)
    build = open_for("estimate/digest")
    digest = plan_digest(build.plan, build.request)
    other_words = build.request.model_copy(update={"description": "Other words"})
    assert plan_digest(build.plan, other_words) != digest
    publish_text(hub, "estimate/digest", rows=4)
    moved = open_build(build.request, build.places, build.hub, build.options, update=True)
    assert plan_digest(moved.plan, build.request) != digest


def test_clips_that_the_request_refuses_are_not_in_the_sample(hub: LoopbackHub, open_for: OpenFor):
    wav = encode(speech_like(0.3, 16_000), 16_000, "wav")
    unfinished = wav[:40] + bytes(4) + wav[44:]
    publish_speech(
        hub, "estimate/rules", rows=4, shards=1, seconds=0.5, broken_rows={1: unfinished}
    )
    assert estimate(open_for("estimate/rules")).sampled_rows == 4
    assert estimate(open_for("estimate/rules", repair_audio=False)).sampled_rows == 3
    # Few are so short.
    short = open_for("estimate/rules", max_clip_hours=0.31 / 3600)
    assert 0 < estimate(short).sampled_rows < 4
