"""The embedded nats-server: one process on this machine, with its users in a folder.

<folder>/admin.seed          may do everything on this server; 0600
         users/<name>.id     a user's public key; without it the user may not connect
         users/<name>.seed   the secret of a user that was made here; 0600
         server.conf  server.pid  server.log  host  port
         max_store           bytes that all users together may store
         tls                 which certificate it has (`hugflow.serving.tls`)
         jetstream/          what waits, and what users serve
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hugflow.errors import FlowServerUnavailable, UsageWrong
from hugflow.serving.extra import find_server_program
from hugflow.serving.keys import is_user_id, read_or_make_seed, read_seed, user_id_of
from hugflow.serving.room import room_for_messages
from hugflow.serving.server_config import render_config
from hugflow.serving.subjects import check_name
from hugflow.serving.tls import (
    PLAIN_SCHEME,
    SCHEME,
    Certificate,
    TlsTrust,
    read_certificate,
    write_certificate,
)
from hugflow.store.atomic import make_folder, read_file, write_file
from hugflow.supervisor import die_with_parent

HOST = "127.0.0.1"
EVERY_HOST = ("0.0.0.0", "::")  # noqa: S104  # only `flows up --host` listens there
START_S = 20.0
END_S = 10.0
RELOADED = b"Reloaded server configuration"
NOT_RELOADED = b"Failed to reload server configuration"
RELOAD_S = 5.0


class FlowServer:
    """A server and its folder. Only public keys are written into its configuration."""

    def __init__(self, folder: Path, host: str | None = None, port: int | None = None) -> None:
        """host, port: None for those that it had before; else the loopback and a free port."""
        self.folder = folder.absolute()
        make_folder(self.folder)
        self.folder.chmod(0o700)
        self.host = host or self._read_host() or HOST
        self.port = port or self._read_number("port") or _free_port(self.host)
        self.certificate = read_certificate(self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address that clients on this machine connect to."""
        host = HOST if self.host in EVERY_HOST else self.host
        scheme = PLAIN_SCHEME if self.certificate is None else SCHEME
        return f"{scheme}://{host}:{self.port}"

    @property
    def trust(self) -> TlsTrust | None:
        """What clients on this machine accept: the certificate of this server itself."""
        if self.certificate is None:
            return None
        return TlsTrust(self.certificate.cert, is_server_itself=True)

    def use_certificate(self, certificate: Certificate | None) -> None:
        """Let the server speak TLS from its next start on, or in the clear."""
        if certificate is not None:
            certificate.check()
        write_certificate(self.folder, certificate)
        self.certificate = certificate

    @property
    def config_file(self) -> Path:
        """The server's configuration."""
        return self.folder / "server.conf"

    def limit_store(self, size_bytes: int | None) -> int:
        """Note how much all users together may store, from the next start on.

        None: three quarters of the disk's free room, with what the server holds already. Without
        that, the server would count what it holds a second time, each time it starts.
        """
        if size_bytes is None:
            held = folder_bytes(self.folder / "jetstream")
            size_bytes = (shutil.disk_usage(self.folder).free + held) * 3 // 4
        write_file(self.folder / "max_store", f"{size_bytes}\n")
        return size_bytes

    def command(self) -> tuple[str, ...]:
        """What starts the server; for a supervisor, or for `start`."""
        return (str(find_server_program()), "-c", str(self.config_file))

    def seed_file(self, name: str) -> Path:
        """Where the secret of a user lies that was made here."""
        return self.folder / "users" / f"{check_name(name, 'the user')}.seed"

    def read_seed(self, path: Path) -> str:
        """The secret in a seed file."""
        return read_seed(path)

    def user_ids(self) -> dict[str, str]:
        """The ids of all users by name."""
        files = sorted((self.folder / "users").glob("*.id"))
        return {path.stem: read_file(path).decode("ascii").strip() for path in files}

    def make_user(self, name: str) -> str:
        """The id of a user, whose seed is made if it is missing. `apply` lets it in."""
        user_id = user_id_of(read_or_make_seed(self.seed_file(name)))
        self.add_user(name, user_id)
        return user_id

    def add_user(self, name: str, user_id: str) -> None:
        """Note a user whose seed lies elsewhere. `apply` lets it in."""
        check_name(name, "the user")
        if not is_user_id(user_id):
            raise UsageWrong(
                f"{user_id[:80]} is no id of a user",
                why="an id is the public key: U, 55 letters and digits, and a checksum in them",
                mend="`hugflow flows user new NAME` prints one",
            )
        if self.user_ids().get(name, user_id) != user_id:
            raise UsageWrong(
                f"there is a user {name} with another id",
                why="a name stands for one key",
                mend=f"take another name, or `hugflow flows user revoke {name}` first",
            )
        self._check_is_new(name, user_id)
        write_file(self._id_file(name), f"{user_id}\n")

    def revoke_user(self, name: str) -> None:
        """Note that a user may not connect any more. `apply` disconnects it."""
        if name not in self.user_ids():
            raise UsageWrong(
                f"there is no user {name}",
                why=f"{self._id_file(name)} is not there",
                mend="check the name: `hugflow flows user list`",
            )
        self._id_file(name).unlink()

    def write_config(self) -> None:
        """Write the configuration from the users."""
        admin_id = user_id_of(read_or_make_seed(self.folder / "admin.seed"))
        text = render_config(
            self.host,
            self.port,
            self.folder,
            admin_id,
            self.user_ids(),
            self.certificate,
            max_store_bytes=self._store_limit(),
        )
        write_file(self.config_file, text)
        write_file(self.folder / "host", f"{self.host}\n")
        write_file(self.folder / "port", f"{self.port}\n")

    def apply(self) -> None:
        """Let the running server know its users, and make their streams.

        Raises FlowServerUnavailable when it does not take the change. The change stays written, so
        the server knows it when it is started again.
        """
        self.write_config()
        pid = self._running_pid()
        if pid is None:
            return
        log_file = self.folder / "server.log"
        seen = log_file.stat().st_size
        os.kill(pid, signal.SIGHUP)
        refusal = _wait_for_reload(log_file, seen)
        if refusal is not None:
            raise FlowServerUnavailable(
                f"the server of flows at {self.url} has not taken the change of its users",
                why=f"{refusal}; it still lets in those whom it let in before",
                mend="stop `hugflow flows up` and start it again: the change is written, and holds "
                f"from then on; see {log_file}",
            )
        self.make_streams()

    def make_streams(self) -> None:
        """Make the streams of all users; those that are there stay."""
        from hugflow.serving.streams import make_streams

        seed = read_or_make_seed(self.folder / "admin.seed")
        user_ids = list(self.user_ids().values())
        room_bytes = room_for_messages(self._store_limit())
        work = make_streams(
            self.url, seed, user_id_of(seed), user_ids, self.trust, room_bytes=room_bytes
        )
        # In a thread of its own: a notebook's has a loop already.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, work).result()

    def start(self) -> None:
        """Start the process, and wait until it answers. Raises FlowServerUnavailable."""
        self.write_config()
        with (self.folder / "server.log").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # a list of ours
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent if sys.platform == "linux" else None,
            )
        self.wait_until_open()
        self.make_streams()

    def wait_until_open(self, within_s: float = START_S) -> None:
        """Wait until the port is open. Raises FlowServerUnavailable."""
        ends_at = time.monotonic() + within_s
        while not is_open(self.host, self.port):
            has_ended = self._process is not None and self._process.poll() is not None
            if has_ended or time.monotonic() > ends_at:
                raise FlowServerUnavailable(
                    f"the server of flows at {self.url} did not start",
                    why=_last_line(self.folder / "server.log"),
                    mend=f"look at {self.folder / 'server.log'}",
                )
            time.sleep(0.01)

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End the process; doing it again is harmless."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _id_file(self, name: str) -> Path:
        return self.folder / "users" / f"{check_name(name, 'the user')}.id"

    def _check_is_new(self, name: str, user_id: str) -> None:
        """Two entries of one key make the server refuse its whole configuration."""
        others = {each: other for other, each in self.user_ids().items() if other != name}
        admin_id = user_id_of(read_or_make_seed(self.folder / "admin.seed"))
        taken = "the administrator" if user_id == admin_id else others.get(user_id)
        if taken is not None:
            raise UsageWrong(
                f"the id of {name} is that of {taken} already",
                why="a key is one user, and has one name on a server",
                mend="give the id of another key; `hugflow flows user list` shows those present",
            )

    def _running_pid(self) -> int | None:
        if self._process is not None:
            return self._process.pid
        try:
            pid = int(read_file(self.folder / "server.pid"))
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        # The number may be another process's by now, and SIGHUP would end it.
        is_server = self._is_server(pid) or is_open(self.host, self.port)
        return pid if is_server else None

    def _is_server(self, pid: int) -> bool:
        """Whether a process runs with this configuration; False where there is no /proc."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(self.config_file) in words

    def _read_host(self) -> str | None:
        try:
            return read_file(self.folder / "host").decode("ascii").strip() or None
        except (OSError, ValueError):
            return None

    def _store_limit(self) -> int:
        return self._read_number("max_store") or self.limit_store(None)

    def _read_number(self, name: str) -> int | None:
        try:
            return int(read_file(self.folder / name))
        except (OSError, ValueError):
            return None


def is_open(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        with socket.create_connection((host, port), 1.0):
            return True
    except OSError:
        return False


def folder_bytes(folder: Path) -> int:
    """How large the files in a folder are, at any depth; those that vanish meanwhile count nothing."""
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            size += path.stat().st_size if path.is_file() else 0
    return size


def _wait_for_reload(log_file: Path, seen: int) -> str | None:
    """None when the server has read its configuration again; else why it has not."""
    ends_at = time.monotonic() + RELOAD_S
    while time.monotonic() < ends_at:
        written = read_file(log_file)[seen:]
        if RELOADED in written:
            return None
        refused = [line for line in written.splitlines() if NOT_RELOADED in line]
        if refused:
            return refused[-1].partition(b"[ERR] ")[2].decode("utf-8", "replace")
        time.sleep(0.005)
    return f"it did not say within {RELOAD_S:g} s that it has"


def _free_port(host: str) -> int:
    with socket.socket() as found:
        found.bind((host, 0))
        return int(found.getsockname()[1])


def _last_line(path: Path) -> str:
    try:
        lines = read_file(path).decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "it said nothing"
