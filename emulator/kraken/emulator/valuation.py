"""What an account is worth in one currency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kraken.emulator.rates import Rates
from kraken.emulator.wire import ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from kraken.emulator.exchange import Exchange
    from kraken.emulator.instruments import Asset
    from kraken.emulator.orders import Account, Fill


class Valuation:
    """An account at present prices.

    Args:
        exchange: Where the prices are.
        account: The account.
        currency: The currency.
    """

    def __init__(self, exchange: Exchange, account: Account, currency: Asset) -> None:
        self._rates = Rates(exchange)
        self._assets = exchange.instruments.assets.values()
        self._account = account
        self._currency = currency

    def balances(self) -> Decimal:
        """All balances together."""
        return self._sum((self._balance(asset), asset) for asset in self._assets)

    def collateral(self) -> Decimal:
        """All balances that count as collateral, each by the share with which it does."""
        return self._sum((self._balance(asset) * (asset.collateral_value or ZERO), asset) for asset in self._assets)

    def unfilled(self) -> Decimal:
        """What open orders would still buy or sell, at their own prices."""
        return self._sum(
            (order.remaining * (order.limit or order.trigger or ZERO), order.pair.quote)
            for order in self._account.open.values()
        )

    def traded(self, fills: Iterable[Fill]) -> Decimal:
        """What fills cost."""
        return self._sum((fill.cost, fill.order.pair.quote) for fill in fills)

    def _balance(self, asset: Asset) -> Decimal:
        return self._account.balances.get(asset.name, ZERO)

    def _sum(self, amounts: Iterable[tuple[Decimal, Asset]]) -> Decimal:
        parts = (self._rates.worth(amount, asset, self._currency) for amount, asset in amounts if amount)
        return sum(parts, rounded(ZERO, self._currency.decimals))
