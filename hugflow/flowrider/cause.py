"""Why a run failed, in one line, from the last lines that it printed.

    2026-11-29 04:54:13.211 [17/start/1 (pid 7)] ValueError: no seed     of a step of Metaflow
    Step start (task-id 1) failed.                                       Metaflow's last line
    numbers: KeyError: 'count'                                           of an asset of Dagster

The first and the last give the exception; Metaflow's last line does not.
"""

import re
from collections.abc import Sequence

# A cause is looked for in so many lines.
LINES_READ = 200
_LINES_SHOWN = 3
_STEP = re.compile(r"(?<!\S)\S+ \S+ \[[^\]/]*/(?P<step>\w+)/\d+ \(pid \d+\)\] ")
_EXCEPTION = re.compile(r"(?:\w+: )?(?:\w+\.)*\w*(?:Error|Exception)(?::.*)?")


def find_cause(lines: Sequence[str]) -> str:
    """The last exception that the lines name; else the last three lines, and never nothing."""
    for line in reversed(lines):
        step, said = _STEP.match(line), _STEP.sub("", line)
        if _EXCEPTION.fullmatch(said):
            return f"{step['step']}: {said}" if step else said
    return " | ".join(lines[-_LINES_SHOWN:]) or "it printed nothing"
