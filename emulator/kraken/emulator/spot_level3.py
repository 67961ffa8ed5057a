"""Spot WebSocket v2: single orders of the book, as the channel ``level3`` shows them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from kraken.emulator.book import CHECKSUM_DEPTH, Book, BookSide, digits
from kraken.emulator.wire import rfc3339, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from kraken.emulator.orders import Order

Row = dict[str, Any]


class _Seen(NamedTuple):
    """An order as it was shown."""

    order: Order
    price: Decimal
    queued: int
    visible: Decimal

    @property
    def stands(self) -> bool:
        """Whether the order still rests at its price, shown or not."""
        return self.order.resting and self.order.limit == self.price


@dataclass
class ShownOrders:
    """The orders that subscribers of one depth have been shown."""

    book: Book
    depth: int
    bids: dict[str, _Seen] = field(init=False)
    asks: dict[str, _Seen] = field(init=False)

    def __post_init__(self) -> None:
        self._look()

    def _look(self) -> None:
        self.bids = _seen(self.book.bids, self.depth)
        self.asks = _seen(self.book.asks, self.depth)

    def snapshot(self) -> tuple[list[Row], list[Row]]:
        """All orders, best price first and each queue from its head."""
        return [_row(each) for each in self.bids.values()], [_row(each) for each in self.asks.values()]

    def changes(self, now: int) -> tuple[list[Row], list[Row]]:
        """What a subscriber has to change.

        Args:
            now: The time of deletions, in Unix nanoseconds.
        """
        bids, asks = self.bids, self.asks
        self._look()
        return _events(bids, self.bids, now), _events(asks, self.asks, now)

    def checksum(self) -> int:
        """CRC-32 of all orders at the ten best prices of each side."""
        pair = self.book.pair
        text = "".join(
            digits(order.limit, pair.pair_decimals) + digits(order.visible, pair.lot_decimals)
            for side in (self.book.asks, self.book.bids)
            for queue in islice(side.queues(), CHECKSUM_DEPTH)
            for order in queue
            if order.limit is not None
        )
        return zlib.crc32(text.encode())


def _seen(side: BookSide, depth: int) -> dict[str, _Seen]:
    return {
        order.id: _Seen(order, order.limit, order.queued, order.visible)
        for queue in islice(side.queues(), depth)
        for order in queue
        if order.limit is not None
    }


def _events(before: Mapping[str, _Seen], after: Mapping[str, _Seen], now: int) -> list[Row]:
    """An order with another price is deleted and added; one that only fell out of the depth is not mentioned.

    An order that grew is modified with a new time, by which it stands behind the others.
    """
    events = [_row(seen, "delete", now) for seen in before.values() if not seen.stands]
    for order_id, seen in after.items():
        known = before.get(order_id)
        if known is None or known.price != seen.price:
            events.append(_row(seen, "add"))
        elif known != seen:
            events.append(_row(seen, "modify"))
    return events


def _row(seen: _Seen, event: str = "", at: int = 0) -> Row:
    pair = seen.order.pair
    return {
        **({"event": event} if event else {}),
        "order_id": seen.order.id,
        "limit_price": rounded(seen.price, pair.pair_decimals),
        "order_qty": rounded(seen.visible, pair.lot_decimals),
        "timestamp": rfc3339(at or seen.queued, 9),
    }
