"""A command in a pseudo-terminal, as a person sees it."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.projects import HUGFLOW, Project

_COLOURS = re.compile(r"\x1b\[[\d;]*[mK]")


def watch_terminal(
    project: Project,
    arguments: Sequence[str | Path],
    columns: int = 100,
    program: Sequence[str] = (str(HUGFLOW),),
    answers: str = "",
    **environment: str,
) -> list[tuple[float, str]]:
    """Run a command in a terminal; give what it drew, each with its time.

    answers: what a person types.
    """
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    size = f"stty rows 30 columns {columns}; exec"
    command = ["sh", "-c", f'{size} "$0" "$@"', *program, *map(str, arguments)]
    process = subprocess.Popen(
        command,
        cwd=project.root,
        env=project.environment | {"TERM": "xterm", "LANG": "C.UTF-8"} | environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, answers.encode())
    seen: list[tuple[float, str]] = []
    try:
        while True:
            ready, _, _ = select.select([ours], [], [], 30)
            assert ready, "nothing for 30 s"
            try:
                data = os.read(ours, 65_536)
            except OSError:
                break
            lines = re.split(r"\r\x1b\[2K|\r?\n", data.decode(errors="replace"))
            seen += [(time.monotonic(), line) for line in lines if line]
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return seen


def plain(line: str) -> str:
    """A line without its colours."""
    return _COLOURS.sub("", line)
