"""Postgres and redis on loopback, for one module of tests: Debian's programs, data in a folder."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.dagster.conftest import free_port, wait_until

_DEBIAN = Path("/usr/lib/postgresql")
POSTGRES_USER = "postgres"


def find_postgres() -> Path | None:
    """The folder of Postgres' programs; None where it is not installed."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    folders = sorted(_DEBIAN.glob("*/bin")) if _DEBIAN.is_dir() else []
    return folders[-1] if folders else None


@contextmanager
def postgres(programs: Path) -> Iterator[str]:
    """A server with an empty database; its address in the form that Dagster needs."""
    port = free_port()
    # It does not start as root.
    user = ["runuser", "-u", POSTGRES_USER, "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="hugflow-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if user:
            shutil.chown(folder, POSTGRES_USER, POSTGRES_USER)
        data = folder / "data"
        quick = ["--no-sync", "--auth=trust", f"--username={POSTGRES_USER}"]
        _call([*user, str(programs / "initdb"), "-D", str(data), *quick])
        options = f"-c fsync=off -c listen_addresses=127.0.0.1 -p {port} -k {folder}"
        start = [*user, str(programs / "pg_ctl"), "-D", str(data)]
        _call([*start, "-l", str(folder / "log"), "-o", options, "-w", "start"])
        try:
            yield f"postgresql+psycopg2://{POSTGRES_USER}@127.0.0.1:{port}/postgres"
        finally:
            _call([*start, "-m", "immediate", "stop"])


@contextmanager
def redis() -> Iterator[str]:
    """A server that keeps nothing on disk; its address without the number of a database."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd="/") as server:
        try:
            ping = ["redis-cli", "-p", str(port), "ping"]
            wait_until(
                lambda: b"PONG" in subprocess.run(ping, check=False, capture_output=True).stdout,
                20,
                "redis answers",
            )
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()


def _call(command: list[str]) -> None:
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/", text=True
    )
    assert done.returncode == 0, done.stdout
