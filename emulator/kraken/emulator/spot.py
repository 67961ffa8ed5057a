"""The Spot side of the emulator, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kraken.emulator import (
    spot_account,  # noqa: F401 - it registers handlers
    spot_earn,
    spot_funding,
    spot_funding_beta,
    spot_trading,  # noqa: F401
    spot_transparency,  # noqa: F401
)
from kraken.emulator.auth import Keys
from kraken.emulator.earn import Earn
from kraken.emulator.exchange import Exchange
from kraken.emulator.funding import Funding
from kraken.emulator.handlers import bind
from kraken.emulator.instruments import Instruments
from kraken.emulator.limits import Limits, Window
from kraken.emulator.market import Market
from kraken.emulator.rates import Rates
from kraken.emulator.records import order_row
from kraken.emulator.specs import load
from kraken.emulator.spot_earn import SpotEarn
from kraken.emulator.spot_feeds import SpotFeeds
from kraken.emulator.spot_funding import SpotFunding
from kraken.emulator.spot_funding_beta import SpotFundingBeta
from kraken.emulator.spot_rest import HANDLERS, SpotRest
from kraken.emulator.spot_site import SpotSite
from kraken.emulator.spot_ws import MarketServices
from kraken.emulator.spot_ws_orders import METHODS
from kraken.emulator.views import Subaccount
from kraken.emulator.wire import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal
    from pathlib import Path
    from typing import Any

    from kraken.emulator.connection import Common
    from kraken.emulator.handlers import Answer


class Spot:
    """The Spot exchange with its market, its account, and what it offers.

    Args:
        folder: The folder with the specs.
        clock: Unix time in nanoseconds.
        seed: Makes everything repeatable.
        token_lifetime: Seconds that a WebSocket token can be used for.
        otp: The one-time password that private REST calls must have; None for a key that needs none.
        tier: The tier whose rate limits are enforced; None for no limits.
        connection_limit: Whether too many WebSocket handshakes are refused.

    Raises:
        ValueError: there is no such tier.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], int],
        seed: int,
        *,
        token_lifetime: int,
        otp: str | None,
        tier: str | None,
        connection_limit: bool,
    ) -> None:
        self.specs = load(folder, "spot")
        self.instruments = Instruments()
        self.keys = Keys(seed, clock, token_lifetime, otp)
        self.exchange = Exchange(self.instruments, clock, seed)
        self.limits = None if tier is None else Limits(folder, tier, clock)
        self.exchange.limits = self.limits
        self.feeds = SpotFeeds(self.exchange)
        self.funding = Funding(self.exchange, seed)
        self.market = Market(self.exchange, seed)
        self.tier = tier
        self._rest = SpotRest(self.exchange, self.keys)
        self._earn = Earn(self.exchange)
        self.site = SpotSite(self.specs, self._answers(), self.keys, self.limits)
        server = self.specs.servers["public"]
        self._handshakes = Window(server.attempts, server.seconds) if connection_limit else None
        self._ban = server.seconds * SECOND
        self._banned_until = 0

    def _answers(self) -> dict[str, Answer]:
        """What answers each operation."""
        return {
            **bind(HANDLERS, self._rest),
            **bind(spot_funding.HANDLERS, SpotFunding(self.funding)),
            **bind(spot_earn.HANDLERS, SpotEarn(self._earn)),
            **spot_funding_beta.answers(SpotFundingBeta(self.funding, Rates(self.exchange))),
        }

    def services(self, common: Common, message_rate: int | None) -> MarketServices:
        """What WebSocket connections share.

        Args:
            common: What those to all products share.
            message_rate: Messages per second that a connection may send; None for any number.
        """
        return MarketServices(
            specs=self.specs,
            feeds=self.feeds,
            now=self.exchange.now,
            pairs=self.instruments.by_symbol,
            methods=bind(METHODS, self.exchange),
            status=lambda: self.exchange.status,
            keys=self.keys,
            tier=self.tier,
            message_rate=message_rate,
            **common,
        )

    def pass_time(self) -> None:
        """Do what is due by the clock."""
        self.exchange.pass_time()
        self.funding.pass_time()
        self._earn.pass_time()

    def banned(self) -> bool:
        """Whether one more WebSocket handshake is one too many; it counts as one."""
        if self._handshakes is None:
            return False
        now = self.exchange.now()
        if now >= self._banned_until and not self._handshakes.take(1, now):
            self._banned_until = now + self._ban
        return now < self._banned_until

    def orders(self) -> dict[str, dict[str, Any]]:
        """All orders of the account by id, in the form of QueryOrders."""
        return {each.id: order_row(each, trades=True) for each in self.exchange.user.orders.values()}

    def subaccounts(self) -> dict[str, Subaccount]:
        """Subaccounts by user name."""
        accounts: Mapping[str, Any] = self._rest.subaccounts.accounts
        return {name: Subaccount(account.number, dict(account.balances)) for name, account in accounts.items()}

    def balances(self) -> dict[str, Decimal]:
        """Balances of the account by Kraken's asset name."""
        return dict(self.exchange.user.balances)
