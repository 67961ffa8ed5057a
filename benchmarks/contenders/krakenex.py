"""krakenex: blocking REST calls, results as plain dicts."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from .base import ORDER, Contender, Unsupported


class _Rest:
    def __init__(self, api: Any) -> None:
        self.api = api
        self.close = api.close

    def ticker(self) -> Any:
        return self.api.query_public("Ticker", {"pair": "XBTUSD"})["result"]

    def asset_pairs(self) -> Any:
        return self.api.query_public("AssetPairs")["result"]

    def add_order(self) -> Any:
        return self.api.query_private("AddOrder", dict(ORDER))["result"]


class Adapter(Contender):
    dists = ("krakenex", "requests")
    imports: ClassVar[dict[str, str]] = {"spot sync": "import krakenex"}

    def rest_sync(self, base_url: str, key: str, secret: str) -> Any:
        api = import_module("krakenex").API(key, secret)
        api.uri = base_url
        return _Rest(api)

    async def rest_async(self, base_url: str, key: str, secret: str) -> Any:
        raise Unsupported("no REST client for asyncio")

    def signer(self, key: str, secret: str) -> Any:
        api = import_module("krakenex").API(key, secret)

        def sign() -> tuple[dict[str, Any], str]:
            body = {**ORDER, "nonce": api._nonce()}
            return body, api._sign(body, "/0/private/AddOrder")

        return sign
