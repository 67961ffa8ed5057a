"""Spot WebSocket v2: what is pushed to subscribers, first as a snapshot and then whenever something changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kraken.emulator.book import Book, Level, checksum
from kraken.emulator.figures import figures
from kraken.emulator.orders import (
    BalancesChanged,
    BookChanged,
    Event,
    Fill,
    Order,
    OrderChanged,
    StatusChanged,
    Trade,
    Traded,
)
from kraken.emulator.spot_candles import candles
from kraken.emulator.spot_level3 import ShownOrders
from kraken.emulator.spot_rest import DAY
from kraken.emulator.wire import SECOND, ZERO, dumps, rfc3339, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken.emulator.exchange import Exchange
    from kraken.emulator.instruments import Asset, Pair
    from kraken.emulator.ledger import LedgerEntry
    from kraken.emulator.orders import Account, Close

Data = list[dict[str, Any]] | dict[str, Any]

SNAPSHOT_TRADES = 50
NUMBERED = ("executions", "balances")
"""Channels whose frames are numbered."""
MAX_RATE_COUNT = 180
_OPEN_AND_CLOSED = ("new", "filled", "canceled", "expired")

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "ticker": {"event_trigger": "trades", "snapshot": True},
    "book": {"depth": 10, "snapshot": True},
    "trade": {"snapshot": False},
    "ohlc": {"snapshot": True},
    "level3": {"depth": 10, "snapshot": True},
    "instrument": {"snapshot": True},
    "executions": {"snap_orders": True, "snap_trades": False, "order_status": True, "ratecounter": False},
    "balances": {"snapshot": True},
}
"""Parameters of a subscription that were left out. Channels that are not here push their canned messages."""


@dataclass(eq=False)
class Subscription:
    """One channel, and one pair where the channel has pairs, on one connection."""

    channel: str
    pair: Pair | None
    options: Mapping[str, Any]
    push: Callable[[str], None]
    sequence: int = 0

    @property
    def wants_snapshot(self) -> bool:
        """Whether the present state is sent first."""
        options = self.options
        return bool(options.get("snapshot", options.get("snap_orders") or options.get("snap_trades")))


@dataclass
class _ShownBook:
    """The part of a book that subscribers of one depth have been shown."""

    book: Book
    depth: int
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


class Feeds:
    """All subscriptions, and what they are sent.

    Args:
        exchange: Whose events are pushed.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.subscriptions: dict[Subscription, None] = {}
        self.poisoned: Counter[str] = Counter()
        """How many of the next book frames of a symbol carry a wrong checksum."""
        self.losing: Counter[str] = Counter()
        """How many of the next frames of a channel are lost on their way."""
        self.padding = 0
        """Bytes that the list of instruments has at least."""
        self._exchange = exchange
        self._shown: dict[tuple[str, int], _ShownBook] = {}
        self._orders: dict[tuple[str, int], ShownOrders] = {}
        self._best: dict[str, tuple[list[Level], list[Level]]] = {}
        exchange.listeners.append(self._on_event)

    def add(self, subscription: Subscription) -> None:
        """Send a new subscriber the present state, and everything from now on."""
        self.subscriptions[subscription] = None
        if subscription.channel == "book" and subscription.pair is not None:
            self._shown_book(subscription.pair, subscription.options["depth"])
        elif subscription.channel == "level3" and subscription.pair is not None:
            self._shown_orders(subscription.pair, subscription.options["depth"])
        if subscription.wants_snapshot:
            self._send(subscription, "snapshot", self._snapshot(subscription))

    def remove(self, subscription: Subscription) -> None:
        """Send no more."""
        self.subscriptions.pop(subscription, None)
        key = self._book_key(subscription)
        if key is not None and not any(self._book_key(each) == key for each in self.subscriptions):
            shown: dict[tuple[str, int], Any] = self._shown if subscription.channel == "book" else self._orders
            shown.pop(key[1:], None)

    # ------------------------------------------------------------------ what is sent

    def _send(self, subscription: Subscription, kind: str, data: Data) -> None:
        frame = self._frame(subscription.channel, kind, data)
        if subscription.channel in NUMBERED:
            subscription.sequence += 1
            frame["sequence"] = subscription.sequence
        self._push(subscription, dumps(frame))

    def _push(self, subscription: Subscription, frame: str) -> None:
        if self.losing[subscription.channel]:
            self.losing[subscription.channel] -= 1
        else:
            subscription.push(frame)

    def _broadcast(self, subscriptions: list[Subscription], data: Callable[[], Data]) -> None:
        """The same frame for many, made only if somebody wants it."""
        if subscriptions:
            frame = dumps(self._frame(subscriptions[0].channel, "update", data()))
            for subscription in subscriptions:
                self._push(subscription, frame)

    def _frame(self, channel: str, kind: str, data: Data) -> dict[str, Any]:
        moment = {"timestamp": rfc3339(self._exchange.now(), 9)} if channel == "ohlc" else {}
        return {"channel": channel, "type": kind, **moment, "data": data}

    def _of(self, channel: str, pair: Pair | None = None) -> list[Subscription]:
        return [each for each in self.subscriptions if each.channel == channel and each.pair is pair]

    def _snapshot(self, subscription: Subscription) -> Data:
        pair, options = subscription.pair, subscription.options
        if pair is None:
            return self._account_snapshot(subscription.channel, options)
        if subscription.channel == "ticker":
            return [self._ticker(pair)]
        if subscription.channel == "trade":
            return [trade_row(trade) for trade in list(self._exchange.tape[pair.name])[-SNAPSHOT_TRADES:]]
        if subscription.channel == "ohlc":
            return candles(pair, self._exchange.tape[pair.name], options["interval"])
        if subscription.channel == "level3":
            orders = self._shown_orders(pair, options["depth"])
            return [self._orders_row(orders, *orders.snapshot(), self._told_checksum(pair, orders))]
        shown = self._shown_book(pair, options["depth"])
        levels = list(shown.bids.items()), list(shown.asks.items())
        return [self._book_row(shown, *levels, self._told_checksum(pair, shown))]

    def _account_snapshot(self, channel: str, options: Mapping[str, Any]) -> Data:
        user = self._exchange.user
        if channel == "instrument":
            return self._instruments()
        if channel == "balances":
            return self._balances(user)
        orders = list(user.open.values()) if options["snap_orders"] else []
        fills = user.fills[-SNAPSHOT_TRADES:] if options["snap_trades"] else []
        return [order_row(each, each.opened) for each in orders] + [fill_row(each) for each in fills]

    def _balances(self, user: Account) -> Data:
        """The balances of all assets with their wallets."""
        assets = self._exchange.instruments.assets.values()
        earning = {asset.of.name: user.balances.get(asset.name, ZERO) for asset in assets if asset.of is not None}
        return [
            balance_row(asset, user.balances[asset.name], earning.get(asset.name, ZERO))
            for asset in assets
            if asset.of is None
        ]

    # ------------------------------------------------------------------ what happens

    def _on_event(self, event: Event) -> None:
        if isinstance(event, BookChanged):
            self._on_book(event.pair)
            self._on_orders(event.pair)
        elif isinstance(event, Traded):
            self._broadcast(self._of("trade", event.pair), lambda: [trade_row(trade) for trade in event.trades])
            self._push_ticker(event.pair, "trades")
            self._push_candles(event)
        elif isinstance(event, StatusChanged):
            self._broadcast(self._of("instrument"), self._instruments)
        elif isinstance(event, OrderChanged) and event.order.account is self._exchange.user:
            self._on_order(event)
        elif isinstance(event, BalancesChanged) and event.account is self._exchange.user:
            for subscription in self._of("balances"):
                self._send(subscription, "update", [ledger_row(entry) for entry in event.entries])

    def _push_ticker(self, pair: Pair, trigger: str) -> None:
        wanting = [each for each in self._of("ticker", pair) if each.options["event_trigger"] == trigger]
        self._broadcast(wanting, lambda: [self._ticker(pair)])

    def _push_candles(self, event: Traded) -> None:
        for interval in {each.options["interval"] for each in self._of("ohlc", event.pair)}:
            wanting = [each for each in self._of("ohlc", event.pair) if each.options["interval"] == interval]
            rows = candles(event.pair, self._exchange.tape[event.pair.name], interval, event.trades[0].at)
            self._broadcast(wanting, lambda rows=rows: rows)  # type: ignore[misc]

    def _on_orders(self, pair: Pair) -> None:
        for (name, depth), shown in self._orders.items():
            if name != pair.name:
                continue
            bids, asks = shown.changes(self._exchange.now())
            wanting = [each for each in self._of("level3", pair) if each.options["depth"] == depth]
            if (bids or asks) and wanting:
                row = self._orders_row(shown, bids, asks, self._told_checksum(pair, shown))
                self._broadcast(wanting, lambda row=row: [row])  # type: ignore[misc]

    def _on_book(self, pair: Pair) -> None:
        book = self._exchange.books[pair.name]
        best = (book.bids.levels(1), book.asks.levels(1))
        if self._best.get(pair.name) != best:
            self._best[pair.name] = best
            self._push_ticker(pair, "bbo")
        for (name, depth), shown in self._shown.items():
            if name != pair.name:
                continue
            bids, asks = shown.changes()
            wanting = [each for each in self._of("book", pair) if each.options["depth"] == depth]
            if (bids or asks) and wanting:
                row = self._book_row(shown, bids, asks, self._told_checksum(pair, shown))
                self._broadcast(wanting, lambda row=row: [row])  # type: ignore[misc]

    def _told_checksum(self, pair: Pair, shown: _ShownBook | ShownOrders) -> int:
        """The checksum, or a wrong one if that was asked for."""
        if self.poisoned[pair.symbol]:
            self.poisoned[pair.symbol] -= 1
            return shown.checksum() ^ 1
        return shown.checksum()

    def _on_order(self, event: OrderChanged) -> None:
        for subscription in self._of("executions"):
            if subscription.options["order_status"] or event.kind in _OPEN_AND_CLOSED:
                counted = self._rate_count(event.order.pair) if subscription.options["ratecounter"] else {}
                self._send(subscription, "update", [{**execution_row(event), **counted}])

    def _rate_count(self, pair: Pair) -> dict[str, int]:
        """Where the counter of a pair stands, if there are limits."""
        limits = self._exchange.limits
        return {} if limits is None else {"ratecount": limits.count(pair)}

    # ------------------------------------------------------------------ rows that need the exchange

    @staticmethod
    def _book_key(subscription: Subscription) -> tuple[str, str, int] | None:
        if subscription.channel not in ("book", "level3") or subscription.pair is None:
            return None
        return subscription.channel, subscription.pair.name, subscription.options["depth"]

    def _shown_orders(self, pair: Pair, depth: int) -> ShownOrders:
        key = (pair.name, depth)
        if key not in self._orders:
            self._orders[key] = ShownOrders(self._exchange.books[pair.name], depth)
        return self._orders[key]

    def _orders_row(
        self, shown: ShownOrders, bids: list[dict[str, Any]], asks: list[dict[str, Any]], crc: int
    ) -> dict[str, Any]:
        return {
            "symbol": shown.book.pair.symbol,
            "bids": bids,
            "asks": asks,
            "checksum": crc,
            "timestamp": rfc3339(self._exchange.now(), 9),
        }

    def _shown_book(self, pair: Pair, depth: int) -> _ShownBook:
        key = (pair.name, depth)
        if key not in self._shown:
            self._shown[key] = _ShownBook(self._exchange.books[pair.name], depth)
        return self._shown[key]

    def _book_row(self, shown: _ShownBook, bids: list[Level], asks: list[Level], crc: int) -> dict[str, Any]:
        pair = shown.book.pair

        def levels(side: list[Level]) -> list[dict[str, Decimal]]:
            return [
                {"price": rounded(price, pair.pair_decimals), "qty": rounded(volume, pair.lot_decimals)}
                for price, volume in side
            ]

        return {
            "symbol": pair.symbol,
            "bids": levels(bids),
            "asks": levels(asks),
            "checksum": crc,
            "timestamp": rfc3339(self._exchange.now()),
        }

    def _ticker(self, pair: Pair) -> dict[str, Any]:
        exchange, book = self._exchange, self._exchange.books[pair.name]
        now = exchange.now()
        day = figures(exchange, pair, now - DAY * SECOND)
        bid, bid_qty = (book.bids.levels(1) or [(ZERO, ZERO)])[0]
        ask, ask_qty = (book.asks.levels(1) or [(ZERO, ZERO)])[0]
        change = day.last - day.first
        return {
            "symbol": pair.symbol,
            "bid": rounded(bid, pair.pair_decimals),
            "bid_qty": rounded(bid_qty, pair.lot_decimals),
            "ask": rounded(ask, pair.pair_decimals),
            "ask_qty": rounded(ask_qty, pair.lot_decimals),
            "last": rounded(day.last, pair.pair_decimals),
            "volume": day.volume,
            "vwap": day.average,
            "low": rounded(day.low, pair.pair_decimals),
            "high": rounded(day.high, pair.pair_decimals),
            "change": rounded(change, pair.pair_decimals),
            "change_pct": rounded(change / day.first * 100, 2),
            "timestamp": rfc3339(now),
        }

    def _instruments(self) -> dict[str, Any]:
        instruments = self._exchange.instruments
        rows = [instrument_pair_row(pair, self._exchange.status) for pair in instruments.pairs.values()]
        missing = max(0, self.padding - len(dumps(rows))) // len(dumps(rows[0]))
        return {
            "assets": [instrument_asset_row(asset) for asset in instruments.assets.values() if asset.of is None],
            "pairs": rows + [{**rows[0], "symbol": f"{number:06d}/USD"} for number in range(missing + bool(missing))],
        }


