"""The sockets, and the thread in which everything happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from kraken.emulator.app import PINGED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kraken.emulator.app import App

T = TypeVar("T")

LOGGER = logging.getLogger(__name__)

HOST = "127.0.0.1"
PATIENCE = 10.0
"""Seconds that the server's thread may take for anything."""


class _Protocol(WebSocketsSansIOProtocol):
    """WebSockets whose connections are told of the protocol's pings."""

    def handle_ping(self) -> None:
        pinged = self.scope.get(PINGED)
        if callable(pinged):
            pinged()
        super().handle_ping()


class Server:
    """Serves an application until it is stopped.

    Args:
        ports: Where; 0 takes a free port.

    Raises:
        OSError: a port is taken.
    """

    def __init__(self, ports: tuple[int, ...]) -> None:
        self._sockets = _listen(ports)
        self.ports: tuple[int, ...] = tuple(each.getsockname()[1] for each in self._sockets)
        """Where it listens, in the order in which it was asked for."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._finish: asyncio.Event
        self._uvicorn: uvicorn.Server

    def start(self, app: App, begin: Callable[[], None], repeated: Sequence[tuple[float, Callable[[], None]]]) -> None:
        """Serve; returns when all is ready.

        Args:
            app: The application.
            begin: Called first, in the thread.
            repeated: What is called again and again, after so many seconds each time.

        Raises:
            RuntimeError: the server did not come up.
        """
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(app, begin, repeated, ready), name="kraken-emulator", daemon=True
        )
        self._thread.start()
        ready.result(PATIENCE)

    def stop(self) -> None:
        """Reset all connections and close the ports. Does nothing when it is not running."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(self._finish.set)
        thread.join(PATIENCE)
        self._loop = None

    def call(self, function: Callable[[], T]) -> T:
        """Run ``function`` where nothing else touches the state: in the server's thread, while there is one."""
        loop = self._loop
        if loop is None or threading.current_thread() is self._thread:
            return function()
        result: Future[T] = Future()

        def run() -> None:
            try:
                result.set_result(function())
            except BaseException as error:  # it belongs to the caller
                result.set_exception(error)

        loop.call_soon_threadsafe(run)
        return result.result(PATIENCE)

    def abort(self, client: tuple[str, int], last: bytes) -> None:
        """Reset the connection with a client address, or end it in an orderly way behind the bytes that are given."""
        for transport in self._transports(lambda peer: peer == client):
            if last:
                transport.write(last)
                transport.close()
            else:
                _reset(transport)

    # ------------------------------------------------------------------ the thread

    def _run(
        self,
        app: App,
        begin: Callable[[], None],
        repeated: Sequence[tuple[float, Callable[[], None]]],
        ready: Future[None],
    ) -> None:
        try:
            asyncio.run(self._serve(app, begin, repeated, ready))
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)
        finally:
            for each in self._sockets:
                each.close()

    async def _serve(
        self,
        app: App,
        begin: Callable[[], None],
        repeated: Sequence[tuple[float, Callable[[], None]]],
        ready: Future[None],
    ) -> None:
        self._finish = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        begin()
        config = uvicorn.Config(
            app,
            http="h11",
            ws=_Protocol,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_keep_alive=60,
            server_header=False,
            date_header=False,
        )
        config.load()
        # The server's own main loop polls ten times a second and waits for clients when it ends; neither is wanted here.
        self._uvicorn = uvicorn.Server(config)
        self._uvicorn.lifespan = config.lifespan_class(config)
        await self._uvicorn.startup(self._sockets)
        tasks = [asyncio.ensure_future(_repeat(*each)) for each in repeated]
        ready.set_result(None)
        await self._finish.wait()
        for task in tasks:
            task.cancel()
        for server in self._uvicorn.servers:
            server.close()
        for transport in self._transports(lambda _client: True):
            _reset(transport)
        await asyncio.sleep(0)

    def _transports(self, chosen: Callable[[tuple[str, int]], bool]) -> Iterator[asyncio.Transport]:
        for connection in list(self._uvicorn.server_state.connections):
            transport: asyncio.Transport = connection.transport
            peer = transport.get_extra_info("peername")
            if peer and chosen((peer[0], peer[1])):
                yield transport


def _reset(transport: asyncio.Transport) -> None:
    # Without lingering, closing sends a reset instead of an orderly end.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _repeat(seconds: float, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            act()
        except Exception:
            LOGGER.exception("the exchange stumbled")


def _listen(ports: tuple[int, ...]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for port in ports:
            # The protocol is named, or asyncio leaves Nagle's algorithm on and each answer takes 40 ms.
            sockets.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP))
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sockets[-1].bind((HOST, port))
    except OSError:
        for each in sockets:
            each.close()
        raise
    return sockets
