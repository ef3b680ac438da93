"""Checks run beside each other: one that fails, or never ends, hinders no other."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from hugflow.doctor.findings import Finding, Patient, ok, run_checks
from hugflow.errors import CannotWrite
from hugflow.settings import load_settings


def patient(tmp_path: Path) -> Patient:
    (tmp_path / "workspace.yaml").touch()
    return Patient(load_settings(tmp_path, {}), (), {})


def sound(patient: Patient) -> Iterator[Finding]:
    yield ok("sound", "well")


def broken(patient: Patient) -> Iterator[Finding]:
    yield ok("broken", "so far so good")
    raise ValueError("hf_" + "x" * 30)


def refused(patient: Patient) -> Iterator[Finding]:
    raise CannotWrite("it cannot be written", why="the disk is full", mend="make room")
    yield


def endless(patient: Patient) -> Iterator[Finding]:
    threading.Event().wait()
    yield ok("endless", "never")


def test_a_check_that_breaks_is_told_without_its_words_and_keeps_what_it_found(tmp_path: Path):
    first, second = run_checks({"broken": broken}, patient(tmp_path))
    assert first.state == "ok"
    assert (second.state, second.what) == ("problem", "it could not be checked: ValueError")


def test_an_error_of_ours_is_told_in_its_own_words(tmp_path: Path):
    [finding] = run_checks({"refused": refused}, patient(tmp_path))
    assert finding == Finding(
        "refused", "problem", "it cannot be written: the disk is full", "make room"
    )


def test_a_check_that_never_ends_is_given_up_and_the_others_are_told_in_order(tmp_path: Path):
    before = time.monotonic()
    checks = {"endless": endless, "sound": sound}
    first, second = run_checks(checks, patient(tmp_path), longest_s=0.3)
    assert time.monotonic() - before < 5
    assert (first.check, first.state) == ("endless", "problem")
    assert second == ok("sound", "well")
