"""Plans: every row once, an id that says which rows, and a file that is believed or refused."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.clients.repository import PublishedFile
from hugflow.errors import StateUnreadable
from hugflow.shards.plan import plan_shards
from hugflow.shards.plan_file import from_json, to_json
from hugflow.shards.plans import read_current_plan, write_current_plan
from hugflow.store.layout import Places
from tests.shards.plans import COMMIT, REQUEST, plan_of

FILE = PublishedFile("a.parquet", 1, None, "0" * 40)


@given(rows=st.lists(st.integers(0, 50), max_size=12))
def test_every_row_is_in_one_shard_and_only_one(rows: list[int]):
    shards = plan_shards([((FILE,), n) for n in rows])
    assert [row for shard in shards for row in shard.row_range] == list(range(sum(rows)))
    assert [shard.rows for shard in shards] == rows
    assert len({shard.name for shard in shards}) == len(rows)


@given(rows=st.lists(st.none() | st.integers(0, 50), min_size=1, max_size=6))
def test_rows_are_numbered_by_shard_where_those_of_one_are_not_known(rows: list[int | None]):
    shards = plan_shards([((FILE,), n) for n in [*rows, None]], layout="tar")
    plan = replace(plan_of(), shards=shards)
    assert [shard.first_row for shard in shards] == [n * 1_000_000 for n in range(len(shards))]
    assert (plan.rows, plan.numbering) == (None, "by_shard")
    assert all(a.row_range.stop <= b.first_row for a, b in pairwise(shards))
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


def test_the_digest_of_several_files_is_of_their_paths_and_bytes_in_order():
    others = replace(FILE, path="b.parquet"), replace(FILE, git_oid="1" * 40)
    digests = {
        plan_shards([(files, 1)])[0].digest
        for files in ((FILE,), (FILE, others[0]), (others[0], FILE), (FILE, others[1]))
    }
    assert len(digests) == 4
    assert FILE.digest in digests


def test_another_layout_is_another_plan():
    shards = plan_shards([((FILE,), 3)]), plan_shards([((FILE,), 3)], layout="tar")
    assert len({replace(plan_of(), shards=each).id for each in shards}) == 2


def test_partition_keys_name_commit_shard_and_count_in_order():
    plan = plan_of([3, 0, 2])
    assert list(plan.shard_by_key()) == [
        "8a6c0f1-00000-of-00003",
        "8a6c0f1-00001-of-00003",
        "8a6c0f1-00002-of-00003",
    ]
    assert plan.rows == 5


@pytest.mark.parametrize(
    "other",
    [
        {"commit": "f" * 40},
        {"files_commit": "f" * 40},
        {"audio_column": "clip"},
        {"audio_column": None},
        {"text_column": "sentence"},
        {"text_column": None},
        {"request": replace(REQUEST, mp3_source="reencode")},
        {"request": replace(REQUEST, hf_id="acme/other")},
        {"shards": plan_of([3, 3]).shards},
        {"shards": plan_of([3]).shards},
        {"shards": plan_shards([((FILE,), 3), ((FILE,), 2)])},
    ],
)
def test_the_id_changes_with_everything_that_decides_the_rows(other: dict[str, Any]):
    assert plan_of(**other).id != plan_of().id


@pytest.mark.parametrize(
    "other",
    [
        {"licence": None},
        {"is_gated": True},
        {"warnings": ("something",)},
        {"request": replace(REQUEST, revision="v1")},
    ],
)
def test_the_id_changes_with_nothing_else(other: dict[str, Any]):
    assert plan_of(**other).id == plan_of().id


def test_the_id_is_the_same_for_ever():
    # Ledgers are filed under it: another id and every dataset is made again.
    assert plan_of().id == "299244bf5b0687cc"


@given(
    suffixes=st.dictionaries(st.integers(0, 60), st.integers(1, 3), max_size=20),
    rows=st.lists(st.integers(0, 9), min_size=1, max_size=5),
    text=st.none() | st.text(max_size=10),
)
def test_a_plan_is_read_as_it_was_written(
    suffixes: dict[int, int], rows: list[int], text: str | None
):
    plan = plan_of(rows, stem_suffixes=suffixes, text_column=text, features={"a": {"_type": "x"}})
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


@pytest.mark.parametrize(
    "edit",
    [
        {"commit": "f" * 40},
        {"files_commit": "f" * 40},
        {"audio_column": None},
        {"id": "0" * 16},
        {"version": 1},
        {"version": 4},
        {"version": None},
        {"shards": []},
        {"shards": [{}]},
        {"shards": 5},
        {"request": {"hf_id": "acme/speech"}},
        {"repeated": [[1, 2, 3]]},
        {"repeated": 7},
        {"repeated_more": [1]},
    ],
)
def test_an_edited_plan_is_refused(edit: dict[str, Any]):
    with pytest.raises(StateUnreadable):
        from_json({**to_json(plan_of()), **edit})


@pytest.mark.parametrize("name", sorted(to_json(plan_of())))
def test_a_plan_without_one_of_its_fields_is_refused(name: str):
    value = to_json(plan_of())
    del value[name]
    with pytest.raises(StateUnreadable):
        from_json(value)


@pytest.mark.parametrize("value", [None, [], "x", 5, {}])
def test_what_is_no_plan_at_all_is_refused(value: Any):
    with pytest.raises(StateUnreadable):
        from_json(value)


def test_where_nothing_was_planned_there_is_no_plan(places: Places):
    assert read_current_plan(places, "name") is None


def test_the_plan_in_force_is_the_one_written_last(places: Places):
    first, second = plan_of(), plan_of(commit="f" * 40)
    write_current_plan(places, first)
    write_current_plan(places, second)
    assert read_current_plan(places, first.dataset) == second
    assert len(list(places.plans(first.dataset).glob("*.json"))) == 2


def test_a_damaged_plan_is_refused_with_its_path_and_never_replaced_in_silence(places: Places):
    plan = plan_of()
    write_current_plan(places, plan)
    path = places.plans(plan.dataset) / f"{plan.id}.json"
    whole = path.read_bytes()
    for damage in (whole[:-20], b"", b"\xff", b"[" * 20_000, whole.replace(COMMIT.encode(), b"x")):
        path.write_bytes(damage)
        with pytest.raises(StateUnreadable, match=plan.id):
            read_current_plan(places, plan.dataset)


@pytest.mark.parametrize("damage", [b"", b"\xff", b"../../x", b"\0" * 17, b"1234"])
def test_a_pointer_to_the_plan_in_force_that_is_damaged_is_refused(places: Places, damage: bytes):
    plan = plan_of()
    write_current_plan(places, plan)
    (places.plans(plan.dataset) / "current").write_bytes(damage)
    with pytest.raises(StateUnreadable, match="current"):
        read_current_plan(places, plan.dataset)


@pytest.mark.parametrize(
    "field", ["dataset", "repeated", "columns", "features", "card_features", "licence", "warnings"]
)
def test_a_plan_changed_in_any_field_is_not_believed(field: str):
    value = to_json(plan_of())
    value[field] = ["changed"]
    with pytest.raises(StateUnreadable, match="checksum"):
        from_json(value)


@pytest.mark.parametrize("file", ["current", "plan"])
def test_a_plan_that_the_disk_does_not_give_is_unreadable(places: Places, file: str):
    plan = plan_of([])
    write_current_plan(places, plan)
    path = places.plans(plan.dataset) / ("current" if file == "current" else f"{plan.id}.json")
    path.unlink()
    path.mkdir()
    with pytest.raises(StateUnreadable, match="cannot be read"):
        read_current_plan(places, plan.dataset)
