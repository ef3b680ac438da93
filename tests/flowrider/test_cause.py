"""What the error of a failed run gives as its cause."""

import pytest

from hugflow.flowrider.cause import find_cause

METAFLOW = [
    '2026-11-29 04:54:13.211 [17/start/1 (pid 7)] raise ValueError("no seed")',
    "2026-11-29 04:54:13.211 [17/start/1 (pid 7)] ValueError: no seed",
    "2026-11-29 04:54:13.211 [17/start/1 (pid 7)]",
    "2026-11-29 04:54:13.213 Flushing logs...",
    "Step failure:",
    "Step start (task-id 1) failed.",
]
DAGSTER = ['return flow_params.values["count"]', "~~~~^^^^", "numbers: KeyError: 'count'"]


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (METAFLOW, "start: ValueError: no seed"),
        (DAGSTER, "numbers: KeyError: 'count'"),
        (["acme.errors.NotReady: a: b", "at exit"], "at exit"),
        (["acme.errors.NotReadyError: a: b", "at exit"], "acme.errors.NotReadyError: a: b"),
        (["1", "2", "3", "4"], "2 | 3 | 4"),
        ([], "it printed nothing"),
    ],
)
def test_a_failed_run_names_the_last_exception_or_the_last_lines(lines: list[str], cause: str):
    assert cause in find_cause(lines)


def test_a_line_of_a_million_characters_is_looked_through_once():
    line = "x" * 1_000_000
    assert find_cause([line, "2026-11-29 04:54:13.211 [17/start/1 (pid 7)] no"]).startswith("xxx")
    assert find_cause([f"{line} 9 [17/a/1 (pid 7)] KeyError: 1"]) == "a: KeyError: 1"
