"""What native libraries write to stderr: into the log, with the row that was being made.

    libmpg123 writes `[src/libmpg123/layer3.c:...] error: dequantization failed!` by itself, into the
    middle of whatever is on the terminal, and says nothing of the file.

Python's own stderr stays what it is. Only the file descriptor that C code writes to is another one
meanwhile.
"""

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hugflow.redact import in_a_line

log = logging.getLogger(__name__)

_STDERR: Final = 2
# A damaged file can have thousands of such lines.
MOST_LINES: Final = 50
# A line is read a moment after it was written; its row may have ended by then.
_JUST_ENDED_S: Final = 0.2

_doing: dict[int, str] = {}
_ended: deque[tuple[float, str]] = deque(maxlen=64)


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Name what this thread does, for lines that are written meanwhile: `row 5 of data/a.parquet`."""
    me = threading.get_ident()
    _doing[me] = what
    try:
        yield
    finally:
        del _doing[me]
        _ended.append((time.monotonic(), what))


@contextmanager
def native_talk_in_log() -> Iterator[None]:
    """Send what native code writes to stderr to the log, as long as the block lasts."""
    sys.stderr.flush()
    terminal, before = os.dup(_STDERR), sys.stderr
    reads, writes = os.pipe()
    reader = threading.Thread(target=_tell_lines, args=(reads,), name="native talk", daemon=True)
    # Line by line, as stderr is.
    with open(terminal, "w", encoding=before.encoding, errors=before.errors, buffering=1) as ours:  # noqa: PTH123  # a descriptor
        sys.stderr = ours
        os.dup2(writes, _STDERR)
        os.close(writes)
        reader.start()
        try:
            yield
        finally:
            ours.flush()
            os.dup2(terminal, _STDERR)
            # A process that we started may still have it open.
            reader.join(_JUST_ENDED_S)
            sys.stderr = before


def _tell_lines(reads: int) -> None:
    """Log each line until nobody can write one any more."""
    with open(reads, encoding="utf-8", errors="replace") as lines:  # a descriptor
        for number, line in enumerate(lines):
            if number < MOST_LINES and line.strip():
                log.info("a library says: %s%s", in_a_line(line), _now())
            elif number == MOST_LINES:
                log.info("a library says more; it is left out")


def _now() -> str:
    """What may have caused a line that has just been read."""
    since = time.monotonic() - _JUST_ENDED_S
    named = [*_doing.values(), *(what for at, what in list(_ended) if at >= since)]
    return f" (at {', '.join(dict.fromkeys(named))})" if named else ""
