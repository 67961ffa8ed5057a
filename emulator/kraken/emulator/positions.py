"""Futures positions: how trades change them, and what they have cost or earned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kraken.emulator.wire import ZERO, rounded

if TYPE_CHECKING:
    from decimal import Decimal

    from kraken.emulator.contracts import Contract
    from kraken.emulator.orders import Fill

ENTRY_DECIMALS = 10
"""Decimals of an average price."""

Change = Literal["open", "close", "increase", "decrease", "reverse", "noChange"]
Reason = Literal["trade", "fundingRealisation"]


@dataclass(frozen=True, slots=True)
class Position:
    """What the account has in a contract; the size is 0 for nothing, and negative when short."""

    contract: Contract
    size: Decimal = ZERO
    entry: Decimal = ZERO
    """Average price at which it was entered."""
    uid: str = ""
    opened: int = 0
    """When it was first entered, in Unix nanoseconds."""
    funded: int = 0
    """Up to when funding is realised, in Unix nanoseconds."""

    def profit(self, price: Decimal) -> Decimal:
        """What it has gained at a price, in the settlement currency."""
        return rounded(self.contract.profit(self.size, self.entry, price), self.contract.settlement.decimals)

    def after(self, size: Decimal, price: Decimal) -> tuple[Decimal, Decimal, Decimal, Change]:
        """What a trade makes of it.

        Args:
            size: What is bought, negative for what is sold.
            price: The price.

        Returns:
            Size and average price afterwards, the profit that is realised in the settlement currency, and the kind of
            the change.
        """
        total = self.size + size
        if self.size * size >= 0:
            entry = rounded(self.contract.average(self.size, self.entry, size, price), ENTRY_DECIMALS)
            return total, entry, ZERO, "increase" if self.size else "open"
        closed = -size if abs(size) < abs(self.size) else self.size
        gained = rounded(self.contract.profit(closed, self.entry, price), self.contract.settlement.decimals)
        if not total:
            return total, self.entry, gained, "close"
        if total * self.size > 0:
            return total, self.entry, gained, "decrease"
        return total, price, gained, "reverse"


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill of the account, and the position after it."""

    fill: Fill
    contract: Contract
    mark: Decimal
    size: Decimal
    """Of the position afterwards."""
    realized: Decimal
    """Profit, in the settlement currency."""


@dataclass(frozen=True, slots=True)
class PositionUpdate:
    """A change of a position, or of what was realised of it."""

    uid: str
    at: int
    """Unix nanoseconds."""
    before: Position
    after: Position
    change: Change
    reason: Reason
    fee: Decimal
    realized: Decimal
    """Profit, in the settlement currency."""
    funding: Decimal
    """Funding that was realised, negative when paid."""
    fill: Fill | None = None
