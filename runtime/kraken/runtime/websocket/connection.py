"""One open WebSocket whose complete text messages go straight to a function, without a task switch each.

This is the only module that knows the `websockets` library; it is imported when the first socket is opened.
"""

from __future__ import annotations

import logging
import ssl
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidProxy, InvalidStatus, InvalidURI
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.client import ClientProtocol

__all__ = ["FATAL_CODES", "Wire", "WireOptions", "is_fatal", "open_wire"]

FATAL_STATUS = frozenset({400, 401, 403, 404})
"""HTTP answers to a connection attempt that trying again does not change."""
FATAL_CODES = {
    1008: "the server refuses this client",
    1009: "a message was larger than max_size allows",
}
"""Close codes after which connecting again would end the same way."""

CLOSE_TIMEOUT = 2.0
"""Seconds for the closing handshake."""

_TEXT = 0x81
"""First byte of an unfragmented text message without extensions."""
_SHORT, _LONG = Struct("!H").unpack_from, Struct("!Q").unpack_from

# The library logs frames, and with them the token, at DEBUG level. A logger that no name leads to keeps its level.
_logger = logging.Logger("kraken.runtime.websocket.wire", logging.INFO)
_logger.parent = logging.getLogger()


class WireOptions(NamedTuple):
    """How a socket is opened."""

    timeout: float = 10.0
    """Seconds for connecting and for the handshake together."""
    max_size: int = 64 * 2**20
    """Largest message that is accepted, in bytes."""
    proxy: str | None = None
    """Address of a proxy; None takes the one that the environment names, if any."""
    verify: ssl.SSLContext | bool = True
    """True checks certificates with the system's settings, False does not; or settings of one's own."""
    user_agent: str = ""


class Wire(ClientConnection):
    """A connection that splits plain text messages off itself and leaves everything else to the library."""

    def __init__(
        self, protocol: ClientProtocol, receive: Callable[[bytes], None], max_size: int, **options: Any
    ) -> None:
        super().__init__(protocol, **options)
        self._receive = receive
        self._max_size = max_size
        self._split = False
        self._head = b""
        self._parts: list[bytes] = []
        self._missing = 0
        self._fragments: list[bytes] = []
        self._lost_by: Exception | None = None

    @property
    def is_open(self) -> bool:
        """Whether a message can be sent."""
        return self.protocol.state is State.OPEN

    def write(self, message: bytes) -> None:
        """Hand a text message to the transport, at once and in order. The caller has looked at `is_open`."""
        self.protocol.send_text(message)
        self.send_data()

    def abort(self) -> None:
        """Cut the connection without a closing handshake."""
        self.transport.abort()

    def ending(self) -> tuple[int, str]:
        """Close code and reason of a connection that has ended."""
        close = self.protocol.close_rcvd or self.protocol.close_sent
        return (int(close.code), close.reason) if close else (1006, str(self._lost_by or "connection lost"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop when the transport has ended."""
        self._lost_by = exc
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with what arrived."""
        if not self._split:
            self._pass_on(data)
            return
        if self._parts:
            self._parts.append(data)
            if len(data) < self._missing:
                self._missing -= len(data)
                return
            data = b"".join(self._parts)
            self._parts.clear()
        self._split_off(data)

    def _pass_on(self, data: bytes) -> None:
        """Let the library read the handshake; frames behind it are the first that we split."""
        if self.response is not None:
            super().data_received(data)
            return
        head = self._head + data
        end = head.find(b"\r\n\r\n", max(0, len(self._head) - 3))
        if end < 0:
            self._head = head
            super().data_received(data)
            return
        consumed = end + 4 - len(self._head)
        super().data_received(data[:consumed])
        self._head = b""
        self._split = self.is_open
        if consumed < len(data):
            self.data_received(data[consumed:])

    def _split_off(self, data: bytes) -> None:
        position, end = 0, len(data)
        receive = self._receive
        while end - position >= 2:
            length = data[position + 1]
            start = position + 2
            if length == 126:
                start += 2
                length = _SHORT(data, position + 2)[0] if start <= end else 0
            elif length > 126:
                # A mask bit, which no server may set, makes this a very long frame; the library refuses it.
                start += 8
                length = _LONG(data, position + 2)[0] if start <= end else 0
            if length > self._max_size:
                self._split = False
                super().data_received(data[position:])
                return
            stop = start + length
            if stop > end:
                self._missing = stop - end
                self._parts.append(data[position:])
                return
            if data[position] == _TEXT:
                receive(data[start:stop])
            else:
                super().data_received(data[position:stop])
                if not self.is_open:
                    # The exchange has said goodbye; if it does not hang up, we do.
                    self.loop.call_later(CLOSE_TIMEOUT, self.transport.abort)
            position = stop
        if position < end:
            self._missing = 2 - (end - position)
            self._parts.append(data[position:])

    def process_event(self, event: Any) -> None:
        """Called by the library with the frames it was given: fragments, and the control frames."""
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self._fragments.append(bytes(event.data))
            if event.fin:
                message = b"".join(self._fragments)
                self._fragments.clear()
                self._receive(message)
        else:
            super().process_event(event)


async def open_wire(url: str, receive: Callable[[bytes], None], options: WireOptions) -> Wire:
    """Open a WebSocket.

    Args:
        url: Its whole address.
        receive: Called with each message, in order, inside the event loop. It must neither block nor raise.
        options: How to connect.

    Raises:
        Exception: Whatever kept it from opening; `is_fatal` tells whether trying again can help.
    """

    def create(protocol: ClientProtocol, **settings: Any) -> Wire:
        return Wire(protocol, receive, options.max_size, **settings)

    extra: dict[str, Any] = {"ssl": _tls(options.verify)} if url.startswith("wss:") else {}
    connection = await connect(
        url,
        create_connection=cast("type[ClientConnection]", create),
        compression=None,
        user_agent_header=options.user_agent or None,
        proxy=options.proxy or True,
        open_timeout=options.timeout,
        ping_interval=None,
        close_timeout=CLOSE_TIMEOUT,
        max_size=options.max_size,
        logger=_logger,
        **extra,
    )
    return cast("Wire", connection)


def _tls(verify: ssl.SSLContext | bool) -> ssl.SSLContext:
    if isinstance(verify, ssl.SSLContext):
        return verify
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def is_fatal(error: Exception) -> bool:
    """Whether an error of `open_wire` would come again however often one tries."""
    if isinstance(error, InvalidStatus):
        return error.response.status_code in FATAL_STATUS
    return isinstance(error, (InvalidURI, InvalidProxy, ssl.SSLCertVerificationError))
