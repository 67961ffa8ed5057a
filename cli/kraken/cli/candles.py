"""Candles of both products in one form, and the lengths that Kraken has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from importlib import import_module
from typing import Any, NamedTuple, get_args

from .commands import Refused

__all__ = ["MINUTE", "PRODUCTS", "Candle", "candles_of", "check_depth", "check_interval", "request", "traded"]

PRODUCTS = ("spot", "futures")
"""Where markets can be watched."""
MINUTE = 60
_MILLISECONDS = 1000
_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10080}
"""Minutes of the units in which Futures writes lengths."""


class Candle(NamedTuple):
    """What a price did within a time."""

    begin: int
    """When it begins, in Unix seconds."""
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


def _intervals(product: str) -> dict[int, Any]:
    """The lengths of candles that Kraken has: what it calls each, by minutes."""
    if product == "futures":
        names = _allowed("kraken.futures.models.charts", "CandlesRequest", "resolution")
        return {int(name[:-1]) * _MINUTES[name[-1]]: name for name in names}
    return {minutes: minutes for minutes in _allowed("kraken.spot.models.websocket", "OhlcSubscription", "interval")}


def _depths() -> tuple[int, ...]:
    """How deep Spot's books can be."""
    return _allowed("kraken.spot.models.websocket", "BookSubscription", "depth")


def _allowed(module: str, model: str, field: str) -> tuple[Any, ...]:
    """The values that a field of a generated model allows."""
    return tuple(_literals(getattr(import_module(module), model).model_fields[field].annotation))


def _literals(annotation: Any) -> Iterator[Any]:
    for argument in get_args(annotation):
        if isinstance(argument, int | str):
            yield argument
        else:
            yield from _literals(argument)


def check_interval(product: str, minutes: int) -> list[int]:
    """All lengths that a product has, in minutes.

    Raises:
        Refused: The one that is wanted is not among them.
    """
    allowed = sorted(_intervals(product))
    if minutes not in allowed:
        raise Refused(f"--interval: {minutes} is not allowed; one of {', '.join(map(str, allowed))} minutes")
    return allowed


def check_depth(product: str, depth: int | None) -> list[int]:
    """All depths that a product has; none where books are always whole.

    Raises:
        Refused: The one that is wanted is not among them.
    """
    allowed = sorted(_depths()) if product == "spot" else []
    if depth is not None and depth not in allowed:
        if not allowed:
            raise Refused("--depth: Futures always sends the whole book; leave it out")
        raise Refused(f"--depth: {depth} is not allowed; one of {', '.join(map(str, allowed))}")
    return allowed


def request(client: Any, product: str, market: str, minutes: int, count: int) -> Any:
    """Ask for the newest candles, with a REST client of either colour; the result is for `candles_of`."""
    name = _intervals(product)[minutes]
    if product == "futures":
        return client.charts.candles(tick_type="trade", symbol=market, resolution=name, count=count)
    return client.market_data.get_ohlc_data(pair=market, interval=name)


def candles_of(product: str, result: Any) -> list[Candle]:
    """The candles of a result, oldest first."""
    if product == "futures":
        return [_candle(each, each.time // _MILLISECONDS) for each in result.candles]
    found: Mapping[str, Iterable[Any]] = result.candles
    return [_candle(each, each.time) for rows in found.values() for each in rows]


def _candle(row: Any, begin: int) -> Candle:
    return Candle(begin, row.open, row.high, row.low, row.close, row.volume)


def traded(candle: Candle | None, begin: int, price: Decimal, qty: Decimal) -> Candle:
    """A candle after one more trade.

    Args:
        candle: What it was before; None for its first trade.
        begin: When it begins, in Unix seconds.
        price: The price of the trade.
        qty: How much was traded.
    """
    if candle is None:
        return Candle(begin, price, price, price, price, qty)
    return candle._replace(
        high=max(candle.high, price), low=min(candle.low, price), close=price, volume=candle.volume + qty
    )
