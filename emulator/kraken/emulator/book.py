"""A price-time order book, and the checksum of its top."""

from __future__ import annotations

import bisect
import zlib
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING

from kraken.emulator.orders import Order, Side
from kraken.emulator.wire import ZERO, fixed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kraken.emulator.instruments import Pair

Level = tuple[Decimal, Decimal]
"""Price and quantity."""

CHECKSUM_DEPTH = 10


class BookSide:
    """One side of a book: orders by price, best first, and by arrival within a price.

    Args:
        side: ``buy`` for bids, ``sell`` for asks.
    """

    def __init__(self, side: Side) -> None:
        self._sign = -1 if side == "buy" else 1
        self._keys: list[Decimal] = []  # price times sign: the best price has the smallest key
        self._queues: dict[Decimal, list[Order]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, price: Decimal) -> bool:
        return price * self._sign in self._queues

    def add(self, order: Order, place: int | None = None) -> None:
        """Put ``order`` into the queue at its price: at the end, or at a place that it had."""
        key = self._key(order)
        if key not in self._queues:
            bisect.insort(self._keys, key)
            self._queues[key] = []
        queue = self._queues[key]
        queue.insert(len(queue) if place is None else place, order)
        order.resting = True

    def remove(self, order: Order) -> int:
        """Take ``order`` out, and tell which place it had in its queue."""
        key = self._key(order)
        queue = self._queues[key]
        place = queue.index(order)
        del queue[place]
        order.resting = False
        if not queue:
            del self._queues[key]
            del self._keys[bisect.bisect_left(self._keys, key)]
        return place

    def best(self) -> Order | None:
        """The order that trades first."""
        return self._queues[self._keys[0]][0] if self._keys else None

    def queues(self) -> Iterator[list[Order]]:
        """Orders by price, best price first."""
        return (self._queues[key] for key in self._keys)

    def orders(self) -> Iterator[Order]:
        """Orders in the sequence in which they would trade."""
        return (order for queue in self.queues() for order in queue)

    def levels(self, depth: int | None = None) -> list[Level]:
        """Price and visible quantity of the best ``depth`` prices, or of all."""
        return [
            (self._key(queue[0]) * self._sign, sum((order.visible for order in queue), ZERO))
            for queue in islice(self.queues(), depth)
        ]

    def at_or_better(self, price: Decimal) -> Iterator[Order]:
        """Orders that an opposite order with limit ``price`` would trade with."""
        for key in self._keys:
            if key > price * self._sign:
                return
            yield from self._queues[key]

    def _key(self, order: Order) -> Decimal:
        assert order.limit is not None, order.id
        return order.limit * self._sign


class Book:
    """Both sides of one pair.

    Args:
        pair: The pair.
    """

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.bids = BookSide("buy")
        self.asks = BookSide("sell")

    def side(self, side: Side) -> BookSide:
        """The side on which orders of ``side`` rest."""
        return self.bids if side == "buy" else self.asks

    def opposite(self, side: Side) -> BookSide:
        """The side that orders of ``side`` trade with."""
        return self.asks if side == "buy" else self.bids


def checksum(pair: Pair, bids: Iterable[Level], asks: Iterable[Level]) -> int:
    """CRC-32 of the ten best prices of each side, given best first."""
    text = "".join(
        digits(price, pair.pair_decimals) + digits(quantity, pair.lot_decimals)
        for side in (asks, bids)
        for price, quantity in islice(side, CHECKSUM_DEPTH)
    )
    return zlib.crc32(text.encode())


def digits(value: Decimal, places: int) -> str:
    """A number in the text of a checksum."""
    return fixed(value, places).replace(".", "").lstrip("0")


@dataclass
class ShownBook:
    """The part of a book that subscribers of one depth have been shown."""

    book: Book
    depth: int | None
    """Prices of each side; None for all."""
    bids: dict[Decimal, Decimal] = field(init=False)
    asks: dict[Decimal, Decimal] = field(init=False)

    def __post_init__(self) -> None:
        self._look()

    def _look(self) -> None:
        self.bids = dict(self.book.bids.levels(self.depth))
        self.asks = dict(self.book.asks.levels(self.depth))

    def changes(self) -> tuple[list[Level], list[Level]]:
        """What a subscriber has to change; levels that only fell out of the depth are not mentioned."""
        bids, asks = self.bids, self.asks
        self._look()
        return (
            [(price, ZERO) for price in bids if price not in self.bids and price not in self.book.bids]
            + [(price, volume) for price, volume in self.bids.items() if bids.get(price) != volume],
            [(price, ZERO) for price in asks if price not in self.asks and price not in self.book.asks]
            + [(price, volume) for price, volume in self.asks.items() if asks.get(price) != volume],
        )

    def checksum(self) -> int:
        """Checksum of what is shown."""
        return checksum(self.book.pair, self.bids.items(), self.asks.items())
