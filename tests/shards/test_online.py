"""Asking the Hub whether a request can be carried out, without planning it."""

from typing import Any

import pyarrow as pa
import pytest

from hugflow.clients.hub import Hub
from hugflow.errors import HubUnavailable, HugflowError, RequestInvalid
from hugflow.requests.model import AddRequest
from hugflow.shards.online import check_online
from hugflow.testing.faults import Status
from hugflow.testing.hub import LoopbackHub
from hugflow.testing.layouts import publish_audiofolder
from hugflow.testing.refusals import Reason, publish_refusal
from hugflow.testing.samples import publish_speech
from hugflow.testing.tables import to_shards


def check(hf_id: str, **fields: Any) -> None:
    check_online(Hub(), AddRequest(hf_id=hf_id, **{"description": "A test", **fields}))


def footers_read(hub: LoopbackHub) -> list[str]:
    """The parquet files of which something was read, by their last two names."""
    asked = {request.path for request in hub.requests if "/resolve/" in request.path}
    return sorted("/".join(path.split("/")[-2:]) for path in asked if path.endswith(".parquet"))


def test_a_request_that_can_be_carried_out_passes_with_one_footer_read(hub: LoopbackHub):
    publish_speech(hub, "online/fine", rows=12, shards=6)
    hub.clear_requests()
    check("online/fine")
    assert footers_read(hub) == ["data/train-00000-of-00006.parquet"]
    (read,) = [request for request in hub.requests if request.port == "storage"]
    assert read.range is not None


@pytest.mark.parametrize("revision", ["main", "refs/convert/parquet"])
def test_a_conversion_by_the_hub_passes_too(hub: LoopbackHub, revision: str):
    publish_audiofolder(hub, "online/converted", converted="whole")
    hub.clear_requests()
    check("online/converted", revision=revision)
    assert footers_read(hub) == ["train/0000.parquet"]


@pytest.mark.parametrize(
    ("reason", "fields", "exit_code", "words"),
    [
        ("private", {}, 5, "HF_TOKEN"),
        ("gated", {}, 5, "accept its conditions"),
        ("disabled", {}, 4, "disabled"),
        ("script", {}, 4, "loading script"),
        ("subsets", {}, 4, "several subsets"),
        ("subsets", {"subset": "m"}, 4, 'subset: "ms"'),
        ("subsets", {"subset": "ms", "split": "dev"}, 4, "no split"),
        ("empty-split", {"split": "test"}, 4, "no rows"),
        ("no-audio-column", {}, 4, "recording"),
        ("no-audio", {"audio_column": "sound"}, 4, "no audio column"),
        ("no-audio", {"text_column": "words"}, 4, "no text column"),
        ("no-audio", {"revision": "nope"}, 4, "no such revision"),
    ],
)
def test_what_planning_would_refuse_is_refused(
    hub: LoopbackHub, reason: Reason, fields: dict[str, Any], exit_code: int, words: str
):
    hf_id = f"online/{reason}"
    publish_refusal(hub, reason, hf_id)
    with pytest.raises(HugflowError, match=hf_id) as refused:
        check(hf_id, **fields)
    assert refused.value.exit_code == exit_code
    assert words in str(refused.value)


def test_a_first_file_without_rows_says_nothing_of_the_others(hub: LoopbackHub):
    table = pa.table({"text": ["a"]})
    hub.publish("online/uneven", to_shards(table, split="train", shards=3, folder="data"))
    hub.clear_requests()
    check("online/uneven")
    assert footers_read(hub) == ["data/train-00000-of-00003.parquet"]
    with pytest.raises(HugflowError, match="sound"):
        check("online/uneven", audio_column="sound")


def test_a_hub_that_cannot_answer_says_nothing_of_the_request(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("time.sleep", lambda wait_s: None)
    hub.inject(Status(503), times=None)
    with pytest.raises(HubUnavailable):
        check("online/down")


def test_every_audio_column_that_a_request_names_is_looked_for(hub: LoopbackHub):
    publish_speech(hub, "online/columns", rows=2, shards=1)
    check("online/columns", audio_columns=["audio"])
    with pytest.raises(RequestInvalid, match="no audio column 'audio_2'"):
        check("online/columns", audio_columns=["audio", "audio_2"])
