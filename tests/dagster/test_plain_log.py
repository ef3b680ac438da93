"""Dagster's own log under `hugflow up`: no colours without a terminal, no stale news."""

import logging
import subprocess
import sys

import pytest

from hugflow_resources.plain_log import is_news

PROGRAM = """
import logging
from dagster._utils.log import configure_loggers
from hugflow_resources.plain_log import use_plain_log
{before}
configure_loggers(log_level="INFO")
{after}
logging.getLogger("dagster").warning("a warning")
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["before", "after"])
def test_without_a_terminal_dagster_s_log_has_no_colours(where: str):
    calls = {"before": "", "after": "", where: "use_plain_log()"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(**calls)], capture_output=True, text=True, check=True
    )
    assert done.stdout.rstrip().endswith("- dagster - WARNING - a warning")
    assert "\x1b" not in done.stdout


def test_that_no_event_was_seen_before_is_no_news():
    def line(words: str) -> logging.LogRecord:
        return logging.LogRecord("x", logging.WARNING, "x", 1, words, (), None)

    assert not is_news(line("No cursor for event type RUN_SUCCESS, ignoring older events"))
    assert is_news(line("a run has died"))
