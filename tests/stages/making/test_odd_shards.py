"""Shards and names as nobody would publish them, made into trees all the same."""

import io
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hugflow.ledger.markers import read_marker
from hugflow.stages.planning.estimate import estimate
from hugflow.stages.sync import ShardsFailed, sync_dataset
from hugflow.store.layout import Places
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_tables, speech_table, to_audio_column
from hugflow.testing.speech import encode, speech_like
from hugflow.testing.tables import write_parquet
from hugflow.verify.dataset import verify_dataset
from tests.builds import OpenFor
from tests.trees import read_rows_json

pytestmark = pytest.mark.slow

HOSTILE = [
    "a" * 255 + ".wav",
    "é" * 200 + ".wav",
    "nul\x00byte.wav",
    "line\nbreak.wav",
    "carriage\rreturn.wav",
    "\x1b[31mred\x1b[0m.wav",
    "\u202egpj.exe",
    "CON",
    "con.wav",
    "LPT1.wav",
    "nul.tar.gz",
    ".",
    "..",
    "...",
    ".hidden",
    ".clip.mp3.tmp",
    "-rf",
    "--help.wav",
    "~root",
    "$(reboot).wav",
    "; rm -rf /.wav",
    "/etc/passwd",
    "../../../etc/passwd",
    "..\\..\\boot.ini",
    "C:\\Windows\\system.ini",
    "a/b/c.wav",
    "Same",
    "same",
    "SAME",
    "Stra\u00dfe",
    "STRASSE",
    "caf\u00e9",
    "cafe\u0301",
    "\ufb01le",
    "file",
    "\u212b",
    "\u00c5",
    "double",
    "double",
    "double",
    "double-39",
    "7",
    "007",
    " ",
    "",
    "trailing. ",
    "tab\tbed",
    "\ud83c\udfb5".encode("utf-16", "surrogatepass").decode("utf-16"),
    "%00",
    "a:b|c?d*e",
    None,
]


def publish_parts(hub: LoopbackHub, hf_id: str, parts: Iterable[bytes]) -> None:
    """A dataset of these parquet files."""
    files = list(parts)
    names = [f"data/train-{at:05}-of-{len(files):05}.parquet" for at in range(len(files))]
    hub.publish(hf_id, dict(zip(names, files, strict=True)))


def test_hostile_names_become_files_of_their_own_within_the_tree(
    hub: LoopbackHub, open_for: OpenFor, places: Places
):
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    table = pa.table(
        {
            "audio": to_audio_column([clip] * len(HOSTILE), ["p"] * len(HOSTILE)),
            "text": ["t"] * len(HOSTILE),
            "audio_filename": HOSTILE,
        }
    )
    publish_tables(hub, "odd/names", {"default": {"train": table}}, shards=3)
    build = open_for("odd/names")
    sync_dataset(build)
    rows = read_rows_json(build.folder)
    assert rows.keys() == set(range(len(HOSTILE)))
    stems = [Path(row["audio_info"]["path"]).stem for row in rows.values()]
    keys = {unicodedata.normalize("NFC", unicodedata.normalize("NFC", s).casefold()) for s in stems}
    assert len(keys) == len(HOSTILE)
    for stem in stems:
        assert stem.isprintable()
        assert stem[0] not in "-."
        assert len(f".{stem}.mp3.tmp".encode()) <= 255
    assert {path.stem for path in build.folder.audio.iterdir()} == set(stems)
    made = list(places.storage_root.parent.rglob("*.mp3"))
    assert all(build.folder.audio in path.parents for path in made)
    assert [rows[row]["audio_filename"] for row in sorted(rows)] == HOSTILE


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_shard_without_rows_is_done_and_the_others_are_whole(
    hub: LoopbackHub, open_for: OpenFor, at: int
):
    table = speech_table(6, seconds=0.1)
    parts = [table.slice(0, 3), table.slice(3)]
    parts.insert(at, table.slice(0, 0))
    hf_id = f"odd/empty-{at}"
    publish_parts(hub, hf_id, map(write_parquet, parts))
    build = open_for(hf_id)
    assert sync_dataset(build).new_rows == 6
    assert read_rows_json(build.folder).keys() == set(range(6))
    empty = build.plan.shards[at]
    marker = read_marker(build.state.marker(empty.name, "metadata"))
    assert marker is not None
    assert marker.rows == 0
    assert not build.folder.index_file(empty.name).exists()
    assert len(datasets.load_dataset(str(build.folder.root), split="train")) == 6


