"""The user of the soak for Spot: keeps books, trades, and follows the account."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from kraken.exceptions import KrakenError
from kraken.runtime import Level3Book, OrderBook
from kraken.runtime.websocket import OrderBookClient
from kraken.runtime.websocket.account import FillReported, RecoveryFailed
from kraken.runtime.websocket.events import BookInvalid, Dropped, Event, Malformed, SequenceGap, Unexpected
from kraken.runtime.websocket.stream import SlowConsumer
from kraken.spot import SpotLevel3BookClient, SpotOrderBookClient, SpotWSClient

from ..simulated import SimulatedLoop
from .judge import Book, Shown, digest

SIZES = {
    "BTC/USD": "0.01",
    "ETH/USD": "0.1",
    "ETH/BTC": "0.1",
    "DOT/USD": "10",
    "SOL/EUR": "1",
    "SHIB/USD": "1000000",
}
"""Quantity of an order of each pair, in the base asset."""
OPEN = 12
"""Orders that are left open."""
COUNTED = (Dropped, BookInvalid, SequenceGap, Malformed, Unexpected)


class SpotUser:
    """Clients that live through the soak.

    Args:
        loop: The loop that they live in.
        where: Key, secret and addresses of the exchange.
        seed: Makes what the user does repeatable.
    """

    def __init__(self, loop: SimulatedLoop, where: Mapping[str, str], seed: int) -> None:
        self._random = random.Random(f"user {seed}")
        addresses = {name: value for name, value in where.items() if name != "level3_url"}
        options: dict[str, Any] = {
            **addresses,
            "socket_urls": {"level3": where["level3_url"]},
            "timing": loop.timing(self._random.random),
        }
        self._ws = SpotWSClient(**options)
        self._books: dict[tuple[str, int], OrderBookClient[Any]] = {
            ("book", 10): SpotOrderBookClient(10, **options),
            ("book", 100): SpotOrderBookClient(100, **options),
            ("level3", 10): SpotLevel3BookClient(10, **options),
        }
        # Few enough to be reached soon: what is remembered up to a limit would look like a leak until then.
        self._account = self._ws.account(closed_orders=50, remembered_fills=200)
        self._stalled = self._ws.trade(symbol=list(SIZES)).buffer(size=1000)
        self._orders: deque[str] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._shown: list[Shown] = []
        self._fills: list[tuple[str, bool]] = []
        self.events: dict[str, int] = {}
        """How often what happened to connections, by the names of the events."""
        self.failures: list[str] = []
        """What must not happen."""

    async def start(self) -> None:
        """Subscribe to everything."""
        for client in (self._ws, *self._books.values()):
            client.on_event(self._count)
        await self._account.open()
        await self._stalled.subscribe()
        for kind, depth in self._books:
            for symbol in SIZES:
                self._begin(self._watch(Book(kind, symbol, depth)))
        for life in (self._follow(), self._trade(), self._glance()):
            self._begin(life)

    def _begin(self, life: Any) -> None:
        self._tasks.append(asyncio.ensure_future(life))

    async def stop(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(client.close() for client in (self._ws, *self._books.values())))

    def _count(self, event: Event) -> None:
        if isinstance(event, COUNTED):
            name = type(event).__name__
            self.events[name] = self.events.get(name, 0) + 1

    # ------------------------------------------------------------------ what is seen

    def take(self) -> tuple[list[Shown], list[tuple[str, bool]]]:
        """What was shown and told since the last call."""
        shown, self._shown = self._shown, []
        fills, self._fills = self._fills, []
        return shown, fills

    async def _watch(self, name: Book) -> None:
        while True:
            try:
                async for book in self._books[name.kind, name.depth].updates(name.symbol):
                    self._see(name, book)
            except KrakenError as error:
                self.failures.append(f"{name}: {error}")
                await asyncio.sleep(1)

    async def _glance(self) -> None:
        """Look at all books now and then, whether or not something has changed."""
        while True:
            await asyncio.sleep(0.7)
            for kind, depth in self._books:
                for symbol in SIZES:
                    name = Book(kind, symbol, depth)
                    if (book := self._book(name)) is not None:
                        self._see(name, book)

    def _book(self, name: Book) -> Any:
        with suppress(KrakenError):
            book = self._books[name.kind, name.depth].book(name.symbol)
            return book if book.valid else None
        return None

    def _see(self, name: Book, book: OrderBook | Level3Book) -> None:
        self._shown.append(Shown(name, _nanoseconds(book.timestamp), _digest(book)))

    async def _follow(self) -> None:
        while True:
            with suppress(SlowConsumer):
                async for event in self._account:
                    if isinstance(event, FillReported):
                        self._fills.append((str(event.fill.exec_id), event.missed))
                    elif isinstance(event, RecoveryFailed):
                        self.failures.append(str(event))

    # ------------------------------------------------------------------ what is done

    async def _trade(self) -> None:
        while True:
            await asyncio.sleep(self._random.uniform(0.5, 3))
            await self.place_and_cancel()

    async def place_and_cancel(self) -> bool:
        """Place an order, and cancel the oldest when there are many. Tells whether the order was placed."""
        symbol = self._random.choice(list(SIZES))
        book = self._book(Book("book", symbol, 10))
        if book is None or book.best_bid is None or book.best_ask is None:
            return False
        side: Any = self._random.choice(["buy", "sell"])
        price = book.best_bid.price if side == "buy" else book.best_ask.price
        try:
            placed = await self._ws.add_order(
                order_type="limit", side=side, symbol=symbol, order_qty=SIZES[symbol], limit_price=price
            )
            self._orders.append(str(placed.order_id))
            if len(self._orders) > OPEN:
                await self._ws.cancel_order(order_id=self._orders.popleft())
        except KrakenError:
            return False
        return True

    # ------------------------------------------------------------------ what it has

    def state(self) -> tuple[dict[Book, bytes], set[str], dict[str, Decimal | None]] | None:
        """Books, open orders and balances; None while the account is not up to date."""
        if not self._account.current or self._account.recovering:
            return None
        names = [Book(kind, symbol, depth) for kind, depth in self._books for symbol in SIZES]
        books = {name: _digest(book) for name in names if (book := self._book(name)) is not None}
        balances = {asset: balance.balance for asset, balance in self._account.balances.items()}
        return books, set(self._account.orders), balances

    def counts(self) -> dict[str, int]:
        """Messages and connections of all clients together."""
        counts = [each for client in (self._ws, *self._books.values()) for each in client.counts.values()]
        return {
            "messages": sum(each.messages for each in counts),
            "connections": sum(each.connections for each in counts),
        }


def _digest(book: OrderBook | Level3Book) -> bytes:
    if isinstance(book, Level3Book):
        return digest(*([order[:3] for order in side] for side in (book.bid_orders(), book.ask_orders())))
    return digest(*([level[:2] for level in side] for side in (book.bids(), book.asks())))


def _nanoseconds(text: str) -> int:
    """Unix nanoseconds of a time in text, with up to nine decimals."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(f"{seconds}+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0"))
