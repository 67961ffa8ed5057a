"""python-kraken-sdk: REST in both colours, WebSocket v2 and order books, results as plain dicts of floats."""

from __future__ import annotations

import asyncio
import contextlib
import json
from importlib import import_module
from typing import Any, ClassVar

from .base import ORDER, Clock, Contender, run_to_end, with_loop


class _Rest:
    """Its `request` returns the result, or the coroutine that will."""

    def __init__(self, client: Any) -> None:
        self._request = client.request
        self._client = client

    def ticker(self) -> Any:
        return self._request("GET", "/0/public/Ticker", params={"pair": "XBTUSD"}, auth=False)

    def asset_pairs(self) -> Any:
        return self._request("GET", "/0/public/AssetPairs", auth=False)

    def add_order(self) -> Any:
        return self._request("POST", "/0/private/AddOrder", params=dict(ORDER))

    def close(self) -> Any:
        return getattr(self._client, "close", lambda: None)()


class Adapter(Contender):
    dists = ("python-kraken-sdk", "requests", "aiohttp", "websockets")
    imports: ClassVar[dict[str, str]] = {
        "spot sync": "from kraken.spot import SpotClient",
        "spot ws": "from kraken.spot import SpotWSClient",
    }
    cli: ClassVar[dict[str, list[str]]] = {
        "--version": ["kraken", "--version"],
        "--help": ["kraken", "--help"],
        "call": ["kraken", "spot", "{http}/0/public/Time"],
    }

    def rest_sync(self, base_url: str, key: str, secret: str) -> Any:
        return _Rest(import_module("kraken.spot").SpotClient(key, secret, url=base_url))

    async def rest_async(self, base_url: str, key: str, secret: str) -> Any:
        return _Rest(import_module("kraken.spot").SpotAsyncClient(key, secret, url=base_url))

    def signer(self, key: str, secret: str) -> Any:
        prepare = import_module("kraken.spot").SpotClient(key, secret)._prepare_request
        return lambda: prepare(method="POST", uri="/0/private/AddOrder", params=dict(ORDER))

    async def ws(
        self, ws_base: str, http_base: str, channel: str, n: int, clock: Clock, meta: dict[str, Any]
    ) -> dict[str, Any]:
        spot = import_module("kraken.spot")
        all_seen = asyncio.Event()
        callbacks = mismatches = 0

        def count() -> None:
            nonlocal callbacks
            callbacks += 1
            if callbacks == n:
                clock.stop()
                all_seen.set()

        async def on_message(message: dict[str, Any]) -> None:
            if message.get("channel") == channel:
                count()

        def on_book(pair: str, message: dict[str, Any]) -> None:
            nonlocal mismatches
            mismatches += not client.get(pair)["valid"]
            count()

        if channel.startswith("book"):
            # These take no address; they read one from their classes.
            import_module("kraken.base_api").SpotClient.URL = http_base
            spot.SpotOrderBookClient.WS_URL = ws_base
            client = spot.SpotOrderBookClient(int(channel[4:]), on_book)
            subscribe = client.add_book(pairs=["BTC/USD"])
        else:
            client = spot.SpotWSClient(callback=on_message, ws_url=ws_base)
            subscribe = client.subscribe(params={"channel": channel, "symbol": ["BTC/USD"]})
        await client.start()
        clock.start()
        await subscribe
        await all_seen.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(client.close(), 0.5)
        return {"callbacks": callbacks} | ({"mismatches": mismatches} if channel.startswith("book") else {})

    def book(self, depth: int, symbol: str, price_dec: int, qty_dec: int) -> Any:
        return _Book(depth, symbol, price_dec, qty_dec)


class _Book:
    decode = staticmethod(json.loads)

    def __init__(self, depth: int, symbol: str, price_dec: int, qty_dec: int) -> None:
        self.verified = self.mismatches = 0
        self._symbol = symbol
        self._client = with_loop(lambda: import_module("kraken.spot").SpotOrderBookClient(depth, self._on_book))
        # It asks the exchange for the digits of a pair with the first message.
        digits = {symbol: {"pair_decimals": price_dec, "lot_decimals": qty_dec}}
        self._client._SpotOrderBookClient__market.get_asset_pairs = lambda pair: digits

    def _on_book(self, pair: str, message: dict[str, Any]) -> None:
        if message.get("type") != "update":
            return
        if self._client.get(pair)["valid"]:
            self.verified += 1
        else:
            raise RuntimeError("the checksum does not match")

    def apply(self, message: Any) -> None:
        run_to_end(self._client.on_message(message))

    def finish(self) -> None:
        """The counts are right already."""

    def top(self) -> tuple[str, str]:
        sides = self._client.get(self._symbol)
        return next(iter(sides["ask"])), next(iter(sides["bid"]))
