"""Requests that say how their clips are encoded, from the plan to another choice."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import soundfile

from hugflow.stages.build.options import Options
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import write_parquet
from hugflow.verify.dataset import verify_dataset
from tests.audio.clips import tone, write
from tests.builds import OpenFor
from tests.trees import read_rows_json, read_tree


def publish(hub: LoopbackHub, hf_id: str) -> None:
    clips = [write(0.5 * tone(rate), rate) for rate in (44_100, 8_000)]
    audio = pa.array([{"bytes": clip, "path": f"{row}.wav"} for row, clip in enumerate(clips)])
    hub.publish(hf_id, {"data/train-0.parquet": write_parquet(pa.table({"audio": audio}))})


def test_clips_have_the_rate_and_bitrate_that_the_request_asks_for(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "encoding/asked")
    build = open_for("encoding/asked", sample_rate=16_000, mp3_bitrate=96, mp3_quality=5)
    manifest = sync_dataset(build).published.manifest
    infos = [row["audio_info"] for _, row in sorted(read_rows_json(build.folder).items())]
    assert [info["sampling_rate"] for info in infos] == [16_000, 8_000]
    assert [info["bitrate_kbps"] for info in infos] == [96, 64]
    for info in infos:
        samples, rate = soundfile.read(build.folder.audio / info["path"].rpartition("/")[2])
        assert (len(samples), rate) == (info["num_samples"], info["sampling_rate"])
        assert np.abs(samples).max() > 0.2
    settings = json.loads(build.folder.manifest.read_text())["settings"]
    assert (settings["mp3_quality"], settings["mp3_bitrate"], settings["sample_rate"]) == (
        5,
        96,
        16_000,
    )
    assert manifest.settings.sample_rate == 16_000
    assert not list(verify_dataset(build.places, build.name, deep=True))


def test_another_choice_makes_other_clips_and_the_first_one_makes_none_again(
    hub: LoopbackHub, open_for: OpenFor
):
    publish(hub, "encoding/changed")
    plain = open_for("encoding/changed")
    sync_dataset(plain)
    before = read_tree(plain.folder.root)
    assert set(json.loads(plain.folder.manifest.read_text())["settings"]) == {
        "mp3_source",
        "max_bad_rows",
    }
    lowered = sync_dataset(open_for("encoding/changed", sample_rate=8_000))
    assert lowered.new_rows == 2
    again = sync_dataset(open_for("encoding/changed"))
    assert again.new_rows == 2
    after = read_tree(again.published.build.folder.root)
    mp3s = [path for path in before if path.endswith(".mp3")]
    assert [after[path] for path in mp3s] == [before[path] for path in mp3s]


def test_a_setting_is_for_datasets_that_are_planned_later(hub: LoopbackHub, open_for: OpenFor):
    publish(hub, "encoding/setting")
    sync_dataset(open_for("encoding/setting"))
    faster = replace(Options(), mp3_quality=9)
    assert sync_dataset(open_for("encoding/setting", faster)).was_complete
