"""A place where orders meet: books, matching by price and time, and who is told. What a trade costs is not its business."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Literal

from kraken.emulator.book import Book, BookSide
from kraken.emulator.errors import Refusal
from kraken.emulator.orders import (
    RESTING,
    Account,
    Amend,
    BalancesChanged,
    BookChanged,
    Event,
    Fill,
    NewOrder,
    Order,
    OrderChanged,
    StatusChanged,
    Trade,
    Traded,
)
from kraken.emulator.wire import SECOND, ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken.emulator.instruments import Pair

Ended = Literal["canceled", "expired"]
"""How an order can end without being filled."""

TAPE_LENGTH = 2000
"""Trades and spreads that are remembered of a pair."""


class Venue(ABC):
    """A market with one user and the house, which quotes and trades against the user.

    Nothing here waits or reads a socket: each call does all it has to do and tells ``listeners`` about it.

    Args:
        pairs: What is traded, by name.
        clock: Unix time in nanoseconds.
    """

    user: Account
    maker: Account
    """The house, when it quotes."""
    taker: Account
    """The house, when it takes."""

    def __init__(self, pairs: Mapping[str, Pair], clock: Callable[[], int]) -> None:
        self.pairs = pairs
        self.books = {name: Book(pair) for name, pair in pairs.items()}
        self.tape = {name: deque[Trade](maxlen=TAPE_LENGTH) for name in pairs}
        self.spreads = {name: deque[tuple[int, Decimal, Decimal]](maxlen=TAPE_LENGTH) for name in pairs}
        self.status = "online"
        self.listeners: list[Callable[[Event], None]] = []
        self._clock = clock
        self._last = 0
        self._trades: list[Trade] = []
        self._cancel_at = 0

    # ------------------------------------------------------------------ what each venue does its own way

    @abstractmethod
    def new_id(self, kind: str) -> str:
        """An identifier like Kraken's.

        Args:
            kind: What it is for: ``O`` order, ``T`` trade or amendment, ``L`` ledger entry, ``Q`` reference of another
                ledger entry.
        """

    @abstractmethod
    def _check_rules(self, order: Order) -> None:
        """Refuse an order that could never be accepted now, whatever the account has."""

    @abstractmethod
    def _check_standing(self, order: Order, *, instead: Order | None = None) -> None:
        """Refuse an order that does not go with the account's other orders, the book and the balances."""

    @abstractmethod
    def _check_amended(self, order: Order, volume: Decimal | None, *, post_only: bool) -> None:
        """Refuse an order as it would be after a change."""

    @abstractmethod
    def _cost(self, maker: Order, taker: Order, volume: Decimal) -> Decimal:
        """What is paid for a trade at the price of ``maker``."""

    @abstractmethod
    def _settle(self, order: Order, trade: Trade, cost: Decimal, *, maker: bool) -> Fill:
        """Give the owner of an order what was traded, and take the fee."""

    # ------------------------------------------------------------------ time and prices

    def now(self) -> int:
        """Unix nanoseconds, never the same twice."""
        self._last = max(self._clock(), self._last + 1)
        return self._last

    def last_price(self, pair: Pair) -> Decimal:
        """Price of the last trade."""
        tape = self.tape[pair.name]
        return tape[-1].price if tape else pair.opening_price

    def mid_price(self, pair: Pair) -> Decimal:
        """The middle between best bid and best ask, or the last price if a side is empty."""
        bid, ask = (side.best() for side in (self.books[pair.name].bids, self.books[pair.name].asks))
        if bid is None or ask is None or bid.limit is None or ask.limit is None:
            return self.last_price(pair)
        return (bid.limit + ask.limit) / 2

    def shifted_price(self, pair: Pair, reference: Decimal, distance: Decimal, *, percent: bool) -> Decimal:
        """The price on the tick nearest to ``reference`` plus a distance in quote currency or in percent."""
        price = reference + (reference * distance / 100 if percent else distance)
        return rounded(price / pair.tick_size, 0) * pair.tick_size

    # ------------------------------------------------------------------ orders

    def place(self, account: Account, asked: NewOrder, *, validate: bool = False) -> Order:
        """Check an order against the rules and the funds, and execute it.

        Args:
            account: Whose order it is.
            asked: The order.
            validate: Check only.

        Raises:
            Refusal: the order breaks a rule, or there is not enough money.
        """
        order = self._order(account, asked, validate=validate)
        if not account.house:
            self._check_rules(order)
            self._check_standing(order)
        if not validate:
            self._accept(order)
        return order

    def check(self, account: Account, asked: NewOrder) -> Order:
        """Check an order against the rules alone, as if there was always enough money.

        Args:
            account: Whose order it is.
            asked: The order.

        Returns:
            The order as it would be.

        Raises:
            Refusal: the order breaks a rule.
        """
        order = self._order(account, asked, validate=True)
        self._check_rules(order)
        return order

    def _order(self, account: Account, asked: NewOrder, *, validate: bool) -> Order:
        return Order(
            id="" if validate else self.new_id("O"),
            account=account,
            asked=asked,
            opened=self.now(),
            volume=rounded(asked.volume, asked.pair.lot_decimals, ROUND_DOWN),
            limit=asked.limit,
            trigger=asked.trigger,
            display=asked.display,
        )

    def _accept(self, order: Order) -> None:
        account = order.account
        account.orders[order.id] = account.open[order.id] = order
        if not account.house:
            self._note_amend(order, "original", post_only=order.asked.post_only)
        self._tell(OrderChanged(order, "pending_new", order.opened))
        if order.asked.starts <= order.opened:
            self._activate(order)
        self._flush(order.pair)

    def _note_amend(self, order: Order, kind: Literal["original", "user"], *, post_only: bool) -> Amend:
        amend = Amend(
            id=self.new_id("T"),
            kind=kind,
            at=order.opened if kind == "original" else self.now(),
            volume=order.volume,
            remaining=order.remaining,
            limit=order.limit,
            trigger=order.trigger,
            display=order.display,
            post_only=post_only,
        )
        order.amends.append(amend)
        return amend

    def amend(
        self,
        order: Order,
        *,
        volume: Decimal | None = None,
        limit: Decimal | None = None,
        trigger: Decimal | None = None,
        display: Decimal | None = None,
        post_only: bool = False,
    ) -> str:
        """Change an order in place; it keeps its place in the queue if only its size shrinks.

        Args:
            order: The order.
            volume: New total volume, what was filled included; base asset.
            limit: New limit price.
            trigger: New trigger price.
            display: New visible volume.
            post_only: Refuse the change if the order would then trade at once.

        Returns:
            The amendment's id. A volume that is filled already cancels the rest.

        Raises:
            Refusal: the changed order would break a rule, or there is not enough money.
        """
        if volume is not None and volume <= order.filled:
            self.cancel(order)
            return self.new_id("T")
        before = (order.volume, order.limit, order.trigger, order.display)
        resting = order.resting
        requeue = (limit not in (None, order.limit)) or (volume is not None and volume > order.volume)
        place = self._book(order).remove(order) if resting and requeue else None
        order.volume = order.volume if volume is None else rounded(volume, order.pair.lot_decimals, ROUND_DOWN)
        order.limit = order.limit if limit is None else limit
        order.trigger = order.trigger if trigger is None else trigger
        order.display = order.display if display is None else display
        try:
            if not order.account.house:
                self._check_amended(order, volume, post_only=post_only)
        except Refusal:
            order.volume, order.limit, order.trigger, order.display = before
            if place is not None:
                self._book(order).add(order, place)
            raise
        amend = self._note_amend(order, "user", post_only=post_only)
        self._tell(OrderChanged(order, "amended", amend.at))
        if place is not None:
            self._match(order)
            self._settle_rest(order)
        self._flush(order.pair)
        return amend.id

    def cancel(self, order: Order, reason: str = "User requested", *, kind: Ended = "canceled") -> None:
        """Take an order off.

        Args:
            order: An order that is alive.
            reason: Why, as shown to the user.
            kind: ``canceled`` or ``expired``.
        """
        self._close(order, kind, reason)
        self._flush(order.pair)

    def cancel_all(self, account: Account, reason: str = "User requested") -> int:
        """Take all orders off.

        Args:
            account: Whose orders.
            reason: Why, as shown to the user.

        Returns:
            How many there were.
        """
        orders = list(account.open.values())
        for order in orders:
            self.cancel(order, reason)
        return len(orders)

    def cancel_all_after(self, seconds: int) -> tuple[int, int]:
        """Take all orders of the user off unless this is called again in time.

        Args:
            seconds: After how many seconds; 0 to let them be.

        Returns:
            Now, and when it will be, in Unix nanoseconds; 0 for never.
        """
        now = self.now()
        self._cancel_at = now + seconds * SECOND if seconds else 0
        return now, self._cancel_at

    def pass_time(self) -> None:
        """Activate, expire and cancel what is due."""
        now = self._clock()
        if 0 < self._cancel_at <= now:
            self._cancel_at = 0
            self.cancel_all(self.user, "Timer ran out")
        for order in list(self.user.open.values()):
            if 0 < order.asked.expires <= now:
                self.cancel(order, "Order expired", kind="expired")
            elif order.status == "pending" and order.asked.starts <= now:
                self._activate(order)
                self._flush(order.pair)

    def settled(self, pair: Pair) -> None:  # noqa: B027 - not all look at it
        """The market has done what it was about to do: its quotes are whole again."""

    def set_status(self, status: str) -> None:
        """Change the mode of the exchange, ``online`` or ``cancel_only`` for instance."""
        self.status = status
        self._tell(StatusChanged(status))

    # ------------------------------------------------------------------ matching

    def _book(self, order: Order) -> BookSide:
        return self.books[order.pair.name].side(order.side)

    def _reachable(self, order: Order) -> list[Order]:
        """Resting orders that ``order`` would trade with, first one first."""
        opposite = self.books[order.pair.name].opposite(order.side)
        return list(opposite.orders() if order.limit is None else opposite.at_or_better(order.limit))

    def _crosses(self, order: Order) -> bool:
        best = self.books[order.pair.name].opposite(order.side).best()
        return order.asked.type in RESTING and best is not None and _within(order, best)

    def _activate(self, order: Order) -> None:
        order.status = "open"
        self._tell(OrderChanged(order, "new", self.now()))
        if order.asked.type not in (*RESTING, "market"):
            return
        if order.asked.time_in_force == "FOK" and self._fillable(order) < order.volume:
            self._close(order, "canceled", "Fill or kill order could not be filled")
            return
        self._match(order)
        self._settle_rest(order)

    def _fillable(self, order: Order) -> Decimal:
        return sum((each.remaining for each in self._reachable(order) if each.account is not order.account), ZERO)

    def _match(self, order: Order) -> None:
        opposite = self.books[order.pair.name].opposite(order.side)
        while order.alive and order.remaining:
            resting = opposite.best()
            if resting is None or not _within(order, resting):
                return
            if resting.account is order.account:
                self._prevent_self_trade(order, resting)
            else:
                self._trade(resting, order)

    def _prevent_self_trade(self, order: Order, resting: Order) -> None:
        if order.asked.stp in ("cancel-oldest", "cancel-both"):
            self._close(resting, "canceled", "Self trade prevention")
        if order.asked.stp != "cancel-oldest":
            self._close(order, "canceled", "Self trade prevention")

    def _settle_rest(self, order: Order) -> None:
        """After matching: the rest goes into the book, or is cancelled where it may not."""
        if not order.alive:
            return
        if order.asked.type == "market" or order.asked.time_in_force in ("IOC", "FOK"):
            self._close(order, "canceled", "Immediate or cancel order could not be filled")
        else:
            order.queued = self.now()
            self._book(order).add(order)

    def _close(self, order: Order, status: Ended, reason: str) -> None:
        if order.resting:
            self._book(order).remove(order)
        order.status = status
        order.reason = reason
        order.closed = self.now()
        order.account.open.pop(order.id, None)
        self._forget_if_house(order)
        self._tell(OrderChanged(order, order.status, order.closed))

    def _forget_if_house(self, order: Order) -> None:
        """The house's orders are too many to be remembered."""
        if order.account.house:
            order.account.orders.pop(order.id, None)

    # ------------------------------------------------------------------ trades

    def _trade(self, maker: Order, taker: Order) -> None:
        pair, price = taker.pair, maker.limit
        assert price is not None
        volume = min(maker.remaining, taker.remaining)
        cost = self._cost(maker, taker, volume)
        trade = Trade(
            pair=pair,
            id=self.tape[pair.name][-1].id + 1 if self.tape[pair.name] else 1,
            price=price,
            volume=volume,
            side=taker.side,
            type="market" if taker.asked.type == "market" else "limit",
            at=self.now(),
        )
        self.tape[pair.name].append(trade)
        self._trades.append(trade)
        for order in (maker, taker):
            order.filled += volume
            order.cost += cost
        if not maker.remaining:
            self._book(maker).remove(maker)
        fills = [self._settle(order, trade, cost, maker=order is maker) for order in (maker, taker)]
        for fill in fills:
            self._report(fill)

    def _report(self, fill: Fill) -> None:
        """Tell about a fill, and that the order is done if it is."""
        order, trade = fill.order, fill.trade
        done = not order.remaining
        if done:
            order.status = "closed"
            order.closed = trade.at
            order.account.open.pop(order.id, None)
            self._forget_if_house(order)
        if order.account.house:
            return
        order.fills.append(fill)
        order.account.fills.append(fill)
        self._tell(OrderChanged(order, "trade", trade.at, fill))
        self._tell(BalancesChanged(order.account, fill.entries))
        if done:
            self._tell(OrderChanged(order, "filled", order.closed))

    # ------------------------------------------------------------------ telling

    def _tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)

    def _flush(self, pair: Pair) -> None:
        """Tell what one request did to the public market."""
        if self._trades:
            trades, self._trades = tuple(self._trades), []
            self._tell(Traded(pair, trades))
        self._note_spread(pair)
        self._tell(BookChanged(pair))

    def _note_spread(self, pair: Pair) -> None:
        bid, ask = (side.best() for side in (self.books[pair.name].bids, self.books[pair.name].asks))
        spreads = self.spreads[pair.name]
        if bid is None or ask is None:
            return
        assert bid.limit is not None
        assert ask.limit is not None
        if not spreads or spreads[-1][1:] != (bid.limit, ask.limit):
            spreads.append((self.now(), bid.limit, ask.limit))


def _within(order: Order, resting: Order) -> bool:
    """Whether the price of ``resting`` is good enough for ``order``."""
    if order.limit is None:
        return True
    assert resting.limit is not None
    return resting.limit <= order.limit if order.side == "buy" else resting.limit >= order.limit
