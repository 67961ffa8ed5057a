"""This SDK as a contender of a side-by-side harness for Kraken clients.

The harness gives `contenders.base`; the functions below are what each scenario runs, with typed results throughout.
"""

from __future__ import annotations

import asyncio
from typing import Any

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
    dists = ("kraken-typed-sdk", "httpx", "httpcore", "h11", "msgspec", "pydantic", "websockets")
    imports = {
        "spot sync": "from kraken.spot import SpotClient",
        "spot ws": "from kraken.spot import SpotWSClient",
        "order book": "from kraken.spot import SpotOrderBookClient",
        "spot ws, all of it loaded at once": PRELOADED,
    }
    cli = {"--help": ["kraken", "--help"], "--version": ["kraken", "--version"]}

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

    async def ws(self, ws_base: str, http_base: str, channel: str, n: int, clock: Any, meta: dict[str, Any]) -> dict[str, Any]:
        from kraken.spot import SpotOrderBookClient, SpotWSClient

        if channel.startswith("book"):
            return await self._book(SpotOrderBookClient, ws_base, int(channel[4:]), n, clock)
        seen = 0
        async with SpotWSClient(ws_url=ws_base) as client:
            await client.start()
            clock.start()
            async for _ in getattr(client, channel)(symbol=["BTC/USD"]).messages():
                seen += 1
                if seen == n:
                    clock.stop()
                    break
        return {"callbacks": seen}
