"""cryptofeed: market data over the older socket, WebSocket v1, whose figures are text; typed objects of decimals."""

from __future__ import annotations

import asyncio
import logging
from importlib import import_module
from typing import Any, ClassVar

from .base import Clock, Contender, Unsupported, run_to_end, with_loop

_NO_REST = "its REST calls use POST for public data, which Kraken refuses"
_PARTLY = "messages that change both sides are not verified"


def _feed(channel: str, depth: int, callback: Any) -> Any:
    logging.getLogger("feedhandler").addHandler(logging.NullHandler())
    return import_module("cryptofeed.exchanges").Kraken(
        symbols=["BTC-USD"],
        channels=[channel],
        callbacks={channel: callback},
        max_depth=depth,
        checksum_validation=True,
    )


class Adapter(Contender):
    dists = ("cryptofeed", "order-book", "yapic.json", "websockets")
    imports: ClassVar[dict[str, str]] = {"spot ws": "from cryptofeed.exchanges import Kraken"}
    book_api = "v1"

    def rest_sync(self, base_url: str, key: str, secret: str) -> Any:
        raise Unsupported(_NO_REST)

    async def rest_async(self, base_url: str, key: str, secret: str) -> Any:
        raise Unsupported(_NO_REST)

    async def ws(
        self, ws_base: str, http_base: str, channel: str, n: int, clock: Clock, meta: dict[str, Any]
    ) -> dict[str, Any]:
        connection = import_module("cryptofeed.connection")
        routes = connection.Routes("/0/public/AssetPairs")
        import_module("cryptofeed.exchanges").Kraken.rest_endpoints = [
            connection.RestEndpoint(http_base, routes=routes)
        ]
        names = import_module("cryptofeed.defines")
        name = {"ticker": names.TICKER, "trade": names.TRADES}.get(channel, names.L2_BOOK)
        expected = meta["trades"] if channel == "trade" else n
        all_seen = asyncio.Event()
        callbacks = 0

        async def on_item(_item: Any, _received: float) -> None:
            nonlocal callbacks
            callbacks += 1
            if callbacks == expected:
                clock.stop()
                all_seen.set()

        depth = int(channel[4:]) if channel.startswith("book") else 0
        [(wire, subscribe, handle, authenticate)] = _feed(name, depth, on_item).connect()
        wire.address = ws_base  # without TLS its constructor refuses an address

        async def start(opened: Any) -> None:
            clock.start()
            await subscribe(opened)

        handler = import_module("cryptofeed.connection_handler").ConnectionHandler(
            wire, start, handle, authenticate, retries=0, timeout=-1
        )
        task = asyncio.create_task(handler._create_connection())
        await all_seen.wait()
        handler.running = False
        task.cancel()
        return {"callbacks": callbacks} | ({"note": _PARTLY} if channel.startswith("book") else {})

    def book(self, depth: int, symbol: str, price_dec: int, qty_dec: int) -> Any:
        return _Book(depth)


class _Book:
    """Its handler takes the text, so decoding is part of applying."""

    mismatches = 0
    note = _PARTLY

    def __init__(self, depth: int) -> None:
        exchange = import_module("cryptofeed.exchanges").Kraken
        import_module("cryptofeed.symbols").Symbols.set(
            exchange.id, {"BTC-USD": "XBT/USD"}, {"instrument_type": {"BTC-USD": "spot"}}
        )
        self.verified = 0
        self._feed = with_loop(lambda: _feed(import_module("cryptofeed.defines").L2_BOOK, depth, self._on_book))

    async def _on_book(self, book: Any, _received: float) -> None:
        # The checksum is handed over also when it was not looked at; what was looked at is in the first part.
        self.verified += book.checksum is not None and "c" in book.raw[0]

    @staticmethod
    def decode(line: str) -> str:
        return line

    def apply(self, line: str) -> None:
        run_to_end(self._feed.message_handler(line, None, 0.0))

    def finish(self) -> None:
        """A mismatch would have been raised."""

    def top(self) -> tuple[str, str]:
        sides = self._feed._l2_book["BTC-USD"].book
        return str(sides.asks.index(0)[0]), str(sides.bids.index(0)[0])
