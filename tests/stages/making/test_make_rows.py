"""The rows of a shard: what each becomes, and under which name."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from hugflow.errors import DiskFull
from hugflow.stages.build.options import Options
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import (
    publish_speech,
    publish_tables,
    to_audio_column,
)
from hugflow.testing.speech import encode, speech_like
from tests.builds import OpenFor
from tests.trees import read_rows_json

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("container", ["wav", "flac", "mp3", "ogg", "opus"])
@pytest.mark.parametrize("as_struct", [True, False])
def test_every_container_is_made_from_structs_and_from_raw_bytes(
    hub: LoopbackHub, open_for: OpenFor, container: str, as_struct: bool
):
    hf_id = f"sync/{container}-{as_struct}".lower()
    publish_speech(
        hub,
        hf_id,
        rows=2,
        shards=1,
        seconds=0.3,
        container=container,
        as_struct=as_struct,
        sampling_rate=48_000,
        with_filenames=False,
    )
    build = open_for(hf_id)
    sync_dataset(build)
    info = read_rows_json(build.folder)[1]["audio_info"]
    assert info["source_format"] == container
    assert soundfile.info(build.folder.audio / "1.mp3").frames == info["num_samples"] == 10_800
    assert info["copied"] is (container == "mp3")


def test_a_sound_mono_mp3_passes_byte_for_byte(hub: LoopbackHub, open_for: OpenFor):
    clip = encode(speech_like(1.0, 16_000), 16_000, "mp3")
    table = pa.table({"audio": to_audio_column([clip], ["a.mp3"]), "text": ["hello"]})
    publish_tables(hub, "sync/copied", {"default": {"train": table}})
    copied = open_for("sync/copied")
    sync_dataset(copied)
    assert (copied.folder.audio / "0.mp3").read_bytes() == clip
    manifest = json.loads(copied.folder.manifest.read_text())
    assert (manifest["audio"]["copied"], manifest["audio"]["encoded"]) == (1, 0)


def test_mp3s_are_encoded_anew_when_that_is_asked_for(hub: LoopbackHub, open_for: OpenFor):
    clip = encode(speech_like(1.0, 16_000), 16_000, "mp3")
    table = pa.table({"audio": to_audio_column([clip], ["a.mp3"]), "text": ["hello"]})
    publish_tables(hub, "sync/reencoded", {"default": {"train": table}})
    build = open_for("sync/reencoded", mp3_source="reencode")
    sync_dataset(build)
    assert (build.folder.audio / "0.mp3").read_bytes() != clip
    assert (
        soundfile.info(build.folder.audio / "0.mp3").frames
        == soundfile.info(io.BytesIO(clip)).frames
    )


def test_repeated_names_get_their_row_number_and_none_is_lost(hub: LoopbackHub, open_for: OpenFor):
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    names = ["a/x.wav", "X.flac", "y.wav", "b/x.wav", None, "../../etc/passwd", "x-1"]
    table = pa.table(
        {
            "audio": to_audio_column([clip] * len(names), ["p"] * len(names)),
            "text": ["t"] * len(names),
            "audio_filename": names,
        }
    )
    publish_tables(hub, "sync/names", {"default": {"train": table}}, shards=3)
    build = open_for("sync/names")
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    stems = [Path(rows[row]["audio_info"]["path"]).stem for row in sorted(rows)]
    assert stems == ["x", "X-1-1", "y", "x-3", "4", "passwd", "x-1"]
    assert len(list(build.folder.audio.iterdir())) == len(names)


def test_a_quota_that_is_used_up_leaves_no_temporary_file(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "sync/quota", rows=12, shards=1, seconds=0.2, container="wav")
    options = replace(Options(), workers=1, storage_quota_bytes=20_000)
    build = open_for("sync/quota", options, mp3_source="reencode")
    with pytest.raises(DiskFull):
        sync_dataset(build)
    made = sorted(path.name for path in build.folder.audio.iterdir())
    assert made
    assert len(made) < 12
    assert not [name for name in made if name.endswith(".tmp")]


def test_stereo_becomes_mono_of_the_same_length(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(
        hub, "sync/stereo", rows=1, shards=1, seconds=2.0, channels=2, with_filenames=False
    )
    build = open_for("sync/stereo")
    sync_dataset(build)
    samples, rate = soundfile.read(build.folder.audio / "0.mp3")
    assert samples.shape == (16_000,)
    assert rate == 16_000
    assert np.abs(samples).max() > 0.05
    assert read_rows_json(build.folder)[0]["audio_info"]["source_channels"] == 2


def test_a_path_that_is_no_text_costs_nobody_a_row(hub: LoopbackHub, open_for: OpenFor):
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    raw = pa.array([b"ok.wav", b"\xff\xfe.wav"], pa.binary())
    path = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    audio = pa.StructArray.from_arrays(
        [pa.array([clip, clip], pa.binary()), path], ["bytes", "path"]
    )
    file = io.BytesIO()
    pq.write_table(pa.table({"audio": audio, "text": ["a", "b"]}), file)
    hub.publish("sync/bad-path", {"data/train-00000-of-00001.parquet": file.getvalue()})
    build = open_for("sync/bad-path")
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert [rows[row]["audio_info"]["source_path"] for row in (0, 1)] == ["ok.wav", None]
