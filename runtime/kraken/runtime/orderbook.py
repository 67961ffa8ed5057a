"""Order books of price levels, kept exact and verified; no input or output happens here.

A book is fed with the items of `book` frames in the order they arrive. Prices and quantities are decimals
with the digits of the wire, because the exchange's checksum is computed over those digits.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from decimal import Context, Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "BaseBook",
    "BookLevel",
    "BookUpdate",
    "ChecksumReport",
    "Level",
    "OrderBook",
    "SequenceReport",
    "SequencedBook",
    "SequencedUpdate",
]

CHECKSUM_LEVELS = 10
"""The checksum covers this many of the best levels of each side, whatever the depth of the book."""

_ONE, _TWO = Decimal(1), Decimal(2)
_EXACT = Context(prec=64)
"""Whatever precision a program has chosen for its own decimals, none of the exchange's digits is lost."""
_ROUNDED = Context(prec=28)
"""For quotients, which may have digits without end."""


class Level(NamedTuple):
    """One price of one side of a book."""

    price: Decimal
    """In the quote currency, with the digits of the wire."""
    qty: Decimal
    """Resting quantity in the base currency, with the digits of the wire."""
    timestamp: Any = None
    """The timestamp of the frame that set this level, as that frame gave it."""


class BookLevel(Protocol):
    """A changed level of a frame; a quantity of zero removes it."""

    @property
    def price(self) -> Decimal: ...
    @property
    def qty(self) -> Decimal: ...


class Checked(Protocol):
    """What any book needs from one item of a frame; a `timestamp` is kept when there is one."""

    @property
    def bids(self) -> Sequence[Any]: ...
    @property
    def asks(self) -> Sequence[Any]: ...
    @property
    def checksum(self) -> int: ...


class BookUpdate(Protocol):
    """What a book needs from one item of a `book` frame; a `timestamp` is kept when there is one."""

    @property
    def bids(self) -> Sequence[BookLevel]: ...
    @property
    def asks(self) -> Sequence[BookLevel]: ...
    @property
    def checksum(self) -> int: ...


class ChecksumReport(NamedTuple):
    """A book that does not agree with the exchange's checksum."""

    symbol: str
    expected: int
    """The checksum of the frame."""
    computed: int
    """The checksum of the book after the frame."""
    asks: str
    """The digits of the best asks, best first, from which it was computed."""
    bids: str
    """The digits of the best bids, likewise."""

    @property
    def text(self) -> str:
        """The whole text that `computed` was taken over: asks, then bids."""
        return self.asks + self.bids

    def __str__(self) -> str:
        return (
            f"order book of {self.symbol}: checksum {self.computed} computed, {self.expected} expected; "
            f"asks {self.asks or 'none'}, bids {self.bids or 'none'}"
        )


class SequenceReport(NamedTuple):
    """A book of which a frame is missing."""

    symbol: str
    expected: int
    """The number that the frame should have had."""
    received: int
    """The number that it has."""

    def __str__(self) -> str:
        return f"order book of {self.symbol}: frame {self.received} came, {self.expected} expected"


