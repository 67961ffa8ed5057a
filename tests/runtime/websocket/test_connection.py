"""The wire: messages arrive whole and in order however they are cut up, and importing it is put off."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI
from websockets.frames import Close, Frame, Opcode
from websockets.uri import parse_uri
from websockets.utils import accept_key

from kraken.runtime.websocket.connection import Wire, is_fatal


class Transport:
    """Remembers what was written."""

    def __init__(self) -> None:
        self.written = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        pass

    def set_write_buffer_limits(self, high: int, low: int | None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def can_write_eof(self) -> bool:
        return False


def frame(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=False)


def connected(received: list[bytes], max_size: int = 100_000) -> tuple[Wire, bytes]:
    """A wire that waits for the answer to its handshake, and that answer."""
    protocol = ClientProtocol(parse_uri("ws://exchange.invalid/v2"), max_size=max_size)
    wire = Wire(protocol, received.append, max_size)
    wire.connection_made(Transport())  # type: ignore[arg-type]
    request = protocol.connect()
    protocol.send_request(request)
    accept = accept_key(request.headers["Sec-WebSocket-Key"])
    answer = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    return wire, answer.encode()


messages = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 60, 125, 126, 127, 3000, 65535, 65536, 70000]),
        st.sampled_from(["whole", "binary", "fragments", "ping before"]),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(messages, st.lists(st.integers(1, 5000), min_size=1, max_size=40))
def test_messages_are_whole_and_in_order_however_the_bytes_are_cut(
    sizes: list[tuple[int, str]], cuts: list[int]
) -> None:
    async def scenario() -> None:
        received: list[bytes] = []
        wire, stream = connected(received)
        expected = []
        for number, (size, how) in enumerate(sizes):
            data = (b"%d" % number * size)[:size]
            expected.append(data)
            if how == "fragments":
                stream += frame(Opcode.TEXT, data[: size // 2], fin=False)
                stream += frame(Opcode.PING, b"still there?")
                stream += frame(Opcode.CONT, data[size // 2 :])
            elif how == "binary":
                stream += frame(Opcode.BINARY, data)
            else:
                stream += (frame(Opcode.PING, b"hello") if how == "ping before" else b"") + frame(Opcode.TEXT, data)
        position = 0
        while position < len(stream):
            for cut in cuts:
                wire.data_received(stream[position : position + cut])
                position += cut
        assert received == expected
        wire.connection_lost(None)

    asyncio.run(scenario())


def test_a_ping_is_answered_and_a_close_ends_the_connection_even_without_hanging_up() -> None:
    async def scenario() -> None:
        received: list[bytes] = []
        wire, answer = connected(received)
        wire.data_received(answer + frame(Opcode.PING, b"x"))
        transport: Any = wire.transport
        assert len(transport.written) > 0
        assert wire.is_open
        wire.data_received(frame(Opcode.CLOSE, Close(1012, "restart").serialize()))
        assert not wire.is_open
        assert wire.ending() == (1012, "restart")
        loop: Any = wire.loop
        assert [handle for handle in loop._scheduled if handle._callback == transport.abort]
        wire.connection_lost(None)

    asyncio.run(scenario())


@pytest.mark.parametrize("header", [b"\x81\x7f\x00\x00\x00\x00\x00\x02\x00\x00", b"\x81\xfe\x00\x05abcd"])
def test_a_message_that_is_too_large_or_masked_ends_the_connection(header: bytes) -> None:
    async def scenario() -> None:
        received: list[bytes] = []
        wire, answer = connected(received)
        wire.data_received(answer)
        wire.data_received(header + b"x" * 64)
        assert not wire.is_open
        assert received == []
        wire.connection_lost(None)

    asyncio.run(scenario())


def test_a_refused_handshake_is_left_to_the_library() -> None:
    async def scenario() -> None:
        received: list[bytes] = []
        wire, _ = connected(received)
        for part in (b"HTTP/1.1 503 Unavail", b"able\r\nContent-Length: 4\r\n\r", b"\nbu", b"sy"):
            wire.data_received(part)
        assert wire.response is not None
        assert wire.response.status_code == 503
        assert not wire.is_open
        wire.connection_lost(None)

    asyncio.run(scenario())


def test_which_errors_are_fatal() -> None:
    assert is_fatal(InvalidURI("x", "not an address"))
    assert not is_fatal(OSError("unreachable"))
    assert not is_fatal(TimeoutError())


def test_importing_the_client_loads_no_transport_and_no_models() -> None:
    code = (
        "import sys, kraken.runtime.websocket.client, kraken.runtime.websocket.books;"
        "print([m for m in ('websockets', 'httpx', 'pydantic') if m in sys.modules])"
    )
    path = [entry for entry in sys.path if entry]
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"], capture_output=True)
    assert done.stdout.decode().strip() == "[]", done.stderr.decode()


def test_importing_the_constants_loads_nothing_heavy() -> None:
    code = "import sys, kraken.runtime.websocket; print([m for m in ('asyncio', 'msgspec') if m in sys.modules])"
    path = [entry for entry in sys.path if entry]
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"], capture_output=True)
    assert done.stdout.decode().strip() == "[]", done.stderr.decode()
