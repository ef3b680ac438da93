"""Time ranges of recordings that are members of archives."""

from typing import Any

import pytest

from hugflow.errors import RequestInvalid
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.shards.layouts.published import CLIPS, COUNT, TEXTS, to_zip
from tests.shards.layouts.tars import make_tar
from tests.shards.layouts.test_segments import LONG, table
from tests.trees import read_rows_json

BY_END = {"start": "start", "end": "end"}
_first: dict[str, list[bytes]] = {}


def clips(hub: LoopbackHub, open_for: OpenFor) -> list[bytes]:
    """The MP3s of the clips that the ranges are."""
    if not _first:
        hub.publish("cut/clips", {f"train/{clip}": data for clip, data in CLIPS.items()})
        plain = open_for("cut/clips")
        sync_dataset(plain)
        _first["mp3s"] = [(plain.folder.audio / f"{row}.mp3").read_bytes() for row in range(COUNT)]
    return _first["mp3s"]


ARCHIVES: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
    "tar": (
        {"a.tar": make_tar([("x/talk.wav", LONG)]), "train.csv": table("start", "end")},
        BY_END,
    ),
    "zip": (
        {"a.zip": to_zip({"talk.wav": LONG}), "train.csv": table("start", "length")},
        {"start": "start", "duration": "length"},
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_time_ranges_of_a_member_give_the_same_mp3s_as_clips(
    hub: LoopbackHub, open_for: OpenFor, name: str
):
    files, segments = ARCHIVES[name]
    hub.publish(f"cut/{name}", files)
    build = open_for(f"cut/{name}", segments=segments)
    sync_dataset(build)
    made = read_rows_json(build.folder)
    assert [made[row]["text"] for row in sorted(made)] == list(TEXTS)
    mp3s = [(build.folder.audio / f"{row}.mp3").read_bytes() for row in sorted(made)]
    assert mp3s == clips(hub, open_for)
    assert list(verify_dataset(build.places, build.name, deep=True)) == []


def test_a_table_in_an_archive_can_name_time_ranges(hub: LoopbackHub, open_for: OpenFor):
    members = [("corpus/train.csv", table("start", "end")), ("corpus/wavs/talk.wav", LONG)]
    hub.publish("cut/inside", {"a.tar.gz": make_tar(members, "w:gz")})
    source = {
        "inside": True,
        "archives": "a.tar.gz",
        "table": "**/{split}.csv",
        "audio": "**/wavs/*",
        "key": "path",
    }
    build = open_for("cut/inside", source=source, segments=BY_END)
    sync_dataset(build)
    made = read_rows_json(build.folder)
    assert [made[row]["text"] for row in sorted(made)] == list(TEXTS)


def test_a_range_in_an_archive_that_is_no_time_is_refused_by_its_row(
    hub: LoopbackHub, open_for: OpenFor
):
    lines = b"path,text,start,end\ntalk.wav,a,0,0.1\ntalk.wav,b,soon,0.2\n"
    hub.publish("cut/bad", {"a.tar": make_tar([("talk.wav", LONG)]), "train.csv": lines})
    with pytest.raises(RequestInvalid, match="no time range") as refused:
        open_for("cut/bad", segments=BY_END)
    assert "row 2" in refused.value.why


def test_what_only_files_have_is_refused_of_archives(hub: LoopbackHub, open_for: OpenFor):
    files, segments = ARCHIVES["tar"]
    hub.publish("cut/kept", files)
    with pytest.raises(RequestInvalid, match="segments with keep are not read"):
        open_for("cut/kept", segments={**segments, "keep": True})
