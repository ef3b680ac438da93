"""Sending an answer over a connection, with its disturbances."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

from hugflow.late_dataclass import dataclass
from hugflow.testing.exchange import Disturbance, Response

DRAIN_TIMEOUT_S = 5.0
DRAIN_POLL_S = 0.001
# A slow answer is sent in steps of so long.
TICK_S = 0.02
# Closed with this, a connection is reset: the other side notices the break at once.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Line:
    """One connection while one answer is sent: what ASGI gives for it, and the transport below."""

    transport: asyncio.Transport
    receive: Receive
    send: Send

    async def pause(self, seconds: float) -> bool:
        """Wait; returns whether the client is still connected."""
        try:
            await asyncio.wait_for(self._wait_until_gone(), seconds)
        except TimeoutError:
            return True
        return False

    async def close(self) -> None:
        """End the connection as if the answer were complete."""
        self.transport.close()
        await self._wait_until_gone()

    async def reset(self) -> None:
        """Break the connection after everything sent before has arrived."""
        sock = self.transport.get_extra_info("socket")
        await self._drain(sock)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()
        await self._wait_until_gone()

    async def _drain(self, sock: socket.socket) -> None:
        # A reset drops the bytes that are still in this side's buffers.
        deadline = time.monotonic() + DRAIN_TIMEOUT_S
        while self.transport.get_write_buffer_size() or _count_unsent(sock):
            if time.monotonic() > deadline or self.transport.is_closing():
                return
            await asyncio.sleep(DRAIN_POLL_S)

    async def _wait_until_gone(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def send_answer(answer: Response, line: Line, *, has_body: bool) -> None:
    """Send an answer, as far as its disturbances allow."""
    before = [each for each in answer.disturbances if each.after_bytes is None]
    within = sorted((each for each in answer.disturbances if each not in before), key=_place)
    for disturbance in before:
        if not await _survive(disturbance, line):
            return
    headers = {**answer.headers, "Content-Length": str(answer.size_bytes)}
    lines = [(name.lower().encode(), _to_header(value)) for name, value in headers.items()]
    await line.send({"type": "http.response.start", "status": answer.status, "headers": lines})
    if has_body:
        sent = 0
        for disturbance in within:
            await _send_part(answer, line, sent, _place(disturbance))
            sent = _place(disturbance)
            if not await _survive(disturbance, line):
                return
        await _send_part(answer, line, sent, answer.size_bytes)
    await line.send({"type": "http.response.body", "body": b""})


async def _send_part(answer: Response, line: Line, start: int, stop: int) -> None:
    rate = answer.bytes_per_s
    began, sent = time.monotonic(), 0
    for piece in answer.read(start, stop):
        step = len(piece) if rate is None else max(1, int(rate * TICK_S))
        for at in range(0, len(piece), max(1, step)):
            part = piece[at : at + step]
            sent += len(part)
            # By the clock, because every sleep takes a little longer than it was told to.
            if rate is not None and (wait_s := began + sent / rate - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            await line.send({"type": "http.response.body", "body": part, "more_body": True})


async def _survive(disturbance: Disturbance, line: Line) -> bool:
    """Apply the disturbance; returns whether the client is still connected."""
    if disturbance.pause_s and not await line.pause(disturbance.pause_s):
        return False
    match disturbance.then:
        case "on":
            return True
        case "closed":
            await line.close()
        case "reset":
            await line.reset()
    return False


def _to_header(value: str) -> bytes:
    """The value in a form that a header can carry; it may quote a client's text."""
    printable = "".join(char if char.isprintable() else "?" for char in value)
    return printable.strip().encode("latin-1", errors="replace")


def _place(disturbance: Disturbance) -> int:
    return disturbance.after_bytes or 0


def _count_unsent(sock: socket.socket) -> int:
    """Bytes that the other side has not confirmed; 0 if the system cannot say."""
    try:
        import fcntl
        import termios

        found = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except (ImportError, OSError):
        return 0
    return int.from_bytes(found, "little")
