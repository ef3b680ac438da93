"""Time ranges of recordings that are members of archives, or values in rows of parquet."""

import io
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.audio.cut import Cut
from hugflow.errors import RequestInvalid
from hugflow.shards.layouts import table_archives
from hugflow.shards.layouts.registry import find_layout
from hugflow.shards.layouts.segments import Recordings
from hugflow.stages.sync import sync_dataset
from hugflow.statistics.scan import scan_index
from hugflow.testing.hub import LoopbackHub
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.shards.layouts.published import CLIPS, COUNT, TEXTS, to_zip
from tests.shards.layouts.recipes import TEXT_BY_STEM
from tests.shards.layouts.tars import make_tar
from tests.shards.layouts.test_segments import LONG, TIMES, stereo, table
from tests.trees import read_rows_json

pytestmark = pytest.mark.slow

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
    assert list(verify_dataset(build.places, build.name)) == []


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


def test_the_time_to_read_many_ranges_of_a_member_grows_with_their_number(
    hub: LoopbackHub, open_for: OpenFor
):
    few, many = (time_to_read(hub, open_for, count) for count in (7_500, 30_000))
    # 4 times; where each row is looked for in a list of all of them, 12 times and more.
    assert many < 8 * few


def time_to_read(hub: LoopbackHub, open_for: OpenFor, count: int) -> float:
    """CPU seconds of this thread for so many rows of one member, the least of two."""
    name = f"cut/many-{count}"
    lines = b"path,text,start,end\n" + b"talk.wav,a,0,0.1\n" * count
    files = {"a.tar": make_tar([("talk.wav", LONG)]), "train.csv": lines}
    hub.publish(name, files)
    build = open_for(name, segments=BY_END)
    [shard] = build.plan.shards
    paths = [build.places.state_dir / file for file in files]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data)

    def read() -> float:
        asked = 0

        def is_wanted(rows: range) -> bool:
            nonlocal asked
            asked += len(rows)
            return True

        began = time.thread_time()
        found = table_archives.read_rows(
            paths, replace(shard, rows=count), columns=["text"], is_wanted=is_wanted
        )
        assert sum(len(rows) for rows, _ in found) == asked == count
        return time.thread_time() - began

    return min(read(), read())


def test_what_only_files_have_is_refused_of_archives(hub: LoopbackHub, open_for: OpenFor):
    files, segments = ARCHIVES["tar"]
    hub.publish("cut/kept", files)
    with pytest.raises(RequestInvalid, match="segments with keep are not read"):
        open_for("cut/kept", segments={**segments, "keep": True})


SPOKEN = [
    {"start": start, "end": end, "text": TEXT_BY_STEM[key]} for key, (start, end) in TIMES.items()
]
AUDIO = {"bytes": LONG, "path": "talk.wav"}


def to_parquet(
    rows: list[dict[str, Any]], lines: int = 2, like: dict[str, Any] | None = None
) -> dict[str, bytes]:
    """Rows as a file of small row groups; like: a value that the column `audio` could have."""
    first = [] if like is None else [{**rows[0], "audio": like}]
    schema = pa.Table.from_pylist([*first, *rows]).schema
    out = io.BytesIO()
    with pq.ParquetWriter(out, schema) as writer:
        for at in range(0, len(rows), lines):
            writer.write_table(pa.Table.from_pylist(rows[at : at + lines], schema))
    return {"data/train-00000-of-00001.parquet": out.getvalue()}


def to_arrow(rows: list[dict[str, Any]]) -> dict[str, bytes]:
    """Rows as `save_to_disk` writes them."""
    out, table_ = io.BytesIO(), pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(out, table_.schema) as writer:
        writer.write_table(table_, max_chunksize=2)
    return {"train/data-00000-of-00001.arrow": out.getvalue()}


def to_tar(rows: list[dict[str, Any]]) -> dict[str, bytes]:
    """Rows of recordings as WebDataset: each with a JSON beside its WAV."""
    members = [
        (f"talk{at}.{ending}", data)
        for at, row in enumerate(rows)
        for ending, data in (("wav", LONG), ("json", json.dumps(row).encode()))
    ]
    return {"train.tar": make_tar(members)}