class Side:
    """One side: prices ascending, with each level's checksum text and data at the same index.

    Args:
        price_step: Prices are brought to the digits of this; None leaves them as they are.
        qty_step: Quantities likewise.
    """

    __slots__ = ("data", "price_step", "prices", "qty_step", "texts")

    def __init__(self, price_step: Decimal | None, qty_step: Decimal | None) -> None:
        self.price_step = price_step
        self.qty_step = qty_step
        self.prices: list[Decimal] = []
        self.texts: list[bytes] = []
        self.data: list[Any] = []

    def clear(self) -> None:
        """Forget all levels."""
        self.remove(slice(None))

    def remove(self, where: slice) -> None:
        """Forget the levels at these indexes."""
        del self.prices[where], self.texts[where], self.data[where]

    def level(self, index: int) -> Level:
        """The level at an index."""
        qty, timestamp = self.data[index]
        return Level(self.prices[index], qty, timestamp)

    def change(self, changes: Iterable[Any], timestamp: Any) -> None:
        """Take over what a frame says about this side."""
        prices, texts, data = self.prices, self.texts, self.data
        for level in changes:
            price, qty = level.price, level.qty
            index = bisect_left(prices, price)
            known = index < len(prices) and prices[index] == price
            if qty:
                price, qty = self.exact(price, qty)
                text = (digits(price) + digits(qty)).encode()
                if known:
                    texts[index] = text
                    data[index] = (qty, timestamp)
                else:
                    prices.insert(index, price)
                    texts.insert(index, text)
                    data.insert(index, (qty, timestamp))
            elif known:
                del prices[index], texts[index], data[index]

    def exact(self, price: Decimal, qty: Decimal) -> tuple[Decimal, Decimal]:
        """Price and quantity with all their digits."""
        if self.price_step is not None:
            price = price.quantize(self.price_step, context=_EXACT)
        if self.qty_step is not None:
            qty = qty.quantize(self.qty_step, context=_EXACT)
        return price, qty


def digits(number: Decimal) -> str:
    """The digits of the wire text without point and leading zeros."""
    return str(number).partition("E")[0].replace(".", "").lstrip("0")


def total(quantities: Iterable[Decimal]) -> Decimal:
    """The exact sum of some quantities."""
    return reduce(_EXACT.add, quantities, Decimal(0))


Update = TypeVar("Update", bound=Checked, contravariant=True)


