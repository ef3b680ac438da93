"""A disk that fails when it is told to, under a real process: `disk.c`, preloaded.

    failing(shim, root, at=120)                        SIGKILL before the 120th call
    failing(shim, root, at=120, do="tear")             a write is done by half, then SIGKILL
    failing(shim, root, at=7, do=errno.EIO, kinds="fsync")
    failing(shim, root, room=500_000)                  a disk of that many bytes

Each gives the environment that a command is started with.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("disk.c")
# What alters the disk: a kill elsewhere leaves what a kill before the next of these leaves.
ALTERING = "rename,fsync,syncfs,unlink,symlink,link,mkdir,write"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a process: its number among those that were counted, its kind, and its path."""

    number: int
    kind: str
    path: Path


def find_compiler() -> str | None:
    """The C compiler of this machine, if it has one."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def compile_shim(compiler: str, folder: Path) -> Path:
    """Build what is preloaded."""
    shim = folder / "disk.so"
    options = ["-O2", "-shared", "-fPIC", "-o", shim, SOURCE, "-ldl"]
    subprocess.run([compiler, *options], check=True)
    return shim


def failing(
    shim: Path,
    root: Path,
    *,
    at: int | None = None,
    do: str | int = "kill",
    last: int | None = None,
    kinds: str | None = ALTERING,
    path: str | None = None,
    room: int | None = None,
    log: Path | None = None,
) -> dict[str, str]:
    """What to start a command with; `disk.c` says what the words mean."""
    words = {
        "FAULT_ROOT": root,
        "FAULT_AT": at,
        "FAULT_DO": do,
        "FAULT_LAST": last,
        "FAULT_KINDS": kinds,
        "FAULT_PATH": path,
        "FAULT_ROOM": room,
        "FAULT_LOG": log,
    }
    given = {name: str(word) for name, word in words.items() if word is not None}
    return {"LD_PRELOAD": str(shim), **given}


def read_calls(log: Path) -> list[Call]:
    """What a process did to the disk, in order."""
    lines = [line.split(" ", 2) for line in log.read_text("utf-8").splitlines()]
    return [Call(int(number), kind, Path(path)) for number, kind, path in lines]
