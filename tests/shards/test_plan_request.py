"""The fields that alter rows: one list, which compares, plan ids and defaults go by."""

from dataclasses import dataclass

import pytest

from hugflow.requests.model import AddRequest
from hugflow.shards import plan_request
from hugflow.shards.plan_request import ROW_FIELDS, PlanRequest, later_fields
from hugflow.stages.build.options import Options
from tests.shards.plans import REQUEST

ADD = {"hf_id": "org/data", "description": "Speech"}


def of(defaults: dict[str, str] | None = None, **fields: str | int) -> PlanRequest:
    return PlanRequest.of(AddRequest(**{**ADD, **fields}), defaults or {"mp3_source": "copy"})


def test_every_field_that_alters_rows_is_a_field_of_a_request():
    assert ROW_FIELDS.keys() <= AddRequest.model_fields.keys()
    assert list(ROW_FIELDS) == [
        "audio_column",
        "text_column",
        "mp3_source",
        "text_join",
        "audio_columns",
        "source",
        "segments",
        "measure",
        "mp3_quality",
        "mp3_bitrate",
        "sample_rate",
    ]


def test_only_some_fields_alter_rows():
    assert of(owner="ann", max_bad_rows=3).differing(of()) == []
    assert of(text_column="sentence").differing(of()) == ["text_column"]
    assert of(text_column="sentence").differing(of(), "audio") == []
    assert of(mp3_source="reencode").differing(of(), "audio") == ["mp3_source"]


def test_what_a_request_leaves_out_is_the_default():
    assert of({"mp3_source": "reencode"}).mp3_source == "reencode"
    assert of({"mp3_source": "reencode"}, mp3_source="copy").mp3_source == "copy"


def test_fields_that_the_request_names_are_told_from_those_left_to_their_defaults():
    assert of().asked == ()
    assert of(audio_column="audio", mp3_source="copy").asked == ("audio_column", "mp3_source")


def test_an_option_of_the_same_name_is_the_default_of_a_field():
    assert Options(mp3_source="reencode").row_defaults == {
        "mp3_source": "reencode",
        "measure": "false",
        "mp3_quality": 3,
    }


def test_a_field_that_is_added_alters_no_plan_that_leaves_it_out(monkeypatch: pytest.MonkeyPatch):
    @dataclass(frozen=True)
    class Later(PlanRequest):
        loudness: int | None = plan_request._row_field("audio", default=None)

    names = {name: getattr(REQUEST, name) for name in PlanRequest.__slots__}
    plain, chosen = Later(**names), Later(**names, loudness=9)
    assert later_fields(plain) == later_fields(REQUEST) == []
    assert later_fields(chosen) == [["loudness", 9]]
    monkeypatch.setattr(plan_request, "ROW_FIELDS", {**ROW_FIELDS, "loudness": "audio"})
    assert chosen.differing(plain) == ["loudness"]
