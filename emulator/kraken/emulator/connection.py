"""One WebSocket connection, whatever is spoken on it: what it is sent, how it ends, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from starlette.websockets import WebSocket, WebSocketDisconnect

from kraken.emulator.feeds import Feeds, Subscription

if TYPE_CHECKING:
    from kraken.emulator.faults import Faults, Kind
    from kraken.emulator.specs import Specs

IDLE_CODE = 1000
"""Close code of a connection that nobody used; Kraken does not document it."""

MAX_WAITING = 50_000
"""Frames that may wait for a slow reader before the connection is cut."""

_HALF_A_FRAME = b'\x81\x7e\x01\x00{"channel":"heart'
"""A text frame that says 256 bytes and has fewer."""

Params = Mapping[str, Any]


class Common(TypedDict):
    """What connections to all products share."""

    faults: Faults
    record: Callable[[str, str, Mapping[str, Any]], None]
    heartbeat: int


@dataclass(frozen=True, kw_only=True)
class Services:
    """What all connections to a product share."""

    specs: Specs
    feeds: Feeds
    faults: Faults
    now: Callable[[], int]
    """Unix time in nanoseconds."""
    record: Callable[[str, str, Mapping[str, Any]], None]
    """Notes a request: transport, name, arguments."""
    heartbeat: int
    """Nanoseconds of silence before a heartbeat."""


class Link(NamedTuple):
    """A connection as it came in."""

    websocket: WebSocket
    """Accepted."""
    server: str
    """Where, as ``drop_connections`` and the like call it."""
    number: int
    """Its connection id."""
    abort: Callable[[bytes], None]
    """Resets the connection, or ends it in an orderly way behind the bytes that it is given."""


class _Goodbye(NamedTuple):
    """A closing handshake, in the place of a frame."""

    code: int
    reason: str


class Connection(ABC):
    """One connection.

    Args:
        services: What all connections to the product share.
        link: The connection as it came in.
    """

    def __init__(self, services: Services, link: Link) -> None:
        self.silent = False
        """Whether nothing but replies is sent."""
        self.server = link.server
        self._common = services
        self._link = link
        self._outbox: asyncio.Queue[str | bytes | _Goodbye] = asyncio.Queue(MAX_WAITING)
        self._delayed: list[str] = []
        self._sent_at = self._used_at = services.now()

    # ------------------------------------------------------------------ what each protocol does its own way

    @abstractmethod
    def push_status(self) -> None:
        """Tell the mode of the exchange, if connections are told."""

    @abstractmethod
    def pass_time(self) -> None:
        """Do what is due by the clock."""

    @abstractmethod
    def _greet(self) -> None:
        """Send what comes before all else."""

    @abstractmethod
    def _handle(self, text: str) -> None:
        """Do what a frame asks for."""

    @abstractmethod
    def _subscribed(self) -> list[Subscription]:
        """What is to be sent no more when the connection has ended."""

    # ------------------------------------------------------------------ life

    async def run(self) -> None:
        """Serve the connection until it ends."""
        self._greet()
        writer = asyncio.ensure_future(self._write())
        try:
            while True:
                self._handle(await self._link.websocket.receive_text())
        except (WebSocketDisconnect, KeyError):  # KeyError: the frame was binary
            return
        finally:
            writer.cancel()
            for subscription in self._subscribed():
                self._common.feeds.remove(subscription)

    async def _write(self) -> None:
        websocket = self._link.websocket
        while True:
            frame = await self._outbox.get()
            try:
                if isinstance(frame, _Goodbye):
                    await websocket.close(*frame)
                elif isinstance(frame, bytes):
                    await websocket.send_bytes(frame)
                else:
                    await websocket.send_text(frame)
            except (RuntimeError, WebSocketDisconnect):  # it has been closed meanwhile
                return

    def pinged(self) -> None:
        """A ping of the WebSocket protocol came, which has been answered."""
        self._used_at = self._common.now()

    def abort(self) -> None:
        """Reset the connection."""
        self._link.abort(b"")

    def break_off(self) -> None:
        """End the connection in the middle of a frame."""
        self._link.abort(_HALF_A_FRAME)

    def close(self, code: int, reason: str = "") -> None:
        """End the connection with a closing handshake, behind what is still to be sent."""
        self._send(_Goodbye(code, reason))

    # ------------------------------------------------------------------ frames

    def send(self, frame: str | bytes) -> None:
        """Send a frame, whatever it says: a text or a binary one."""
        self._send(frame)

    def _send(self, frame: str | bytes | _Goodbye) -> None:
        self._sent_at = self._common.now()
        try:
            self._outbox.put_nowait(frame)
        except asyncio.QueueFull:
            self.abort()

    def _push(self, frame: str) -> None:
        if not self.silent:
            self._send(frame)

    # ------------------------------------------------------------------ requests

    def _perform(self, name: str, act: Callable[[], tuple[list[str], Callable[[], None]]]) -> None:
        """Carry out a request, with the fault that was asked for.

        Args:
            name: The request's method.
            act: Carries it out, and gives the replies and what comes behind them.
        """
        fault = self._common.faults.take(name)
        if fault == "reset-before":
            self.abort()
        elif fault != "hang-before":
            replies, follow = act()
            if fault == "accept-then-reset":
                self.abort()
            if fault == "accept-then-reverse":
                follow()
                self._send_replies(fault, replies)
            else:
                self._send_replies(fault, replies)
                follow()

    def _send_replies(self, fault: Kind | None, replies: list[str]) -> None:
        delayed, self._delayed = self._delayed, replies if fault == "accept-then-delay" else []
        if fault == "accept-then-garbage":
            replies = [reply[: len(reply) // 2] for reply in replies]
        elif fault == "accept-then-repeat":
            replies = [reply for reply in replies for _ in range(2)]
        elif fault == "accept-then-reverse":
            replies = replies[::-1]
        elif fault is not None:
            replies = []
        for reply in (*replies, *delayed):
            self._send(reply)
