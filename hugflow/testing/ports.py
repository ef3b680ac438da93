"""Ports of 127.0.0.1 that answer questions, served from one daemon thread."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import uvicorn
from starlette.requests import Request

from hugflow.errors import UsageWrong
from hugflow.testing.exchange import Answer, Ask, Extract, Port

HOST = "127.0.0.1"
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]


class OpenPorts:
    """Ports that listen from the moment this is made until `close` returns.

    `numbers` says which port number each wants, 0 being any that is free. Every question is given
    to `answer`, in one thread and one at a time; bodies are sent side by side.
    """

    def __init__(self, answer: Callable[[Ask], Answer], numbers: Mapping[Port, int]) -> None:
        """Listen; connections made from here on are answered.

        Raises UsageWrong when a port is taken or not ours to take.
        """
        listening = [_listen(number) for number in numbers.values()]
        self.urls: Mapping[Port, str] = {
            port: f"http://{HOST}:{listener.getsockname()[1]}"
            for port, listener in zip(numbers, listening, strict=True)
        }
        self._servers = [_Server(_configure(_application(answer, port))) for port in numbers]
        self._thread = threading.Thread(
            target=asyncio.run,
            args=(_serve(self._servers, listening),),
            name="hugflow.testing ports",
            daemon=True,
        )
        self._thread.start()
        self._wait_until_started()

    def close(self) -> None:
        """Stop listening and end the thread; a body still on its way is cut off."""
        for server in self._servers:
            server.should_exit = True
        self._thread.join(STOP_TIMEOUT_S)

    def _wait_until_started(self) -> None:
        # A server that is told to exit before it has started would never close its socket.
        deadline = time.monotonic() + START_TIMEOUT_S
        while not all(server.started for server in self._servers):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing answers at {', '.join(self.urls.values())}")
            time.sleep(0.002)


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A client that no longer reads would hold its connection, and the thread, open.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def _listen(number: int) -> socket.socket:
    # The protocol is named for asyncio: without it TCP_NODELAY is not set, 40 ms for every answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, number))
    except OSError as error:
        listener.close()
        raise UsageWrong(
            f"port {number} of {HOST} cannot be listened on",
            why=str(error),
            mend="ask for another port, or for 0, which is any that is free",
        ) from error
    return listener


def _configure(application: Application) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
    )


async def _serve(servers: Sequence[uvicorn.Server], listening: list[socket.socket]) -> None:
    """Serve each on its socket until all have been told to exit."""
    pairs = zip(servers, listening, strict=True)
    await asyncio.gather(*(server.serve([listener]) for server, listener in pairs))


def _application(answer: Callable[[Ask], Answer], port: Port) -> Application:
    async def application(scope: Any, receive: Receive, send: Send) -> None:
        ask = await _read_ask(port, Request(scope, receive))
        await _send_answer(answer(ask), send, has_body=ask.method != "HEAD")

    return application


async def _read_ask(port: Port, request: Request) -> Ask:
    return Ask(
        port=port,
        method=request.method,
        path=request.scope["raw_path"].decode("ascii"),
        query=request.scope["query_string"].decode("ascii"),
        headers=dict(request.headers),
        body=await request.body(),
    )


async def _send_answer(answer: Answer, send: Send, *, has_body: bool) -> None:
    headers = {**answer.headers, "Content-Length": str(answer.size_bytes)}
    lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    if has_body and isinstance(answer.body, Extract):
        part = answer.body
        for piece in part.file.read(part.start, part.stop):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    elif has_body and isinstance(answer.body, bytes):
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
