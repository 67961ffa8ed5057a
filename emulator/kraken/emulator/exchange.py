"""The exchange itself: accounts, rules, matching by price and time, and what follows from a trade."""

from __future__ import annotations

import contextlib
import random
import string
from collections import deque
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Literal

from kraken.emulator.book import Book, BookSide
from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.ledger import Ledger
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
    Side,
    StatusChanged,
    Trade,
    Traded,
)
from kraken.emulator.wire import SECOND, ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kraken.emulator.instruments import Asset, Instruments, Pair
    from kraken.emulator.ledger import LedgerEntry
    from kraken.emulator.limits import Limits

Ended = Literal["canceled", "expired"]
"""How an order can end without being filled."""

HOUSE_FUNDS = Decimal(10) ** 15
OPENING_AGE = 7 * 86_400 * SECOND
"""How long ago the user's money was deposited, in nanoseconds."""
TAPE_LENGTH = 2000
"""Trades and spreads that are remembered of a pair."""

_ID_LETTERS = string.ascii_uppercase + string.digits


class Exchange:
    """A market with one user and the house, which quotes and trades against the user.

    Nothing here waits or reads a socket: each call does all it has to do and tells ``listeners`` about it.

    Args:
        instruments: What is traded.
        clock: Unix time in nanoseconds.
        seed: Makes the identifiers repeatable.
    """

    def __init__(self, instruments: Instruments, clock: Callable[[], int], seed: int) -> None:
        self.instruments = instruments
        self.books = {name: Book(pair) for name, pair in instruments.pairs.items()}
        self.tape = {name: deque[Trade](maxlen=TAPE_LENGTH) for name in instruments.pairs}
        self.spreads = {name: deque[tuple[int, Decimal, Decimal]](maxlen=TAPE_LENGTH) for name in instruments.pairs}
        self.status = "online"
        self.limits: Limits | None = None
        """The user's rate limits, if there are any."""
        self.listeners: list[Callable[[Event], None]] = []
        self._clock = clock
        self._ids = random.Random(f"ids {seed}")
        self._last = 0
        self._trades: list[Trade] = []
        self._cancel_at = 0
        self._waiting: list[Fill] = []
        """Fills whose conditional close orders are still to be placed."""
        self.opened = max(0, clock() - OPENING_AGE)
        """When the user's account was opened, in Unix nanoseconds."""
        assets = instruments.assets
        self.user = self.new_account("user")
        for asset in assets.values():
            self.user.ledger.note("deposit", asset, asset.opening_balance, at=self.opened)
        self.maker = self._new_house("maker")
        self.taker = self._new_house("taker")
        self.fees = {name: rounded(ZERO, asset.decimals) for name, asset in assets.items()}
        """Fees collected from trades, by asset: what accounts pay is not lost."""

    def new_account(self, name: str, *, house: bool = False) -> Account:
        """An account without money.

        Args:
            name: Its name.
            house: Whether it belongs to the emulator.
        """
        number = " ".join("".join(self._ids.choices(_ID_LETTERS, k=4)) for _ in range(4))
        ledger = Ledger(self.new_id, self.now, lambda entries: self._tell(BalancesChanged(account, entries)))
        account = Account(name, number, ledger, house)
        return account

    def _new_house(self, name: str) -> Account:
        account = self.new_account(name, house=True)
        for asset in self.instruments.assets.values():
            account.ledger.move(asset, HOUSE_FUNDS)
        return account

    # ------------------------------------------------------------------ time, names, prices

    def now(self) -> int:
        """Unix nanoseconds, never the same twice."""
        self._last = max(self._clock(), self._last + 1)
        return self._last

    def new_id(self, kind: str) -> str:
        """An identifier like Kraken's.

        Args:
            kind: First letter: ``O`` order, ``T`` trade or amendment, ``L`` ledger entry, ``Q`` reference of another
                ledger entry.
        """
        letters = "".join(self._ids.choices(_ID_LETTERS, k=16))
        return f"{kind}{letters[:5]}-{letters[5:10]}-{letters[10:]}"

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

    def absolute_price(self, pair: Pair, side: Side, text: str, *, trigger: bool) -> Decimal:
        """What a price of the REST API means now.

        Args:
            pair: The pair.
            side: Side of the order.
            text: A price, or a distance to the last trade: ``+5``, ``-1.5%``, ``#10`` (below it for a limit order
                to buy and a trigger to sell, above it otherwise).
            trigger: Whether it is a trigger price.
        """
        digits = text.lstrip("+-#").removesuffix("%")
        if digits == text:
            return Decimal(text)
        below = text[0] == "-" or (text[0] == "#" and (side == "buy") is not trigger)
        distance = Decimal(digits).copy_sign(-1 if below else 1)
        return self.shifted_price(pair, self.last_price(pair), distance, percent=text.endswith("%"))

    def shifted_price(self, pair: Pair, reference: Decimal, distance: Decimal, *, percent: bool) -> Decimal:
        """The price on the tick nearest to ``reference`` plus a distance in quote currency or in percent."""
        price = reference + (reference * distance / 100 if percent else distance)
        return rounded(price / pair.tick_size, 0) * pair.tick_size

    # ------------------------------------------------------------------ orders

    def find(self, account: Account, *, order_id: str | None = None, cl_ord_id: str | None = None) -> Order:
        """One order of ``account`` that is still alive.

        Raises:
            Refusal: it is not known, or is no longer open.
        """
        for order in account.open.values():
            if order.id == order_id or (cl_ord_id is not None and order.asked.cl_ord_id == cl_ord_id):
                return order
        raise Refusal(Words.UNKNOWN_ORDER)

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

    def replace(self, order: Order, asked: NewOrder, *, validate: bool = False) -> Order:
        """Cancel an order and let another one take its place.

        Args:
            order: The order.
            asked: What takes its place.
            validate: Check only.

        Returns:
            The order that took its place.

        Raises:
            Refusal: the new order breaks a rule, or there is not enough money even without the old one.
        """
        successor = self._order(order.account, asked, validate=validate)
        self._check_rules(successor)
        self._check_standing(successor, instead=order)
        if not validate:
            self._close(order, "canceled", "Order replaced")
            self._accept(successor)
        return successor

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

    def charge(self, operation_id: str, pair: Pair, orders: Iterable[Order] = (), count: int = 1) -> None:
        """Charge a call to the user's trading counter of a pair, if there are limits.

        Args:
            operation_id: The operation in the specs.
            pair: The pair.
            orders: Orders of that pair that it changes.
            count: How many orders it places.

        Raises:
            Refusal: the counter would exceed its maximum.
        """
        if self.limits is not None:
            self.limits.charge(operation_id, pair, orders, count)

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

    def set_status(self, status: str) -> None:
        """Change the mode of the exchange, ``online`` or ``cancel_only`` for instance."""
        self.status = status
        self._tell(StatusChanged(status))

    # ------------------------------------------------------------------ rules

    def _check_rules(self, order: Order) -> None:
        """Refuse an order that could never be accepted now, whatever the account has."""
        self._check_mode(order.asked)
        self._check_prices(order)
        self._check_size(order, order.asked.volume)

    def _check_standing(self, order: Order, *, instead: Order | None = None) -> None:
        """Refuse an order that does not go with the account's other orders, the book and the balances."""
        asked = order.asked
        if asked.cl_ord_id is not None and any(
            other.asked.cl_ord_id == asked.cl_ord_id for other in order.account.open.values()
        ):
            raise InvalidArgument("cl_ord_id")
        if asked.post_only and self._crosses(order):
            raise Refusal(Words.POST_ONLY)
        if self.limits is not None and instead is None:
            others = [each for each in order.account.open.values() if each.pair is order.pair]
            if len(others) >= self.limits.open_orders:
                raise Refusal(Words.ORDERS_LIMIT)
        self._check_funds(order, instead=instead)

    def _check_amended(self, order: Order, volume: Decimal | None, *, post_only: bool) -> None:
        self._check_prices(order)
        self._check_size(order, order.volume if volume is None else volume)
        if (post_only or order.asked.post_only) and self._crosses(order):
            raise Refusal(Words.POST_ONLY)
        self._check_funds(order)

    def _check_mode(self, asked: NewOrder) -> None:
        if self.status == "maintenance":
            raise Refusal(Words.UNAVAILABLE)
        if self.status == "cancel_only":
            raise Refusal(Words.CANCEL_ONLY)
        if self.status == "limit_only" and asked.type != "limit":
            raise Refusal(Words.LIMIT_ONLY_MODE)
        if self.status == "post_only" and not asked.post_only:
            raise Refusal(Words.POST_ONLY_MODE)

    def _check_size(self, order: Order, volume: Decimal) -> None:
        pair = order.pair
        if volume != order.volume:
            raise InvalidArgument("volume")
        if order.volume < pair.ordermin:
            raise Refusal(Words.ORDER_MINIMUM)
        if order.volume * self._expected_price(order) < pair.costmin:
            raise Refusal(Words.COST_MINIMUM)

    def _check_prices(self, order: Order) -> None:
        for price in (order.limit, order.trigger):
            if price is not None and price <= 0:
                raise Refusal(Words.INVALID_PRICE)
            if price is not None and not order.pair.on_tick(price):
                raise Refusal(Words.TICK_SIZE)

    def _check_funds(self, order: Order, *, instead: Order | None = None) -> None:
        asset = order.pair.base if order.side == "sell" else order.pair.quote
        needed = self._market_cost(order) if order.asked.type == "market" and order.side == "buy" else order.hold(asset)
        released = order if order.id in order.account.open else instead
        others = order.account.held(asset) - (ZERO if released is None else released.hold(asset))
        if needed > order.account.balances[asset.name] - others:
            raise Refusal(Words.INSUFFICIENT_FUNDS)

    def _expected_price(self, order: Order) -> Decimal:
        return next((each for each in (order.limit, order.trigger) if each is not None), self.last_price(order.pair))

    def _market_cost(self, order: Order) -> Decimal:
        cost, wanted = ZERO, order.volume
        for resting in self.books[order.pair.name].asks.orders():
            assert resting.limit is not None
            taken = min(wanted, resting.remaining)
            cost, wanted = cost + taken * resting.limit, wanted - taken
            if not wanted:
                break
        return cost * (1 + order.pair.taker_fee / 100)

    def volume_for(self, pair: Pair, cash: Decimal) -> Decimal:
        """How much of the base asset ``cash`` of the quote asset buys now."""
        volume = ZERO
        for resting in self.books[pair.name].asks.orders():
            assert resting.limit is not None
            taken = min(cash / resting.limit, resting.remaining)
            volume, cash = volume + taken, cash - taken * resting.limit
            if cash <= 0:
                break
        return rounded(volume, pair.lot_decimals, ROUND_DOWN)

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
        buyer = taker if taker.side == "buy" else maker
        cost = min(rounded(price * volume, pair.money_decimals), self._spendable(buyer))
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

    def _spendable(self, order: Order) -> Decimal:
        """What ``order`` may still spend of the quote asset without touching what other orders hold."""
        quote = order.pair.quote
        if order.account.house:
            return order.account.balances[quote.name]
        return order.account.available(quote) + order.hold(quote)

    def _settle(self, order: Order, trade: Trade, cost: Decimal, *, maker: bool) -> Fill:
        """Move what was traded and take the fee."""
        pair, ledger = order.pair, order.account.ledger
        sign = 1 if order.side == "buy" else -1
        moves = ((pair.base, sign * trade.volume), (pair.quote, -sign * cost))
        in_quote, fee, fee_asset = self._fee(order, trade, cost, maker=maker)
        order.fee += fee if fee_asset is pair.quote else in_quote
        self.fees[fee_asset.name] += fee
        fill_id = "" if order.account.house else self.new_id("T")
        entries: list[LedgerEntry] = []
        for asset, amount in moves:
            charged = fee if asset is fee_asset else ZERO
            if order.account.house:
                ledger.move(asset, amount - charged)
            else:
                entries.append(ledger.note("trade", asset, amount, charged, refid=fill_id, at=trade.at))
        return Fill(
            id=fill_id,
            order=order,
            trade=trade,
            cost=cost,
            fee=fee if fee_asset is pair.quote else in_quote,
            fee_taken=fee,
            fee_asset=fee_asset,
            maker=maker,
            filled=order.filled,
            total_cost=order.cost,
            average=order.average,
            entries=tuple(entries),
        )

    def _fee(self, order: Order, trade: Trade, cost: Decimal, *, maker: bool) -> tuple[Decimal, Decimal, Asset]:
        """The fee in the quote asset, and what is taken: of the base asset if that is preferred and there."""
        pair, account = order.pair, order.account
        rate = (pair.maker_fee if maker else pair.taker_fee) / 100
        in_quote = rounded(cost * rate, pair.money_decimals)
        in_base = rounded(trade.volume * rate, pair.base.decimals)
        bought = trade.volume if order.side == "buy" else -trade.volume
        in_hand = {pair.base.name: bought, pair.quote.name: -cost if order.side == "buy" else cost}
        fee, asset = in_quote, pair.quote
        if order.asked.fee_in_base and (order.side == "buy" or account.available(pair.base) + bought >= in_base):
            fee, asset = in_base, pair.base
        return in_quote, max(ZERO, min(fee, account.balances[asset.name] + in_hand[asset.name])), asset

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
        if order.asked.close is not None:
            self._waiting.append(fill)
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
        waiting, self._waiting = self._waiting, []
        for fill in waiting:
            self._place_close(fill)

    def _place_close(self, fill: Fill) -> None:
        """Place the conditional close order of a fill, if the rules and the balances allow it."""
        asked, close = fill.order.asked, fill.order.asked.close
        assert close is not None
        conditional = NewOrder(
            pair=asked.pair,
            side="sell" if asked.side == "buy" else "buy",
            type=close.type,
            volume=fill.trade.volume,
            limit=close.limit,
            trigger=close.trigger,
            userref=asked.userref,
            trigger_by=asked.trigger_by,
            parent=fill.order.id,
        )
        with contextlib.suppress(Refusal):
            self.place(fill.order.account, conditional)

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
