"""Which column names clips, where the ids of rows are also names of clips."""

from typing import Any

import pyarrow as pa
import pytest

from hugflow.shards.layouts.clip_columns import choose_column
from hugflow.shards.layouts.clips import Clips
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor
from tests.shards.layouts.published import CLIPS, TEXTS, to_csv, to_zip

FILES = Clips.of([f"clips/{n}.wav" for n in range(1, 9)])
IDS = ["1", "2", "3"]


def chosen(**columns: Any) -> str | None:
    return choose_column(pa.table(columns), FILES, "train.csv", None)


@pytest.mark.parametrize(
    "words",
    [
        ["clips/2.wav", "clips/3.wav", "clips/9.wav"],
        ["clips/2.wav", "clips/10.wav", "clips/9.wav"],
        ["2.wav", "3.wav", "1.wav"],
        ["clips/2", "clips/3", "clips/1"],
    ],
)
def test_a_column_of_files_comes_before_ids_that_are_names_of_more_clips(words: list[str]):
    assert chosen(id=IDS, recording=words, text=["a", "b", "c"]) == "recording"
    assert chosen(index=IDS, path=words) == "path"


def test_ids_name_clips_where_no_column_names_files_that_exist():
    assert chosen(original=["a.wav", "b.wav", "c.wav"], id=IDS) == "id"
    assert chosen(speaker=["1", "2", "30"], utterance=IDS) == "utterance"
    assert chosen(text=["a", "b", "see 1.wav"], number=IDS) == "number"


def test_of_two_columns_of_files_the_usual_name_is_chosen_though_a_clip_is_missing():
    files = ["1.wav", "2.wav", "3.wav"]
    assert chosen(enhanced=files, audio=["4.wav", "5.wav", "9.wav"]) == "audio"


@pytest.mark.parametrize(
    "words", [["1", "1", "2"], ["anna"] * 30 + ["ben"] * 30], ids=["numbers", "names"]
)
def test_bare_words_that_repeat_name_no_clips_unless_the_request_says_so(words: list[str]):
    clips = Clips.of([*(f"clips/{n}.wav" for n in range(9)), "anna.wav", "ben.wav"])
    table = pa.table({"speaker": words, "text": [f"row {n}" for n in range(len(words))]})
    assert choose_column(table, clips, "train.csv", None) is None
    assert choose_column(table, clips, "train.csv", "speaker") == "speaker"
    assert choose_column(table, clips, "train.csv", None, may_repeat=True) == "speaker"


def test_a_clip_may_have_a_few_captions():
    clips = Clips.of([f"clips/c{n}.wav" for n in range(9)])
    table = pa.table({"clip": ["c1", "c1", "c2", "c2"], "caption": list("abcd")})
    assert choose_column(table, clips, "train.csv", None) == "clip"


def test_speakers_whose_names_are_those_of_clips_give_rows_of_text_and_the_plan_asks(
    hub: LoopbackHub, open_for: OpenFor
):
    table = [{"speaker": str(n % 2), "text": text} for n, text in enumerate(TEXTS)]
    clips = {f"clips/{n}.wav": data for n, data in enumerate(CLIPS.values())}
    hub.publish("columns/speakers", {"train.csv": to_csv(table), **clips})
    plan = open_for("columns/speakers").plan
    assert plan.audio_column is None
    assert any("if a column names them, set audio_column" in told for told in plan.warnings)


def test_a_column_of_members_comes_before_ids_that_are_names_of_other_members(
    hub: LoopbackHub, open_for: OpenFor
):
    numbered = {f"{n}.wav": data for n, data in enumerate(CLIPS.values())}
    after = [f"wavs/{n + 1}.wav" for n in range(len(CLIPS))]
    table = [
        {"id": str(n), "recording": word, "text": text}
        for n, (word, text) in enumerate(zip(after, TEXTS, strict=True))
    ]
    hub.publish("columns/zip", {"train.csv": to_csv(table), "wavs.zip": to_zip(numbered)})
    told = open_for("columns/zip").plan.warnings
    assert any(each.startswith("the column 'recording' of ") for each in told)
