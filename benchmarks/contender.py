"""This SDK as a contender of a side-by-side harness for Kraken clients.

The harness gives `contenders.base`; the functions below are what each scenario runs, with typed results throughout.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from contenders.base import ORDER, Contender

PRELOADED = "from kraken.spot import SpotWSClient; SpotWSClient.preload()"


class _Rest:
    def __init__(self, client: Any) -> None:
        self.client = client
        self.market_data, self.trading = client.market_data, client.trading

    def ticker(self) -> Any:
        return self.market_data.get_ticker_information(pair="XBTUSD")

    def asset_pairs(self) -> Any:
        return self.market_data.get_tradable_asset_pairs()

    def add_order(self) -> Any:
        return self.trading.add_order(**{**ORDER, "userref": int(ORDER["userref"])})

    def close(self) -> Any:
        return self.client.close()


class Adapter(Contender):
    dists: ClassVar[tuple[str, ...]] = (
        "kraken-typed-sdk",
        "httpx",
        "httpcore",
        "h11",
        "msgspec",
        "pydantic",
        "websockets",
        "aiohttp",
    )
    imports: ClassVar[dict[str, str]] = {
        "spot sync": "from kraken.spot import SpotClient",
        "spot ws": "from kraken.spot import SpotWSClient",
        "order book": "from kraken.spot import SpotOrderBookClient",
        "spot ws, all of it loaded at once": PRELOADED,
    }
    cli: ClassVar[dict[str, list[str]]] = {
        "--version": ["kraken", "--version"],
        "--help": ["kraken", "--help"],
        "call": ["kraken", "spot", "{http}/0/public/Time"],
        "call of a command": ["kraken", "--emulator-file", "{emulator}", "spot", "market-data", "get-server-time"],
    }

    def rest_sync(self, base_url: str, key: str, secret: str) -> Any:
        from kraken.spot import SpotClient

        return _Rest(SpotClient(key, secret, base_url))

    async def rest_async(self, base_url: str, key: str, secret: str) -> Any:
        from kraken.spot import SpotAsyncClient

        return _Rest(SpotAsyncClient(key, secret, base_url))

    def signer(self, key: str, secret: str) -> Any:
        from kraken.spot import SpotClient

        client = SpotClient(key, secret)
        return lambda: client.prepare("POST", "/0/private/AddOrder", ORDER)

    async def ws(
        self, ws_base: str, http_base: str, channel: str, n: int, clock: Any, meta: dict[str, Any]
    ) -> dict[str, Any]:
        if channel.startswith("book"):
            return await _watch_book(ws_base, int(channel[4:]), n, clock)
        from kraken.spot import SpotWSClient

        SpotWSClient.preload()  # lazy imports are not what a stream costs
        seen = 0
        async with SpotWSClient(ws_url=ws_base) as client:
            # The ticker's own policy would hand over the newest state only; here every message counts.
            stream = getattr(client, channel)(symbol=["BTC/USD"]).buffer(policy="drop-oldest")
            await client.start()
            clock.start()
            async for _ in stream.messages():
                seen += 1
                if seen == n:
                    clock.stop()
                    break
        return {"callbacks": seen}

    def book(self, depth: int, symbol: str, price_dec: int, qty_dec: int) -> Any:
        return _Book(depth, symbol)


async def _watch_book(ws_base: str, depth: int, n: int, clock: Any) -> dict[str, Any]:
    from kraken.runtime.websocket.events import BookInvalid
    from kraken.spot import SpotOrderBookClient

    SpotOrderBookClient.preload()
    seen = mismatches = 0
    done = asyncio.Event()

    def on_update(_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == n:
            clock.stop()
            done.set()

    def on_event(event: Any) -> None:
        nonlocal mismatches
        mismatches += isinstance(event, BookInvalid)

    async with SpotOrderBookClient(depth, ws_url=ws_base) as client:
        client.on("book", on_update)
        client.on_event(on_event)
        await client.start()
        clock.start()
        await client.add_book(["BTC/USD"])
        await done.wait()
        verified = client.book("BTC/USD").verified
    return {"callbacks": seen, "mismatches": mismatches, "verified": verified}


class _Book:
    """A book without a socket. The digits of the wire are kept, so the precisions of the pair are not needed."""

    def __init__(self, depth: int, symbol: str) -> None:
        from kraken.runtime.orderbook import OrderBook
        from kraken.spot.messages import decode

        self._book = OrderBook(symbol, depth)
        self._decode = decode
        self.verified = self.mismatches = 0

    def decode(self, line: str) -> Any:
        return self._decode(line.encode())

    def apply(self, message: Any) -> None:
        for item in message.data:
            if self._book.apply(item, message.type == "snapshot") is not None:
                self.mismatches += 1

    def finish(self) -> None:
        self.verified = self._book.verified

    def top(self) -> tuple[str, str] | None:
        ask, bid = self._book.best_ask, self._book.best_bid
        return (f"{ask.price:f}", f"{bid.price:f}") if ask and bid else None


class WithoutAiohttp(Adapter):
    """The client for asyncio as it is without the extra `speed`: on httpx."""

    dists: ClassVar[tuple[str, ...]] = ("kraken-typed-sdk", "httpx", "httpcore", "h11")

    async def rest_async(self, base_url: str, key: str, secret: str) -> Any:
        from kraken.runtime.httpx_transport import AsyncHttpxTransport
        from kraken.spot import SpotAsyncClient

        return _Rest(SpotAsyncClient(key, secret, base_url, transport=AsyncHttpxTransport(base_url)))
