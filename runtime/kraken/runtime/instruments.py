"""Names, steps and minimums of pairs and assets, from what the exchange itself answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, NamedTuple, Protocol

from .errors import Facts, InvalidRequest
from .types import Amount, exact_amount

__all__ = ["Asset", "BalanceName", "Instrument", "Instruments", "remainder", "split_balance"]


class PairInfo(Protocol):
    """What is needed of a pair, as the typed result has it."""

    altname: Any
    wsname: Any
    base: Any
    quote: Any
    pair_decimals: Any
    lot_decimals: Any
    tick_size: Any
    ordermin: Any
    costmin: Any


class AssetInfo(Protocol):
    """What is needed of an asset, as the typed result has it."""

    altname: Any
    decimals: Any


class Asset(NamedTuple):
    """The names of one asset."""

    name: str
    """Kraken's own name, as in balances: `XXBT`."""
    altname: str
    """The short name: `XBT`."""
    symbol: str
    """The name in the WebSocket's pairs: `BTC`."""
    decimals: int


class BalanceName(NamedTuple):
    """The name of a balance in its parts."""

    asset: str
    """Kraken's name of the asset: `XXBT`."""
    suffix: str
    """What follows the dot, such as `B`, `F`, `M`, `S` or `T`; empty for the spot balance itself."""


def split_balance(name: str) -> BalanceName:
    """`XBT.F` -> asset `XBT`, suffix `F`; Kraken appends it for balances that are not plain spot balances."""
    asset, _, suffix = name.partition(".")
    return BalanceName(asset, suffix)


class Instrument(NamedTuple):
    """The names of one pair, and what its orders must keep to."""

    name: str
    """Kraken's own name, as in results: `XXBTZUSD`."""
    altname: str
    """The short name: `XBTUSD`."""
    symbol: str
    """The name on the WebSocket: `BTC/USD`; the short name for a pair that is not there."""
    base: str
    """Kraken's name of the asset that is traded."""
    quote: str
    """Kraken's name of the asset that prices are in."""
    tick: Decimal
    """Prices are multiples of it."""
    lot: Decimal
    """Volumes are multiples of it."""
    minimum_volume: Decimal
    """Smallest volume of an order, in the base asset."""
    minimum_cost: Decimal
    """Smallest cost of an order, in the quote asset."""

    def price(self, price: Amount, rounding: str = ROUND_HALF_EVEN) -> Decimal:
        """A price on the pair's tick.

        Args:
            price: The price, in the quote asset.
            rounding: One of the rounding modes of `decimal`.
        """
        return _to_step(exact_amount(price), self.tick, rounding)

    def volume(self, volume: Amount, rounding: str = ROUND_DOWN) -> Decimal:
        """A volume in the pair's lots; rounded down, so that it never exceeds what there is.

        Args:
            volume: The volume, in the base asset.
            rounding: One of the rounding modes of `decimal`.
        """
        return _to_step(exact_amount(volume), self.lot, rounding)

    def check(self, volume: Amount, price: Amount | None = None) -> None:
        """Refuse what the exchange would refuse.

        Args:
            volume: The volume, in the base asset.
            price: The price, in the quote asset; None for a market order.

        Raises:
            InvalidRequest: The volume or the cost is below the minimum, or off the pair's steps; the message says which.
        """
        amount = exact_amount(volume)
        if remainder(amount, self.lot):
            raise _refused(
                self.symbol, f"volume: {amount} is finer than the lot step; allowed: multiples of {self.lot:f}"
            )
        if amount < self.minimum_volume:
            raise _refused(self.symbol, f"volume: {amount} is too small; allowed: {self.minimum_volume:f} or more")
        if price is None:
            return
        each = exact_amount(price)
        if remainder(each, self.tick):
            raise _refused(self.symbol, f"price: {each} is finer than the tick; allowed: multiples of {self.tick:f}")
        cost = _EXACT.multiply(amount, each)
        if cost < self.minimum_cost:
            raise _refused(self.symbol, f"cost: {cost:f} is too small; allowed: {self.minimum_cost:f} or more")


