"""The audit trail: it grows, hangs together, and tells where it was touched."""

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugflow.audit import Deed, find_faults, read_trail, record
from hugflow.errors import CannotWrite
from hugflow.store.layout import Places

NAME = "acme__speech__split_train__rev_main"


def deed(number: int = 0) -> Deed:
    return Deed("ada@host", "published", NAME, "c" * 40, "p" * 16, {"rows": number})


def fill(places: Places, count: int) -> list[str]:
    for number in range(count):
        record(places, deed(number))
    return places.audit.read_text().splitlines()


def write(places: Places, lines: list[str]) -> None:
    places.audit.write_text("".join(f"{line}\n" for line in lines))


def faults(places: Places) -> list[int]:
    return [fault.line for fault in find_faults(places)]


def test_what_was_done_is_read_in_order(places: Places):
    fill(places, 3)
    entries = list(read_trail(places))
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert [entry.deed for entry in entries] == [deed(0), deed(1), deed(2)]
    assert entries[0].at.tzinfo is not None
    assert not faults(places)


def test_without_a_trail_nothing_was_done_and_nothing_is_wrong(places: Places):
    assert not list(read_trail(places))
    assert not faults(places)


def changed(lines: list[str]) -> list[str]:
    return [lines[0], lines[1].replace('"rows": 1', '"rows": 9'), *lines[2:]]


def forged(lines: list[str]) -> list[str]:
    """Changed with a hash that fits the line, as whoever knows how would."""
    value = json.loads(lines[1])
    value["who"] = "eve@host"
    value.pop("sha256")
    import hashlib

    value["sha256"] = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
    return [lines[0], json.dumps(value), *lines[2:]]


@pytest.mark.parametrize(
    ("touch", "line"),
    [
        (changed, 2),
        (forged, 3),
        (lambda lines: [lines[0], *lines[2:]], 2),
        (lambda lines: [lines[0], lines[0], *lines[1:]], 2),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1),
        (lambda lines: [*lines[:2], "{", *lines[2:]], 3),
        (lambda lines: lines[:-1], 4),
        (lambda lines: [], 1),
        (lambda lines: lines[1:], 1),
    ],
)
def test_whatever_is_changed_taken_out_or_put_in_is_found(
    places: Places, touch: Callable[[list[str]], list[str]], line: int
):
    write(places, touch(fill(places, 4)))
    assert faults(places)[0] == line


@given(position=st.integers(0, 10_000), sign=st.characters(min_codepoint=32, max_codepoint=126))
def test_one_changed_sign_anywhere_is_found(
    tmp_path_factory: pytest.TempPathFactory, position: int, sign: str
):
    root = tmp_path_factory.mktemp("audit")
    places = Places(root / "datasets", root / "processed", root / "state")
    fill(places, 3)
    text = places.audit.read_text()
    position %= len(text)
    touched = text[:position] + sign + text[position + 1 :]
    places.audit.write_text(touched)
    is_same = [_parse(line) for line in touched.splitlines()] == [
        _parse(line) for line in text.splitlines()
    ]
    assert bool(faults(places)) != is_same


def _parse(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return line


def test_a_line_that_a_power_cut_tore_is_told_and_the_trail_goes_on(places: Places):
    lines = fill(places, 3)
    places.audit.write_text("\n".join(lines)[:-30])
    record(places, deed(7))
    entries = list(read_trail(places))
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert entries[-1].deed == deed(7)
    assert faults(places) == [3]


def test_a_kill_between_line_and_head_is_no_fault(places: Places):
    fill(places, 2)
    head = places.audit_head.read_bytes()
    record(places, deed(2))
    places.audit_head.write_bytes(head)
    assert not faults(places)


def _record_some(places: Places, count: int) -> None:
    for number in range(count):
        record(places, deed(number))


def test_many_processes_write_one_trail(places: Places):
    spawn = multiprocessing.get_context("fork")
    processes = [spawn.Process(target=_record_some, args=(places, 20)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert len(list(read_trail(places))) == 80
    assert not faults(places)


def test_what_cannot_be_recorded_does_not_pass_for_done(places: Places):
    places.audit.mkdir(parents=True)
    with pytest.raises(CannotWrite):
        record(places, deed())


def test_a_long_trail_is_not_read_to_append_to_it(places: Places, tmp_path: Path):
    record(places, Deed("ada@host", "published", NAME, result={"long": "x" * 200_000}))
    assert record(places, deed()).seq == 2
    assert not faults(places)
