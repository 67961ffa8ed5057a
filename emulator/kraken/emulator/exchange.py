"""The exchange itself: accounts, rules, matching by price and time, and what follows from a trade."""

from __future__ import annotations

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
    from collections.abc import Callable

    from kraken.emulator.instruments import Asset, Instruments, Pair
    from kraken.emulator.ledger import LedgerEntry

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
        self.listeners: list[Callable[[Event], None]] = []
        self._clock = clock
        self._ids = random.Random(f"ids {seed}")
        self._last = 0
        self._trades: list[Trade] = []
        assets = instruments.assets
        self.user = self._new_account("user")
        for asset in assets.values():
            self.user.ledger.note("deposit", asset, asset.opening_balance, at=max(0, clock() - OPENING_AGE))
        self.maker = self._new_house("maker")
        self.taker = self._new_house("taker")
        self.fees = {name: rounded(ZERO, asset.decimals) for name, asset in assets.items()}
        """Fees collected from trades, by asset: what accounts pay is not lost."""

    def _new_account(self, name: str, *, house: bool = False) -> Account:
        account = Account(
            name, Ledger(self.new_id, self.now, lambda entries: self._on_entries(account, entries)), house
        )
        return account

    def _on_entries(self, account: Account, entries: tuple[LedgerEntry, ...]) -> None:
        self._tell(BalancesChanged(account, entries))

    def _new_house(self, name: str) -> Account:
        account = self._new_account(name, house=True)
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
            kind: First letter: ``O`` order, ``T`` trade or amendment, ``L`` ledger entry.
        """
        letters = "".join(self._ids.choices(_ID_LETTERS, k=16))
        return f"{kind}{letters[:5]}-{letters[5:10]}-{letters[10:]}"

    def last_price(self, pair: Pair) -> Decimal:
        """Price of the last trade."""
        tape = self.tape[pair.name]
        return tape[-1].price if tape else pair.opening_price

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
        order = Order(
            id="" if validate else self.new_id("O"),
            account=account,
            asked=asked,
            opened=self.now(),
            volume=rounded(asked.volume, asked.pair.lot_decimals, ROUND_DOWN),
            limit=asked.limit,
            trigger=asked.trigger,
            display=asked.display,
        )
        if not account.house:
            self._check_new(order)
        if not validate:
            account.orders[order.id] = account.open[order.id] = order
            self._tell(OrderChanged(order, "pending_new", order.opened))
            if asked.starts <= order.opened:
                self._activate(order)
                self._flush(order.pair)
        return order

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
        if resting and requeue:
            self._book(order).remove(order)
        order.volume = order.volume if volume is None else rounded(volume, order.pair.lot_decimals, ROUND_DOWN)
        order.limit = order.limit if limit is None else limit
        order.trigger = order.trigger if trigger is None else trigger
        order.display = order.display if display is None else display
        try:
            if not order.account.house:
                self._check_amended(order, volume, post_only=post_only)
        except Refusal:
            order.volume, order.limit, order.trigger, order.display = before
            if resting and requeue:
                self._book(order).add(order)
            raise
        order.amended = True
        self._tell(OrderChanged(order, "amended", self.now()))
        if resting and requeue:
            self._match(order)
            self._settle_rest(order)
        self._flush(order.pair)
        return self.new_id("T")

    def cancel(self, order: Order, reason: str = "User requested", *, kind: Ended = "canceled") -> None:
        """Take an order off.

        Args:
            order: An order that is alive.
            reason: Why, as shown to the user.
            kind: ``canceled`` or ``expired``.
        """
        self._close(order, kind, reason)
        self._flush(order.pair)

    def pass_time(self) -> None:
        """Activate and expire what is due."""
        now = self._clock()
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

    def _check_new(self, order: Order) -> None:
        asked = order.asked
        self._check_mode(asked)
        if asked.cl_ord_id is not None and any(
            other.asked.cl_ord_id == asked.cl_ord_id for other in order.account.open.values()
        ):
            raise InvalidArgument("cl_ord_id")
        self._check_prices(order)
        self._check_size(order, asked.volume)
        if asked.post_only and self._crosses(order):
            raise Refusal(Words.POST_ONLY)
        self._check_funds(order)

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

    def _check_funds(self, order: Order) -> None:
        asset = order.pair.base if order.side == "sell" else order.pair.quote
        needed = self._market_cost(order) if order.asked.type == "market" and order.side == "buy" else order.hold(asset)
        others = order.account.held(asset) - (order.hold(asset) if order.id in order.account.open else ZERO)
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
        order.fee += in_quote
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
            fee=fee,
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