class Instruments:
    """Every pair and asset, to be found by any of Kraken's spellings."""

    def __init__(
        self, pairs: Mapping[str, PairInfo], assets: Mapping[str, AssetInfo], symbols: Mapping[str, str]
    ) -> None:
        """Index the pairs and assets.

        Args:
            pairs: By Kraken's own name.
            assets: By Kraken's own name.
            symbols: Short names of assets that are called otherwise on the WebSocket, with that other name.
        """
        self.assets: dict[str, Asset] = {name: _asset(name, info, symbols) for name, info in assets.items()}
        self.pairs: dict[str, Instrument] = {
            name: self._instrument(name, info, symbols) for name, info in pairs.items()
        }
        self._assets = _index([(each, (each.name, each.altname, each.symbol)) for each in self.assets.values()])
        self._pairs = _index([(each, self._spellings(each, pairs[name])) for name, each in self.pairs.items()])

    def pair(self, name: str) -> Instrument:
        """The pair of a name in any of Kraken's spellings: `XBTUSD`, `XXBTZUSD`, `XBT/USD`, `BTC/USD`.

        Raises:
            InvalidRequest: There is no such pair; the message suggests near ones.
        """
        found: Instrument = _find(self._pairs, name, "pair")
        return found

    def asset(self, name: str) -> Asset:
        """The asset of a name in any of Kraken's spellings: `XBT`, `XXBT`, `BTC`.

        Raises:
            InvalidRequest: There is no such asset; the message suggests near ones.
        """
        found: Asset = _find(self._assets, name, "asset")
        return found

    def _instrument(self, name: str, info: PairInfo, symbols: Mapping[str, str]) -> Instrument:
        spelled = str(info.wsname or info.altname or name)
        symbol = "/".join(symbols.get(part, part) for part in spelled.split("/"))
        tick = info.tick_size if info.tick_size is not None else Decimal(1).scaleb(-(info.pair_decimals or 0))
        lot = Decimal(1).scaleb(-(info.lot_decimals or 0))
        minimum_volume, minimum_cost = info.ordermin or Decimal(0), info.costmin or Decimal(0)
        return Instrument(
            name, str(info.altname or name), symbol, info.base, info.quote, tick, lot, minimum_volume, minimum_cost
        )

    def _short(self, asset: str) -> str:
        return self.assets[asset].altname if asset in self.assets else asset

    def _spellings(self, each: Instrument, info: PairInfo) -> tuple[str, ...]:
        base, _, quote = each.symbol.partition("/")
        short = f"{self._short(each.base)}/{self._short(each.quote)}"
        return each.name, each.altname, str(info.wsname or each.symbol), each.symbol, short, base + quote


def _asset(name: str, info: AssetInfo, symbols: Mapping[str, str]) -> Asset:
    altname = str(info.altname or name)
    return Asset(name, altname, symbols.get(altname, altname), info.decimals or 0)


def _index(entries: Sequence[tuple[Any, tuple[str, ...]]]) -> dict[str, Any]:
    """Entries by their names. The first name of one goes before the second of another, and so on."""
    found: dict[str, Any] = {}
    for kind in zip(*(names for _, names in entries), strict=True):
        for (entry, _), name in zip(entries, kind, strict=True):
            found.setdefault(name.upper(), entry)
    return found


def _find(index: Mapping[str, Any], name: str, kind: str) -> Any:
    found = index.get(name.upper())
    if found is None:
        near = get_close_matches(name.upper(), index, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else ""
        raise InvalidRequest(f"{kind}: {name!r} is unknown", Facts(sent=False, hint=hint))
    return found


_EXACT = Context(prec=1000)
"""The usual 28 digits would round what has more."""


def _to_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    steps = _EXACT.divide(value, step).to_integral_value(rounding, _EXACT)
    return _EXACT.quantize(_EXACT.multiply(steps, step), min(step, Decimal(1)))


def remainder(value: Decimal, step: Decimal) -> Decimal:
    """What is left of a value when all whole steps are taken off it, whatever the precision of the program's decimals.

    Raises:
        InvalidRequest: The value is too large for that.
    """
    try:
        return _EXACT.remainder(value, step)
    except InvalidOperation:
        raise InvalidRequest(f"{value!r} is beyond all measure", Facts(sent=False)) from None


def _refused(symbol: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, Facts(symbol, sent=False))
