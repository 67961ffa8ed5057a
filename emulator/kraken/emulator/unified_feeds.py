"""Unified WebSocket: what is pushed of the derivatives market and of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kraken.emulator import futures_ws_rows, unified_rows
from kraken.emulator.derivatives import Derivatives
from kraken.emulator.futures_charts import prices_of
from kraken.emulator.market_feeds import SNAPSHOT_TRADES, Data, MarketFeeds
from kraken.emulator.orders import BalancesChanged, BookChanged, Event, OrderChanged
from kraken.emulator.spot_rows import instrument_asset_row, ledger_row
from kraken.emulator.told import PACE, Told
from kraken.emulator.wire import dumps, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kraken.emulator.account_log import LogEntry
    from kraken.emulator.exchange import Exchange
    from kraken.emulator.feeds import Subscription
    from kraken.emulator.instruments import Asset, Pair
    from kraken.emulator.orders import Trade
    from kraken.emulator.spot_feeds import SpotFeeds

_ENDED = ("new", "canceled", "expired")


class UnifiedFeeds(MarketFeeds[Derivatives]):
    """All subscriptions to the Unified WebSocket, and what they are sent.

    Args:
        venue: The derivatives market, whose events are pushed.
        spot: The Spot exchange, where index prices and a part of the money are.
        spot_feeds: What Spot tells of balances.
    """

    defaults: ClassVar = {
        "ticker": {"snapshot": True},
        "book": {"depth": 10, "snapshot": True},
        "trade": {"snapshot": False},
        "ohlc": {"interval": 1, "tick_type": "trade", "snapshot": True},
        "level3": {"depth": 10, "snapshot": True},
        "instrument": {"snapshot": True},
        "executions": {"snap_orders": True, "snap_trades": False, "order_status": True, "ratecounter": False},
        "balances": {"snapshot": True},
        "positions": {},
        "margin": {},
        "ledgers": {},
    }
    numbered = ("executions", "balances", "ledgers")

    def __init__(self, venue: Derivatives, spot: Exchange, spot_feeds: SpotFeeds) -> None:
        super().__init__(venue)
        self.warming = 0
        """How many of the next subscriptions to ``quotes`` come too early."""
        self.too_large = 0
        """How many of the next snapshots of positions do not fit into a message."""
        self._spot = spot
        self._spot_feeds = spot_feeds
        self._assets: dict[str, Asset] = {each.altname.lower(): each for each in venue.assets.values()}
        self._dirty = False
        """Whether something happened to the account that is not told yet."""
        self._looked = 0
        self._margin = Told(self._margin_parts)
        self._positions = {rich: Told(lambda rich=rich: self._position_rows(rich)) for rich in (False, True)}  # type: ignore[misc]
        venue.log.listeners.append(self._on_entry)
        spot.listeners.append(self._on_spot_event)

    def heal(self) -> None:
        """Take back all trouble that was asked for and has not happened yet."""
        super().heal()
        self.warming = self.too_large = 0

    def _tape(self, pair: Pair, options: Mapping[str, Any]) -> Iterable[Trade]:
        return prices_of(self._venue, self._spot, self._venue.contracts.all[pair.name], options["tick_type"])

    # ------------------------------------------------------------------ the present state

    def add(self, subscription: Subscription) -> None:
        """Send a new subscriber the present state, and everything from now on."""
        if subscription.channel not in ("positions", "margin"):
            super().add(subscription)
            return
        self._tell_account()
        self.subscriptions[subscription] = None
        if subscription.channel == "margin":
            for part, row in self._margin.whole().items():
                self._send(subscription, part, row)
        elif subscription.options.get("snapshot", True):
            self._send(subscription, "snapshot", self._position_data(self._all_positions(subscription)))

    def _all_positions(self, subscription: Subscription) -> list[dict[str, Any]] | None:
        """All positions; None when they are too many for a message."""
        shown = self._positions[subscription.options.get("with_margin", False)].whole()
        if self.too_large:
            self.too_large -= 1
            return None
        return list(shown.values())

    def _position_data(self, rows: list[dict[str, Any]] | None) -> dict[str, Any]:
        if rows is None:
            return {"futures": [], "options": [], "error": "snapshot_too_large"}
        return {"futures": rows, "options": [], "time": rfc3339(self._venue.now())}

    def _account_snapshot(self, channel: str, options: Mapping[str, Any]) -> Data:
        venue = self._venue
        if channel == "balances":
            return [unified_rows.balance_row(row, self._held(row["asset"])) for row in self._spot_feeds.balances()]
        orders = list(venue.user.open.values()) if options["snap_orders"] else []
        fills = venue.user.fills[-SNAPSHOT_TRADES:] if options["snap_trades"] else []
        return [unified_rows.order_row(venue, each, each.opened) for each in orders] + [
            unified_rows.fill_row(venue, each) for each in fills
        ]

    def _held(self, symbol: str) -> dict[str, Any]:
        """What each wallet for derivatives holds of an asset."""
        venue = self._venue
        return {
            wallet: amount
            for wallet, ledger in venue.wallets.items()
            for name, amount in ledger.balances.items()
            if venue.assets[name].symbol == symbol
        }

    def _instruments(self) -> Data:
        venue = self._venue
        held = dict.fromkeys(name for ledger in venue.wallets.values() for name in ledger.balances)
        return {
            "assets": [instrument_asset_row(venue.assets[name]) for name in held],
            "pairs": [unified_rows.instrument_row(each, venue.status) for each in venue.contracts.all.values()],
        }

    def _margin_parts(self) -> dict[str, Any]:
        return {
            "multi_collateral": {"flex_futures": futures_ws_rows.flex_wallet(self._venue)},
            "single_collateral": {"futures": futures_ws_rows.single_wallets(self._venue)},
        }

    def _position_rows(self, with_margin: bool) -> dict[str, Any]:
        rows = (unified_rows.position_row(self._venue, each, with_margin=with_margin) for each in self._venue.positions)
        return {row["symbol"]: row for row in rows}

    # ------------------------------------------------------------------ what happens

    def pass_time(self) -> None:
        """Send what market prices did to the account."""
        if self._dirty or self._venue.now() - self._looked >= PACE:
            self._tell_account()

    def _on_account_event(self, event: Event) -> None:
        if isinstance(event, OrderChanged) and not event.order.account.house:
            self._dirty = True
            self._on_order(event)
        elif isinstance(event, BookChanged) and self._dirty:
            self._tell_account()

    def _on_order(self, event: OrderChanged) -> None:
        wanting = self._of("executions")
        row = unified_rows.execution_row(self._venue, event) if wanting else None
        if row is None:
            return
        for subscription in wanting:
            if subscription.options["order_status"] or row["order_status"] == "filled" or event.kind in _ENDED:
                self._send(subscription, "update", [row])

    def _on_entry(self, entry: LogEntry) -> None:
        self._dirty = True
        for subscription in self._of("ledgers"):
            self._send(subscription, "update", [unified_rows.ledger_row(entry)])
        asset = self._assets.get(entry.asset)
        if asset is not None:
            for subscription in self._of("balances"):
                self._send(subscription, "update", [unified_rows.balance_change(entry, asset)])

    def _on_spot_event(self, event: Event) -> None:
        if not isinstance(event, BalancesChanged) or event.account is not self._spot.user:
            return
        for subscription in self._of("balances"):
            self._send(subscription, "update", [ledger_row(entry) for entry in event.entries])
        for subscription in self._of("ledgers"):
            for entry in event.entries:
                self._send(subscription, "update", [unified_rows.spot_ledger_row(entry)])

    def _tell_account(self) -> None:
        """Send subscribers what changed of positions and margin."""
        self._dirty, self._looked = False, self._venue.now()
        wanting = self._of("margin")
        for part, row in (self._margin.news() if wanting else {}).items():
            self._push_all(wanting, dumps(self._frame("margin", part, row)))
        for rich, told in self._positions.items():
            wanting = [each for each in self._of("positions") if each.options.get("with_margin", False) is rich]
            news = told.news() if wanting else {}
            rows = [row or self._closed(name) for name, row in news.items()]
            if rows:
                self._push_all(wanting, dumps(self._frame("positions", "update", self._position_data(rows))))

    def _closed(self, name: str) -> dict[str, Any]:
        """A position that is there no more."""
        position = self._venue.position(self._venue.contracts.all[name])
        return unified_rows.position_row(self._venue, position, with_margin=False)
