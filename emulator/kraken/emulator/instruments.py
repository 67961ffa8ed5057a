"""Assets and pairs of the emulated market, with all of Kraken's spellings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kraken.emulator.errors import Refusal, Words
from kraken.emulator.specs import read
from kraken.emulator.wire import WIDE

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKET = Path(__file__).with_name("market.yaml")


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset."""

    name: str
    """Kraken's own name, as in balances: ``XXBT``."""
    altname: str
    symbol: str
    """The name that the WebSocket API uses: ``BTC``."""
    decimals: int
    display_decimals: int
    collateral_value: Decimal | None
    opening_balance: Decimal
    """What the user's account starts with."""
    of: Asset | None = None
    """The asset that was allocated, where this is what is held of it in Earn."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair and its trading rules."""

    name: str
    """Kraken's own name: ``XXBTZUSD``."""
    altname: str
    wsname: str
    symbol: str
    """The name that the WebSocket API uses: ``BTC/USD``."""
    base: Asset
    quote: Asset
    opening_price: Decimal
    tick_size: Decimal
    pair_decimals: int
    lot_decimals: int
    cost_decimals: int
    ordermin: Decimal
    costmin: Decimal
    size: Decimal
    """Usual size of the market's own orders, in the base asset."""
    gap: int
    """Largest distance between two of the market's prices, in ticks."""
    taker_fee: Decimal
    """Per cent of the cost."""
    maker_fee: Decimal
    fee_currency: str

    @property
    def money_decimals(self) -> int:
        """Decimals of a cost or a fee in the quote asset."""
        return min(self.cost_decimals, self.quote.decimals)

    def on_tick(self, price: Decimal) -> bool:
        """Whether ``price`` is a multiple of the tick size."""
        return WIDE.remainder(price, self.tick_size) == 0


class Instruments:
    """All assets and pairs.

    Args:
        path: A file like ``market.yaml``.
    """

    def __init__(self, path: Path = MARKET) -> None:
        seed: Mapping[str, Any] = read(path)
        self.assets = {name: _asset(name, facts) for name, facts in seed["assets"].items()}
        self.pairs = {name: self._pair(name, facts, seed["fees"]) for name, facts in seed["pairs"].items()}
        self._pairs = {spelling: pair for pair in self.pairs.values() for spelling in _pair_spellings(pair)}
        self._assets = {
            spelling: asset for asset in self.assets.values() for spelling in (asset.name, asset.altname, asset.symbol)
        }
        self.by_symbol = {pair.symbol: pair for pair in self.pairs.values()}

    def _pair(self, name: str, facts: Mapping[str, Any], fees: Mapping[str, str]) -> Pair:
        return Pair(
            name=name,
            altname=facts["altname"],
            wsname=facts["wsname"],
            symbol=facts["symbol"],
            base=self.assets[facts["base"]],
            quote=self.assets[facts["quote"]],
            opening_price=Decimal(facts["price"]),
            tick_size=Decimal(facts["tick_size"]),
            pair_decimals=facts["pair_decimals"],
            lot_decimals=facts["lot_decimals"],
            cost_decimals=facts["cost_decimals"],
            ordermin=Decimal(facts["ordermin"]),
            costmin=Decimal(facts["costmin"]),
            size=Decimal(facts["size"]),
            gap=facts["gap"],
            taker_fee=Decimal(fees["taker"]),
            maker_fee=Decimal(fees["maker"]),
            fee_currency=fees["currency"],
        )

    def pair(self, spelling: str) -> Pair:
        """The pair of any spelling: ``XXBTZUSD``, ``XBTUSD``, ``XBT/USD``, ``BTC/USD``, ``BTCUSD``.

        Raises:
            Refusal: there is no such pair.
        """
        try:
            return self._pairs[spelling.upper()]
        except KeyError:
            raise Refusal(Words.UNKNOWN_PAIR) from None

    def asset(self, spelling: str) -> Asset:
        """The asset of any spelling: ``XXBT``, ``XBT``, ``BTC``.

        Raises:
            Refusal: there is no such asset.
        """
        try:
            return self._assets[spelling.upper()]
        except KeyError:
            raise Refusal(Words.UNKNOWN_ASSET) from None

    def earning(self, asset: Asset) -> Asset:
        """What an asset is called while it is allocated in Earn, ``XBT.B`` for ``XBT``; known from now on."""
        name = f"{asset.altname}.B"
        if name not in self.assets:
            held = replace(asset, name=name, altname=name, symbol=name, opening_balance=Decimal(0), of=asset)
            self.assets[name] = self._assets[name] = held
        return self.assets[name]


def _asset(name: str, facts: Mapping[str, Any]) -> Asset:
    collateral = facts.get("collateral_value")
    return Asset(
        name=name,
        altname=facts["altname"],
        symbol=facts["symbol"],
        decimals=facts["decimals"],
        display_decimals=facts["display_decimals"],
        collateral_value=None if collateral is None else Decimal(collateral),
        opening_balance=Decimal(facts["balance"]),
    )


def _pair_spellings(pair: Pair) -> set[str]:
    bases = {pair.base.name, pair.base.altname, pair.base.symbol}
    quotes = {pair.quote.name, pair.quote.altname, pair.quote.symbol}
    return {pair.name} | {f"{base}{slash}{quote}" for base in bases for quote in quotes for slash in ("", "/")}
