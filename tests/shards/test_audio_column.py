"""The audio column: what a refusal advises can be done, and helps."""

import time

import pyarrow as pa
import pytest

from hugflow.errors import RequestInvalid
from hugflow.shards.audio_warnings import audio_fields
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.tables import to_shards
from tests.builds import OpenFor

NUMBERS = pa.array([1, 2])
CLIPS = pa.array([{"bytes": b"x", "path": "x"}] * 2)


def mend_of(hub: LoopbackHub, open_for: OpenFor, columns: dict[str, pa.Array]) -> str:
    """What planning advises for a dataset whose column `audio` holds numbers."""
    table = pa.table({"audio": NUMBERS, "text": ["a", "b"], **columns})
    hub.publish("column/refused", to_shards(table, split="train", shards=1, folder="data"))
    with pytest.raises(RequestInvalid, match="'audio' holds no audio") as refused:
        open_for("column/refused")
    assert refused.value.mend is not None
    return refused.value.mend


@pytest.mark.parametrize(
    ("columns", "advice"),
    [
        ({"id": NUMBERS, "clip": CLIPS}, "set audio_column: 'clip'"),
        ({"id": NUMBERS, "raw": pa.array([b"a", b"b"])}, "if 'raw' holds the audio, set audio_col"),
    ],
)
def test_another_column_is_named_where_it_can_hold_audio(
    hub: LoopbackHub, open_for: OpenFor, columns: dict[str, pa.Array], advice: str
):
    assert mend_of(hub, open_for, columns).startswith(advice)


@pytest.mark.parametrize("columns", [{}, {"audio_id": NUMBERS}])
def test_a_column_that_was_refused_or_would_be_is_never_advised(
    hub: LoopbackHub, open_for: OpenFor, columns: dict[str, pa.Array]
):
    mend = mend_of(hub, open_for, columns)
    assert "audio_column" not in mend
    assert "no other column holds audio" in mend


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"target_audio": CLIPS}, "'target_audio'"),
        ({"a": CLIPS, "b": CLIPS}, "'a', 'b'"),
        ({"item": pa.array([{"clip": {"bytes": b"x", "path": "x"}}] * 2)}, "'item.clip'"),
    ],
    ids=["one", "two", "inside"],
)
def test_audio_in_other_columns_is_never_passed_over_without_a_word(
    hub: LoopbackHub, open_for: OpenFor, columns: dict[str, pa.Array], named: str
):
    table = pa.table({"audio": CLIPS, "text": ["a", "b"], **columns})
    hub.publish("column/several", to_shards(table, split="train", shards=1, folder="data"))
    [warning] = open_for("column/several").plan.warnings
    assert f"there is audio in {named} too" in warning


@pytest.mark.parametrize(
    ("column", "files", "advice"),
    [
        ("file_name", ["clips/a.wav", "clips/b.WAV"], "2 audio files, such as 'clips/a.wav'"),
        ("sound", ["a.flac"], "set audio_column: 'sound'"),
        ("clip", ["x/y/z.mp3", "notes.txt"], "set audio_column: 'clip'"),
    ],
)
def test_text_that_may_name_audio_files_is_not_text_only_without_a_hint(
    hub: LoopbackHub, open_for: OpenFor, column: str, files: list[str], advice: str
):
    table = pa.table({column: ["a", "b"]})
    shards = to_shards(table, split="train", shards=1, folder="data")
    hub.publish("column/names", {**shards, **dict.fromkeys(files, b"x")})
    warnings = " ".join(open_for("column/names").plan.warnings)
    assert "the dataset is text only" in warnings
    assert advice in warnings


def test_a_dataset_of_text_alone_is_planned_without_a_word_on_audio(
    hub: LoopbackHub, open_for: OpenFor
):
    table = pa.table({"text": ["a", "b"]})
    hub.publish("column/text", to_shards(table, split="train", shards=1, folder="data"))
    assert open_for("column/text").plan.warnings == ()


def test_audio_inside_very_many_structs_is_found_in_no_time():
    audio = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    types = {f"c{n}": pa.struct([("a", pa.string()), ("b", pa.int64())]) for n in range(3_000)}
    schema = pa.schema([*types.items(), ("last", pa.struct([("audio", audio)]))])
    began = time.process_time()
    assert list(audio_fields(schema)) == ["last.audio"]
    # It took a minute when each field was lifted out of all of them.
    assert time.process_time() - began < 2