PARTS = [{"id": f"p{at}", "segments": part} for at, part in enumerate((SPOKEN[:3], SPOKEN[3:]))]
BY_SEGMENT = {"start": "segments.start", "end": "segments.end"}
BY_JSON = {key: f"json.{name}" for key, name in BY_SEGMENT.items()}
ROWS: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
    "a range in each row": (
        to_parquet([{"audio": AUDIO, **each} for each in SPOKEN]),
        {"segments": BY_END},
    ),
    "a list of ranges": (
        to_parquet([{"audio": AUDIO, "segments": SPOKEN[:2]}, {"audio": None, "segments": []}]),
        {"segments": BY_SEGMENT},
    ),
    "arrow with a range in each row": (
        to_arrow([{"audio": AUDIO, **each} for each in SPOKEN]),
        {"segments": BY_END},
    ),
    "arrow with lists": (
        to_arrow([{"audio": AUDIO, **each} for each in PARTS]),
        {"segments": BY_SEGMENT, "text_column": "segments.text"},
    ),
    "webdataset with a range in each row": (
        to_tar(SPOKEN),
        {"segments": {"start": "json.start", "end": "json.end"}},
    ),
    "webdataset with lists": (
        to_tar(PARTS),
        {"segments": BY_JSON, "text_column": "json.segments.text"},
    ),
    "lists of begins and ends": (
        to_parquet(
            [
                {"audio": AUDIO, "id": "a", **{name: [s[name] for s in part] for name in SPOKEN[0]}}
                for part in (SPOKEN[:3], SPOKEN[3:])
            ],
            lines=1,
        ),
        {"segments": BY_END},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_time_ranges_of_recordings_in_rows_give_the_same_mp3s_as_clips(
    hub: LoopbackHub, open_for: OpenFor, name: str
):
    files, fields = ROWS[name]
    hf_id = f"cut/{name.replace(' ', '-')}"
    hub.publish(hf_id, files)
    is_struct = name == "a list of ranges"
    more = {"text_column": "segments.text"} if is_struct else {}
    build = open_for(hf_id, **fields, **more)
    sync_dataset(build)
    made = read_rows_json(build.folder)
    expected = 2 if is_struct else COUNT
    assert [made[row]["text"] for row in sorted(made)] == list(TEXTS)[:expected]
    scanned = scan_index(sorted(build.folder.index.iterdir())).select("row", "text").collect()
    assert scanned["text"].to_list() == list(TEXTS)[:expected]
    mp3s = [(build.folder.audio / f"{row}.mp3").read_bytes() for row in sorted(made)]
    assert mp3s == clips(hub, open_for)[:expected]
    assert list(verify_dataset(build.places, build.name)) == []


def test_one_channel_of_recordings_in_parquet_can_be_read(hub: LoopbackHub, open_for: OpenFor):
    both = stereo(LONG, LONG)
    hub.publish("cut/channel", to_parquet([{"audio": {"bytes": both, "path": "a.wav"}}]))
    build = open_for("cut/channel", segments={"channel": 1})
    sync_dataset(build)
    [row] = read_rows_json(build.folder).values()
    assert row["audio_info"]["source_channels"] == 1


def test_only_recordings_of_rows_that_are_left_are_cut_again(
    hub: LoopbackHub, open_for: OpenFor, monkeypatch: pytest.MonkeyPatch
):
    files, fields = ROWS["lists of begins and ends"]
    hub.publish("cut/again", files)
    build = open_for("cut/again", **fields)
    sync_dataset(build)
    [shard] = build.plan.shards
    path = build.places.state_dir / "again.parquet"
    path.write_bytes(files["data/train-00000-of-00001.parquet"])
    cut: list[int] = []
    true_cut = Recordings.cut

    def count(self: Recordings, data: bytes, cuts: Sequence[Cut], wanted: Sequence[int]) -> object:
        cut.append(len(wanted))
        return true_cut(self, data, cuts, wanted)

    monkeypatch.setattr(Recordings, "cut", count)
    counted = replace(shard, rows=COUNT)
    wanted = {1, COUNT - 1}
    found = find_layout("parquet_cut").read_rows(
        [path], counted, columns=None, is_wanted=lambda rows: rows.start in wanted
    )
    assert [(rows, batch.num_rows) for rows, batch in found] == [
        (range(row, row + 1), 1) for row in sorted(wanted)
    ]
    assert cut == [1, 1]


def test_a_row_whose_lists_differ_in_length_fails_alone(hub: LoopbackHub, open_for: OpenFor):
    odd = {"start": [0.1, 0.2], "end": [0.2], "text": ["a", "b"]}
    texts = {"start": [0.1], "end": [0.2], "text": ["a", "b", "c"]}
    good = {name: [each[name] for each in SPOKEN[:2]] for name in SPOKEN[0]}
    rows = [{"audio": AUDIO, **each} for each in (odd, good, texts)]
    for name, files in (("parquet", to_parquet(rows)), ("arrow", to_arrow(rows))):
        hub.publish(f"cut/lengths-{name}", files)
        build = open_for(f"cut/lengths-{name}", segments=BY_END, max_bad_rows=2)
        sync_dataset(build)
        made = read_rows_json(build.folder)
        assert [made[row]["text"] for row in sorted(made)] == list(TEXTS)[:2]
        lost = [json.loads(line) for line in build.folder.failures.read_text().splitlines()]
        assert [(each["row"], each["code"]) for each in lost] == [
            (0, "lists_differ"),
            (3, "lists_differ"),
        ]
        assert list(verify_dataset(build.places, build.name)) == []


def test_a_recording_without_ranges_is_told_and_makes_no_row(
    hub: LoopbackHub, open_for: OpenFor, caplog: pytest.LogCaptureFixture
):
    hub.publish("cut/none", to_tar([*PARTS[:1], {"id": "empty", "segments": []}]))
    build = open_for("cut/none", segments=BY_JSON)
    sync_dataset(build)
    assert len(read_rows_json(build.folder)) == 3
    assert "train.tar: without a time range: 1 row" in caplog.text
