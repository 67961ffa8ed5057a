"""Spot WebSocket v2: candles, as the channel ``ohlc`` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kraken.emulator.figures import Figures, by_time
from kraken.emulator.wire import SECOND, rfc3339, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kraken.emulator.instruments import Pair
    from kraken.emulator.orders import Trade

MAX_CANDLES = 720
"""Candles in a snapshot."""


def candles(pair: Pair, tape: Iterable[Trade], minutes: int, since: int = 0) -> list[dict[str, Any]]:
    """The candles in which somebody traded, oldest first.

    Args:
        pair: The pair.
        tape: Its trades, oldest first.
        minutes: Length of a candle.
        since: Unix nanoseconds; candles that had ended by then are left out.
    """
    length = minutes * 60 * SECOND
    rows = [
        _row(pair, minutes, start, trades) for start, trades in by_time(tape, length).items() if start + length > since
    ]
    return rows[-MAX_CANDLES:]


def _row(pair: Pair, minutes: int, start: int, trades: list[Trade]) -> dict[str, Any]:
    figures = Figures(pair, trades, trades[0].price)
    return {
        "symbol": pair.symbol,
        "open": rounded(figures.first, pair.pair_decimals),
        "high": rounded(figures.high, pair.pair_decimals),
        "low": rounded(figures.low, pair.pair_decimals),
        "close": rounded(figures.last, pair.pair_decimals),
        "trades": figures.count,
        "volume": figures.volume,
        "vwap": figures.average,
        "interval_begin": rfc3339(start, 9),
        "interval": minutes,
        "timestamp": rfc3339(start + minutes * 60 * SECOND),
    }
