"""The made-up market: what the books open with, and who trades in them. The same seed gives the same market."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING

from kraken.emulator.orders import NewOrder, Order, Side, Trade
from kraken.emulator.wire import SECOND, ZERO, rounded

if TYPE_CHECKING:
    from kraken.emulator.instruments import Pair
    from kraken.emulator.venue import Venue

LEVELS = 120
"""Prices that the market keeps on each side of a book."""
HISTORY = 150
"""Trades that lie in the past when the exchange opens."""
DAY = 86_400 * SECOND
_FIRST_TRADE_ID = 1_000_000


class Market:
    """The house's quoting and trading.

    Args:
        venue: Where it trades.
        seed: Makes it repeatable.
    """

    def __init__(self, venue: Venue, seed: int | str) -> None:
        self.venue = venue
        self._random = random.Random(f"market {seed}")
        self._pairs = list(venue.pairs.values())

    def open(self) -> None:
        """Write a day's history and fill the books."""
        for pair in self._pairs:
            self._write_history(pair)
            self._refill(pair)

    def step(self, pair: Pair | None = None) -> None:
        """One action: somebody quotes, withdraws a quote, or trades.

        Args:
            pair: Where; somewhere by chance when left out.
        """
        pair = pair or self._random.choice(self._pairs)
        self._random.choices((self._quote, self._withdraw, self._take), weights=(5, 3, 2))[0](pair)
        self._refill(pair)
        self.venue.settled(pair)

    def move(self, pair: Pair, price: Decimal) -> None:
        """Quote around another price; orders of the user that are in the way are filled.

        Args:
            pair: The pair.
            price: The new middle of the book, in the quote asset.
        """
        for order in [each for each in self.venue.maker.open.values() if each.pair is pair]:
            self.venue.cancel(order)
        self._refill(pair, around=price)
        self.venue.settled(pair)

    def sweep(self, pair: Pair, side: Side, limit: Decimal, volume: Decimal) -> None:
        """Trade with what rests on the other side of the book.

        Args:
            pair: The pair.
            side: The house's side.
            limit: Worst price, in the quote asset.
            volume: How much, in the base asset.
        """
        self.venue.place(self.venue.taker, NewOrder(pair, side, "limit", volume, limit, time_in_force="IOC"))
        self._refill(pair)
        self.venue.settled(pair)

    # ------------------------------------------------------------------ actions

    def _quote(self, pair: Pair) -> None:
        side = self._side()
        book = self.venue.books[pair.name]
        best = book.opposite(side).best()
        if best is None or best.limit is None:
            return
        away = self._random.randint(1, 8 * pair.gap) * pair.tick_size
        self._place(pair, side, best.limit - away if side == "buy" else best.limit + away)

    def _withdraw(self, pair: Pair) -> None:
        near = list(self.venue.books[pair.name].side(self._side()).queues())[: LEVELS // 8]
        own = [order for queue in near for order in queue if order.account is self.venue.maker]
        if own:
            self.venue.cancel(self._random.choice(own))

    def _take(self, pair: Pair) -> None:
        volume = self._size(pair, self._random.uniform(0.02, 0.6))
        side: Side = "buy" if self._random.random() < self._pull(pair) else "sell"
        self.venue.place(self.venue.taker, NewOrder(pair, side, "market", volume))

    def _pull(self, pair: Pair) -> float:
        """Chance that a taker buys: the price is drawn back to where it opened."""
        distance = float(self.venue.last_price(pair) / pair.opening_price) - 1
        return min(0.95, max(0.05, 0.5 - 40 * distance))

    def _side(self) -> Side:
        return "buy" if self._random.random() < 0.5 else "sell"

    def _size(self, pair: Pair, factor: float) -> Decimal:
        return max(pair.ordermin, rounded(pair.size * Decimal(str(round(factor, 6))), pair.lot_decimals))

    def _place(self, pair: Pair, side: Side, price: Decimal) -> None:
        if price > 0:
            volume = self._size(pair, self._random.lognormvariate(-0.5, 1))
            self.venue.place(self.venue.maker, NewOrder(pair, side, "limit", volume, price))

    # ------------------------------------------------------------------ opening

    def _refill(self, pair: Pair, around: Decimal | None = None) -> None:
        """Add prices at the far end until each side has enough of them."""
        book = self.venue.books[pair.name]
        start = self.venue.last_price(pair) if around is None else around
        for side, sign in (("buy", -1), ("sell", 1)):
            half: Side = "buy" if side == "buy" else "sell"
            own = book.side(half)
            price = own.levels()[-1][0] if len(own) and around is None else self._edge(pair, half, start)
            while len(own) < LEVELS and price > 0:
                self._place(pair, half, price)
                price += sign * self._random.randint(1, pair.gap) * pair.tick_size

    def _edge(self, pair: Pair, side: Side, start: Decimal) -> Decimal:
        """The price nearest to ``start`` at which a quote does not meet the market's own quotes."""
        price = start // pair.tick_size * pair.tick_size
        if side == "sell":
            price += self._random.randint(1, pair.gap) * pair.tick_size
        return price

    def _write_history(self, pair: Pair) -> None:
        now = self.venue.now()
        price = pair.opening_price
        trades: list[Trade] = []
        for number in range(HISTORY):
            trades.append(
                Trade(
                    pair=pair,
                    id=_FIRST_TRADE_ID + HISTORY - number,
                    price=price,
                    volume=self._size(pair, self._random.uniform(0.02, 0.6)),
                    side=self._side(),
                    type=self._random.choice(("limit", "market")),
                    at=now - (number * DAY) // HISTORY - self._random.randrange(SECOND) - SECOND,
                )
            )
            price = max(pair.tick_size, price + self._random.randint(-4 * pair.gap, 4 * pair.gap) * pair.tick_size)
        self.venue.tape[pair.name].extend(reversed(trades))


def volume_up_to(venue: Venue, order: Order, volume: Decimal) -> Decimal:
    """What has to be taken from a book so that ``volume`` of a resting ``order`` is filled: what stands before it too."""
    ahead = ZERO
    for each in venue.books[order.pair.name].side(order.side).orders():
        if each is order:
            return ahead + min(volume, order.remaining)
        ahead += each.remaining
    raise ValueError(f"order {order.id} is not in the book")
