"""The fields of a request, what follows from them, and their description for editors."""

import pickle

import pytest
from pydantic import ValidationError

from hugflow.requests.model import AddRequest, Identity, RemoveRequest, json_schema

ADD = {"hf_id": "org/data", "description": "Speech"}


def test_two_fields_are_enough_for_an_add():
    request = AddRequest(**ADD)
    assert request.identity == Identity("org/data", None, "train", "main")
    assert request.name == "org__data__split_train__rev_main"
    assert (request.audio_column, request.text_column) == ("audio", "text")
    assert (request.max_bad_rows, request.mp3_source, request.owner) == (None, None, None)
    assert request.flows == ()


def test_a_removal_says_only_what_its_file_says():
    request = RemoveRequest(hf_id="org/data", reason="Replaced", split="test")
    assert request.said == {"split": "test"}
    assert request.confirm is False


def test_a_column_asked_for_is_told_from_the_default():
    assert AddRequest(**ADD, audio_column="audio").is_asked("audio_column")
    assert not AddRequest(**ADD).is_asked("audio_column")
    assert not AddRequest(**ADD, audio_column=None).is_asked("audio_column")


def test_a_field_of_a_later_version_leaves_the_digest_of_other_requests_alone():
    plain = AddRequest(hf_id="org/data", description="Speech")
    assert plain.digest == "bfdc2cf4ac04f6c3f8c7e134ea4f67f931ed707365cd3972d49ff4a9641024a4"
    assert (
        AddRequest(hf_id="org/data", description="Speech", repair_audio=True).digest != plain.digest
    )
    assert (
        AddRequest(hf_id="org/data", description="Speech", max_clip_hours=6).digest != plain.digest
    )


def test_a_digest_changes_when_the_request_does():
    digest = AddRequest(**ADD).digest
    assert AddRequest(**ADD).digest == digest
    assert AddRequest(**ADD, subset=None).digest == digest
    assert AddRequest(**{**ADD, "description": "Singing"}).digest != digest
    assert AddRequest(**ADD, audio_column="audio").digest != digest
    assert RemoveRequest(hf_id="org/data", reason="Speech").digest != digest


def test_a_request_cannot_be_changed():
    with pytest.raises(ValidationError):
        AddRequest(**ADD).split = "test"


def test_a_request_travels_to_another_process():
    request = AddRequest(**ADD, max_bad_rows="2%")
    assert pickle.loads(pickle.dumps(request)) == request  # noqa: S301 - our own bytes
    assert hash(request)


@pytest.mark.parametrize("field", [*AddRequest.model_fields, "unknown"])
def test_an_error_of_the_model_shows_no_value(field):
    with pytest.raises(ValidationError) as caught:
        AddRequest(**{**ADD, field: [["open-sesame"]]})
    assert "sesame" not in str(caught.value)


def test_editors_learn_every_field_of_both_kinds():
    schema = json_schema()
    for model in (AddRequest, RemoveRequest):
        described = schema["$defs"][model.__name__]
        assert described["properties"].keys() == model.model_fields.keys()
        assert described["additionalProperties"] is False
        assert all("description" in rule for rule in described["properties"].values())
    assert schema["$defs"]["AddRequest"]["required"] == ["description"]
    assert schema["$defs"]["RemoveRequest"]["required"] == ["hf_id", "reason"]


def test_editors_take_null_for_every_field_that_may_be_absent():
    properties = json_schema()["$defs"]["AddRequest"]["properties"]
    for field in properties.keys() - {"hf_id", "description"}:
        assert {"type": "null"} in properties[field]["anyOf"]
    assert properties["revision"]["default"] == "main"
