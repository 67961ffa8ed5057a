"""What users of the soak have in common: books that they keep, an account that they follow, and orders."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, ClassVar

from kraken.exceptions import KrakenError
from kraken.runtime.websocket import WebSocketClient
from kraken.runtime.websocket.account import FillReported, KeptAccount, RecoveryFailed
from kraken.runtime.websocket.books import BooksClient
from kraken.runtime.websocket.events import BookInvalid, Dropped, Event, Malformed, SequenceGap, Unexpected
from kraken.runtime.websocket.stream import SlowConsumer, Stream

from ..simulated import SimulatedLoop
from .judge import Book, Shown, digest

OPEN = 12
"""Orders that are left open."""
COUNTED = (Dropped, BookInvalid, SequenceGap, Malformed, Unexpected)


class User(ABC):
    """Clients that live through the soak.

    Args:
        loop: The loop that they live in.
        where: Key, secret and addresses of the exchange.
        seed: Makes what the user does repeatable.
    """

    sizes: ClassVar[Mapping[str, str]]
    """Quantity of an order of each symbol."""
    unit: ClassVar[int]
    """Nanoseconds of the last digit of the time that a book tells."""
    fill_id: ClassVar[str]
    """What an id of a fill is called."""

    _ws: WebSocketClient
    _books: Mapping[tuple[str, int], BooksClient[Any]]
    """The clients that keep books, by kind and depth."""
    _account: KeptAccount[Any, Any, Any]
    _stalled: Stream[Any, Any]
    """Nobody reads it."""

    def __init__(self, loop: SimulatedLoop, where: Mapping[str, str], seed: int) -> None:
        self._random = random.Random(f"user {seed}")
        self._orders: deque[str] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._shown: list[Shown] = []
        self._fills: list[tuple[str, bool]] = []
        self.events: dict[str, int] = {}
        """How often what happened to connections, by the names of the events."""
        self.failures: list[str] = []
        """What must not happen."""
        self._connect(where, loop)

    @abstractmethod
    def _connect(self, where: Mapping[str, str], loop: SimulatedLoop) -> None:
        """Make the clients."""

    @abstractmethod
    async def _place(self, symbol: str, side: Any, price: Decimal) -> str:
        """Place a limit order; gives its id."""

    @abstractmethod
    async def _cancel(self, order_id: str) -> None:
        """Cancel an order."""

    @abstractmethod
    def _balances(self) -> Any:
        """Balances as the account has them."""

    @abstractmethod
    def _at(self, book: Any) -> int:
        """The time that a book tells, in Unix nanoseconds."""

    def _digest(self, book: Any) -> bytes:
        return digest(*([level[:2] for level in side] for side in (book.bids(), book.asks())))

    @property
    def _clients(self) -> tuple[WebSocketClient, ...]:
        return self._ws, *self._books.values()

    async def start(self) -> None:
        """Subscribe to everything."""
        for client in self._clients:
            client.on_event(self._count)
        await self._account.open()
        await self._stalled.subscribe()
        for kind, depth in self._books:
            for symbol in self.sizes:
                self._begin(self._watch(Book(kind, symbol, depth)))
        for life in (self._follow(), self._trade(), self._glance()):
            self._begin(life)

    def _begin(self, life: Any) -> None:
        task = asyncio.ensure_future(life)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.failures.append(f"{task.get_coro()} ended: {task.exception()!r}")

    async def stop(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(client.close() for client in self._clients))

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
                for symbol in self.sizes:
                    name = Book(kind, symbol, depth)
                    if (book := self._book(name)) is not None:
                        self._see(name, book)

    def _book(self, name: Book) -> Any:
        with suppress(KrakenError):
            book = self._books[name.kind, name.depth].book(name.symbol)
            return book if book.valid else None
        return None

    def _see(self, name: Book, book: Any) -> None:
        self._shown.append(Shown(name, self._at(book), self.unit, self._digest(book)))

    async def _follow(self) -> None:
        while True:
            with suppress(SlowConsumer):
                async for event in self._account:
                    if isinstance(event, FillReported):
                        self._fills.append((getattr(event.fill, self.fill_id), event.missed))
                    elif isinstance(event, RecoveryFailed):
                        self.failures.append(str(event))

    # ------------------------------------------------------------------ what is done

    async def _trade(self) -> None:
        while True:
            await asyncio.sleep(self._random.uniform(0.5, 3))
            await self.place_and_cancel()

    async def place_and_cancel(self) -> bool:
        """Place an order, and cancel the oldest when there are many. Tells whether the order was placed."""
        symbol = self._random.choice(list(self.sizes))
        (kind, depth), *_ = self._books
        book = self._book(Book(kind, symbol, depth))
        if book is None or book.best_bid is None or book.best_ask is None:
            return False
        side: Any = self._random.choice(["buy", "sell"])
        price = book.best_bid.price if side == "buy" else book.best_ask.price
        try:
            self._orders.append(await self._place(symbol, side, price))
            if len(self._orders) > OPEN:
                await self._cancel(self._orders.popleft())
        except KrakenError:
            return False
        return True

    # ------------------------------------------------------------------ what it has

    def state(self) -> tuple[dict[Book, bytes], set[str], Any] | None:
        """Books, open orders and balances; None while the account is not up to date."""
        if not self._account.current or self._account.recovering:
            return None
        names = [Book(kind, symbol, depth) for kind, depth in self._books for symbol in self.sizes]
        books = {name: self._digest(book) for name in names if (book := self._book(name)) is not None}
        return books, set(self._account.orders), self._balances()

    def counts(self) -> dict[str, int]:
        """Messages and connections of all clients together."""
        counts = [each for client in self._clients for each in client.counts.values()]
        return {
            "messages": sum(each.messages for each in counts),
            "connections": sum(each.connections for each in counts),
        }
