"""Order books of single orders, kept exact and verified; no input or output happens here.

Such a book is fed with the items of frames that tell what happened to each order. It shows price levels like any
order book, and beneath them the queues: who stands where, and how much must trade before an order's turn comes.
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

from .orderbook import BaseBook, Level, Side, digits, total

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["BookOrder", "Level3Book", "OrderEvent", "OrdersUpdate", "QueuePlace"]


class BookOrder(NamedTuple):
    """One order in a book."""

    order_id: str
    price: Decimal
    """In the quote currency, with the digits of the wire."""
    qty: Decimal
    """What of it rests and is shown, in the base currency, with the digits of the wire."""
    timestamp: str | None = None
    """When it was inserted or amended, as the exchange wrote it."""


class QueuePlace(NamedTuple):
    """Where an order stands."""

    side: Literal["buy", "sell"]
    order: BookOrder
    ahead: int
    """How many orders of the same price stand before it."""
    qty_ahead: Decimal
    """What these offer together, in the base currency."""
    levels_ahead: int
    """How many better prices there are on its side."""


class OrderEvent(Protocol):
    """One order of a snapshot, or what happened to one."""

    @property
    def event(self) -> str | None: ...
    @property
    def order_id(self) -> str: ...
    @property
    def limit_price(self) -> Decimal: ...
    @property
    def order_qty(self) -> Decimal | None: ...
    @property
    def timestamp(self) -> str | None: ...


class OrdersUpdate(Protocol):
    """What a book needs from one item of a frame; a `timestamp` is kept when there is one."""

    @property
    def bids(self) -> Sequence[OrderEvent]: ...
    @property
    def asks(self) -> Sequence[OrderEvent]: ...
    @property
    def checksum(self) -> int: ...


class _Entry(NamedTuple):
    """An order in its queue."""

    order: BookOrder
    since: str
    """What its place follows from: the time at which it joined the queue, as text that sorts like the time."""
    text: bytes
    """Its part of the checksum text."""


class _Queue:
    """The orders of one price, the first to trade first."""

    __slots__ = ("entries", "timestamp")

    def __init__(self) -> None:
        self.entries: dict[str, _Entry] = {}
        self.timestamp: Any = None
        """The timestamp of the last frame that changed it, as that frame gave it."""

    def join(self, entry: _Entry) -> None:
        """Let an order queue up by its time; of two with the same time, the later arrival stands behind."""
        entries = self.entries
        behind = entries and next(reversed(entries.values())).since > entry.since
        entries[entry.order.order_id] = entry
        if behind:
            self.entries = dict(sorted(entries.items(), key=lambda item: item[1].since))

    @property
    def qty(self) -> Decimal:
        """What all of them offer."""
        return total(entry.order.qty for entry in self.entries.values())


class _Queues(Side):
    """One side: a queue for each price, and for each order the price that it stands at."""

    __slots__ = ("where",)
    data: list[_Queue]

    def __init__(self, price_step: Decimal | None, qty_step: Decimal | None) -> None:
        super().__init__(price_step, qty_step)
        self.where: dict[str, Decimal] = {}

    def remove(self, where: slice) -> None:
        for queue in self.data[where]:
            for order_id in queue.entries:
                del self.where[order_id]
        super().remove(where)

    def level(self, index: int) -> Level:
        queue = self.data[index]
        return Level(self.prices[index], queue.qty, queue.timestamp)

    def index(self, price: Decimal) -> int:
        """The index of a price, or -1."""
        index = bisect_left(self.prices, price)
        return index if index < len(self.prices) and self.prices[index] == price else -1

    def change(self, changes: Iterable[OrderEvent], timestamp: Any) -> None:
        touched: dict[Decimal, None] = {}
        for event in changes:
            qty = event.order_qty
            if event.event == "delete" or not qty:
                self._take_out(event.order_id, touched)
            else:
                self._put(event, qty, touched)
        for price in touched:
            index = self.index(price)
            if index >= 0:
                queue = self.data[index]
                queue.timestamp = timestamp
                self.texts[index] = b"".join([entry.text for entry in queue.entries.values()])

    def _put(self, event: OrderEvent, qty: Decimal, touched: dict[Decimal, None]) -> None:
        """Add an order or change it: one that did not grow keeps its place, any other queues up by its time."""
        price, qty = self.exact(event.limit_price, qty)
        order = BookOrder(event.order_id, price, qty, event.timestamp)
        text = (digits(price) + digits(qty)).encode()
        touched[price] = None
        if self.where.get(order.order_id) == price:
            entries = self.data[self.index(price)].entries
            known = entries[order.order_id]
            if qty <= known.order.qty:
                entries[order.order_id] = _Entry(order, known.since, text)
                return
        self._take_out(order.order_id, touched)
        self._queue(price).join(_Entry(order, (order.timestamp or "").rstrip("Z"), text))
        self.where[order.order_id] = price

    def _take_out(self, order_id: str, touched: dict[Decimal, None]) -> None:
        """Forget an order, and its price with the last one; orders beyond the depth are not known anyway."""
        price = self.where.pop(order_id, None)
        if price is None:
            return
        index = self.index(price)
        entries = self.data[index].entries
        del entries[order_id]
        if entries:
            touched[price] = None
        else:
            super().remove(slice(index, index + 1))

    def _queue(self, price: Decimal) -> _Queue:
        """The queue at a price, a new one if need be."""
        index = bisect_left(self.prices, price)
        if index == len(self.prices) or self.prices[index] != price:
            self.prices.insert(index, price)
            self.texts.insert(index, b"")
            self.data.insert(index, _Queue())
        return self.data[index]


class Level3Book(BaseBook[OrdersUpdate]):
    """The orders at the best prices of one symbol, each price a queue.

    It starts empty and `valid` is false; a snapshot makes it valid. When a checksum does not match, or when
    `invalidate` is called, it is emptied and stays invalid until the next snapshot, so that nobody who holds it can
    read old orders. The checksum proves the queues too, not only the prices.

    Args:
        symbol: The symbol, as the exchange writes it.
        depth: Of how many prices of each side the orders are kept: the depth that was subscribed.
        price_precision: Decimals of a price. Only needed when the source dropped trailing zeros.
        qty_precision: Decimals of a quantity, likewise.
        verify: Whether checksums are compared. Switching it off trades safety for a few microseconds.

    Raises:
        ValueError: The depth is below 1.
    """

    _side: ClassVar[type[Side]] = _Queues
    _asks: _Queues
    _bids: _Queues

    def bid_orders(self, count: int | None = None) -> list[BookOrder]:
        """The orders that buy in the sequence in which they would trade, at all prices or at the best `count`."""
        return _orders(islice(reversed(self._bids.data), count))

    def ask_orders(self, count: int | None = None) -> list[BookOrder]:
        """The orders that sell in the sequence in which they would trade, at all prices or at the best `count`."""
        return _orders(islice(self._asks.data, count))

    def queue(self, price: Decimal) -> list[BookOrder]:
        """The orders at a price, the first to trade first; empty when there are none."""
        for side in (self._bids, self._asks):
            index = side.index(price)
            if index >= 0:
                return [entry.order for entry in side.data[index].entries.values()]
        return []

    def order(self, order_id: str) -> BookOrder | None:
        """An order by the exchange's id; None when it is not among the prices that are kept."""
        for side in (self._bids, self._asks):
            price = side.where.get(order_id)
            if price is not None:
                return side.data[side.index(price)].entries[order_id].order
        return None

    def place(self, order_id: str) -> QueuePlace | None:
        """Where an order stands, an own one for instance.

        Returns:
            Its side, the orders and the quantity before it at its price, and how many better prices there are; None
            when it is not among the prices that are kept.
        """
        side: Literal["buy", "sell"]
        for side, queues in (("buy", self._bids), ("sell", self._asks)):
            price = queues.where.get(order_id)
            if price is None:
                continue
            index = queues.index(price)
            better = index if side == "sell" else len(queues.prices) - 1 - index
            entries = list(queues.data[index].entries.values())
            ahead = next(number for number, entry in enumerate(entries) if entry.order.order_id == order_id)
            before = total(entry.order.qty for entry in entries[:ahead])
            return QueuePlace(side, entries[ahead].order, ahead, before, better)
        return None


def _orders(queues: Iterable[_Queue]) -> list[BookOrder]:
    return [entry.order for queue in queues for entry in queue.entries.values()]
