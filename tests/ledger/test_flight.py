"""Which rows were in flight when a process died."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.ledger.flight import MOST_ROWS, Flight, read_flight

rows = st.integers(0, 2**62)


@given(suspects=st.sets(rows, max_size=9), at_work=st.lists(rows, max_size=3))
def test_after_a_crash_all_that_were_in_flight_are_known_and_none_is_forgotten(
    tmp_path_factory: pytest.TempPathFactory, suspects: set[int], at_work: list[int]
):
    path = tmp_path_factory.mktemp("ledger") / "a.flight"
    with Flight(path, 3, suspects) as flight, ExitStack() as working:
        for row in at_work:
            working.enter_context(flight.row(row))
        assert read_flight(path) == suspects | set(at_work)
        with Flight(path, 1, read_flight(path)):
            assert read_flight(path) == suspects | set(at_work)


@given(made=st.lists(rows, min_size=9, unique=True))
def test_rows_that_were_made_are_forgotten_but_for_the_last_ones(
    tmp_path_factory: pytest.TempPathFactory, made: list[int]
):
    path = tmp_path_factory.mktemp("ledger") / "a.flight"
    with Flight(path, 2, ()) as flight:
        for row in made:
            with flight.row(row):
                assert row in read_flight(path)
        assert read_flight(path) == set(made[-2:])


def test_nothing_is_left_when_all_rows_are_made(tmp_path: Path):
    with Flight(tmp_path / "a", 1, {3}) as flight, flight.row(3):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suspects", [set(), {3}])
def test_where_the_work_ends_early_suspects_stay_so(tmp_path: Path, suspects: set[int]):
    with pytest.raises(KeyboardInterrupt), Flight(tmp_path / "a", 1, suspects):
        raise KeyboardInterrupt
    assert read_flight(tmp_path / "a") == suspects


@given(data=st.binary(max_size=99))
def test_a_damaged_note_is_read_as_rows_or_as_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
):
    path = tmp_path_factory.mktemp("ledger") / "a.flight"
    path.write_bytes(data)
    assert all(row >= 0 for row in read_flight(path))


def test_no_more_is_read_than_ever_flies_at_once(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"".join(row.to_bytes(8, "little") for row in range(9999)))
    assert len(read_flight(tmp_path / "a")) <= MOST_ROWS


def test_a_shard_without_a_note_has_no_suspects(tmp_path: Path):
    assert read_flight(tmp_path / "a") == set()
    (tmp_path / "folder").mkdir()
    assert read_flight(tmp_path / "folder") == set()
