"""The contracts of the emulated Futures market: what they are worth, and what they take as margin."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kraken.emulator.errors import Refusal, Words
from kraken.emulator.instruments import Asset, Pair
from kraken.emulator.specs import read
from kraken.emulator.wire import WIDE, ZERO, from_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKET = Path(__file__).with_name("futures.yaml")


class MarginLevel(NamedTuple):
    """What part of a position must be covered, from a size on."""

    size: Decimal
    """Contracts, or base currency of linear contracts."""
    initial: Decimal
    maintenance: Decimal


@dataclass(frozen=True, slots=True)
class Contract(Pair):
    """A future. Prices are in the quote currency, sizes in contracts: one dollar each for inverse contracts, one of the
    base currency otherwise."""

    kind: str
    """``flexible_futures`` or ``futures_inverse``."""
    wallet: str
    """The wallet that profits go to and margin comes from: ``flex`` or ``fi_xbtusd``."""
    perpetual: bool
    last_trading: int
    """Unix nanoseconds; 0 for perpetual contracts."""
    max_position: Decimal
    levels: tuple[MarginLevel, ...]

    @property
    def inverse(self) -> bool:
        """Whether profits are paid in the base currency."""
        return self.kind == "futures_inverse"

    @property
    def settlement(self) -> Asset:
        """What profits, fees and funding are paid in."""
        return self.base if self.inverse else self.quote

    @property
    def underlying(self) -> str:
        """Kraken's name of the base and quote currency together: ``xbtusd``."""
        return f"{self.base.altname}{self.quote.altname}".lower()

    def value(self, size: Decimal, price: Decimal) -> Decimal:
        """What a size is worth at a price, in the settlement currency."""
        return WIDE.divide(size, price) if self.inverse else WIDE.multiply(size, price)

    def profit(self, size: Decimal, entry: Decimal, price: Decimal) -> Decimal:
        """What a position of a signed size has gained, in the settlement currency, not rounded."""
        if not size:
            return ZERO
        gained = self.value(size, price) - self.value(size, entry)
        return -gained if self.inverse else gained

    def average(self, size: Decimal, entry: Decimal, more: Decimal, price: Decimal) -> Decimal:
        """The average price of a position that grows by ``more`` at ``price``; both sizes have the same sign."""
        value = self.value(size, entry) if size else ZERO
        total = value + self.value(more, price)
        return WIDE.divide(size + more, total) if self.inverse else WIDE.divide(total, size + more)

    def level(self, size: Decimal) -> MarginLevel:
        """The margin level of a position of an unsigned size."""
        return next(each for each in reversed(self.levels) if size >= each.size)


class Contracts:
    """All contracts.

    Args:
        assets: The assets of the Spot market, by Kraken's name.
        path: A file like ``futures.yaml``.
    """

    def __init__(self, assets: Mapping[str, Asset], path: Path = MARKET) -> None:
        seed: Mapping[str, Any] = read(path)
        self.wallets: Mapping[str, Mapping[str, str]] = seed["wallets"]
        """What each wallet opens with, by name and asset."""
        self.all = {name: _contract(name, facts, assets, seed["fees"]) for name, facts in seed["contracts"].items()}

    def contract(self, symbol: str) -> Contract:
        """The contract of a symbol, whatever the case of its letters.

        Raises:
            Refusal: there is no such contract.
        """
        try:
            return self.all[symbol.upper()]
        except KeyError:
            raise Refusal(Words.CONTRACT_NOT_FOUND) from None


def _contract(name: str, facts: Mapping[str, Any], assets: Mapping[str, Asset], fees: Mapping[str, str]) -> Contract:
    base, quote = assets[facts["base"]], assets[facts["quote"]]
    return Contract(
        name=name,
        altname=name,
        wsname=name,
        symbol=name,
        base=base,
        quote=quote,
        opening_price=Decimal(facts["price"]),
        tick_size=Decimal(facts["tick_size"]),
        pair_decimals=facts["pair_decimals"],
        lot_decimals=facts["lot_decimals"],
        cost_decimals=quote.decimals,
        ordermin=Decimal(facts["ordermin"]),
        costmin=ZERO,
        size=Decimal(facts["size"]),
        gap=facts["gap"],
        taker_fee=Decimal(fees["taker"]),
        maker_fee=Decimal(fees["maker"]),
        fee_currency=quote.name,
        kind=facts["kind"],
        wallet=facts["wallet"],
        perpetual=facts["perpetual"],
        last_trading=from_rfc3339(facts["last_trading"]) if "last_trading" in facts else 0,
        max_position=Decimal(facts["max_position"]),
        levels=tuple(MarginLevel(*map(Decimal, row)) for row in facts["levels"]),
    )
