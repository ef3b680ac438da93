"""Download slots: how many connections may fetch files at once on a host, over all runs.

A slot is a lock file of the kernel's (`flock`), so a killed process gives its slots back. The files
are `STATE_DIR/locks/downloads/<host>/slot-0.lock` and so on, and `gate.lock` beside them: only the
holder of the gate waits for a slot, so no process waits for ever.
"""

import socket
import time
from pathlib import Path

from filelock import FileLock, Timeout

from hugflow.late_dataclass import dataclass
from hugflow.store.atomic import disk_errors, make_folder

_WAIT_FOR_EVER = -1.0
_LOOK_EVERY_S = 0.02
_GATE_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Slots:
    """The download slots of this host. folder: of all hosts. count: at least 1."""

    folder: Path
    count: int

    def take(self) -> FileLock:
        """Wait for a slot; the caller releases it. Raises CannotWrite or DiskFull."""
        host = self._host()
        with disk_errors(host), _lock(host / "gate.lock", _WAIT_FOR_EVER):
            while (slot := self._first_free(host)) is None:
                time.sleep(_LOOK_EVERY_S)
            return slot

    def take_idle(self) -> FileLock | None:
        """A slot that nobody uses and nobody waits for; None if there is none."""
        host = self._host()
        try:
            with disk_errors(host), _lock(host / "gate.lock", 0.0):
                return self._first_free(host)
        except Timeout:
            return None

    def _host(self) -> Path:
        host = self.folder / socket.gethostname()
        make_folder(host)
        return host

    def _first_free(self, host: Path) -> FileLock | None:
        for number in range(self.count):
            slot = _lock(host / f"slot-{number}.lock", 0.0)
            try:
                slot.acquire()
            except Timeout:
                continue
            return slot
        return None


def _lock(path: Path, timeout_s: float) -> FileLock:
    return FileLock(path, timeout=timeout_s, poll_interval=_GATE_EVERY_S, thread_local=False)