# ---------------------------------------------------------------------- rows


def instrument_asset_row(asset: Asset) -> dict[str, Any]:
    """An asset in the channel ``instrument``."""
    collateral = {} if asset.collateral_value is None else {"collateral_value": rounded(asset.collateral_value, 2)}
    return {
        "id": asset.symbol,
        "status": "enabled",
        "precision": asset.decimals,
        "precision_display": asset.display_decimals,
        "borrowable": False,
        **collateral,
        "class": "currency",
    }


def instrument_pair_row(pair: Pair, status: str) -> dict[str, Any]:
    """A pair in the channel ``instrument``."""
    return {
        "symbol": pair.symbol,
        "base": pair.base.symbol,
        "quote": pair.quote.symbol,
        "status": status,
        "qty_precision": pair.lot_decimals,
        "qty_increment": Decimal(1).scaleb(-pair.lot_decimals),
        "price_precision": pair.pair_decimals,
        "cost_precision": pair.cost_decimals,
        "marginable": False,
        "has_index": False,
        "ws_display_price_precision": pair.pair_decimals,
        "cost_min": pair.costmin,
        "tick_size": pair.tick_size,
        "price_increment": pair.tick_size,
        "qty_min": rounded(pair.ordermin, pair.lot_decimals),
    }


def trade_row(trade: Trade) -> dict[str, Any]:
    """A trade in the channel ``trade``."""
    return {
        "symbol": trade.pair.symbol,
        "side": trade.side,
        "price": rounded(trade.price, trade.pair.pair_decimals),
        "qty": rounded(trade.volume, trade.pair.lot_decimals),
        "ord_type": trade.type,
        "trade_id": trade.id,
        "timestamp": rfc3339(trade.at),
    }


