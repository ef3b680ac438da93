"""Rows that cannot be cut fail alone, and never get the whole recording."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.audio.bad import AudioBad
from hugflow.errors import RequestInvalid
from hugflow.rows.audio import audio_value, path_of
from hugflow.shards.failed_clips import FailedClip, to_clips
from hugflow.stages.build.build import Build
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from tests.builds import OpenFor
from tests.shards.layouts.published import to_csv
from tests.shards.layouts.tars import make_tar
from tests.shards.layouts.test_cut_members import to_parquet
from tests.shards.layouts.test_segments import LONG
from tests.shards.layouts.test_whole import json_lines
from tests.trees import read_rows_json

BY_END = {"start": "start", "end": "end"}
AUDIO = {"bytes": LONG, "path": "talk.wav"}
NAMED = {"bytes": None, "path": "talk.wav"}
# The good ones first and last; a number in each column keeps the types of parquet.
TIMES: list[tuple[Any, Any]] = [(0.0, 0.2), (None, 0.3), (-1.0, 0.4), (0.5, 0.1), (0.6, 0.8)]
TOLD = [{"start": start, "end": end, "text": f"t{n}"} for n, (start, end) in enumerate(TIMES)]
LINES = [
    {"path": "talk.wav", **{name: "" if v is None else v for name, v in row.items()}}
    for row in TOLD
]
KALDI = {
    "data/train/wav.scp": b"one wavs/talk.wav\n",
    "data/train/segments": b"t0 one 0.0 0.2\nt1 one soon 0.3\nt2 one -1 0.4\nt3 one 0.5 0.1\n"
    b"t4 one 0.6 0.8\n",
    "data/train/text": b"".join(b"t%d t%d\n" % (n, n) for n in range(5)),
    "wavs/talk.wav": LONG,
}  # fmt: skip

SRT = b"""00:00:00,000 --> 00:00:00,200\nt0\n\n2\n00:00:soon --> 00:00:00,300\nt1\n
00:00:01,0 -->\nt2\n\n00:00:00,500 --> 00:00:00,100\nt3\n\n00:00:00,600 --> 00:00:00,800\nt4\n"""
RTTM_TIMES = ["0.0 0.2", "soon 0.3", "1 -0.4", "0.5 0", "0.6 0.2"]
RTTM = "".join(
    f"SPEAKER talk 1 {times} <NA> <NA> t{n} <NA> <NA>\n" for n, times in enumerate(RTTM_TIMES)
).encode()

WORLDS: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
    "table": ({"talk.wav": LONG, "train.csv": to_csv(LINES)}, {"segments": BY_END}),
    "kaldi": (KALDI, {"source": {"layout": "kaldi"}}),
    "srt": ({"train/a.wav": LONG, "train/a.srt": SRT}, {"segments": {"beside": "srt"}}),
    "rttm": (
        {"train/a.wav": LONG, "train/a.rttm": RTTM},
        {"segments": {"beside": "rttm"}, "text_column": "speaker"},
    ),
    "archive": (
        {"a.tar": make_tar([("talk.wav", LONG)]), "train.csv": to_csv(LINES)},
        {"segments": BY_END},
    ),
    "parquet": (to_parquet([{"audio": AUDIO, **row} for row in TOLD]), {"segments": BY_END}),
    "lists": (
        to_parquet([{"audio": AUDIO, "segments": TOLD}]),
        {
            "segments": {"start": "segments.start", "end": "segments.end"},
            "text_column": "segments.text",
        },
    ),
}


def failures(build: Build) -> list[dict[str, Any]]:
    return json_lines(build.folder.failures)


@pytest.mark.parametrize("name", WORLDS)
def test_a_row_without_a_valid_time_range_fails_alone(
    hub: LoopbackHub, open_for: OpenFor, name: str
):
    files, fields = WORLDS[name]
    hub.publish(f"times/{name}", files)
    build = open_for(f"times/{name}", max_bad_rows=3, **fields)
    sync_dataset(build)
    assert sorted(row["text"] for row in read_rows_json(build.folder).values()) == ["t0", "t4"]
    assert [each["code"] for each in failures(build)] == ["range_invalid"] * 3
    is_counted = "without a valid time range: 3 rows" in build.plan.warnings
    assert is_counted == (name not in ("parquet", "lists"))


def test_a_range_without_times_of_a_whole_recording_has_none_and_is_in_no_export(
    hub: LoopbackHub, open_for: OpenFor
):
    hub.publish("times/whole", WORLDS["table"][0])
    build = open_for("times/whole", segments={**BY_END, "keep": True}, exports=["nemo"])
    sync_dataset(build)
    [row] = read_rows_json(build.folder).values()
    times = {each["text"]: (each["start"], each["end"]) for each in row["segments"]}
    assert times["t1"] == times["t2"] == (None, None)
    assert times["t4"] == (0.6, 0.8)
    [told] = build.folder.root.rglob("nemo.jsonl")
    assert [each["text"] for each in json_lines(told)] == ["t0", "t4"]


@pytest.mark.parametrize("name", ["table", "archive"])
def test_columns_without_any_time_are_refused_when_planning(
    hub: LoopbackHub, open_for: OpenFor, name: str
):
    hub.publish(f"times/none-{name}", WORLDS[name][0])
    with pytest.raises(RequestInvalid, match="no row has a valid time range"):
        open_for(f"times/none-{name}", segments={"start": "text", "end": "end"})


def test_parquet_that_only_names_its_recordings_is_refused_with_segments(
    hub: LoopbackHub, open_for: OpenFor
):
    named = to_parquet([{"audio": NAMED, **TOLD[0]}, {"audio": NAMED, **TOLD[4]}], like=AUDIO)
    hub.publish("paths/all", {"talk.wav": LONG, **named})
    with pytest.raises(RequestInvalid, match="only names its recordings"):
        open_for("paths/all", segments=BY_END)


SOURCES: dict[str, dict[str, Any]] = {
    "parquet": {},
    "table": {"source": {"table": "t.csv", "audio": "in/*", "key": "path"}},
    "archive": {"source": {"layout": "table_archives"}},
}
OUTSIDE: dict[str, dict[str, bytes]] = {
    "parquet": to_parquet([{"audio": AUDIO, **TOLD[0]}, {"audio": NAMED, **TOLD[4]}]),
    "table": {
        "in/a.wav": LONG,
        "t.csv": to_csv([{**LINES[0], "path": "in/a.wav"}, LINES[4]]),
    },
    "archive": {
        "a.tar": make_tar([("a.wav", LONG)]),
        "train.csv": to_csv([{**LINES[0], "path": "a.wav"}, LINES[4]]),
    },
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_range_of_a_file_that_is_only_named_is_never_the_whole_file(
    hub: LoopbackHub, open_for: OpenFor, name: str
):
    hub.publish(f"paths/{name}", {"talk.wav": LONG, **OUTSIDE[name]})
    build = open_for(f"paths/{name}", max_bad_rows=1, segments=BY_END, **SOURCES[name])
    sync_dataset(build)
    assert [row["text"] for row in read_rows_json(build.folder).values()] == ["t0"]
    code = "audio_unsupported" if name == "parquet" else "path_not_found"
    assert [each["code"] for each in failures(build)] == [code]


@pytest.mark.parametrize("value", ["talk.wav", [AUDIO], {"bytes": "text", "path": "a"}, 7])
def test_segments_of_a_column_that_holds_no_bytes_are_refused_by_its_type(
    hub: LoopbackHub, open_for: OpenFor, value: object
):
    hf_id = f"types/{type(value).__name__}"
    hub.publish(hf_id, {"talk.wav": LONG, **to_parquet([{"sound": value, **TOLD[0]}])})
    with pytest.raises(RequestInvalid, match="'sound' holds no bytes of recordings"):
        open_for(hf_id, segments=BY_END, audio_column="sound")


def test_why_a_row_fails_is_told_beside_the_bytes_of_other_clips():
    named = {"bytes": LONG, "path": "a.wav"}
    failed = {"bytes": FailedClip("range_invalid", "a\nb"), "path": "b.wav"}
    column = to_clips([named, failed, None, {"bytes": None, "path": "c.wav"}])
    assert bytes(audio_value(column[0])["bytes"]) == LONG
    with pytest.raises(AudioBad) as bad:
        audio_value(column[1])
    assert (bad.value.code, bad.value.message) == ("range_invalid", r"a\nb")
    assert audio_value(column[2]) is None
    # The file of a row that fails is not fetched.
    assert [path_of(each) for each in column] == [None, None, None, "c.wav"]


def test_no_file_can_say_that_its_rows_fail_by_a_type_of_ours(tmp_path: Path):
    failed = {"bytes": FailedClip("range_invalid", "x"), "path": "b.wav"}
    pq.write_table(pa.table({"audio": to_clips([failed])}), tmp_path / "a.parquet")
    column = pq.read_table(tmp_path / "a.parquet").column("audio")
    assert path_of(column[0]) == "b.wav"
    assert audio_value(column[0])["path"] == "b.wav"
