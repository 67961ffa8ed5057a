"""What the tests of the REST clients share: credentials, replies without a network, and one face for both colours."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from math import ceil
from typing import Any, Generic, TypeVar, cast

from kraken.futures import FuturesAsyncClient, FuturesClient
from kraken.runtime.async_client import AsyncGroup
from kraken.runtime.pagination import AsyncPages, Pages
from kraken.runtime.transport import Lost, Reply, Request
from kraken.spot import SpotAsyncClient, SpotClient

KEY = "a-key-of-the-tests/0123456789"
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
"""The secret of the worked example on Kraken's page about signing."""
ORDER: dict[str, Any] = {
    "pair": "XBTUSD",
    "type": "buy",
    "ordertype": "limit",
    "volume": "0.01",
    "price": "60000.0",
}

CLIENTS: dict[str, tuple[type[SpotClient | FuturesClient], type[SpotAsyncClient | FuturesAsyncClient]]] = {
    "spot": (SpotClient, SpotAsyncClient),
    "futures": (FuturesClient, FuturesAsyncClient),
}
"""The clients of each product, in both colours."""

Outcome = Reply | Lost


def reply(result: Any = None, *errors: str, status: int = 200) -> Reply:
    """A reply in Kraken's envelope; a text is the JSON of the result."""
    inner = result if isinstance(result, str) else json.dumps(result)
    body = f'{{"error":{json.dumps(list(errors))},"result":{inner}}}'
    return Reply(status, {"content-type": "application/json"}, body.encode())


def refusal(*codes: str) -> Reply:
    """What Kraken answers when it refuses."""
    return Reply(200, {"content-type": "application/json"}, json.dumps({"error": codes}).encode())


ADDED = reply({"descr": {"order": "buy 0.01000000 XBTUSD @ limit 60000.0"}, "txid": ["OAAAAA-BBBBB-CCCCCC"]})
"""The reply to an order."""


class FakeTransport:
    """Answers without a network, the last answer for ever, and remembers the requests."""

    def __init__(self, *outcomes: Outcome | Callable[[Request], Outcome]) -> None:
        self.outcomes = list(outcomes) or [reply({})]
        self.requests: list[Request] = []
        self.closed = 0

    def send(self, request: Request) -> Outcome:
        self.requests.append(request)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        return outcome(request) if callable(outcome) else outcome

    def close(self) -> None:
        self.closed += 1

    @property
    def last(self) -> Request:
        return self.requests[-1]


class AsyncFakeTransport:
    """The same for coroutines."""

    def __init__(self, inner: FakeTransport) -> None:
        self.inner = inner

    async def send(self, request: Request) -> Outcome:
        return self.inner.send(request)

    async def close(self) -> None:
        self.inner.close()


class Blocking:
    """An asynchronous object whose coroutines are run to their end, so that one test serves both colours."""

    def __init__(self, inner: Any, run: Callable[[Any], Any]) -> None:
        self._inner = inner
        self._run = run

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if isinstance(value, AsyncGroup):
            return Blocking(value, self._run)
        if inspect.iscoroutinefunction(value):
            return lambda *args, **kwargs: self._run(value(*args, **kwargs))
        return value

    def __repr__(self) -> str:
        return repr(self._inner)


class Clock:
    """A clock that is moved by hand: Unix time in nanoseconds.

    Times in the emulator are never the same twice, so they run a little ahead of a clock that stands still: `pass_`
    lets a moment more pass.
    """

    def __init__(self) -> None:
        self.now = 1_795_000_000 * 10**9

    def __call__(self) -> int:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += int(seconds * 10**9) + 10**6

    def sleep(self, seconds: float) -> None:
        """For clients: nothing but time passes."""
        self.now += ceil(seconds * 10**9)

    @property
    def seconds(self) -> float:
        """For limits, which count seconds."""
        return self.now / 10**9


C = TypeVar("C", SpotClient, FuturesClient)


class ClientOpener(Generic[C]):
    """Makes clients of one product and colour, without retries that take time, and closes them in the end."""

    blocking: Callable[..., C]
    asynchronous: Callable[..., Any]

    def __init__(self, colour: str) -> None:
        self.colour = colour
        self.waits: list[float] = []
        """Seconds that clients would have waited."""
        self.sleep: Callable[[float], None] = self.waits.append
        self._runner = asyncio.Runner()
        self._opened: list[C] = []

    def __call__(
        self,
        key: str = KEY,
        secret: str = SECRET,
        url: str = "",
        *,
        transport: FakeTransport | None = None,
        **options: Any,
    ) -> C:
        """A client; one of the other colour that looks like it where that is wanted."""
        # Clients of one key and clock share their rate limits; tests have one key.
        options.setdefault("clock", lambda: time.monotonic())
        if self.colour == "sync":
            client = self.blocking(key, secret, url, transport=transport, sleep=self._sleep, **options)
        else:
            wrapped = None if transport is None else AsyncFakeTransport(transport)
            inner = self.asynchronous(key, secret, url, transport=wrapped, sleep=self._wait, **options)
            client = cast("C", Blocking(inner, self._runner.run))
        self._opened.append(client)
        return client

    def _sleep(self, seconds: float) -> None:
        self.sleep(seconds)

    async def _wait(self, seconds: float) -> None:
        self.sleep(seconds)

    def all(self, pages: Any) -> list[Any]:
        """The items of all pages, in either colour."""
        return list(pages) if isinstance(pages, Pages) else self._runner.run(_all(pages))

    def close(self) -> None:
        for client in self._opened:
            client.close()
        self._runner.close()


class Opener(ClientOpener[SpotClient]):
    """Of Spot clients."""

    blocking = SpotClient
    asynchronous = SpotAsyncClient


class FuturesOpener(ClientOpener[FuturesClient]):
    """Of Futures clients."""

    blocking = FuturesClient
    asynchronous = FuturesAsyncClient


def read_request(connection: socket.socket) -> bytes:
    """A request as it came in, head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    wanted = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < wanted:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


async def _all(pages: AsyncPages[Any]) -> list[Any]:
    return [item async for item in pages]


def numbers_as_text(text: str | bytes) -> Any:
    """JSON with the digits of its numbers as they stand there, in plain notation; a number and a text with the same
    digits differ."""
    return json.loads(text, parse_float=_digits, parse_int=_digits)


def _digits(text: str) -> tuple[str, str]:
    return "number", format(Decimal(text), "f") if "e" in text.lower() else text


def pairs_of(request: Request) -> list[tuple[str, str]]:
    """The form of a request as it went out, without decoding anything."""
    pairs = [part.partition("=") for part in request.body.decode("ascii").split("&") if part]
    return [(name, value) for name, _, value in pairs]


def wire_of(request: Request) -> str:
    """What a request says besides its nonce: the query, or the form or JSON of its body."""
    body = request.body.decode("ascii")
    if request.headers.get("Content-Type") == "application/json" and "API-Nonce" not in request.headers:
        body = re.sub(r'^\{"nonce":\d+,?', "{", body)
    elif "API-Nonce" not in request.headers:
        body = re.sub(r"^nonce=\d+&?", "", body)
    return request.target.partition("?")[2] + body


def field(request: Request, name: str) -> str:
    """One value of a form, as it stands there."""
    return dict(pairs_of(request))[name]


def without(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that lacks some entries."""
    left_out = set(names)
    return {name: value for name, value in values.items() if name not in left_out}
