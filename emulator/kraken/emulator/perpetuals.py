"""Funding of perpetual contracts: a rate for each hour, the same for the same seed."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from kraken.emulator.wire import SECOND, WIDE, ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kraken.emulator.contracts import Contract

HOUR = 3600 * SECOND
_RELATIVE_DECIMALS = 12
_ABSOLUTE_DECIMALS = 16


class FundingRate(NamedTuple):
    """What one hour costs."""

    at: int
    """When the hour begins, in Unix nanoseconds."""
    relative: Decimal
    """Part of the value of a position."""
    absolute: Decimal
    """Settlement currency per contract."""


class FundingRates:
    """The rates of all hours.

    Args:
        seed: Makes them repeatable.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def rate(self, contract: Contract, moment: int) -> FundingRate:
        """The rate of the hour that a moment in Unix nanoseconds belongs to."""
        start = moment // HOUR * HOUR
        chance = random.Random(f"funding {self._seed} {contract.name} {start}")
        relative = rounded(Decimal(chance.randint(-15_000, 30_000)).scaleb(-9), _RELATIVE_DECIMALS)
        value = contract.value(Decimal(1), contract.opening_price)
        return FundingRate(start, relative, rounded(WIDE.multiply(relative, value), _ABSOLUTE_DECIMALS))

    def between(self, contract: Contract, since: int, until: int) -> Iterator[FundingRate]:
        """The rates of all hours of a time in Unix nanoseconds, oldest first."""
        return (self.rate(contract, start) for start in range(since // HOUR * HOUR, until, HOUR))

    def accrued(self, contract: Contract, size: Decimal, since: int, until: int) -> Decimal:
        """What a position of a signed size is owed for a time in Unix nanoseconds; negative for what it owes."""
        if not (contract.perpetual and size):
            return rounded(ZERO, contract.settlement.decimals)
        paid = sum(
            (
                rate.absolute * (min(until, rate.at + HOUR) - max(since, rate.at)) / HOUR
                for rate in self.between(contract, since, until)
            ),
            ZERO,
        )
        return rounded(-size * paid, contract.settlement.decimals)
