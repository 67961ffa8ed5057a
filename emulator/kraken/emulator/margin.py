"""What a Futures wallet is worth, what its positions need, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from kraken.emulator.wire import ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kraken.emulator.contracts import Contract
    from kraken.emulator.derivatives import Derivatives
    from kraken.emulator.instruments import Asset
    from kraken.emulator.orders import Order


CASH, FLEX = "cash", "flex"
"""The wallet that is no collateral, and the one with many collaterals; the others have a single one."""


@dataclass(frozen=True, slots=True)
class Margin:
    """The figures of a wallet, in its currency."""

    balance: Decimal
    """What its balances are worth."""
    collateral: Decimal
    """What of that counts as collateral."""
    profit: Decimal
    """Of open positions, not realised."""
    funding: Decimal
    """Of open positions, not realised."""
    initial: Decimal
    with_orders: Decimal
    """Initial margin if the open orders were filled."""
    maintenance: Decimal

    @property
    def unrealized(self) -> Decimal:
        """Profit and funding together."""
        return self.profit + self.funding

    @property
    def equity(self) -> Decimal:
        """What margin can come from."""
        return self.collateral + self.unrealized

    @property
    def portfolio(self) -> Decimal:
        """What the wallet is worth with its positions."""
        return self.balance + self.profit

    @property
    def available(self) -> Decimal:
        """What new orders, withdrawals and transfers can use."""
        return self.equity - self.with_orders


def currency_of(venue: Derivatives, wallet: str) -> Asset:
    """What the figures of a wallet are in: the settlement currency of its contracts."""
    return next(each.settlement for each in venue.contracts.all.values() if each.wallet == wallet)


def margin_of(venue: Derivatives, wallet: str, extra: Order | None = None) -> Margin:
    """The figures of a wallet.

    Args:
        venue: Where its positions and orders are.
        wallet: The wallet.
        extra: An order that is not open yet.
    """
    currency = currency_of(venue, wallet)
    worths = [
        (asset, venue.rates.worth(amount, asset, currency))
        for asset, amount in ((venue.assets[name], amount) for name, amount in venue.wallets[wallet].balances.items())
    ]
    contracts = [each for each in venue.contracts.all.values() if each.wallet == wallet]
    positions = [venue.position(each) for each in contracts]

    def total(amounts: Iterable[Decimal]) -> Decimal:
        return rounded(sum(amounts, ZERO), currency.decimals)

    return Margin(
        balance=total(worth for _, worth in worths),
        collateral=total(worth * (asset.collateral_value or ZERO) for asset, worth in worths),
        profit=total(each.profit(venue.mark_price(each.contract)) for each in positions),
        funding=total(venue.unrealized_funding(each) for each in positions),
        initial=total(needed(venue, each.contract, abs(each.size)) for each in positions),
        with_orders=total(needed(venue, each, largest(venue, each, extra)) for each in contracts),
        maintenance=total(needed(venue, each.contract, abs(each.size), maintenance=True) for each in positions),
    )


def available_of(venue: Derivatives, wallet: str, asset: Asset) -> Decimal:
    """What can leave a wallet without its positions and orders wanting for margin."""
    held = venue.wallets[wallet].balances.get(asset.name, ZERO)
    if wallet == CASH:
        return held
    margin = max(ZERO, margin_of(venue, wallet).available)
    in_asset = venue.rates.worth(margin, currency_of(venue, wallet), asset) / (asset.collateral_value or Decimal(1))
    return min(held, rounded(in_asset, asset.decimals, "ROUND_DOWN"))


def needed(venue: Derivatives, contract: Contract, size: Decimal, *, maintenance: bool = False) -> Decimal:
    """The margin of an unsigned size."""
    level = contract.level(size)
    leverage = venue.preferences.leverage.get(contract.name)
    part = level.initial if leverage is None else max(level.initial, 1 / leverage)
    return contract.value(size, venue.mark_price(contract)) * (level.maintenance if maintenance else part)


def largest(venue: Derivatives, contract: Contract, extra: Order | None = None) -> Decimal:
    """The largest unsigned size that a position could come to if all orders of one side were filled."""
    return max(abs(size) for size in possible_sizes(venue, contract, extra))


def possible_sizes(venue: Derivatives, contract: Contract, extra: Order | None = None) -> tuple[Decimal, Decimal]:
    """The sizes of a position if all orders to buy, and if all orders to sell were filled.

    Args:
        venue: Where position and orders are.
        contract: The contract.
        extra: An order that is not open yet.
    """
    orders = [each for each in venue.user.open.values() if each is not extra]
    bought = sold = ZERO
    for order in [*orders, *([] if extra is None else [extra])]:
        if order.pair is contract and not venue.asked(order).reduce_only:
            if order.side == "buy":
                bought += order.remaining
            else:
                sold += order.remaining
    size = venue.position(contract).size
    return size + bought, size - sold