@pytest.mark.parametrize("with_filenames", [False, True])
def test_a_shard_whose_pages_are_broken_fails_alone(
    with_filenames: bool, hub: LoopbackHub, open_for: OpenFor
):
    # Names of clips are read while planning.
    table = speech_table(9, seconds=0.1, with_filenames=with_filenames)
    parts = [write_parquet(table.slice(start, 3)) for start in (0, 3, 6)]
    footer_bytes = int.from_bytes(parts[1][-8:-4], "little") + 8
    noise = np.random.default_rng(1).bytes(len(parts[1]) - footer_bytes - 4)
    parts[1] = parts[1][:4] + noise + parts[1][-footer_bytes:]
    assert pq.read_metadata(io.BytesIO(parts[1])).num_rows == 3
    publish_parts(hub, f"odd/pages-{with_filenames}", parts)
    build = open_for(f"odd/pages-{with_filenames}")
    # A broken file hinders nobody from knowing what the others come to.
    assert estimate(build).basis == "sampled"
    with pytest.raises(ShardsFailed, match="1 of 3 shards failed") as failed:
        sync_dataset(build)
    assert "data/train-00001-of-00003.parquet" in failed.value.why
    assert failed.value.exit_code == 1
    assert read_rows_json(build.folder).keys() == {0, 1, 2, 6, 7, 8}


@pytest.mark.parametrize("first_is_plain", [False, True])
def test_a_shard_that_has_its_words_in_a_dictionary_agrees_with_one_that_has_not(
    hub: LoopbackHub, open_for: OpenFor, first_is_plain: bool
):
    table = speech_table(6, seconds=0.1)
    words = [pa.array(["a", "b", "a"]), pa.array(["z", None, "b"])]
    parts = [
        table.slice(at * 3, 3).append_column(
            "voice", each if (at == 0) is first_is_plain else each.dictionary_encode()
        )
        for at, each in enumerate(words)
    ]
    hf_id = f"odd/words-{first_is_plain}"
    publish_parts(hub, hf_id, map(write_parquet, parts))
    build = open_for(hf_id)
    assert sync_dataset(build).new_rows == 6
    rows = read_rows_json(build.folder)
    assert [rows[row]["voice"] for row in range(6)] == ["a", "b", "a", "z", None, "b"]
    loaded = datasets.load_dataset(str(build.folder.root), split="train")
    assert loaded["voice"][:] == ["a", "b", "a", "z", None, "b"]
    assert not list(verify_dataset(build.places, build.name, deep=True))


def test_clips_whose_channels_cancel_each_other_out_are_warned_of(
    hub: LoopbackHub, open_for: OpenFor, caplog: pytest.LogCaptureFixture
):
    sound = speech_like(0.1, 16_000)
    clips = [np.column_stack([sound, sound if row != 2 else -sound]) for row in range(4)]
    names = [f"{row}.wav" for row in range(4)]
    audio = to_audio_column([encode(clip, 16_000, "wav") for clip in clips], names)
    publish_tables(hub, "odd/phase", {"default": {"train": pa.table({"audio": audio})}}, shards=1)
    assert sync_dataset(open_for("odd/phase")).new_rows == 4
    [warning] = [each.message for each in caplog.records if "anti-phase" in each.message]
    assert "1 clip (anti_phase)" in warning
    assert warning.endswith(": row 2")
