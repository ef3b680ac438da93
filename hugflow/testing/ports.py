"""Ports of 127.0.0.1 that answer requests, served from one daemon thread."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import uvicorn
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from hugflow.errors import UsageWrong
from hugflow.testing.delivery import Line, Receive, Send, send_answer
from hugflow.testing.exchange import Ask, Port, Response

HOST = "127.0.0.1"
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0

Application = Callable[[Any, Receive, Send], Awaitable[None]]


class OpenPorts:
    """Ports that listen from the moment this is made until `close` returns.

    numbers: the port numbers; 0 for any free one.
    answer: gets every request, in one thread and one at a time; bodies are sent in parallel.
    """

    def __init__(self, answer: Callable[[Ask], Response], numbers: Mapping[Port, int]) -> None:
        """Listen and answer connections.

        Raises UsageWrong when a port is in use or not allowed.
        """
        self._answer = answer
        self._bound = {port: _bind(number) for port, number in numbers.items()}
        self._numbers = {port: bound.getsockname()[1] for port, bound in self._bound.items()}
        self.urls: Mapping[Port, str] = {
            port: f"http://{HOST}:{number}" for port, number in self._numbers.items()
        }
        self._servers: list[_Server] = []
        self._thread: threading.Thread | None = None
        self.accept()

    def accept(self) -> None:
        """Listen again after `refuse`, on the same ports."""
        if self._thread is not None:
            return
        self._servers = [_Server(self._answer, port) for port in self._bound]
        self._thread = threading.Thread(
            target=asyncio.run,
            args=(_serve(self._servers, list(self._bound.values())),),
            name="hugflow.testing ports",
            daemon=True,
        )
        self._thread.start()
        self._wait_until_started(self._servers)

    def refuse(self) -> None:
        """Break every connection and refuse new ones, until `accept`.

        Do not call it from the thread that answers.
        """
        if self._thread is not None:
            self._stop(self._thread)
            # Bound but not listening: connections are refused, and nobody gets it as a free port.
            self._bound = {port: _bind(number) for port, number in self._numbers.items()}

    def close(self) -> None:
        """Stop listening and end the thread; a body that is being sent is cut off."""
        if self._thread is not None:
            self._stop(self._thread)
        for bound in self._bound.values():
            bound.close()

    def _stop(self, thread: threading.Thread) -> None:
        for server in self._servers:
            server.should_exit = True
        thread.join(STOP_TIMEOUT_S)
        self._thread = None

    def _wait_until_started(self, servers: Sequence[uvicorn.Server]) -> None:
        # A server that must exit before it has started would never close its socket.
        deadline = time.monotonic() + START_TIMEOUT_S
        while not all(server.started for server in servers):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing answers at {', '.join(self.urls.values())}")
            time.sleep(0.002)


class _Server(uvicorn.Server):
    """The application that answers on one port."""

    def __init__(self, answer: Callable[[Ask], Response], port: Port) -> None:
        self._answer = answer
        self._port = port
        super().__init__(_configure(self._serve_one))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A client that stops reading would keep its connection and the thread open.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)

    async def _serve_one(self, scope: Any, receive: Receive, send: Send) -> None:
        ask = await _read_ask(self._port, Request(scope, receive))
        line = Line(self._find_transport(scope["client"]), receive, send)
        await send_answer(self._answer(ask), line, has_body=ask.method != "HEAD")

    def _find_transport(self, client: tuple[str, int]) -> asyncio.Transport:
        for connection in self.server_state.connections:
            if isinstance(connection, H11Protocol) and connection.client == tuple(client):
                return connection.transport
        raise ConnectionAbortedError("the client left before it was answered")


def _bind(number: int) -> socket.socket:
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
        interface="asgi3",
        # Always installed; others differ from machine to machine.
        http="h11",
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


async def _read_ask(port: Port, request: Request) -> Ask:
    return Ask(
        port=port,
        method=request.method,
        path=request.scope["raw_path"].decode("ascii"),
        query=request.scope["query_string"].decode("ascii"),
        headers=dict(request.headers),
        body=await request.body(),
        received_at=time.time(),
    )
