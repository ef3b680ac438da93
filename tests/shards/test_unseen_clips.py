"""Folders of audio that `datasets` takes for text, or does not know."""

import pytest

from hugflow.errors import RequestInvalid
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.layouts import publish_conversion
from hugflow.testing.samples import speech_table
from hugflow.testing.speech import encode, speech_like
from tests.builds import OpenFor
from tests.shards.layouts.tars import make_tar, sample
from tests.trees import read_rows_json


def flac(seed: int) -> bytes:
    return encode(speech_like(0.2, 16_000, seed=seed), 16_000, "flac")


def pairs(folder: str, names: str, ending: str = "flac") -> dict[str, bytes]:
    clips = {f"{folder}{name}.{ending}": flac(at) for at, name in enumerate(names)}
    return clips | {f"{folder}{name}.txt": f"text {name}\n".encode() for name in names}


def test_clips_with_texts_of_their_names_are_rows_whatever_the_format(
    hub: LoopbackHub, open_for: OpenFor
):
    hub.publish("unseen/flac", {**pairs("train/", "abc"), **pairs("test/", "d")})
    build = open_for("unseen/flac")
    assert {shard.layout for shard in build.plan.shards} == {"audio_folder"}
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert [rows[row]["text"] for row in sorted(rows)] == ["text a", "text b", "text c"]


def test_the_card_says_which_clips_are_in_the_split(hub: LoopbackHub, open_for: OpenFor):
    card = b"---\nconfigs:\n- config_name: x\n  data_files: one/*\n- config_name: y\n---\n"
    card = card.replace(b"name: y\n", b"name: y\n  data_files: two/*\n")
    files = {"README.md": card, **pairs("one/", "ab"), **pairs("two/", "cd")}
    hub.publish("unseen/card", files)
    plan = open_for("unseen/card", subset="y").plan
    assert [file.path for shard in plan.shards for file in shard.files] == [
        "two/c.flac",
        "two/d.flac",
        "two/c.txt",
        "two/d.txt",
    ]


def test_a_clip_without_a_text_is_a_row_too_and_is_counted(hub: LoopbackHub, open_for: OpenFor):
    files = pairs("train/", "abcd")
    del files["train/d.txt"]
    # Texts of something else, so that there are more texts than clips.
    hub.publish("unseen/fewer", files | {f"train/note{n}.txt": b"x" for n in range(3)})
    plan = open_for("unseen/fewer").plan
    assert plan.rows == 4
    assert any("1 audio files have no transcript" in warning for warning in plan.warnings)
    told = "left out: 3 text files beside no audio file of the same name, such as 'train/note0.txt'"
    assert told in plan.warnings


def test_clips_that_datasets_does_not_know_are_rows(hub: LoopbackHub, open_for: OpenFor):
    hub.publish("unseen/m4a", {"train/a.m4a": b"1", "train/b.m4a": b"2", "test/c.m4a": b"3"})
    plan = open_for("unseen/m4a").plan
    assert [file.path for file in plan.shards[0].files] == ["train/a.m4a", "train/b.m4a"]


def test_a_dataset_of_texts_with_a_clip_among_them_is_no_folder_of_audio(
    hub: LoopbackHub, open_for: OpenFor
):
    texts = {f"{n}.txt": b"a page" for n in range(5)}
    hub.publish("unseen/pages", {**texts, "jingle.mp3": b"1", "more.mp3": b"2"})
    with pytest.raises(RequestInvalid, match="not published as parquet"):
        open_for("unseen/pages")


def test_a_conversion_that_lacks_the_texts_beside_the_clips_says_so(
    hub: LoopbackHub, open_for: OpenFor
):
    hub.publish("unseen/converted", pairs("train/", "ab", "wav"))
    publish_conversion(hub, "unseen/converted", speech_table(2, with_filenames=False))
    plan = open_for("unseen/converted").plan
    assert plan.is_converted
    assert any("left out: the texts beside the clips" in warning for warning in plan.warnings)


def test_an_archive_with_an_ending_that_datasets_does_not_know_is_read(
    hub: LoopbackHub, open_for: OpenFor
):
    tars = {
        f"{split}.tgz": make_tar(sample(at), "w:gz") for at, split in enumerate(("train", "test"))
    }
    hub.publish("unseen/tgz", tars)
    plan = open_for("unseen/tgz").plan
    assert [(shard.layout, shard.files[0].path) for shard in plan.shards] == [
        ("webdataset", "train.tgz")
    ]


@pytest.mark.parametrize("path", ["train.7z", "data/train.rar", "train.tar.xz"])
def test_an_archive_of_a_kind_that_is_not_read_is_named_with_what_would_help(
    hub: LoopbackHub, open_for: OpenFor, path: str
):
    name = f"unseen/{path.rpartition('.')[2]}"
    hub.publish(name, {path: b"x", "README.md": b"# Speech"})
    with pytest.raises(RequestInvalid, match="of a kind that is not read") as refused:
        open_for(name)
    assert path in refused.value.what
    assert "hugflow import" in refused.value.mend
