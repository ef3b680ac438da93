"""Verbs and labels end in one column at a terminal, and are plain elsewhere."""

import re
import sys

import pytest

from hugflow.cli import verbs


def be_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, both streams are a terminal's."""
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def print_all() -> None:
    verbs.print_done("wrote", "requests/add/speech.yaml")
    verbs.print_field("rows", "1,200, in 3 files", 9)
    verbs.print_done("linked", "a -> b", plain="a -> b")
    verbs.print_kept("kept", "s/id.json")
    verbs.print_next("hugflow up")


def test_a_script_reads_plain_lines(capsys: pytest.CaptureFixture[str]):
    print_all()
    out, err = capsys.readouterr()
    assert out == "wrote requests/add/speech.yaml\n  rows     1,200, in 3 files\na -> b\n"
    assert err == "kept s/id.json\nnext: hugflow up\n"


def test_at_a_terminal_verbs_and_labels_end_in_one_column(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    be_terminal(monkeypatch)
    print_all()
    shown = capsys.readouterr()
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown.out + shown.err).splitlines()
    assert lines[:3] == [
        "       wrote requests/add/speech.yaml",
        "        rows 1,200, in 3 files",
        "      linked a -> b",
    ]
    assert {len(line) - len(line.lstrip()) + len(line.split()[0]) for line in lines} == {12}
    assert "\x1b[1;32m       wrote\x1b[0m" in shown.out


def test_no_color_leaves_the_column_and_takes_the_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    be_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    print_all()
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert shown.out.startswith("       wrote ")


def test_of_several_datasets_the_failed_are_counted_and_named(capsys: pytest.CaptureFixture[str]):
    eleven = ["acme__speech", *map(str, range(10))]
    verbs.print_tally(["a"], ["a"])
    verbs.print_tally(["a", "a"], ["a", "a"])
    verbs.print_tally(eleven, [])
    assert capsys.readouterr().err == ""
    verbs.print_tally([*eleven, "acme__speech"], ["acme__speech", "acme__speech"])
    verbs.print_tally(list("abcdefghi"), list("abcdef"), untried=["h", "i"])
    assert capsys.readouterr().err.splitlines() == [
        "10 of 11 datasets done, 1 failed: acme__speech",
        "1 of 9 datasets done, 2 not tried, 6 failed: a, b, c, d, e and 1 more",
    ]
