"""Ports of this host: whether one is free, and which process listens on it."""

import errno
import socket
from contextlib import closing, suppress
from pathlib import Path

from hugflow.errors import UsageWrong

# `0A` is TCP_LISTEN: https://docs.kernel.org/networking/proc_net_tcp.html
_LISTENS = "0A"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LONGEST_COMMAND = 60
_TRIED = 100


def refuse_taken_port(host: str, port: int) -> None:
    """Raise UsageWrong, naming the holder and a free port, if nothing can listen on `port`."""
    error = _try_port(host, port)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        pid = find_listener(port)
        why = (
            f"{describe_process(pid)} listens on it"
            if pid is not None
            else "another process has it"
        )
        raise UsageWrong(
            f"port {port} of {host} is taken",
            why=why,
            mend=f"choose another one, such as `--port {find_free_port(host, port + 1)}`",
        ) from error
    raise UsageWrong(
        f"nothing can listen on port {port} of {host}",
        why=error.strerror or str(error),
        mend="choose another `--port` or `--host`",
    ) from error


def find_free_port(host: str, first: int) -> int:
    """The first free port from `first` on; `first` itself if no port near it is free."""
    last = min(first + _TRIED, 65536)
    return next((port for port in range(first, last) if _try_port(host, port) is None), first)


def find_listener(port: int) -> int | None:
    """The process that listens on a TCP port; None if unknown, as for another user's process."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for descriptor in (entry / "fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) in sockets:
                        return int(entry.name)
    return None


def _try_port(host: str, port: int) -> OSError | None:
    """Why no server can listen there; None if one can."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        return error
    family, kind, protocol, _, address = found[0]
    with closing(socket.socket(family, kind, protocol)) as probe:
        # As the web server does: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            return error
    return None


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in _TABLES:
        with suppress(OSError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                    found.add(words[9])
    return found


def describe_process(pid: int) -> str:
    """`process 812 (python -m http.server)`, in one line."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        command = " ".join(" ".join(words).split())
        if len(command) > _LONGEST_COMMAND:
            command = f"{command[:_LONGEST_COMMAND]}..."
        return f"process {pid} ({command})"
    return f"process {pid}"
