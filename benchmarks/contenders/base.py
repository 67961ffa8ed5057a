"""What a client must offer to be measured. A scenario that it cannot do raises `Unsupported` with the reason."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["ORDER", "Clock", "Contender", "Unsupported", "run_to_end", "with_loop"]

ORDER = {
    "ordertype": "limit",
    "type": "buy",
    "volume": "1.25",
    "pair": "XBTUSD",
    "price": "37500.0",
    "userref": "1234567",
}
"""The order that everybody signs and places; the server refuses any other."""


class Unsupported(Exception):
    """This client does not have what a scenario measures."""


class Clock:
    """Processor time and elapsed time, in seconds, between `start` and `stop`."""

    def __init__(self) -> None:
        self.cpu = self.wall = self.stopped_at = 0.0
        self._begun: tuple[float, float] | None = None

    def start(self) -> None:
        """Begin; further calls change nothing, so that a reconnect does not hide what was spent."""
        self._begun = self._begun or (time.process_time(), time.perf_counter())

    def stop(self) -> None:
        """End."""
        cpu, self.stopped_at = time.process_time(), time.perf_counter()
        assert self._begun is not None
        self.cpu, self.wall = cpu - self._begun[0], self.stopped_at - self._begun[1]


class Contender:
    """One client. Whatever is not overridden counts as not offered."""

    dists: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions the report names, the client's own first."""
    imports: ClassVar[dict[str, str]] = {}
    """Statements that load the client; a key with `sync` in it is for REST, any other for WebSocket."""

    cli: ClassVar[dict[str, list[str]]] = {}
    """Command lines: `--version`, `--help`, and what begins with `call` for a call of `/0/public/Time`. `{http}` stands
    for the server, `{emulator}` for a file that describes it as our emulator describes itself."""

    def rest_sync(self, base_url: str, key: str, secret: str) -> Any:
        """An object with `ticker()`, `asset_pairs()`, `add_order()` and `close()`; `add_order` places `ORDER`."""
        raise Unsupported("no blocking REST client")

    async def rest_async(self, base_url: str, key: str, secret: str) -> Any:
        """The same with coroutine functions."""
        raise Unsupported("no REST client for asyncio")

    def signer(self, key: str, secret: str) -> Any:
        """A function that does all that precedes sending `ORDER`: nonce, body, signature."""
        raise Unsupported("signing is not separable from sending")

    async def ws(
        self, ws_base: str, http_base: str, channel: str, n: int, clock: Clock, meta: dict[str, Any]
    ) -> dict[str, Any]:
        """Connect, start the clock, subscribe, hand `n` messages to a trivial reader, stop the clock.

        `channel` is `ticker`, `trade` or `book10`. `meta` has `trades`, the number of trades in the first n messages,
        and `last`, the timestamp of the n-th. Returns how many `callbacks` there were and what else is to be noted.
        """
        raise Unsupported("no WebSocket client")

    book_api: ClassVar[str] = "v2"
    """The dialect of the socket whose messages `book` takes."""

    def book(self, depth: int, symbol: str, price_dec: int, qty_dec: int) -> Any:
        """An object with `decode(text)`, `apply(message)`, `finish()`, `top()`, `verified` and `mismatches`.

        `top` gives the texts of best ask and best bid; the counts are right after `finish`.
        """
        raise Unsupported("no order book")


def with_loop(make: Any) -> Any:
    """Call a function inside an event loop, for clients that want one when they are made."""

    async def call() -> Any:
        return make()

    return asyncio.new_event_loop().run_until_complete(call())


def run_to_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that has nothing to wait for, without the cost of an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("the coroutine waits for something")
