"""HTTP as the client needs it: send these bytes; get a reply, or learn that it was lost.

Any HTTP library can stand behind these two protocols: httpx in `kraken.runtime.httpx_transport`; for coroutines also
aiohttp, which is faster, in `kraken.runtime.aiohttp_transport`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

__all__ = ["AsyncTransport", "Lost", "Reply", "Request", "Transport", "is_file", "lost"]


class Request(NamedTuple):
    """A request exactly as it goes out."""

    method: str
    target: str
    """Path and query, encoded."""
    headers: Mapping[str, str]
    body: bytes
    timeout: float
    sink: Callable[[bytes], None] | None = None
    """Takes the pieces of a reply that is a file; the body of the reply is empty then. See `is_file`."""

    def __repr__(self) -> str:
        # Headers carry the key and its signature, bodies one-time passwords.
        return f"Request({self.method} {self.target.partition('?')[0]})"


class Reply(NamedTuple):
    """A reply as it came in."""

    status: int
    headers: Mapping[str, str]
    """Names are in lower case."""
    body: bytes

    def __repr__(self) -> str:
        return f"Reply(status={self.status}, {len(self.body)} bytes)"


def is_file(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a reply is a file: errors come as JSON even where a file was asked for."""
    return status == 200 and "json" not in headers.get("content-type", "json")


class Lost(NamedTuple):
    """No reply came back."""

    sent: bool
    """Whether bytes of the request may have left."""
    cause: Exception


def lost(sent: bool, error: Exception) -> Lost:
    """What became of a request. Tracebacks are left out: their frames hold headers, and passwords in bodies."""
    each: BaseException | None = error
    while each is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
    return Lost(sent, error)


class Transport(Protocol):
    """Sends requests, one at a time or from several threads."""

    def send(self, request: Request) -> Reply | Lost:
        """Send once. Never raises for what happens on the network, and never sends twice."""

    def close(self) -> None:
        """Give back all connections."""


class AsyncTransport(Protocol):
    """Sends requests from coroutines of one event loop."""

    async def send(self, request: Request) -> Reply | Lost:
        """Send once. Never raises for what happens on the network, and never sends twice."""

    async def close(self) -> None:
        """Give back all connections."""
