"""The table of stages: what each needs, and what keeps a dataset from being published."""

import pytest

from hugflow.ledger.stages import (
    NEEDED_TO_PUBLISH,
    PUBLISHING,
    SHARD_STAGES,
    STAGE_BY_NAME,
    STAGE_NAMES,
    STAGES,
    StageName,
    find_missing,
    first_row_stage,
    join_names,
    users_of,
)


def test_the_stages_are_called_raw_audio_metadata_processed_in_this_order():
    assert STAGE_NAMES == ("raw", "audio", "metadata", "processed")
    assert STAGE_NAMES[:-1] == SHARD_STAGES
    assert STAGE_NAMES[-1] == PUBLISHING


def test_a_stage_needs_only_stages_before_it():
    for place, stage in enumerate(STAGES):
        assert set(stage.needs) <= set(STAGE_NAMES[:place])


def test_publishing_needs_the_markers_of_stages_done_shard_by_shard():
    assert NEEDED_TO_PUBLISH == ("audio", "metadata")
    assert all(STAGE_BY_NAME[name].is_per_shard for name in NEEDED_TO_PUBLISH)


@pytest.mark.parametrize(
    ("stages", "done", "missing"),
    [
        (["raw"], [], ("raw", [])),
        (["audio"], [], ("audio", ["raw"])),
        (["audio"], ["raw"], ("audio", [])),
        (["metadata"], [], ("metadata", ["raw", "audio"])),
        (["metadata"], ["raw"], ("metadata", ["audio"])),
        (["raw", "metadata"], [], ("metadata", ["audio"])),
        (["metadata", "audio", "raw"], [], ("metadata", [])),
    ],
)
def test_a_stage_is_refused_while_one_it_needs_is_neither_asked_for_nor_done(
    stages: list[StageName], done: list[StageName], missing: tuple[StageName, list[StageName]]
):
    assert find_missing(stages, done) == missing


def test_fetched_bytes_are_needed_until_audio_and_metadata_are_done():
    assert users_of("raw") == {"audio", "metadata"}


def test_rows_fail_in_the_first_stage_that_makes_something_of_the_dataset():
    assert first_row_stage(has_audio=True) == "audio"
    assert first_row_stage(has_audio=False) == "metadata"


def test_names_are_joined_as_people_list_them():
    assert join_names(SHARD_STAGES) == "raw, audio and metadata"
    assert join_names(["raw"]) == "raw"
