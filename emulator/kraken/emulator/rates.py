"""What assets are worth in each other."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from kraken.emulator.wire import WIDE, rounded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kraken.emulator.exchange import Exchange
    from kraken.emulator.instruments import Asset

EUROS_IN_DOLLARS = Decimal("1.1")
"""The made-up market has no pair between the two."""


class Rates:
    """Conversions by the middle of each book.

    Args:
        exchange: The market.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def worth(self, amount: Decimal, asset: Asset, target: Asset) -> Decimal:
        """What ``amount`` of ``asset`` is worth in ``target``, with the decimals of ``target``.

        Raises:
            LookupError: no pairs lead from the one to the other.
        """
        asset = asset.of or asset
        reached = {asset.name: Decimal(1)}
        waiting = [asset.name]
        while waiting and target.name not in reached:
            name = waiting.pop(0)
            for other, price in self._prices(name):
                if other not in reached:
                    reached[other] = WIDE.multiply(reached[name], price)
                    waiting.append(other)
        if target.name not in reached:
            raise LookupError(f"no way from {asset.name} to {target.name}")
        return rounded(WIDE.multiply(amount, reached[target.name]), target.decimals)

    def _prices(self, name: str) -> Iterator[tuple[str, Decimal]]:
        """What one of an asset is worth in the assets that it is traded against."""
        for pair in self._exchange.instruments.pairs.values():
            price = self._exchange.mid_price(pair)
            if pair.base.name == name:
                yield pair.quote.name, price
            elif pair.quote.name == name:
                yield pair.base.name, WIDE.divide(Decimal(1), price)
        if name == "ZEUR":
            yield "ZUSD", EUROS_IN_DOLLARS
        elif name == "ZUSD":
            yield "ZEUR", WIDE.divide(Decimal(1), EUROS_IN_DOLLARS)
