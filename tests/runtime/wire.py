"""A server on localhost, on bare sockets, that does what its script says and keeps the bytes that came."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any, Self

CERTIFICATE = Path(__file__).with_name("localhost.pem")


class Do(Enum):
    """What a server does besides sending."""

    READ = "take one request, with its body"
    CLOSE = "end the connection in order"
    RESET = "end the connection with an error"
    HANG = "do nothing until the server is stopped"
    TLS = "speak TLS from here on"


READ, CLOSE, RESET, HANG, TLS = Do.READ, Do.CLOSE, Do.RESET, Do.HANG, Do.TLS

Step = bytes | Do | threading.Event | Callable[[], Any]
"""Bytes to send; one of the above; an event to wait for; a function to call."""


def ok(body: bytes = b"{}", *fields: str, status: str = "200 OK") -> bytes:
    """A reply with its length."""
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*head, "", ""]).encode() + body


class Wire:
    """Each connection follows the next script; when there is none, it answers every request."""

    def __init__(self) -> None:
        self.scripts: list[list[Step]] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self.ended = threading.Semaphore(0)
        """Released when the server has ended a connection."""
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.address}"

    def play(self, *scripts: list[Step]) -> None:
        """What the next connections do."""
        self.scripts.extend(scripts)

    @property
    def last(self) -> bytes:
        return self.requests[-1]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            script = self.scripts.pop(0) if self.scripts else None
            self._start(self._serve, connection, script)

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, connection: socket.socket, script: list[Step] | None) -> None:
        with suppress(OSError):
            try:
                for step in self._always() if script is None else script:
                    connection = self._do(step, connection)
            except EOFError:
                pass
            finally:
                connection.close()
        self.ended.release()

    @staticmethod
    def _always() -> Iterator[Step]:
        while True:
            yield READ
            yield ok()

    def _do(self, step: Step, connection: socket.socket) -> socket.socket:
        match step:
            case bytes():
                connection.sendall(step)
            case Do.READ:
                self.requests.append(_request(connection))
            case Do.HANG:
                self._stopped.wait()
            case Do.TLS:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(CERTIFICATE)
                connection = context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            case Do.RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise EOFError
            case Do.CLOSE:
                raise EOFError
            case threading.Event():
                assert step.wait(30)
            case _:
                step()
        return connection

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(30)


def _request(connection: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        got += _receive(connection)
    head, _, _ = got.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    whole = len(head) + 4 + int(fields.get(b"content-length", 0))
    while len(got) < whole:
        got += _receive(connection)
    assert len(got) == whole, "more than one request at once"
    return got


def _receive(connection: socket.socket) -> bytes:
    got = connection.recv(65536)
    if not got:
        raise EOFError
    return got


@contextmanager
def deaf() -> Iterator[str]:
    """The address of a server that lets no connection come about."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            with suppress(BlockingIOError):
                each.connect(address)
        yield f"127.0.0.1:{address[1]}"
        for each in waiting:
            each.close()


def nobody() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"
