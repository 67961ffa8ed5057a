"""The Futures side of the emulator, put together."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kraken.emulator import (
    futures_account,  # noqa: F401 - it registers handlers
    futures_charts,  # noqa: F401
    futures_orders,  # noqa: F401
)
from kraken.emulator.auth import FuturesKeys
from kraken.emulator.contracts import Contracts
from kraken.emulator.derivatives import Derivatives
from kraken.emulator.futures_events import FuturesEvents
from kraken.emulator.futures_feeds import FuturesFeeds
from kraken.emulator.futures_history import Histories
from kraken.emulator.futures_rest import HANDLERS, FuturesRest
from kraken.emulator.futures_rows import recent_row
from kraken.emulator.futures_site import FuturesSite
from kraken.emulator.futures_ws import FuturesServices
from kraken.emulator.handlers import bind
from kraken.emulator.limits import Pools
from kraken.emulator.market import Market
from kraken.emulator.specs import load
from kraken.emulator.unified_feeds import UnifiedFeeds
from kraken.emulator.unified_ws import UnifiedServices
from kraken.emulator.unified_ws_orders import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kraken.emulator.connection import Common
    from kraken.emulator.exchange import Exchange
    from kraken.emulator.spot import Spot


class Futures:
    """A Futures exchange with its market, its account and its REST operations.

    Args:
        folder: The folder with the specs.
        spot: The Spot exchange of the same emulator.
        clock: Unix time in nanoseconds.
        seed: Makes everything repeatable.
        limited: Whether the account's rate limits are enforced.
    """

    def __init__(self, folder: Path, spot: Exchange, clock: Callable[[], int], seed: int, *, limited: bool) -> None:
        self.specs = load(folder, "futures")
        self.keys = FuturesKeys(seed)
        self.venue = Derivatives(Contracts(spot.instruments.assets), spot, clock, seed)
        self.market = Market(self.venue, f"futures {seed}")
        self.pools = Pools(folder, clock) if limited else None
        self.feeds = FuturesFeeds(self.venue)
        self._limited = limited
        events = FuturesEvents(self.venue)
        rest = FuturesRest(self.venue, spot, events, Histories(seed), self.keys.key)
        self.site = FuturesSite(self.specs, bind(HANDLERS, rest), self.keys, self.pools, self.venue.now)

    def services(self, common: Common) -> FuturesServices:
        """What connections to Derivatives WebSocket v1 share.

        Args:
            common: What those to all products share.
        """
        return FuturesServices(
            specs=self.specs,
            feeds=self.feeds,
            now=self.venue.now,
            contracts=self.venue.contracts.all,
            keys=self.keys,
            limited=self._limited,
            **common,
        )

    def unified(self, folder: Path, spot: Spot, common: Common, message_rate: int | None) -> UnifiedServices:
        """What connections to the Unified WebSocket share.

        Args:
            folder: The folder with the specs.
            spot: The Spot side, where tokens and a part of the money are.
            common: What connections to all products share.
            message_rate: Messages per second that a connection may send; None for any number.
        """
        return UnifiedServices(
            specs=load(folder, "unified"),
            feeds=UnifiedFeeds(self.venue, spot.exchange, spot.feeds),
            now=self.venue.now,
            pairs=self.venue.contracts.all,
            methods=bind(METHODS, self.venue),
            status=lambda: self.venue.status,
            keys=spot.keys,
            tier=spot.tier,
            message_rate=message_rate,
            **common,
        )

    def full(self, connections: int) -> bool:
        """Whether one more WebSocket connection is one too many."""
        allowed: int = self.specs.dialect["limits"]["connections"]
        return self._limited and connections >= allowed

    def orders(self) -> dict[str, dict[str, Any]]:
        """All orders of the account by id, and how each stands."""
        return {each.id: recent_row(self.venue, each) for each in self.venue.user.orders.values()}

    def balances(self) -> dict[str, dict[str, Decimal]]:
        """What each wallet holds, by Kraken's asset name."""
        return {name: dict(wallet.balances) for name, wallet in self.venue.wallets.items()}

    def positions(self) -> dict[str, Decimal]:
        """The sizes of open positions by contract, negative when short."""
        return {each.contract.name: each.size for each in self.venue.positions}