def balance_row(asset: Asset, amount: Decimal, earning: Decimal) -> dict[str, Any]:
    """A balance in a snapshot of the channel ``balances``.

    Args:
        asset: The asset.
        amount: What is at hand of it.
        earning: What is allocated in Earn.
    """
    wallets = [{"type": "spot", "id": "main", "balance": amount}]
    if earning:
        wallets.append({"type": "earn", "id": "flex", "balance": earning})
    return {"asset": asset.symbol, "asset_class": "currency", "balance": amount + earning, "wallets": wallets}


_CATEGORIES = {"staking": "staking-rewards"}
"""Categories that are not called like the type of the entry; transfers have none."""


def ledger_row(entry: LedgerEntry) -> dict[str, Any]:
    """A change in the channel ``balances``."""
    asset = entry.asset.of or entry.asset
    category = {} if entry.type == "transfer" else {"category": _CATEGORIES.get(entry.type, entry.type)}
    return {
        "ledger_id": entry.id,
        "ref_id": entry.reference,
        "timestamp": rfc3339(entry.at),
        "type": entry.type,
        **({"subtype": entry.subtype} if entry.subtype else {}),
        "asset": asset.symbol,
        "asset_class": "currency",
        **category,
        "wallet_type": "spot" if asset is entry.asset else "earn",
        "wallet_id": "main" if asset is entry.asset else "flex",
        "amount": entry.amount,
        "fee": entry.fee,
        "balance": entry.balance,
    }


