"""Every shape of an audio column, from the published file to the MP3 and its JSON."""

from base64 import b64encode
from pathlib import Path

import pytest
import soundfile

from hugflow.audio.bad import AudioBad
from hugflow.errors import TooManyBadRows
from hugflow.stages.build.build import Build
from hugflow.stages.build.options import Options
from hugflow.stages.making.repository_clips import repository_path
from hugflow.stages.sync import ShardsFailed, sync_dataset
from hugflow.stages.tree.manifest import ManifestRows
from hugflow.testing.faults import Match, Status
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from hugflow.testing.shapes import CLIP_S, HOSTILE_PATHS, RATE_HZ, Shape, publish_shape
from hugflow.testing.speech import Container, encode, speech_like
from tests.builds import OpenFor
from tests.trees import read_failures, read_rows_json

WHOLE: tuple[Shape, ...] = (
    "struct",
    "binary",
    "large-binary",
    "paths",
    "unembedded",
    "strings",
    "array",
    "array-2d",
)


def mp3_of(build: Build, row: dict[str, object]) -> Path:
    """The MP3 that a row's JSON names."""
    return build.places.storage_root.parent / str(row["audio"])


@pytest.mark.parametrize("shape", WHOLE)
def test_every_row_of_a_shape_becomes_an_mp3_of_its_length(
    hub: LoopbackHub, open_for: OpenFor, shape: Shape
):
    publish_shape(hub, shape)
    build = open_for(f"shapes/{shape}")
    assert sync_dataset(build).published.manifest.rows == ManifestRows(4, 4, 0)
    for row in read_rows_json(build.folder).values():
        sound = soundfile.info(mp3_of(build, row))
        assert (sound.frames, sound.samplerate, sound.channels) == (CLIP_S * RATE_HZ, RATE_HZ, 1)


def test_of_the_eight_row_case_six_are_made_and_two_are_named(hub: LoopbackHub, open_for: OpenFor):
    publish_shape(hub, "mixed")
    build = open_for("shapes/mixed", max_bad_rows="25%")
    assert sync_dataset(build).published.manifest.rows.made == 6
    codes = {failure["row"]: failure["code"] for failure in read_failures(build.folder)}
    assert codes == {5: "audio_unsupported", 6: "audio_empty"}


def test_odd_audio_is_made_and_what_was_resampled_says_so(hub: LoopbackHub, open_for: OpenFor):
    publish_shape(hub, "odd")
    build = open_for("shapes/odd")
    sync_dataset(build)
    rows = {str(row["text"]): row for row in read_rows_json(build.folder).values()}
    infos = {text: row["audio_info"] for text, row in rows.items()}
    for source, rate in ((96_000, 48_000), (88_200, 48_000), (37_800, 32_000), (11_025, 11_025)):
        info = infos[f"{source} Hz"]
        assert isinstance(info, dict)
        assert (info["source_sampling_rate"], info["sampling_rate"]) == (source, rate)
        assert info["num_samples"] == round(round(CLIP_S * source) * rate / source)


def test_a_path_means_a_file_of_the_same_repository_and_nothing_else_is_opened(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_shape(hub, "hostile-paths")
    build = open_for("shapes/hostile-paths", max_bad_rows="100%")
    sync_dataset(build)
    assert sorted(read_rows_json(build.folder)) == [0]
    failures = read_failures(build.folder)
    assert len(failures) == len(HOSTILE_PATHS)
    assert {failure["code"] for failure in failures} == {"path_refused", "path_not_found"}


@pytest.mark.parametrize("path", ["clips/a.wav", "hf://datasets/acme/speech@abc/clips/a.wav"])
def test_two_ways_to_name_a_file_of_the_repository(path: str):
    assert repository_path(path, "acme/speech", "abc") == "clips/a.wav"


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "/",
        "/etc/passwd",
        "../a.wav",
        "clips/../../a.wav",
        "~/a.wav",
        "C:\\a.wav",
        "c:/a.wav",
        "a\\b.wav",
        "file:///etc/passwd",
        "http://127.0.0.1/a.wav",
        "hf://datasets/other/repo@abc/a.wav",
        "hf://datasets/acme/speech@def/a.wav",
        "hf://datasets/acme/speech@abc//etc/passwd",
        "a\n.wav",
        "a\x00.wav",
        "a" * 2_000,
    ],
)
def test_a_path_that_may_lead_elsewhere_is_refused(path: str):
    with pytest.raises(AudioBad) as refused:
        repository_path(path, "acme/speech", "abc")
    assert refused.value.code == "path_refused"


@pytest.mark.parametrize("begin", ["", "data:audio/wav;base64,"])
@pytest.mark.parametrize("container", ["wav", "flac", "ogg"])
def test_the_text_of_a_file_in_the_place_of_its_path_is_named(begin: str, container: Container):
    clip = encode(speech_like(0.5, RATE_HZ), RATE_HZ, container)
    with pytest.raises(AudioBad, match=f"base64 text of {container}") as caught:
        repository_path(begin + b64encode(clip).decode(), "acme/speech", "abc")
    assert caught.value.code == "audio_unsupported"


def test_a_long_path_is_not_repeated_in_full():
    with pytest.raises(AudioBad) as caught:
        repository_path("/" + "a b" * 500, "acme/speech", "abc")
    assert len(caught.value.message) < 160


def test_paths_are_looked_up_in_batches_and_each_file_is_fetched_once(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_shape(hub, "paths", "shapes/many", rows=20)
    build = open_for("shapes/many")
    hub.clear_requests()
    sync_dataset(build)
    asked = [ask for ask in hub.requests if "paths-info" in ask.path]
    fetched = [ask for ask in hub.requests if ask.port == "api" and "/clips/" in ask.path]
    assert len(asked) == 1
    assert len(fetched) == 20


def test_fetched_clips_are_gone_when_their_rows_are_made(hub: LoopbackHub, open_for: OpenFor):
    publish_shape(hub, "paths", "shapes/gone")
    build = open_for("shapes/gone")
    sync_dataset(build)
    assert not any(path.is_file() for path in build.state.raw.rglob("*"))


def test_fetched_clips_are_kept_where_raw_bytes_are(hub: LoopbackHub, open_for: OpenFor):
    publish_shape(hub, "paths", "shapes/kept")
    build = open_for("shapes/kept", Options(keep_raw=True))
    sync_dataset(build)
    assert len([path for path in build.state.raw.rglob("*.clips/*") if path.is_file()]) == 4


def test_a_hub_that_goes_down_between_clips_fails_no_row(hub: LoopbackHub, open_for: OpenFor):
    publish_shape(hub, "paths", "shapes/down", rows=6)
    build = open_for("shapes/down", Options(workers=1))
    down = hub.faults(
        Status(503, retry_after_s=3600), when=Match(path="clips/0003.wav"), times=None
    )
    with down, pytest.raises(ShardsFailed) as failed:
        sync_dataset(build)
    assert failed.value.exit_code == 7
    # Those before it are made, and are not made again.
    assert sorted(read_rows_json(build.folder)) == [0, 1, 2]
    assert sync_dataset(build).published.manifest.rows.failed == 0


def test_a_dataset_of_which_not_one_clip_can_be_made_says_so(hub: LoopbackHub, open_for: OpenFor):
    publish_speech(hub, "shapes/none", rows=2, shards=1, broken_rows={0: b"x", 1: None})
    with pytest.raises(TooManyBadRows, match="Audio column exists but no audio files extracted"):
        sync_dataset(open_for("shapes/none"))
