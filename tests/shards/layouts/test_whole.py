"""`segments: keep`: recordings stay whole, and their time ranges go into the exports."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from hugflow.errors import RequestInvalid
from hugflow.requests.segments import segment_spec
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.shards.layouts.published import CLIPS, TEXTS, stem, to_csv
from tests.shards.layouts.recipes import RECIPES
from tests.shards.layouts.test_segments import LONG, TIMES, WORLDS
from tests.trees import read_rows_json

KEPT: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
    "columns": (WORLDS["columns"][0], {"segments": {**WORLDS["columns"][1], "keep": True}}),
    "srt": (WORLDS["srt"][0], {"segments": {"beside": "srt", "keep": True}}),
    "ami": (RECIPES["ami"][0], {**RECIPES["ami"][1], "segments": "keep"}),
    "gigaspeech": (RECIPES["gigaspeech"][0], {**RECIPES["gigaspeech"][1], "segments": "keep"}),
}
RANGES = [pytest.approx(each, abs=0.001) for each in TIMES.values()]


def json_lines(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return [json.loads(line) for line in text.decode().splitlines()]


@pytest.mark.parametrize("name", KEPT)
def test_a_recording_that_is_kept_whole_has_its_time_ranges_in_a_column(
    hub: LoopbackHub, open_for: OpenFor, name: str
):
    files, fields = KEPT[name]
    hub.publish(f"whole/{name}", files)
    build = open_for(f"whole/{name}", **fields)
    sync_dataset(build)
    [row] = read_rows_json(build.folder).values()
    assert row["audio_info"]["duration"] == pytest.approx(len(LONG) / 32_000, abs=0.01)
    told = "\n".join(build.plan.warnings)
    assert "a row is a whole recording" in told
    assert "rows are time ranges" not in told
    assert [(each["start"], each["end"]) for each in row["segments"]] == RANGES
    texts = [each.get("text") or each.get("text_tn") for each in row["segments"]]
    assert texts == list(TEXTS)
    assert row["text"] == " ".join(TEXTS)
    assert list(verify_dataset(build.places, build.name)) == []


def test_exports_write_the_time_ranges_of_whole_recordings(hub: LoopbackHub, open_for: OpenFor):
    spoken = [
        {"path": "talk.wav", "text": text, "speaker": "ann", "start": start, "end": end}
        for text, (start, end) in zip(TEXTS, TIMES.values(), strict=True)
    ]
    behind = {**spoken[0], "start": 900, "end": 901}
    table = to_csv([*spoken, behind, {**spoken[0], "path": "other.wav"}])
    files = {"talk.wav": LONG, "other.wav": LONG, "train.csv": table}
    hub.publish("whole/exports", files)
    build = open_for(
        "whole/exports",
        segments={"start": "start", "end": "end", "keep": True},
        exports=["nemo", "lhotse", "kaldi", "webdataset"],
    )
    sync_dataset(build)
    root = build.folder.root
    nemo = json_lines(root / "nemo.jsonl")
    assert [each["text"] for each in nemo] == [TEXTS[0], *TEXTS]
    ends = [(each["offset"], each["offset"] + each["duration"]) for each in nemo[1:]]
    assert ends == RANGES
    assert {each["audio_filepath"] for each in nemo} == {"audio/0.mp3", "audio/1.mp3"}
    cuts = json_lines(root / "cuts.jsonl.gz")
    assert [len(cut["supervisions"]) for cut in cuts] == [1, len(CLIPS)]
    assert [each["text"] for each in cuts[1]["supervisions"]] == list(TEXTS)
    assert {each["speaker"] for each in cuts[1]["supervisions"]} == {"ann"}
    assert cuts[1]["duration"] > TIMES[stem(list(CLIPS)[-1])][1]
    kaldi = root / "kaldi"
    lines = [line.split() for line in (kaldi / "segments").read_text().splitlines()]
    assert lines[1][:2] == ["ann-1_00000", "1"]
    assert [(float(start), float(end)) for _, _, start, end in lines[1:]] == RANGES
    assert [line.split()[0] for line in (kaldi / "wav.scp").read_text().splitlines()] == ["0", "1"]
    assert (kaldi / "spk2utt").read_text().count("\n") == 1
    assert list(verify_dataset(build.places, build.name)) == []


def test_a_recording_that_does_not_exist_fails_alone(hub: LoopbackHub, open_for: OpenFor):
    table = b"path,text,start,end\ntalk.wav,a,0,0.1\ngone.wav,b,0,1\ntalk.wav,c,0.1,0.2\n"
    hub.publish("whole/missing", {"talk.wav": LONG, "train.csv": table})
    build = open_for(
        "whole/missing",
        segments={"start": "start", "end": "end", "keep": True},
        max_bad_rows="100%",
    )
    sync_dataset(build)
    [row] = read_rows_json(build.folder).values()
    assert row["text"] == "a c"
    [failed] = map(json.loads, build.folder.failures.read_text().splitlines())
    assert failed["code"] == "path_not_found"


def test_keeping_what_has_no_time_ranges_is_refused(hub: LoopbackHub, open_for: OpenFor):
    hub.publish("whole/none", {"train/a.wav": LONG})
    with pytest.raises(RequestInvalid, match="no time ranges to keep"):
        open_for("whole/none", segments="keep")


@pytest.mark.parametrize("value", [{"keep": "yes"}, {"keep": True, "channel": 0}, "kept"])
def test_what_is_no_way_to_keep_ranges_is_refused(value: object):
    with pytest.raises(ValueError, match=r"keep|mapping"):
        segment_spec(value)