def execution_row(event: OrderChanged) -> dict[str, Any]:
    """What happened to an order, in the channel ``executions``: complete at first, then only what changed."""
    order = event.order
    if event.fill is not None:
        return fill_row(event.fill)
    if event.kind in ("pending_new", "amended"):
        return {**order_row(order, event.at), "exec_type": event.kind}
    row: dict[str, Any] = {
        **_identity(order),
        "exec_type": event.kind,
        "order_status": order.ws_status,
        "timestamp": rfc3339(event.at),
    }
    if event.kind == "new":
        return row
    reason = {} if order.reason is None else {"reason": order.reason}
    return {**row, **_totals(order), "fee_ccy_pref": _fee_preference(order), **reason}


def order_row(order: Order, at: int) -> dict[str, Any]:
    """An order with all there is to say about it."""
    pair, asked = order.pair, order.asked
    row: dict[str, Any] = {
        **_identity(order),
        "symbol": pair.symbol,
        "order_qty": rounded(order.volume, pair.lot_decimals),
        **_totals(order),
        "time_in_force": asked.time_in_force,
        "exec_type": "new",
        "side": order.side,
        "order_type": asked.type,
        "limit_price_type": "static",
        "order_status": order.ws_status,
        "fee_ccy_pref": _fee_preference(order),
        "timestamp": rfc3339(at),
    }
    if order.limit is not None:
        row["limit_price"] = rounded(order.limit, pair.pair_decimals)
    if order.display is not None:
        row["display_qty"] = rounded(order.display, pair.lot_decimals)
    if order.trigger is not None:
        trigger = rounded(order.trigger, pair.pair_decimals)
        row["triggers"] = {
            "reference": asked.trigger_by,
            "price": trigger,
            "price_type": "static",
            "actual_price": trigger,
            "status": "untriggered",
        }
    if asked.post_only:
        row["post_only"] = True
    if asked.starts:
        row["effective_time"] = rfc3339(asked.starts)
    if asked.expires:
        row["expire_time"] = rfc3339(asked.expires)
    if order.amended:
        row["amended"] = True
    if asked.sender is not None:
        row["sender_sub_id"] = asked.sender
    if asked.parent is not None or asked.replaces is not None:
        row["ord_ref_id"] = asked.parent or asked.replaces
    if asked.close is not None:
        row["contingent"] = contingent_row(pair, asked.close)
    return row


