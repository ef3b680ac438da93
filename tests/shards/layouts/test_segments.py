"""Rows that are time ranges of longer recordings, cut to the sample."""

import json
from typing import Any

import numpy as np
import pytest

from hugflow.audio.cut import Cut
from hugflow.audio.cutting import write_pieces
from hugflow.errors import RequestInvalid
from hugflow.shards.layouts.captions import Cue, read_captions
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from tests.audio.clips import tone, write
from tests.builds import OpenFor
from tests.shards.layouts.published import CLIPS, TEXTS, Files, to_csv
from tests.shards.layouts.recipes import TEXT_BY_STEM, one_recording, samples, to_wav
from tests.trees import read_rows_json

LONG, TIMES = one_recording()
_first: dict[str, list[bytes]] = {}


def clock(seconds: float, sign: str) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02}{sign}{whole % 1000:03}"


def table(*names: str) -> bytes:
    rows = []
    for key, (start, end) in TIMES.items():
        told = {"start": start, "end": end, "length": round(end - start, 6)}
        rows.append({"path": "talk.wav", "text": TEXT_BY_STEM[key], **{n: told[n] for n in names}})
    return to_csv(rows[::-1])


def cues(head: str, sign: str) -> bytes:
    blocks = [
        f"{n}\n{clock(start, sign)} --> {clock(end, sign)}\n{TEXT_BY_STEM[key]}\n"
        for n, (key, (start, end)) in enumerate(TIMES.items(), 1)
    ]
    return (head + "\n".join(blocks)).encode()


def stereo(left: bytes, right: bytes) -> bytes:
    """Two recordings as the channels of one; the shorter one ends in silence."""
    one, two = (np.frombuffer(samples(data), np.int16) for data in (left, right))
    both = np.zeros((max(len(one), len(two)), 2), np.int16)
    both[: len(one), 0], both[: len(two), 1] = one, two
    return to_wav(both.tobytes(), channels=2)


WORLDS: dict[str, tuple[Files, dict[str, Any]]] = {
    "columns": (
        {"talk.wav": LONG, "train.csv": table("start", "end")},
        {"start": "start", "end": "end"},
    ),
    "duration": (
        {"talk.wav": LONG, "train.csv": table("start", "length")},
        {"start": "start", "duration": "length"},
    ),
    "srt": (
        {"train/talk.wav": LONG, "train/talk.srt": cues("", ",")},
        {"beside": "srt"},
    ),
    "vtt": (
        {"train/talk.wav": LONG, "train/talk.vtt": cues("WEBVTT\n\nNOTE x\n\n", ".")},
        {"beside": "vtt"},
    ),
    "channel": (
        {
            "talk.wav": stereo(to_wav(b"\1\2" * 9_000), LONG),
            "train.csv": table("start", "end"),
        },
        {"start": "start", "end": "end", "channel": 1},
    ),
}


@pytest.mark.parametrize("name", WORLDS)
def test_time_ranges_give_the_same_mp3s_as_clips_of_these_samples(
    hub: LoopbackHub, open_for: OpenFor, name: str
):
    files, segments = WORLDS[name]
    hub.publish(f"segments/{name}", files)
    build = open_for(f"segments/{name}", segments=segments)
    sync_dataset(build)
    made = read_rows_json(build.folder)
    assert [made[row]["text"] for row in sorted(made)] == list(TEXTS)
    if not _first:
        hub.publish("segments/clips", {f"train/{clip}": data for clip, data in CLIPS.items()})
        plain = open_for("segments/clips")
        sync_dataset(plain)
        _first["mp3s"] = [
            (plain.folder.audio / f"{row}.mp3").read_bytes() for row in range(len(CLIPS))
        ]
    mp3s = [(build.folder.audio / f"{row}.mp3").read_bytes() for row in sorted(made)]
    assert mp3s == _first["mp3s"]


def test_one_channel_of_two_can_be_read_without_time_ranges(hub: LoopbackHub, open_for: OpenFor):
    left, right = (CLIPS[name] for name in list(CLIPS)[:2])
    hub.publish("segments/left", {"train/a.wav": stereo(left, right)})
    build = open_for("segments/left", segments={"channel": 0})
    sync_dataset(build)
    [row] = read_rows_json(build.folder).values()
    assert row["audio_info"]["source_channels"] == 1


def test_ranges_behind_the_end_and_of_a_missing_recording_fail_alone(
    hub: LoopbackHub, open_for: OpenFor
):
    rows = [
        {"path": "talk.wav", "text": "a", "start": "0", "end": "0.2"},
        {"path": "talk.wav", "text": "b", "start": "0.5", "end": "999"},
        {"path": "gone.wav", "text": "c", "start": "0", "end": "1"},
        {"path": "talk.wav", "text": "d", "start": "998", "end": "999"},
    ]
    hub.publish("segments/behind", {"talk.wav": LONG, "train.csv": to_csv(rows)})
    build = open_for(
        "segments/behind", segments={"start": "start", "end": "end"}, max_bad_rows="100%"
    )
    sync_dataset(build)
    assert [row["text"] for row in read_rows_json(build.folder).values()] == ["a"]
    failed = [json.loads(line) for line in build.folder.failures.read_text().splitlines()]
    codes = sorted(each["code"] for each in failed)
    assert codes == ["audio_truncated", "audio_truncated", "path_not_found"]


