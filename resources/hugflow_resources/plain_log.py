"""Dagster's log without colours where no person looks at it, and its daemon without stale news.

    python -m hugflow_resources.plain_log run -w WORKSPACE      the daemon, as `hugflow up` starts it

Dagster paints its lines whatever reads them. At each first start its daemon warns that no event
was seen before, which is no news.
"""

import logging
import os
import re
import runpy
import sys
from typing import Any

import coloredlogs  # type: ignore[import-untyped]  # it has no types

_COLOUR = re.compile("\x1b\\[[0-9;]*m")
# The daemon that follows the events of runs; Dagster names its loggers for its classes.
_FOLLOWER = "dagster.daemon.EventLogConsumerDaemon"


class PlainFormatter(logging.Formatter):
    """Takes the styles that a coloured formatter takes, and uses none."""

    def __init__(self, fmt: str | None = None, datefmt: str | None = None, **_: Any) -> None:
        super().__init__(fmt, datefmt)


def use_plain_log() -> None:
    """Take the colours from Dagster's log, now and from here on, unless stdout is a terminal."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        return
    for handler in logging.getLogger("dagster").handlers:
        painted = handler.formatter
        if isinstance(painted, coloredlogs.ColoredFormatter):
            handler.setFormatter(PlainFormatter(_COLOUR.sub("", painted._fmt), painted.datefmt))
    coloredlogs.ColoredFormatter = PlainFormatter


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line of the daemon says something that happened."""
    return not record.getMessage().startswith("No cursor for event type")


def main() -> None:
    """Run the daemon."""
    logging.getLogger(_FOLLOWER).addFilter(is_news)
    use_plain_log()
    runpy.run_module("dagster._daemon", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
