"""A stand-in for the exchange on 127.0.0.1: replies to REST calls, and streams over both dialects of the socket.

It is a process of its own, so that what it costs is not counted as the client's. It prints the ports of HTTP and
WebSocket, and ends when its standard input does, which is when whoever started it ends, or after an hour.

    python server.py DATA_FOLDER
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import data
from contenders.base import ORDER

LONGEST_RUN = 3600.0
LARGEST_REQUEST = 64 * 1024
CHUNK = 64 * 1024
"""Bytes of frames that are written at once."""
Answer = Callable[[str, str, dict[str, str], bytes], bytes]
"""From method, target, headers and body of a request to the body of the reply."""

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Rest:
    """What is answered over HTTP; calling it gives the protocol of a new connection."""

    def __init__(self, folder: Path) -> None:
        self._bodies = {path.stem: path.read_bytes() for path in folder.glob("*.json")}
        self._first_pair = next(iter(json.loads(self._bodies["AssetPairs"])["result"].values()))

    def __call__(self) -> _Connection:
        return _Connection(self.answer)

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        """The body of the reply to a request."""
        url = urlsplit(target)
        name = url.path.rpartition("/")[2]
        if url.path.startswith("/0/public/") and method == "GET" and name in self._bodies:
            asked = parse_qs(url.query).get("pair")
            return data.reply({asked[0]: self._first_pair}) if asked and name == "AssetPairs" else self._bodies[name]
        if url.path == "/0/private/AddOrder" and method == "POST":
            return self._place(url.path, headers, body)
        return _refusal("EGeneral:Unknown method")

    def _place(self, path: str, headers: dict[str, str], body: bytes) -> bytes:
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        nonce = fields.pop("nonce", "")
        signed = path.encode() + hashlib.sha256(nonce.encode() + body).digest()
        signature = hmac.digest(base64.b64decode(data.SECRET), signed, "sha512")
        given = headers.get("api-sign", "").encode()
        if headers.get("api-key") != data.KEY or not hmac.compare_digest(base64.b64encode(signature), given):
            return _refusal("EAPI:Invalid signature")
        return self._bodies["AddOrder"] if fields == ORDER else _refusal("EGeneral:Invalid arguments")


def _refusal(words: str) -> bytes:
    return json.dumps({"error": [words]}).encode()


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with persistent connections, as much of it as clients use."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, received: bytes) -> None:
        self._received += received
        while b"\r\n\r\n" in self._received and self._answer_one():
            pass
        if len(self._received) > LARGEST_REQUEST:
            self._transport.abort()

    def _answer_one(self) -> bool:
        head, _, rest = self._received.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return False
        self._received = rest[length:]
        method, target, _ = line.split(" ")
        body = self._answer(method, target, headers, rest[:length])
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        return True


def _frame(payload: bytes, opcode: int = TEXT) -> bytes:
    if len(payload) < 126:
        return bytes((0x80 | opcode, len(payload))) + payload
    if len(payload) < 2**16:
        return struct.pack("!BBH", 0x80 | opcode, 126, len(payload)) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, len(payload)) + payload


class Streams:
    """WebSocket. The path is `/N` for the older dialect and `/N/v2` for the newer; N messages follow a subscription."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames: dict[str, list[bytes]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until its end."""
        sending: set[asyncio.Task[None]] = set()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            target = await _shake_hands(reader, writer)
            count, _, dialect = target.strip("/").partition("/")
            while (request := await _read_message(reader, writer)) is not None:
                name = _acknowledge(request, writer)
                if name:
                    stream = self._stream(f"{dialect or 'v1'}-{name}")[: int(count)]
                    sending.add(asyncio.create_task(_send(stream, writer)))
        for task in sending:
            task.cancel()
        writer.close()

    def _stream(self, name: str) -> list[bytes]:
        if name not in self._frames:
            dialect, _, stream = name.partition("-")
            lines = data.messages(self._folder, dialect, stream)
            self._frames[name] = [_frame(line.encode()) for line in lines]
        return self._frames[name]

    def preload(self) -> None:
        """Make the frames of all streams, so that no client waits for it."""
        for path in self._folder.glob("v?-*.txt"):
            self._stream(path.stem)


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    proof = hashlib.sha1(headers["sec-websocket-key"].encode() + WEBSOCKET_GUID).digest()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n" % base64.b64encode(proof)
    )
    return line.split(" ")[1]


async def _read_message(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, object] | None:
    """The next request, or None at the end; pings of the protocol are answered on the way."""
    while True:
        first, second = await reader.readexactly(2)
        length = second & 127
        if length >= 126:
            length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
        if length > LARGEST_REQUEST:
            return None
        mask = await reader.readexactly(4)
        masked = await reader.readexactly(length)
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))
        opcode = first & 15
        if opcode == TEXT:
            request: dict[str, object] = json.loads(payload)
            return request
        if opcode == PING:
            writer.write(_frame(payload, PONG))
        elif opcode == CLOSE:
            writer.write(_frame(payload, CLOSE))
            return None


def _acknowledge(request: dict[str, object], writer: asyncio.StreamWriter) -> str:
    """Answer a request in its own dialect; returns the name of the stream that it subscribes, if it does."""
    if request.get("event") == "subscribe":
        asked = request["subscription"]
        assert isinstance(asked, dict)
        reply = {**request, "event": "subscriptionStatus", "status": "subscribed", "pair": data.SYMBOL}
        writer.write(_frame(json.dumps(reply).encode()))
        return f"{asked['name']}{asked.get('depth', '')}"
    times = {"time_in": "2026-05-04T00:00:00.000001Z", "time_out": "2026-05-04T00:00:00.000002Z"}
    own_id = {"req_id": request["req_id"]} if "req_id" in request else {}
    if request.get("method") == "ping":
        writer.write(_frame(json.dumps({"method": "pong", **own_id, **times}).encode()))
        return ""
    asked = request.get("params")
    assert isinstance(asked, dict)
    result = {**asked, "symbol": data.SYMBOL}
    reply = {"method": request["method"], "result": result, "success": True, **own_id, **times}
    writer.write(_frame(json.dumps(reply).encode()))
    return f"{asked['channel']}{asked.get('depth', '')}" if request["method"] == "subscribe" else ""


async def _send(frames: list[bytes], writer: asyncio.StreamWriter) -> None:
    """As fast as the client takes them."""
    with contextlib.suppress(ConnectionError):
        begin = size = 0
        for end, frame in enumerate(frames, 1):
            size += len(frame)
            if size >= CHUNK or end == len(frames):
                writer.write(b"".join(frames[begin:end]))
                begin, size = end, 0
                await writer.drain()


async def main(folder: Path) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(stop.set)

    streams = Streams(folder)
    streams.preload()
    http = await loop.create_server(Rest(folder), "127.0.0.1", 0)
    sockets = await asyncio.start_server(streams.serve, "127.0.0.1", 0)
    print(http.sockets[0].getsockname()[1], sockets.sockets[0].getsockname()[1], flush=True)
    threading.Thread(target=wait_for_end, daemon=True).start()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), LONGEST_RUN)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