def test_half_a_recording_of_which_one_channel_is_asked_is_a_failed_row(
    hub: LoopbackHub, open_for: OpenFor
):
    half = write(tone(100_000), format="FLAC")
    files = {"train/a.wav": LONG, "train/b.flac": half[: len(half) // 2]}
    hub.publish("segments/half", files)
    build = open_for("segments/half", segments={"channel": 0}, max_bad_rows="100%")
    sync_dataset(build)
    assert len(read_rows_json(build.folder)) == 1
    [failed] = map(json.loads, build.folder.failures.read_text().splitlines())
    assert failed["code"] == "audio_truncated"


def test_segments_of_a_layout_that_is_not_cut_are_refused(hub: LoopbackHub, open_for: OpenFor):
    from hugflow.testing.samples import publish_speech

    publish_speech(hub, "segments/parquet", rows=2)
    with pytest.raises(RequestInvalid, match="are not read of the layout parquet"):
        open_for("segments/parquet", segments={"beside": "srt"})


@pytest.mark.parametrize(
    ("segments", "problem"),
    [
        ({"start": "a"}, "without end or duration"),
        ({"end": "a"}, "has no start"),
        ({"start": "a", "end": "b", "duration": "c"}, "or with both"),
        ({"beside": "sub"}, "none that is read"),
        ({"channel": -1}, "no number from 0"),
        ({"strat": "a"}, "did you mean start"),
    ],
)
def test_segments_that_cannot_be_say_what_is_wrong(segments: dict[str, Any], problem: str):
    from hugflow.requests.model import AddRequest

    with pytest.raises(ValueError, match=problem):
        AddRequest(hf_id="a/b", description="x", segments=segments)  # type: ignore[arg-type]


def test_captions_are_read_as_people_write_them():
    text = "\ufeff1\r\n00:00:01,5 --> 00:00:02,250\r\n<i>Hello</i>\r\nthere.\r\n\r\n\r\n2\r\n"
    assert read_captions(text.lstrip("\ufeff"), "srt") == [Cue("1.500", "2.250", "Hello there.")]
    text = "WEBVTT\n\nSTYLE\n::cue{}\n\nid\n01:02.003 --> 01:03.000 align:start\n<v Ann>Hi"
    assert read_captions(text, "vtt") == [Cue("62.003", "63.000", "Hi")]
    rttm = ";; note\nSPEAKER talk 1 1.25 0.5 <NA> <NA> ann <NA> <NA>\n"
    assert read_captions(rttm, "rttm") == [Cue("1.25", "1.75", speaker="ann")]
    with pytest.raises(ValueError, match="line 1"):
        read_captions("SPEAKER talk 1 0 0.5 <NA> <NA>", "rttm")


def test_references_are_read_in_vtt_and_are_text_in_srt():
    text = "00:00:01.000 --> 00:00:02.000\nR&amp;B, 1 &lt; 2\n"
    assert read_captions(text, "vtt")[0].text == "R&B, 1 < 2"
    assert read_captions(text, "srt")[0].text == "R&amp;B, 1 &lt; 2"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("<i>a</i> {\\an8}b", "a b"),
        ("<c.loud>a</c> 1 < 2 <i b", "a 1 < 2 <i b"),
        ("<i <b>a {\\an1}<font x", "a <font x"),
        ("{\\an<i>8}a", "{\\an8}a"),
        ("<{\\an8}i>a", "<i>a"),
    ],
)
def test_tags_of_captions_are_no_words(line: str, words: str):
    [cue] = read_captions(f"00:01.5 --> 00:02.5\n{line}\n", "srt")
    assert cue.text == words


def test_a_caption_of_beginnings_of_tags_is_read_to_its_end():
    line = "<i " * 300_000
    [cue] = read_captions(f"00:01.5 --> 00:02.5\n{line}\n", "srt")
    assert cue.text == line.strip()


def test_overlapping_ranges_are_cut_in_one_pass(tmp_path):
    cuts = [Cut("0", "0.2"), Cut("0.1", "0.3"), Cut("0.1", None), Cut("0.15", "0.16")]
    write_pieces(LONG, cuts, tmp_path)
    sound = samples(LONG)
    for number, (start, end) in enumerate([(0, 3200), (1600, 4800), (1600, None), (2400, 2560)]):
        found = samples((tmp_path / f"{number}.wav").read_bytes())
        assert found == sound[start * 2 : None if end is None else end * 2]
