"""What the emulator's user is shown of its state."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from kraken.emulator.wire import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from kraken.emulator.book import Book, BookSide
    from kraken.emulator.feeds import Feeds
    from kraken.emulator.instruments import Pair


class Recorded(NamedTuple):
    """A request that arrived."""

    method: str
    """HTTP method, or ``WS``."""
    path: str
    """Path, or name of the WebSocket method."""
    arguments: Mapping[str, Any]
    """Arguments without secrets."""


class Subscribed(NamedTuple):
    """A subscription that is being served."""

    channel: str
    symbol: str | None
    options: Mapping[str, Any]


class Depth(NamedTuple):
    """A book as the exchange has it, best price first: prices in the quote asset, visible quantities in the base asset,
    both with the digits of the wire."""

    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]


class BookOrder(NamedTuple):
    """An order in a book."""

    order_id: str
    price: Decimal
    volume: Decimal
    """What the book shows of it, in the base asset."""


class Orders(NamedTuple):
    """The orders of a book in the sequence in which they would trade."""

    bids: list[BookOrder]
    asks: list[BookOrder]


class Subaccount(NamedTuple):
    """A subaccount of the emulated account."""

    number: str
    """What funds are moved to it with."""
    balances: Mapping[str, Decimal]
    """By Kraken's asset name; assets that it never had are not there."""


def depth_of(book: Book, depth: int | None) -> Depth:
    """The best prices of a book; all without a depth."""
    sides = (book.bids, book.asks)
    return Depth(*([_exact(book.pair, *level) for level in side.levels(depth)] for side in sides))


def orders_of(book: Book, depth: int | None) -> Orders:
    """The orders at the best prices of a book; at all without a depth."""
    return Orders(*(_orders(book.pair, side, depth) for side in (book.bids, book.asks)))


def subscribed(feeds: Feeds) -> list[Subscribed]:
    """The subscriptions of a product, oldest first."""
    return [
        Subscribed(each.channel, None if each.pair is None else each.pair.symbol, dict(each.options))
        for each in feeds.subscriptions
    ]


def _exact(pair: Pair, price: Decimal, volume: Decimal) -> tuple[Decimal, Decimal]:
    return rounded(price, pair.pair_decimals), rounded(volume, pair.lot_decimals)


def _orders(pair: Pair, side: BookSide, depth: int | None) -> list[BookOrder]:
    return [
        BookOrder(order.id, *_exact(pair, order.limit, order.visible))
        for queue in islice(side.queues(), depth)
        for order in queue
        if order.limit is not None
    ]
