"""The last line of a terminal, which is drawn again and again; what is printed goes above it."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CLEAR = "\r\x1b[2K"
_lock = threading.RLock()
_shown = ""


def draw(line: str) -> None:
    """Draw the line in place of the one before; "" removes it."""
    global _shown
    with _lock:
        if line != _shown:
            _shown = line
            _write(_CLEAR + line)


@contextmanager
def hidden() -> Iterator[None]:
    """Remove the line before the block prints; the next `draw` brings it back."""
    global _shown
    with _lock:
        if _shown:
            _shown = ""
            _write(_CLEAR)
        yield


def width() -> int:
    """Columns of the terminal."""
    with suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    return 80


def _write(text: str) -> None:
    # The terminal may be gone, or stderr is just being replaced.
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
