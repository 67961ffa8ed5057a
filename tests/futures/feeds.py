"""A scripted exchange that speaks the words of Derivatives WebSocket v1."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, ClassVar
from uuid import UUID

from kraken.futures import FuturesOrderBookClient, FuturesWSClient

from ..runtime.websocket.fake import Exchange, FakeTime, Impatient, Peer

KEY = "public-half-of-a-futures-key"
SECRET = "7zxMEF5p/Z8l2p2U7Ghv6x14Af+Fx+92tPgUdVQ748FOIrEoT9bgT+bTRfXc5pz8na+hL/QdrCVG7bh9KpT0eMTm"
CHALLENGE = "c100b894-1729-464d-ace1-52dbce11db42"
SIGNED = "4JEpF3ix66GA2B+ooK128Ift4XQVtc137N9yeg4Kqsn9PI0Kpzbysl9M1IeCEdjg0zl00wkVqcsnG4bmnlMb3A=="
"""The example that Kraken publishes: what the secret makes of the challenge."""

PRODUCTS = ("PF_XBTUSD", "PF_ETHUSD", "PI_XBTUSD")
PRIVATE = ("fills", "open_orders", "open_orders_verbose", "open_positions", "balances", "account_log")


def signature(challenge: str) -> str:
    digest = hashlib.sha256(challenge.encode()).digest()
    return base64.b64encode(hmac.digest(base64.b64decode(SECRET), digest, "sha512")).decode()


class Restless(Impatient):
    """Like it; and what keeps a connection alive waits to be moved too."""

    async def sleep(self, seconds: float) -> None:
        await (FakeTime.sleep(self, seconds) if seconds == 30.0 else super().sleep(seconds))


class FeedPeer(Peer):
    """One connection; its challenge is the published one if it is the first, and another after that."""

    async def greet(self) -> None:
        await self.send({"event": "info", "version": 1})

    @property
    def challenge(self) -> str:
        number = self.exchange.peers.index(self)
        return CHALLENGE if number == 0 else str(UUID(int=number))

    async def answer(self, request: dict[str, Any]) -> None:
        verb, feed = request["event"], request.get("feed", "")
        if verb == "challenge":
            await self.send({"event": "challenge", "message": self.challenge})
            return
        own = request.get("original_challenge"), request.get("signed_challenge")
        if feed in PRIVATE and own != (self.challenge, signature(self.challenge)):
            await self.send({"event": "error", "message": "Invalid challenge"})
            return
        products = request.get("product_ids", [])
        if any(each not in PRODUCTS for each in products):
            await self.send({"event": "error", "message": "Invalid product id"})
            return
        await self.send({**request, "event": f"{verb}d"})
        if verb == "subscribe":
            for product in products or [None]:
                await self.exchange.snapshot(self, feed, product)

    async def tick_of(self, product: str, last: str) -> None:
        await self.send(f'{{"feed":"ticker","product_id":"{product}","time":1795422600112,"last":{last}}}')

    async def change(self, product: str, seq: int, side: str, price: str, qty: str) -> None:
        level = f'"side":"{side}","seq":{seq},"price":{price},"qty":{qty},"timestamp":{1795422600000 + seq}'
        await self.send(f'{{"feed":"book","product_id":"{product}",{level}}}')


class FeedExchange(Exchange):
    peer_type: ClassVar[type[Peer]] = FeedPeer
    verb: ClassVar[str] = "event"
    books: ClassVar[dict[str, int]] = {"PF_XBTUSD": 100, "PF_ETHUSD": 7, "PI_XBTUSD": 1}
    """The numbers of the snapshots of books."""

    async def snapshot(self, peer: Peer, channel: str, symbol: str | None) -> None:
        if channel == "book":
            await peer.send(
                f'{{"feed":"book_snapshot","product_id":"{symbol}","timestamp":1795422600000,"seq":{self.books[symbol or ""]},'
                '"tickSize":null,"bids":[{"price":10.0,"qty":1.50},{"price":9.5,"qty":2}],"asks":[{"price":11.0,"qty":0.25}]}'
            )
        elif channel == "fills":
            await peer.send('{"feed":"fills_snapshot","account":"DemoUser","fills":[]}')

    def of(self, number: int = 0) -> FeedPeer:
        peer = self.peers[number]
        assert isinstance(peer, FeedPeer)
        return peer

    def subscribed(self, feed: str, peer: int | None = None) -> list[list[str]]:
        """The products of each request for a feed so far."""
        return [each.get("product_ids", []) for each in self.seen("subscribe", peer) if each["feed"] == feed]


def client(exchange: FeedExchange, key: str = "", secret: str = "", **options: Any) -> FuturesWSClient:
    return FuturesWSClient(key, secret, exchange.url, **options)


def books(exchange: FeedExchange, **options: Any) -> FuturesOrderBookClient:
    return FuturesOrderBookClient(url=exchange.url, **options)


class AccountExchange(FeedExchange):
    """It has an account: open orders, fills, positions and balances, which change by what scenarios say."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[str, dict[str, Any]] = {}
        self.fills: list[dict[str, Any]] = []
        self.positions: list[dict[str, Any]] = []
        self.balances: dict[str, Any] = {"holding": {"USD": 5000.0, "XBT": 0.1285}, "futures": {}}
        self.seq = 0

    async def snapshot(self, peer: Peer, channel: str, symbol: str | None) -> None:
        if channel == "open_orders":
            await peer.send({"feed": "open_orders_snapshot", "account": "a", "orders": list(self.orders.values())})
        elif channel == "fills":
            await peer.send({"feed": "fills_snapshot", "account": "a", "fills": self.fills[-100:]})
        elif channel == "open_positions":
            await self._list_positions(peer)
        elif channel == "balances":
            self.seq = 0
            await peer.send({"feed": "balances_snapshot", "account": "a", **self.balances, "timestamp": 1, "seq": 0})
        else:
            await super().snapshot(peer, channel, symbol)

    def order(self, order: str, qty: float = 1.0, **more: Any) -> dict[str, Any]:
        """An order that is open from now on; nobody is told."""
        row = {"instrument": "PF_XBTUSD", "time": 1000, "last_update_time": 1000, "qty": qty, "filled": 0.0}
        self.orders[order] = {**row, "limit_price": 68012.0, "type": "limit", "order_id": order, "direction": 0, **more}
        return self.orders[order]

    def fill(self, fill: str, order: str, qty: float = 0.1, time: int = 2000) -> dict[str, Any]:
        """A fill that happened; nobody is told."""
        row = {"instrument": "PF_XBTUSD", "time": time, "price": 68012.0, "buy": True, "qty": qty}
        self.fills.append({**row, "order_id": order, "fill_id": fill, "fill_type": "maker"})
        return self.fills[-1]

    async def tell_order(self, order: dict[str, Any], reason: str) -> None:
        await self.peers[-1].send({"feed": "open_orders", "order": order, "is_cancel": False, "reason": reason})

    async def tell_removal(self, order: str, reason: str) -> None:
        self.orders.pop(order, None)
        await self.peers[-1].send({"feed": "open_orders", "order_id": order, "is_cancel": True, "reason": reason})

    async def tell_fill(self, fill: dict[str, Any]) -> None:
        await self.peers[-1].send({"feed": "fills", "username": "a", "fills": [fill]})

    async def tell_positions(self, *positions: dict[str, Any]) -> None:
        self.positions = list(positions)
        await self._list_positions(self.peers[-1])

    async def tell_balances(self, **parts: Any) -> None:
        self.seq += 1
        await self.peers[-1].send({"feed": "balances", "account": "a", **parts, "timestamp": 2, "seq": self.seq})

    async def _list_positions(self, peer: Peer) -> None:
        await peer.send({"feed": "open_positions", "account": "a", "positions": self.positions, "seq": 1})