class BaseBook(Generic[Update]):
    """What books of levels and books of orders have in common: their life, their checksum, and the view of levels.

    A book starts empty and `valid` is false; a snapshot makes it valid. When a checksum does not match, or when
    `invalidate` is called, the book is emptied and stays invalid until the next snapshot, so that nobody who holds
    it can read old prices.

    Args:
        symbol: The symbol, as the exchange writes it.
        depth: How many levels of each side are kept: the depth that was subscribed.
        price_precision: Decimals of a price. Only needed when the source dropped trailing zeros.
        qty_precision: Decimals of a quantity, likewise.
        verify: Whether checksums are compared. Switching it off trades safety for a few microseconds.

    Raises:
        ValueError: The depth is below 1.
    """

    _side: ClassVar[type[Side]] = Side

    def __init__(
        self,
        symbol: str,
        depth: int,
        *,
        price_precision: int | None = None,
        qty_precision: int | None = None,
        verify: bool = True,
    ) -> None:
        if depth < 1:
            raise ValueError(f"depth: {depth} is not allowed; a book keeps at least 1 level")
        self.symbol = symbol
        self.depth = depth
        self.verify = verify
        self.valid: bool = False
        """Whether the book agrees with the exchange; false before the first snapshot and after a mismatch."""
        self.timestamp: Any = None
        """The timestamp of the last frame, as that frame gave it."""
        self.verified: int = 0
        """How many frames had a checksum that matched."""
        price_step = None if price_precision is None else _ONE.scaleb(-price_precision)
        qty_step = None if qty_precision is None else _ONE.scaleb(-qty_precision)
        self._asks = self._side(price_step, qty_step)
        self._bids = self._side(price_step, qty_step)

    def __repr__(self) -> str:
        state = "valid" if self.valid else "invalid"
        bid, ask = self.best_bid, self.best_ask
        return f"<{type(self).__name__} {self.symbol} {state} bid={bid and bid.price} ask={ask and ask.price}>"

    def apply(self, update: Update, is_snapshot: bool) -> ChecksumReport | SequenceReport | None:
        """Take over one item of a frame, then compare the checksum.

        Args:
            update: The item.
            is_snapshot: Whether it replaces the whole book. Updates before the first snapshot, or after a
                mismatch, are ignored.

        Returns:
            None when the book is right; a report when it is not, in which case the book is now empty and invalid.
        """
        if is_snapshot:
            self._asks.clear()
            self._bids.clear()
            self.valid = True
        elif not self.valid:
            return None
        timestamp = self.timestamp = getattr(update, "timestamp", None)
        asks, bids, depth = self._asks, self._bids, self.depth
        if update.asks:
            asks.change(update.asks, timestamp)
            asks.remove(slice(depth, None))
        if update.bids:
            bids.change(update.bids, timestamp)
            bids.remove(slice(max(0, len(bids.prices) - depth)))
        if not self.verify:
            return None
        computed = self.checksum()
        if computed == update.checksum:
            self.verified += 1
            return None
        asks_text, bids_text = (b"".join(texts).decode() for texts in self._checksum_texts())
        self.invalidate()
        return ChecksumReport(self.symbol, update.checksum, computed, asks_text, bids_text)

    def invalidate(self) -> None:
        """Empty the book and mark it invalid until the next snapshot."""
        self.valid = False
        self._asks.clear()
        self._bids.clear()

    def checksum(self) -> int:
        """The checksum of the book as it is now."""
        asks, bids = self._checksum_texts()
        return crc32(b"".join(asks + bids))

    def _checksum_texts(self) -> tuple[list[bytes], list[bytes]]:
        """What the checksum is taken over: the best asks, and the best bids."""
        return self._asks.texts[:CHECKSUM_LEVELS], self._bids.texts[: -CHECKSUM_LEVELS - 1 : -1]

    @property
    def best_bid(self) -> Level | None:
        """The highest bid, or None when there is none."""
        return self._bids.level(-1) if self._bids.prices else None

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask, or None when there is none."""
        return self._asks.level(0) if self._asks.prices else None

    @property
    def spread(self) -> Decimal | None:
        """Lowest ask minus highest bid, in the quote currency; None when a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return _EXACT.subtract(ask.price, bid.price) if bid and ask else None

    @property
    def mid(self) -> Decimal | None:
        """The middle between highest bid and lowest ask; None when a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return _EXACT.divide(_EXACT.add(bid.price, ask.price), _TWO) if bid and ask else None

    def bids(self, count: int | None = None) -> list[Level]:
        """The bids, highest price first: all of them, or the best `count`."""
        return list(self._best(self._bids, count))

    def asks(self, count: int | None = None) -> list[Level]:
        """The asks, lowest price first: all of them, or the best `count`."""
        return list(self._best(self._asks, count))

    def _best(self, side: Side, count: int | None = None) -> Iterator[Level]:
        size = len(side.prices)
        shown = size if count is None else min(count, size)
        if side is self._asks:
            return (side.level(index) for index in range(shown))
        return (side.level(index) for index in range(size - 1, size - 1 - shown, -1))

    def bids_to(self, qty: Decimal) -> list[Level] | None:
        """The bids that selling `qty` of the base currency uses up, highest price first.

        Returns:
            The levels, of which the last may be used in part; None when the book does not hold that much.

        Raises:
            ValueError: `qty` is not above zero.
        """
        return self._levels_to(self._bids, qty)

    def asks_to(self, qty: Decimal) -> list[Level] | None:
        """The asks that buying `qty` of the base currency uses up, lowest price first.

        Returns:
            The levels, of which the last may be used in part; None when the book does not hold that much.

        Raises:
            ValueError: `qty` is not above zero.
        """
        return self._levels_to(self._asks, qty)

    def bid_volume(self, price: Decimal) -> Decimal:
        """The quantity that bids at `price` or higher offer to buy, in the base currency."""
        side = self._bids
        first = bisect_left(side.prices, price)
        return total(side.level(index).qty for index in range(first, len(side.prices)))

    def ask_volume(self, price: Decimal) -> Decimal:
        """The quantity that asks at `price` or lower offer to sell, in the base currency."""
        side = self._asks
        return total(level.qty for level in self._best(side) if level.price <= price)

    def buy_price(self, qty: Decimal) -> Decimal | None:
        """The average price of buying `qty` of the base currency from the asks.

        Returns:
            The volume-weighted price in the quote currency; None when the book does not hold that much.

        Raises:
            ValueError: `qty` is not above zero.
        """
        return self._average(self._asks, qty)

    def sell_price(self, qty: Decimal) -> Decimal | None:
        """The average price of selling `qty` of the base currency to the bids.

        Returns:
            The volume-weighted price in the quote currency; None when the book does not hold that much.

        Raises:
            ValueError: `qty` is not above zero.
        """
        return self._average(self._bids, qty)

    def _levels_to(self, side: Side, qty: Decimal) -> list[Level] | None:
        if qty <= 0:
            raise ValueError(f"qty: {qty} is not allowed; it must be above 0")
        levels, found = [], Decimal(0)
        for level in self._best(side):
            levels.append(level)
            found = _EXACT.add(found, level.qty)
            if found >= qty:
                return levels
        return None

    def _average(self, side: Side, qty: Decimal) -> Decimal | None:
        levels = self._levels_to(side, qty)
        if levels is None:
            return None
        missing, cost = qty, Decimal(0)
        for level in levels:
            taken = min(missing, level.qty)
            cost = _EXACT.fma(taken, level.price, cost)
            missing = _EXACT.subtract(missing, taken)
        return _ROUNDED.divide(cost, qty)


class OrderBook(BaseBook[BookUpdate]):
    """The best levels of one symbol, from the items of `book` frames.

    It starts empty and `valid` is false; a snapshot makes it valid. When a checksum does not match, or when
    `invalidate` is called, it is emptied and stays invalid until the next snapshot, so that nobody who holds it can
    read old prices.

    Args:
        symbol: The symbol, as the exchange writes it.
        depth: How many levels of each side are kept: the depth that was subscribed.
        price_precision: Decimals of a price. Only needed when the source dropped trailing zeros.
        qty_precision: Decimals of a quantity, likewise.
        verify: Whether checksums are compared. Switching it off trades safety for a few microseconds.

    Raises:
        ValueError: The depth is below 1.
    """


class SequencedUpdate(Protocol):
    """What a numbered book needs from one frame; a `timestamp` is kept when there is one.

    A snapshot has `bids` and `asks`, an update one level of a `side` (`buy` or `sell`) with its `price` and `qty`.
    """

    @property
    def seq(self) -> int: ...


class SequencedBook(BaseBook[Any]):
    """All levels of one symbol, from a snapshot and numbered changes of one level each.

    It starts empty and `valid` is false; a snapshot makes it valid. Changes that the snapshot has already are dropped.
    When one is missing, or when `invalidate` is called, it is emptied and stays invalid until the next snapshot, so that
    nobody who holds it can read old prices.

    Args:
        symbol: The symbol, as the exchange writes it.
    """

    def __init__(self, symbol: str) -> None:
        super().__init__(symbol, sys.maxsize, verify=False)
        self.seq: int | None = None
        """The number of the last frame."""

    def apply(self, update: Any, is_snapshot: bool) -> SequenceReport | None:
        """Take over a frame, if its number is the next.

        Args:
            update: The frame.
            is_snapshot: Whether it replaces the whole book. Updates before the first snapshot, or after one was missed,
                are ignored.

        Returns:
            None when the book is right; a report when it is not, in which case the book is now empty and invalid.
        """
        if is_snapshot:
            self.invalidate()
            timestamp = self.timestamp = getattr(update, "timestamp", None)
            self._asks.change(update.asks, timestamp)
            self._bids.change(update.bids, timestamp)
            self.seq, self.valid = update.seq, True
            return None
        if not self.valid or self.seq is None or update.seq <= self.seq:
            return None
        if update.seq != self.seq + 1:
            report = SequenceReport(self.symbol, self.seq + 1, update.seq)
            self.invalidate()
            return report
        self.seq = update.seq
        self.timestamp = getattr(update, "timestamp", None)
        (self._bids if update.side == "buy" else self._asks).change((update,), self.timestamp)
        self.verified += 1
        return None
