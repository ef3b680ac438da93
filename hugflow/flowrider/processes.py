"""A run's process: in a group of its own, which ends whole and in bounded time."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from hugflow.supervisor import die_with_parent

# After SIGTERM; then SIGKILL. A terminated run ends within 10 s.
ENDING_S: Final = 8.0
_LOOK_EVERY_S: Final = 0.05
_DRAIN_S: Final = 1.0


def run_group(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    take: Callable[[str], None],
) -> int:
    """Run a command to its end and return its exit status, negative for a signal.

    take: called with each line that the command prints, on either stream, from a thread.

    When the block is interrupted by an exception, and when the command leaves processes behind,
    the whole group gets SIGTERM, and SIGKILL after ENDING_S.
    """
    process = subprocess.Popen(  # noqa: S603  # a list of ours
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent if sys.platform == "linux" else None,
    )
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    reader = threading.Thread(target=_read_lines, args=(process.stdout, take), daemon=True)
    reader.start()
    try:
        code = process.wait()
    finally:
        end_group(process)
        reader.join(_DRAIN_S)
    return code


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a group: SIGTERM, and SIGKILL to what is still there after ENDING_S."""
    try:
        if not _signal(process, signal.SIGTERM):
            return
        ends_at = time.monotonic() + ENDING_S
        while time.monotonic() < ends_at:
            time.sleep(_LOOK_EVERY_S)
            process.poll()
            if not _signal(process, 0):
                return
    finally:
        # Also if another interrupt ends the wait.
        _signal(process, signal.SIGKILL)
        process.wait()


def end_marked(variable: str, value: str) -> int:
    """Kill the processes whose environment has `variable=value`; return how many there were.

    They are those of a run whose owner was killed. Only Linux lists environments.
    """
    wanted = f"{variable}={value}".encode()
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
                found += 1
    return found


def _signal(process: "subprocess.Popen[bytes]", number: int) -> bool:
    """Send a signal to a group; False if there is no such group any more."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _read_lines(stream: IO[bytes], take: Callable[[str], None]) -> None:
    with stream:
        for line in stream:
            take(line.decode("utf-8", "replace"))
