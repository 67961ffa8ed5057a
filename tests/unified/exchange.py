"""The Unified WebSocket on localhost, scripted, and clients that are led to it."""

from __future__ import annotations

from typing import Any, Final

from kraken.runtime.websocket import OrderBookClient
from kraken.unified import UnifiedOrderBookClient, UnifiedWSClient

from ..runtime.websocket.fake import KEY, SECRET, Exchange, FakeTime, Impatient

DERIVATIVES: Final = "derivatives"


class Client(UnifiedWSClient):
    """A client that is given its tokens."""

    tokens = 0

    async def _fetch_token(self) -> tuple[str, float]:
        self.tokens += 1
        return f"token-{self.tokens}", 900.0


def addresses(exchange: Exchange, time: FakeTime | None = None) -> dict[str, Any]:
    """Options that lead every connection to the exchange."""
    urls = {"ws_url": exchange.url, "auth_ws_url": exchange.url}
    return {"key": KEY, "secret": SECRET, "timing": (time or Impatient()).timing, **urls}


def client(exchange: Exchange, time: FakeTime | None = None, **options: Any) -> Client:
    """A client with a key."""
    return Client(**{**addresses(exchange, time), **options})


def books(exchange: Exchange, **options: Any) -> OrderBookClient[Any]:
    """A client that keeps order books of derivatives."""
    return UnifiedOrderBookClient(10, asset_class="derivatives", **{**addresses(exchange), **options})
