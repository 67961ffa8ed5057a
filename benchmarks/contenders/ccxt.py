"""ccxt: REST through the methods that give Kraken's own JSON, WebSocket through ccxt.pro; figures are floats."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from .base import ORDER, Clock, Contender, with_loop

_CONFLATES = "hands over the newest state only"
_UNVERIFIED = "checksums are off by default"


def _exchange(module: str, url: str, key: str = "", secret: str = "") -> Any:
    exchange = import_module(module).kraken({"enableRateLimit": False, "apiKey": key, "secret": secret})
    exchange.urls["api"].update(public=url, private=url)
    return exchange


class _Rest:
    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange
        self.close = exchange.close

    def ticker(self) -> Any:
        return self.exchange.public_get_ticker({"pair": "XBTUSD"})["result"]

    def asset_pairs(self) -> Any:
        return self.exchange.public_get_assetpairs()["result"]

    def add_order(self) -> Any:
        return self.exchange.private_post_addorder(dict(ORDER))["result"]


class _AsyncRest:
    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange
        self.close = exchange.close

    async def ticker(self) -> Any:
        return (await self.exchange.public_get_ticker({"pair": "XBTUSD"}))["result"]

    async def asset_pairs(self) -> Any:
        return (await self.exchange.public_get_assetpairs())["result"]

    async def add_order(self) -> Any:
        return (await self.exchange.private_post_addorder(dict(ORDER)))["result"]


class Adapter(Contender):
    dists = ("ccxt", "requests", "aiohttp", "orjson")
    imports: ClassVar[dict[str, str]] = {
        "spot sync": "import ccxt; ccxt.kraken",
        "spot ws": "import ccxt.pro; ccxt.pro.kraken",
    }

    def rest_sync(self, base_url: str, key: str, secret: str) -> Any:
        return _Rest(_exchange("ccxt", base_url, key, secret))

    async def rest_async(self, base_url: str, key: str, secret: str) -> Any:
        return _AsyncRest(_exchange("ccxt.async_support", base_url, key, secret))

    def signer(self, key: str, secret: str) -> Any:
        sign = _exchange("ccxt", "http://127.0.0.1", key, secret).sign
        return lambda: sign("AddOrder", ["private"], "POST", dict(ORDER))

    async def ws(
        self, ws_base: str, http_base: str, channel: str, n: int, clock: Clock, meta: dict[str, Any]
    ) -> dict[str, Any]:
        exchange = _exchange("ccxt.pro", http_base)
        exchange.urls["api"]["ws"]["publicV2"] = f"{ws_base}/v2"
        await exchange.load_markets()
        callbacks = 0
        newest = None
        clock.start()
        while newest != meta["last"]:
            if channel == "ticker":
                newest = (await exchange.watch_ticker("BTC/USD"))["info"]["timestamp"]
            elif channel == "trade":
                newest = (await exchange.watch_trades("BTC/USD"))[-1]["info"]["timestamp"]
            else:
                newest = (await exchange.watch_order_book("BTC/USD", int(channel[4:])))["datetime"]
            callbacks += 1
        clock.stop()
        await exchange.close()
        book = f"; {_UNVERIFIED}" if channel.startswith("book") else ""
        return {"callbacks": callbacks, "note": _CONFLATES + book}

    def book(self, depth: int, symbol: str, price_dec: int, qty_dec: int) -> Any:
        return _Book(depth, symbol)


class _Book:
    """Stands in for the connection too: an exchange object wants to know what it had subscribed."""

    verified = mismatches = 0
    note = _UNVERIFIED

    def __init__(self, depth: int, symbol: str) -> None:
        exchange = self._exchange = with_loop(lambda: _exchange("ccxt.pro", "http://127.0.0.1"))
        self._symbol = symbol
        self.subscriptions = {exchange.get_message_hash("orderbook", None, symbol): {"limit": depth}}
        self.decode = exchange.parse_json

    def resolve(self, result: Any, _message_hash: str) -> Any:
        return result

    def reject(self, error: Exception, _message_hash: str = "") -> None:
        raise error

    def apply(self, message: Any) -> None:
        self._exchange.handle_message(self, message)

    def finish(self) -> None:
        """Nothing was verified."""

    def top(self) -> tuple[str, str]:
        sides = self._exchange.orderbooks[self._symbol]
        return str(sides["asks"][0][0]), str(sides["bids"][0][0])
