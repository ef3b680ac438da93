"""Which clip a word of a table means where the clip that it names is missing."""

from typing import Literal
from unicodedata import normalize

import pytest

from hugflow.shards.layouts.clips import Clips
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor
from tests.shards.layouts.published import at, rows, to_csv
from tests.shards.layouts.tars import clip
from tests.trees import read_failures

SUBSETS = Clips.of(
    ["en/train.csv", "de/train.csv", "en/clips/1.wav", "en/clips/9.wav", "de/clips/1.wav"]
)
SPLITS = Clips.of(["wavs/train_clean/1.wav", "wavs/test/9.wav", "wavs/train_other/2.wav"])
ALONE = Clips.of(["train.csv", "de/train.csv", "en/train.csv", "en/9.wav"])


@pytest.mark.parametrize(
    "word", ["clips/9.wav", "9.wav", "9", "de/clips/9.wav", "/home/me/de/clips/9.wav", "x\\9.wav"]
)
def test_a_missing_clip_of_a_subset_is_not_taken_from_another(word: str):
    assert SUBSETS.find(word, "de/train.csv") is None


@pytest.mark.parametrize("word", ["9.wav", "9", "wavs/9.wav", "train/9.wav", "/x/train/9.wav"])
def test_a_missing_clip_of_a_split_is_not_taken_from_another(word: str):
    assert SPLITS.find(word, "train.csv") is None
    assert SPLITS.find(word, "text/train/labels.csv") is None


def test_a_clip_beside_another_table_of_the_same_name_is_of_that_table():
    assert ALONE.find("9.wav", "de/train.csv") is None
    assert ALONE.find("9.wav", "en/train.csv") == "en/9.wav"


@pytest.mark.parametrize("word", ["audio/1.wav", "old/1.wav", "/x/audio/1.wav", "other/wavs/1.wav"])
def test_a_word_does_not_mean_a_clip_in_other_folders_than_it_names(word: str):
    assert Clips.of(["wavs/1.wav", "other/2.wav"]).find(word, "train.csv") is None


@pytest.mark.parametrize(
    ("word", "table", "expected"),
    [
        ("9.wav", "test.csv", "wavs/test/9.wav"),
        ("2.wav", "train.csv", "wavs/train_other/2.wav"),
        ("2", "lists/labels.csv", "wavs/train_other/2.wav"),
        ("test/9.wav", "train.csv", "wavs/test/9.wav"),
        ("/x/test/9.wav", "train.csv", "wavs/test/9.wav"),
        ("/home/me/wavs/test/9.wav", "text/dev.csv", "wavs/test/9.wav"),
        ("/home/me/9.wav", "wavs/test/labels.csv", "wavs/test/9.wav"),
    ],
)
def test_a_name_or_a_path_of_another_machine_means_the_one_clip_whose_folders_agree(
    word: str, table: str, expected: str
):
    assert SPLITS.find(word, table) == expected


@pytest.mark.parametrize(("ours", "theirs"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_means_its_clip_in_whichever_unicode_form_each_is_written(
    ours: Literal["NFC", "NFD"], theirs: Literal["NFC", "NFD"]
):
    word, path = (normalize(form, "é/fünf.wav") for form in (ours, theirs))
    clips = Clips.of([f"train/{path}", "train/a.wav"])
    for table in ("train/metadata.csv", "lists/train.csv"):
        assert clips.find(word, table) == f"train/{path}"
    assert clips.find(word, "train/metadata.csv", is_exact=True) == f"train/{path}"
    assert clips.find(word.partition("/")[2][:-4], "train.csv") == f"train/{path}"
    both = Clips.of([path, word])
    assert [both.find(each, "train.csv") for each in (word, path)] == [word, path]


def test_a_row_whose_clip_only_another_subset_has_will_fail(hub: LoopbackHub, open_for: OpenFor):
    table = [*rows("file", "clips/{}".format), {"file": "clips/9.wav", "text": "gone"}]
    configs = "configs:\n" + "".join(
        f"- config_name: {name}\n  data_files: {name}/train.csv\n" for name in ("en", "de")
    )
    files = {
        "README.md": f"---\n{configs}---\n".encode(),
        "en/clips/9.wav": clip(9),
        "en/train.csv": to_csv(table),
        "de/train.csv": to_csv(table),
        **at("de/clips/"),
    }
    hub.publish("folders/subsets", files)
    plan = open_for("folders/subsets", subset="de").plan
    assert "no audio file of the repository for 1 row: they will fail" in plan.warnings
    assert not [f.path for shard in plan.shards for f in shard.files if f.path.startswith("en/")]


BOTH = Clips.of(["train/1.wav", "test/1.wav", "a/2.wav", "b/2.wav", "a/3.wav", "a/3.flac"])


@pytest.mark.parametrize("word", ["1.wav", "1", "/home/me/1.wav"])
def test_a_name_that_two_splits_have_means_the_clip_of_the_tables_split(word: str):
    found = [BOTH.find(word, table) for table in ("train.csv", "lists/test.csv", "all.csv")]
    assert found == [
        *(["train/1.wav", "test/1.wav"] if "/" not in word else [None, None]),
        None,
    ]


def test_a_name_that_stays_unclear_means_all_clips_that_have_it():
    assert BOTH.find_all("2.wav", "all.csv") == ("a/2.wav", "b/2.wav")
    assert BOTH.find_all("3", "all.csv") == ("a/3.wav", "a/3.flac")
    assert BOTH.find("3.flac", "all.csv") == "a/3.flac"
    many = Clips.of([f"{n}/x.wav" for n in range(50)])
    assert len(many.find_all("7/x", "train.csv")) > 1
    assert many.find("7/x.wav", "train.csv") == "7/x.wav"


def test_each_split_has_its_own_clips_of_the_same_names(hub: LoopbackHub, open_for: OpenFor):
    tables = {f"{split}.csv": to_csv(rows("file")) for split in ("train", "test")}
    hub.publish("folders/same", {**tables, **at("train/"), **at("test/")})
    for split in ("train", "test"):
        plan = open_for("folders/same", split=split, source={"layout": "table"}).plan
        named = {f.path for shard in plan.shards for f in shard.files if f.path.endswith("wav")}
        assert named == set(at(f"{split}/"))


def test_a_row_that_may_mean_two_clips_fails_and_names_both(hub: LoopbackHub, open_for: OpenFor):
    table = [*rows("file"), {"file": "x.wav", "text": "which"}]
    clips = {**at("clips/"), "more/x.wav": clip(7), "old/x.wav": clip(8)}
    hub.publish("folders/unclear", {"train.csv": to_csv(table), **clips})
    build = open_for("folders/unclear", max_bad_rows="50%")
    assert any(
        "1 row may mean several audio files, such as 'more/x.wav' and 'old/x.wav'" in told
        for told in build.plan.warnings
    )
    sync_dataset(build)
    [failure] = read_failures(build.folder)
    assert (failure["code"], failure["message"]) == (
        "path_unclear",
        "'x.wav' may mean 'more/x.wav' and 'old/x.wav'",
    )
