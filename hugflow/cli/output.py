"""What commands print: data to stdout, talk to stderr."""

import io
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from traceback import format_exception
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from hugflow.cli.status_line import hidden
from hugflow.errors import CannotWrite, HugflowError
from hugflow.redact import redact, redact_logs

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

SCHEMA_VERSION = 1
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# One entry for each printed JSON object: a command that fails later prints no second one.
_answers: list[bool] = []


def open_streams() -> None:
    """Make stdout and stderr safe to use, however the program was started.

    A closed stream (`>&-`) is sent to the null device; otherwise the next opened file would take
    its number, and output would be written into that file. When the reader leaves (`| head -1`),
    the work continues. A character that the locale lacks is shown by its number.
    """
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest free number: this one.
        elif number > 0:
            stream.flush()
    sys.stdout, sys.stderr = _open_pipe(1, sys.stdout), _open_pipe(2, sys.stderr)


def _open_pipe(number: int, stream: TextIO | None) -> TextIO:
    buffer = io.BufferedWriter(_Pipe(number, "w", closefd=False))
    encoding = stream.encoding if stream is not None else "utf-8"
    return io.TextIOWrapper(buffer, encoding, "backslashreplace", line_buffering=True)


class _Pipe(io.FileIO):
    """A stream whose reader may leave, and whose disk may be full."""

    is_left = False
    _has_failed = False

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            self.is_left = True
        except OSError as error:
            # Report it once: the rest of the buffer is written again at exit.
            if self.fileno() == 1 and not self._has_failed:
                self._has_failed = True
                raise CannotWrite(
                    "the result cannot be written to stdout",
                    why=error.strerror or "it does not take it",
                    mend="look at where the output is sent to; what was done stays done",
                ) from error
        return memoryview(data).nbytes


def has_reader() -> bool:
    """Whether stdout still had a reader at the last line; if not, `--watch` ends."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return not (isinstance(raw, _Pipe) and raw.is_left)


def print_data(line: str) -> None:
    """Print one line of the result."""
    with hidden():
        print(line, flush=True)  # noqa: T201  # stdout is for data


def print_patch(line: str) -> None:
    """Print one line of a patch, which brings its own newline; secrets in it are not shown."""
    text = redact(line)
    if sys.stdout.isatty():
        text = _harmless(text.rstrip("\n")) + "\n"
    with hidden():
        print(text, end="", flush=True)  # noqa: T201  # stdout is for data


def print_json(value: Mapping[str, Any]) -> None:
    """Print the result as one JSON object with its schema version."""
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    whole = {"schema_version": SCHEMA_VERSION, **value}
    print_data(json.dumps(whole, ensure_ascii=not is_unicode))
    _answers.append(True)


def failed_entry(request: object, error: HugflowError, name: str | None = None) -> dict[str, Any]:
    """The `--json` entry of a request that failed; name: the dataset's name, if known."""
    return {
        "name": name,
        "request": str(request),
        "state": "failed",
        "error": {"what": error.what, "why": error.why, "mend": error.mend},
        "exit_code": error.exit_code,
    }


@contextmanager
def failures_as_json(request: object, *, as_json: bool, name: str | None = None) -> Iterator[None]:
    """If the block fails, print the `--json` entry of its request."""
    try:
        yield
    except HugflowError as error:
        if as_json:
            print_json({"datasets": [failed_entry(request, error, name)]})
        raise


def print_failure(error: HugflowError) -> None:
    """Print the `--json` error of a command that failed before it printed anything else."""
    if not _answers:
        failure = {"what": error.what, "why": error.why, "mend": error.mend}
        print_json({"datasets": [], "error": failure, "exit_code": error.exit_code})


def print_talk(line: str) -> None:
    """Print one line for the user, to stderr."""
    with hidden():
        print(line, file=sys.stderr, flush=True)  # noqa: T201  # stderr is for talk


def print_error(error: HugflowError) -> None:
    """Print an error in three lines: what happened, why, and how to fix it."""
    print_talk(paint("error: ", "31") + _harmless(str(error)))


