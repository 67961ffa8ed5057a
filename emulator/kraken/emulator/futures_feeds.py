"""Derivatives WebSocket v1: what is pushed to subscribers, first as a snapshot and then whenever something changes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from kraken.emulator import futures_ws_rows as rows
from kraken.emulator.book import ShownBook
from kraken.emulator.errors import Words
from kraken.emulator.feeds import Feeds, Subscription
from kraken.emulator.futures_events import REASONS
from kraken.emulator.futures_orders import TRIGGERED
from kraken.emulator.futures_rest import milliseconds
from kraken.emulator.orders import BookChanged, Event, Order, OrderChanged, StatusChanged, Trade, Traded
from kraken.emulator.told import PACE, Told
from kraken.emulator.wire import SECOND, dumps, plain

if TYPE_CHECKING:
    from kraken.emulator.account_log import LogEntry
    from kraken.emulator.book import Level
    from kraken.emulator.contracts import Contract
    from kraken.emulator.derivatives import Derivatives
    from kraken.emulator.instruments import Pair

SNAPSHOT = 100
"""Trades, fills and log entries in a snapshot."""
TICKER_PACE = SECOND
"""Nanoseconds between two tickers of a contract."""
_TICKERS = ("ticker", "ticker_lite")
_OPEN_ORDERS = ("open_orders", "open_orders_verbose")
_ACCOUNT = ("balances", "open_positions", "account_balances_and_margins")
"""Feeds of a state that market prices change."""
_REJECTED: dict[str, str] = {
    Words.POST_WOULD_EXECUTE: "post_order_failed_because_it_would_filled",
    Words.IOC_WOULD_NOT_EXECUTE: "ioc_order_failed_because_it_would_not_be_executed",
    Words.SELF_FILL: "would_execute_self",
}
_THERE = {
    "new": "new_placed_order_by_user",
    "amended": "edited_by_user",
    "restated": "would_not_reduce_position",
}
"""Why an order that is open is not what it was."""


class FuturesFeeds(Feeds):
    """All subscriptions to Derivatives v1, and what they are sent.

    Args:
        venue: Whose events are pushed.
    """

    def __init__(self, venue: Derivatives) -> None:
        super().__init__()
        self.skipping: Counter[str] = Counter()
        """How many numbers the next book messages of a contract leave out."""
        self.notices: list[dict[str, Any]] = []
        """What is announced, oldest first."""
        self._venue = venue
        self._books: dict[str, ShownBook] = {}
        self._numbers: Counter[str] = Counter()
        """The last number of each contract's book, and of each feed of the account."""
        self._late: dict[tuple[str, str], bool] = {}
        """Tickers that may have changed, by feed and contract."""
        self._ticked: dict[tuple[str, str], int] = {}
        """When a ticker was last sent."""
        self._dirty = False
        """Whether something happened to the account that is not told yet."""
        self._looked = 0
        self._state = {
            "balances": Told(self._balances),
            "open_positions": Told(self._positions),
            "account_balances_and_margins": Told(lambda: {"margin_accounts": rows.older_wallets(venue)}),
        }
        venue.listeners.append(self._on_event)
        venue.log.listeners.append(self._on_entry)

    def heal(self) -> None:
        """Take back all trouble that was asked for and has not happened yet."""
        super().heal()
        self.skipping.clear()

    # ------------------------------------------------------------------ the present state

    def add(self, subscription: Subscription) -> None:
        """Send a new subscriber the present state, and everything from now on."""
        if subscription.channel in _ACCOUNT:
            self._tell_account(subscription.channel)
        self.subscriptions[subscription] = None
        frame = self._snapshot(subscription)
        if frame is not None:
            self._push(subscription, dumps(frame))

    def _snapshot(self, subscription: Subscription) -> dict[str, Any] | None:
        feed, pair, venue = subscription.channel, subscription.pair, self._venue
        account = {"account": venue.account_uid}
        if pair is not None:
            return self._market_snapshot(feed, self._contract(pair))
        if feed == "fills":
            fills = self._fills(subscription)[-SNAPSHOT:]
            return {"feed": "fills_snapshot", **account, "fills": fills}
        if feed in _OPEN_ORDERS:
            orders = [rows.order_row(venue, each) for each in venue.user.open.values()]
            return {"feed": f"{feed}_snapshot", **account, "orders": orders}
        if feed == "account_log":
            entries = venue.log.entries[: -SNAPSHOT - 1 : -1]
            return {"feed": "account_log_snapshot", "logs": [rows.log_row(each) for each in entries]}
        if feed == "notifications_auth":
            return {"feed": feed, "notifications": self.notices}
        if feed in _ACCOUNT:
            kind = f"{feed}_snapshot" if feed == "balances" else feed
            return self._account_frame(kind, feed, dict(self._state[feed].whole()))
        return None

    def _market_snapshot(self, feed: str, contract: Contract) -> dict[str, Any]:
        if feed in _TICKERS:
            self._ticked[feed, contract.name] = self._venue.now()
            return self._ticker(feed, contract)
        if feed == "trade":
            trades = [rows.trade_row(self._venue, each) for each in list(self._venue.tape[contract.name])[-SNAPSHOT:]]
            return {"feed": "trade_snapshot", "product_id": contract.name, "trades": trades[::-1]}
        shown = self._books.setdefault(contract.name, ShownBook(self._venue.books[contract.name], None))
        return {
            "feed": "book_snapshot",
            "product_id": contract.name,
            "timestamp": milliseconds(self._venue.now()),
            "seq": self._numbers[contract.name],
            "tickSize": None,
            "bids": [_level(each) for each in shown.bids.items()],
            "asks": [_level(each) for each in shown.asks.items()],
        }

    def _ticker(self, feed: str, contract: Contract) -> dict[str, Any]:
        return (rows.ticker if feed == "ticker" else rows.ticker_lite)(self._venue, contract)

    def _fills(self, subscription: Subscription) -> list[dict[str, Any]]:
        return [
            rows.fill_row(self._venue, each, number)
            for number, each in enumerate(self._venue.executions)
            if each.contract.name in subscription.options.get("product_ids", (each.contract.name,))
        ]

    def _balances(self) -> dict[str, Any]:
        venue = self._venue
        return {
            "holding": rows.holding(venue),
            "futures": rows.single_wallets(venue),
            "flex_futures": rows.flex_wallet(venue),
        }

    def _positions(self) -> dict[str, Any]:
        return {"positions": [rows.position_row(self._venue, each) for each in self._venue.positions]}

    def _account_frame(self, kind: str, feed: str, parts: dict[str, Any]) -> dict[str, Any]:
        moment = {} if feed == "account_balances_and_margins" else {"timestamp": milliseconds(self._venue.now())}
        return {"feed": kind, "account": self._venue.account_uid, **parts, **moment, "seq": self._numbers[feed]}

    def _contract(self, pair: Pair) -> Contract:
        return self._venue.contracts.all[pair.name]

    # ------------------------------------------------------------------ what happens

    def pass_time(self) -> None:
        """Send tickers that had to wait, and what market prices did to the account."""
        for feed, name in [key for key, late in self._late.items() if late]:
            self._tick(feed, self._venue.contracts.all[name])
        if self._dirty or self._venue.now() - self._looked >= PACE:
            self._tell_all()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, BookChanged):
            self._on_book(event.pair)
            self._on_prices(self._contract(event.pair))
            if self._dirty:
                self._tell_all()
        elif isinstance(event, Traded):
            for trade in event.trades:
                self._on_trade(trade)
        elif isinstance(event, StatusChanged):
            for contract in self._venue.contracts.all.values():
                self._on_prices(contract)
        elif isinstance(event, OrderChanged) and not event.order.account.house:
            self._dirty = True
            self._on_order(event)

    def _on_trade(self, trade: Trade) -> None:
        wanting = self._of("trade", trade.pair)
        if wanting:
            self._push_all(wanting, dumps(rows.trade_row(self._venue, trade)))

    def _on_prices(self, contract: Contract) -> None:
        for feed in _TICKERS:
            self._late[feed, contract.name] = bool(self._of(feed, contract))
            self._tick(feed, contract)

    def _tick(self, feed: str, contract: Contract) -> None:
        """Send a ticker if it is time for one."""
        key, now = (feed, contract.name), self._venue.now()
        wanting = self._of(feed, contract)
        if not wanting:
            self._late[key] = False
        elif now - self._ticked.get(key, 0) >= TICKER_PACE:
            self._late[key], self._ticked[key] = False, now
            self._push_all(wanting, dumps(self._ticker(feed, contract)))

    def _on_book(self, pair: Pair) -> None:
        shown = self._books.get(pair.name)
        if shown is None:
            return
        bids, asks = shown.changes()
        wanting, moment = self._of("book", pair), milliseconds(self._venue.now())
        for side, levels in (("buy", bids), ("sell", asks)):
            for level in levels:
                self._numbers[pair.name] += 1 + self.skipping.pop(pair.name, 0)
                number = {"seq": self._numbers[pair.name]}
                row = {"feed": "book", "product_id": pair.name, "side": side, **number, **_level(level)}
                self._push_all(wanting, dumps({**row, "timestamp": moment}))

    # ------------------------------------------------------------------ the account

    def _on_order(self, event: OrderChanged) -> None:
        if event.fill is not None:
            self._on_fill()
        frame = self._order_frame(event)
        if frame is None:
            return
        verbose_only = event.order.reason == Words.POST_WOULD_EXECUTE
        for feed in _OPEN_ORDERS[verbose_only:]:
            self._push_all(self._of(feed), dumps({"feed": feed, **frame}))

    def _on_fill(self) -> None:
        """Tell of the account's last fill."""
        number, execution = len(self._venue.executions) - 1, self._venue.executions[-1]
        frame = {"feed": "fills", "username": self._venue.account_uid}
        wanting = [
            each
            for each in self._of("fills")
            if execution.contract.name in each.options.get("product_ids", (execution.contract.name,))
        ]
        if wanting:
            self._push_all(wanting, dumps({**frame, "fills": [rows.fill_row(self._venue, execution, number)]}))

    def _order_frame(self, event: OrderChanged) -> dict[str, Any] | None:
        """What happened to an order: all of it, or that it is there no more."""
        order, kind = event.order, event.kind
        reason: str | None
        if kind in ("filled", "triggered", "canceled", "expired", "rejected"):
            reason = _gone(order, kind)
            return None if reason is None else {**rows.order_names(order), "is_cancel": True, "reason": reason}
        reason = _THERE.get(kind)
        if kind == "trade":
            reason = "partial_fill" if order.remaining else None
        elif kind == "new" and order.trigger is None and self._venue.asked(order).kind in TRIGGERED:
            reason = "limit_order_from_stop"
        if reason is None:
            return None
        return {"order": rows.order_row(self._venue, order), "is_cancel": False, "reason": reason}

    def _on_entry(self, entry: LogEntry) -> None:
        self._dirty = True
        wanting = self._of("account_log")
        if wanting:
            self._push_all(wanting, dumps({"feed": "account_log", "new_entry": rows.log_row(entry)}))

    def _tell_all(self) -> None:
        self._dirty, self._looked = False, self._venue.now()
        for feed in _ACCOUNT:
            self._tell_account(feed)

    def _tell_account(self, feed: str) -> None:
        """Send subscribers what changed of a state."""
        wanting = self._of(feed)
        if not wanting:
            return
        news = self._state[feed].news()
        if news:
            self._numbers[feed] += 1
            self._push_all(wanting, dumps(self._account_frame(feed, feed, news)))

    def notify(self, note: str, kind: str, priority: str) -> None:
        """Announce something that is effective at once.

        Args:
            note: The text.
            kind: What it is about, in the words of the feed.
            priority: How important it is, in the words of the feed.
        """
        number, moment = len(self.notices) + 1, milliseconds(self._venue.now())
        self.notices.append({"id": number, "type": kind, "priority": priority, "note": note, "effective_time": moment})
        frame = {"feed": "notifications_auth", "notifications": [self.notices[-1]]}
        self._push_all(self._of("notifications_auth"), dumps(frame))


def _gone(order: Order, kind: str) -> str | None:
    """Why an order is not open any more; None if nobody is told of it."""
    if kind == "filled":
        return "full_fill"
    if kind == "triggered":
        return "stop_order_triggered"
    words = str(order.reason)
    return _REJECTED.get(words) if kind == "rejected" else REASONS.get(words, words)


def _level(level: Level) -> dict[str, Any]:
    price, quantity = level
    return {"price": plain(price), "qty": plain(quantity)}
