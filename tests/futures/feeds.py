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
