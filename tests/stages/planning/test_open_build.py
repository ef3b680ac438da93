"""Opening a build: the plan in force, and what is refused."""

import pyarrow as pa
import pytest

from hugflow.errors import (
    RequestInvalid,
)
from hugflow.stages.sync import sync_dataset
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import (
    publish_speech,
    publish_tables,
    to_audio_column,
)
from hugflow.testing.speech import encode, speech_like
from tests.builds import OpenFor
from tests.trees import read_rows_json


def test_a_dataset_stays_at_its_commit_when_the_branch_moves(hub: LoopbackHub, open_for: OpenFor):
    first = publish_speech(hub, "sync/moved", rows=4, shards=2, seconds=0.2, seed=1)
    build = open_for("sync/moved")
    publish_speech(hub, "sync/moved", rows=4, shards=2, seconds=0.2, seed=2)
    sync_dataset(build)
    assert build.plan.commit == first
    assert open_for("sync/moved").plan.commit == first


def test_a_column_asked_for_and_absent_is_refused_with_the_columns_there_are(
    hub: LoopbackHub, open_for: OpenFor
):
    publish_speech(hub, "sync/columns", rows=2, shards=1, seconds=0.2)
    with pytest.raises(RequestInvalid, match="'text'"):
        open_for("sync/columns", text_column="sentence")
    with pytest.raises(RequestInvalid, match="audio_column: 'audio'"):
        open_for("sync/columns", audio_column="clip")


def test_a_default_text_column_that_is_absent_is_a_warning_naming_the_nearest(
    hub: LoopbackHub, open_for: OpenFor
):
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    table = pa.table({"audio": to_audio_column([clip], ["a.wav"]), "sentence": ["hello"]})
    publish_tables(hub, "sync/sentence", {"default": {"train": table}})
    build = open_for("sync/sentence")
    assert "'sentence'" in build.plan.warnings[0]
    sync_dataset(build)
    row = read_rows_json(build.folder)[0]
    assert "text" not in row
    assert row["sentence"] == "hello"


def test_audio_under_another_name_is_never_dropped_in_silence(hub: LoopbackHub, open_for: OpenFor):
    clip = encode(speech_like(0.1, 8_000), 8_000, "wav")
    table = pa.table({"speech": to_audio_column([clip], ["a.wav"]), "text": ["hello"]})
    publish_tables(hub, "sync/speech", {"default": {"train": table}})
    with pytest.raises(RequestInvalid, match="audio_column: 'speech'"):
        open_for("sync/speech")
    build = open_for("sync/speech", audio_column="speech")
    sync_dataset(build)
    assert read_rows_json(build.folder)[0]["speech"].endswith("/audio/0.mp3")