def contingent_row(pair: Pair, close: Close) -> dict[str, Any]:
    """The conditional close order of an order."""
    prices = {"trigger": close.trigger, "limit": close.limit}
    row: dict[str, Any] = {"order_type": close.type}
    for name, price in prices.items():
        if price is not None:
            row |= {f"{name}_price": rounded(price, pair.pair_decimals), f"{name}_price_type": "static"}
    return row


def fill_row(fill: Fill) -> dict[str, Any]:
    """A trade of one's own."""
    order, trade, pair = fill.order, fill.trade, fill.order.pair
    in_dollars = {"fee_usd_equiv": rounded(fill.fee, 4)} if pair.quote.symbol == "USD" else {}
    return {
        **_identity(order),
        "exec_id": fill.id,
        "exec_type": "trade",
        "trade_id": trade.id,
        "symbol": pair.symbol,
        "side": order.side,
        "last_qty": rounded(trade.volume, pair.lot_decimals),
        "last_price": rounded(trade.price, pair.pair_decimals),
        "liquidity_ind": "m" if fill.maker else "t",
        "cost": rounded(fill.cost, pair.cost_decimals),
        "order_type": order.asked.type,
        "timestamp": rfc3339(trade.at),
        "order_status": "partially_filled",
        "cum_qty": rounded(fill.filled, pair.lot_decimals),
        "cum_cost": rounded(fill.total_cost, pair.cost_decimals),
        "avg_price": fill.average,
        **in_dollars,
        "fees": [{"asset": fill.fee_asset.symbol, "qty": rounded(fill.fee_taken, fill.fee_asset.decimals)}],
    }


def _identity(order: Order) -> dict[str, Any]:
    row: dict[str, Any] = {"order_id": order.id}
    if order.asked.cl_ord_id is not None:
        row["cl_ord_id"] = order.asked.cl_ord_id
    if order.asked.userref is not None:
        row["order_userref"] = order.asked.userref
    return row


def _totals(order: Order) -> dict[str, Decimal]:
    pair = order.pair
    totals = {
        "cum_qty": rounded(order.filled, pair.lot_decimals),
        "cum_cost": rounded(order.cost, pair.cost_decimals),
    }
    if order.filled:
        totals["avg_price"] = order.average
    return totals


def _fee_preference(order: Order) -> str:
    return "fcib" if order.asked.fee_in_base else "fciq"
