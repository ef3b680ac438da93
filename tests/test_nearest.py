"""The names that somebody may have meant."""

import time

import pytest

from hugflow.nearest import VERY_ALIKE, nearest_name, nearest_names

COLUMNS = ["audio", "sentence", "sentence_id", "Speaker"]


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [("sentense", "sentence"), ("SENTENCE", "sentence"), ("speakers", "Speaker"), ("zz", None)],
)
def test_a_slip_leads_to_the_name_that_was_meant(wanted: str, nearest: str | None):
    assert nearest_name(wanted, COLUMNS) == nearest


def test_several_come_with_the_nearest_first():
    assert nearest_names("sentence", COLUMNS) == ["sentence", "sentence_id"]
    assert nearest_names("sentence", COLUMNS, most=1) == ["sentence"]
    assert nearest_names("anything", []) == []


def test_what_nobody_asked_about_must_be_very_like():
    assert nearest_name("STORAGE", ["STORAGE_ROOT"]) == "STORAGE_ROOT"
    assert nearest_name("STORAGE", ["STORAGE_ROOT"], likeness=VERY_ALIKE) is None
    assert nearest_name("STORAGE_ROT", ["STORAGE_ROOT"], likeness=VERY_ALIKE) == "STORAGE_ROOT"


def test_a_text_of_any_length_is_answered_at_once():
    started = time.monotonic()
    assert nearest_name("ab" * 100_000, ["cd" * 100_000, *COLUMNS]) is None
    assert time.monotonic() - started < 1.0