def print_warning(line: str) -> None:
    """Print one warning line; the command continues."""
    print_talk(paint("warning: ", "33") + _harmless(line))


def show_surprises() -> None:
    """Make unforeseen errors print their trace without secrets, in every thread."""
    sys.excepthook = show_surprise
    threading.excepthook = _show_surprise_of_thread


def show_surprise(
    kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> int:
    """Print the origin of an unforeseen error, and return its exit code."""
    if kind is None or error is None or not isinstance(error, Exception):
        sys.__excepthook__(kind or BaseException, error or BaseException(), trace)
        return 1
    print_talk(_harmless(redact("".join(format_exception(kind, error, trace)))).rstrip())
    surprise = HugflowError(
        f"{kind.__name__}: {error}",
        why="this error was not foreseen, so it is a fault in hugflow; the lines above say where",
        mend="run the same command again: it continues where it stopped. If it stays so, report it "
        "with these lines",
    )
    print_error(surprise)
    return surprise.exit_code


def _show_surprise_of_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and told.exc_type is not SystemExit:
        show_surprise(told.exc_type, told.exc_value, told.exc_traceback)


def is_terminal() -> bool:
    """Whether a person watches stderr."""
    return sys.stderr.isatty()


def is_live_terminal() -> bool:
    """Whether stderr is a terminal whose last line can be drawn again."""
    return is_terminal() and os.environ.get("TERM") != "dumb"


def data_columns() -> int:
    """Columns of the terminal that shows stdout; as good as endless elsewhere."""
    if not sys.stdout.isatty():
        return 1_000_000
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def is_unicode() -> bool:
    """Whether stderr shows more than ASCII."""
    return (sys.stderr.encoding or "").lower().replace("-", "") == "utf8"


def clip(text: str, columns: int) -> str:
    """The text in so many columns, without control characters."""
    text = _harmless(text)
    return text if len(text) <= columns else text[: max(0, columns - 3)] + "..."


def set_up_logging(level: str, form: str) -> None:
    """Send our log to stderr; of libraries only errors, with DEBUG also warnings."""
    handler = _StderrHandler()
    if level != "DEBUG":
        handler.addFilter(_FirstOfShards())
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    of_libraries = logging.WARNING if level == "DEBUG" else logging.ERROR
    logging.basicConfig(level=of_libraries, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("hugflow").setLevel(level)
    for shell in ("hugflow_assets", "hugflow_resources", "hugflow_sensors"):
        logging.getLogger(shell).setLevel(logging.WARNING)
    redact_logs()


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to the current stderr, which a progress bar replaces for a while."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        """Do nothing: stderr is looked up for each line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line above the terminal's last line, if that is drawn."""
        with hidden():
            super().emit(record)


class _FirstOfShards(logging.Filter):
    """Of the lines that come once a shard, only the first of a dataset is shown."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to show the line."""
        dataset = getattr(record, "per_shard", None)
        if dataset is None:
            return True
        is_first = bool(dataset) and dataset not in self._seen
        self._seen.add(dataset)
        return is_first


class _TextFormatter(logging.Formatter):
    """`12:30:01 message`, with the level for warnings and errors."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        text = _harmless(redact(super().format(record)))
        if record.levelno < logging.WARNING:
            return text
        return f"{paint(record.levelname.lower(), '33')}: {text}"


class _JsonFormatter(logging.Formatter):
    """One JSON object per line, for log collectors."""

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
        return redact(json.dumps(line, ensure_ascii=False))


def _harmless(text: str) -> str:
    """The text without terminal control sequences: names come from strangers."""
    return _CONTROLS.sub("?", text)


def paint(text: str, code: str) -> str:
    """Colour for a terminal; plain text elsewhere, or with NO_COLOR (https://no-color.org)."""
    return _painted(text, code) if is_terminal() else text


def paint_data(text: str, code: str) -> str:
    """As `paint`, for a line that goes to stdout."""
    return _painted(text, code) if sys.stdout.isatty() else text


def _painted(text: str, code: str) -> str:
    is_plain = not code or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if is_plain else f"\x1b[{code}m{text}\x1b[0m"
