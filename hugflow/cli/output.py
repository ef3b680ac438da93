"""What commands print: data to stdout, talk to stderr."""

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from hugflow.errors import HugflowError

SCHEMA_VERSION = 1


def print_data(line: str) -> None:
    """One line of result. When nobody reads any more, the work goes on all the same."""
    try:
        print(line, flush=True)  # noqa: T201  # stdout is for data
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(value: Mapping[str, Any]) -> None:
    """The result as one JSON object that carries its schema's version."""
    print_data(json.dumps({"schema_version": SCHEMA_VERSION, **value}, ensure_ascii=False))


def failed_entry(request: object, error: HugflowError) -> dict[str, Any]:
    """What `--json` says of a request that could not be carried out."""
    return {
        "name": None,
        "request": str(request),
        "state": "failed",
        "error": {"what": error.what, "why": error.why, "mend": error.mend},
        "exit_code": error.exit_code,
    }


def print_talk(line: str) -> None:
    """One line for the person at the terminal."""
    print(line, file=sys.stderr)  # noqa: T201  # stderr is for talk


def print_error(error: HugflowError) -> None:
    """What happened, why, and how to mend it."""
    print_talk(_paint("error: ", "31") + str(error))


def is_terminal() -> bool:
    """Whether a person watches stderr."""
    return sys.stderr.isatty()


def set_up_logging(level: str, form: str) -> None:
    """Send our log to stderr; the libraries' only when something is wrong with them."""
    handler = _StderrHandler()
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("hugflow").setLevel(level)


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what stderr is now: a progress bar puts itself in its place for a while."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        """Nothing: stderr is asked for each time."""


class _TextFormatter(logging.Formatter):
    """`12:30:01 message`, with the level where it is worth a word."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if record.levelno < logging.WARNING:
            return text
        return f"{_paint(record.levelname.lower(), '33')}: {text}"


class _JsonFormatter(logging.Formatter):
    """One JSON object a line, for collectors."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "at": at,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _paint(text: str, code: str) -> str:
    """Colour for a terminal; plain text elsewhere, or with NO_COLOR (https://no-color.org)."""
    if not is_terminal() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def human_bytes(size: int | None) -> str:
    """`1.5 GB`, in powers of 1000 as disks are sold."""
    if size is None:
        return "-"
    value = float(size)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable: the last unit returns")
