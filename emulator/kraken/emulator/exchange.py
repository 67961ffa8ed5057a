"""The Spot exchange: accounts, rules, and what follows from a trade."""

from __future__ import annotations

import contextlib
import random
import string
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.ledger import Ledger
from kraken.emulator.orders import Account, BalancesChanged, Fill, NewOrder, Order, Side, Trade
from kraken.emulator.venue import Venue
from kraken.emulator.wire import SECOND, ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kraken.emulator.instruments import Asset, Instruments, Pair
    from kraken.emulator.ledger import LedgerEntry
    from kraken.emulator.limits import Limits

HOUSE_FUNDS = Decimal(10) ** 15
OPENING_AGE = 7 * 86_400 * SECOND
"""How long ago the user's money was deposited, in nanoseconds."""

_ID_LETTERS = string.ascii_uppercase + string.digits


class Exchange(Venue):
    """The Spot market, where what was traded changes hands at once.

    Args:
        instruments: What is traded.
        clock: Unix time in nanoseconds.
        seed: Makes the identifiers repeatable.
    """

    def __init__(self, instruments: Instruments, clock: Callable[[], int], seed: int) -> None:
        super().__init__(instruments.pairs, clock)
        self.instruments = instruments
        self.limits: Limits | None = None
        """The user's rate limits, if there are any."""
        self._ids = random.Random(f"ids {seed}")
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

    # ------------------------------------------------------------------ names and prices

    def new_id(self, kind: str) -> str:
        """An identifier like Kraken's.

        Args:
            kind: First letter: ``O`` order, ``T`` trade or amendment, ``L`` ledger entry, ``Q`` reference of another
                ledger entry.
        """
        letters = "".join(self._ids.choices(_ID_LETTERS, k=16))
        return f"{kind}{letters[:5]}-{letters[5:10]}-{letters[10:]}"

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

    # ------------------------------------------------------------------ trades

    def _cost(self, maker: Order, taker: Order, volume: Decimal) -> Decimal:
        buyer = taker if taker.side == "buy" else maker
        assert maker.limit is not None
        return min(rounded(maker.limit * volume, taker.pair.money_decimals), self._spendable(buyer))

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
        super()._report(fill)
        if fill.order.asked.close is not None:
            self._waiting.append(fill)

    def _flush(self, pair: Pair) -> None:
        super()._flush(pair)
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
