"""Spot WebSocket v2: what is pushed of the market and of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kraken.emulator.exchange import Exchange
from kraken.emulator.market_feeds import SNAPSHOT_TRADES, Data, MarketFeeds
from kraken.emulator.orders import BalancesChanged, Event, OrderChanged
from kraken.emulator.spot_rows import (
    balance_row,
    execution_row,
    fill_row,
    instrument_asset_row,
    instrument_pair_row,
    ledger_row,
    order_row,
)
from kraken.emulator.wire import ZERO, dumps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken.emulator.instruments import Pair

MAX_RATE_COUNT = 180
_OPEN_AND_CLOSED = ("new", "filled", "canceled", "expired")


class SpotFeeds(MarketFeeds[Exchange]):
    """All subscriptions to Spot, and what they are sent.

    Args:
        exchange: Whose events are pushed.
    """

    defaults: ClassVar = {
        "ticker": {"event_trigger": "trades", "snapshot": True},
        "book": {"depth": 10, "snapshot": True},
        "trade": {"snapshot": False},
        "ohlc": {"snapshot": True},
        "level3": {"depth": 10, "snapshot": True},
        "instrument": {"snapshot": True},
        "executions": {"snap_orders": True, "snap_trades": False, "order_status": True, "ratecounter": False},
        "balances": {"snapshot": True},
    }
    numbered = ("executions", "balances")

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self.padding = 0
        """Bytes that the list of instruments has at least."""

    def ack(self, channel: str) -> dict[str, Any]:
        """What the reply to a subscription tells besides its options."""
        limits = self._venue.limits
        maximum = MAX_RATE_COUNT if limits is None else limits.maximum
        return {"maxratecount": maximum} if channel == "executions" else {}

    def _account_snapshot(self, channel: str, options: Mapping[str, Any]) -> Data:
        user = self._venue.user
        if channel == "balances":
            return self.balances()
        orders = list(user.open.values()) if options["snap_orders"] else []
        fills = user.fills[-SNAPSHOT_TRADES:] if options["snap_trades"] else []
        return [order_row(each, each.opened) for each in orders] + [fill_row(each) for each in fills]

    def balances(self) -> list[dict[str, Any]]:
        """The balances of all assets with their wallets."""
        user, assets = self._venue.user, self._venue.instruments.assets.values()
        earning = {asset.of.name: user.balances.get(asset.name, ZERO) for asset in assets if asset.of is not None}
        return [
            balance_row(asset, user.balances[asset.name], earning.get(asset.name, ZERO))
            for asset in assets
            if asset.of is None
        ]

    def _on_account_event(self, event: Event) -> None:
        if isinstance(event, OrderChanged) and event.order.account is self._venue.user:
            self._on_order(event)
        elif isinstance(event, BalancesChanged) and event.account is self._venue.user:
            for subscription in self._of("balances"):
                self._send(subscription, "update", [ledger_row(entry) for entry in event.entries])

    def _on_order(self, event: OrderChanged) -> None:
        for subscription in self._of("executions"):
            if subscription.options["order_status"] or event.kind in _OPEN_AND_CLOSED:
                counted = self._rate_count(event.order.pair) if subscription.options["ratecounter"] else {}
                self._send(subscription, "update", [{**execution_row(event), **counted}])

    def _rate_count(self, pair: Pair) -> dict[str, int]:
        """Where the counter of a pair stands, if there are limits."""
        limits = self._venue.limits
        return {} if limits is None else {"ratecount": limits.count(pair)}

    def _instruments(self) -> Data:
        instruments = self._venue.instruments
        rows = [instrument_pair_row(pair, self._venue.status) for pair in instruments.pairs.values()]
        missing = max(0, self.padding - len(dumps(rows))) // len(dumps(rows[0]))
        return {
            "assets": [instrument_asset_row(asset) for asset in instruments.assets.values() if asset.of is None],
            "pairs": rows + [{**rows[0], "symbol": f"{number:06d}/USD"} for number in range(missing + bool(missing))],
        }
