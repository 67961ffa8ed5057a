"""Figures over trades: volume, average, highest and lowest price, and candles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kraken.emulator.wire import ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from kraken.emulator.instruments import Pair
    from kraken.emulator.orders import Trade
    from kraken.emulator.venue import Venue


class Figures:
    """Figures over some trades of a pair.

    Args:
        pair: The pair.
        trades: Its trades, oldest first.
        otherwise: The price to show when there is no trade.
    """

    def __init__(self, pair: Pair, trades: list[Trade], otherwise: Decimal) -> None:
        prices = [trade.price for trade in trades] or [otherwise]
        cost = sum((trade.price * trade.volume for trade in trades), ZERO)
        self.volume = rounded(sum((trade.volume for trade in trades), ZERO), pair.lot_decimals)
        self.average = rounded(cost / self.volume if self.volume else otherwise, pair.pair_decimals)
        self.count = len(trades)
        self.low, self.high, self.first, self.last = min(prices), max(prices), prices[0], prices[-1]


def figures(exchange: Venue, pair: Pair, since: int) -> Figures:
    """Figures over the trades of ``pair`` since a time in Unix nanoseconds."""
    trades = [trade for trade in exchange.tape[pair.name] if trade.at >= since]
    return Figures(pair, trades, exchange.last_price(pair))


def by_time(tape: Iterable[Trade], length: int) -> dict[int, list[Trade]]:
    """Trades by the beginning of the candle that they belong to.

    Args:
        tape: The trades, oldest first.
        length: Length of a candle, in nanoseconds.
    """
    found: dict[int, list[Trade]] = {}
    for trade in tape:
        found.setdefault(trade.at // length * length, []).append(trade)
    return found
