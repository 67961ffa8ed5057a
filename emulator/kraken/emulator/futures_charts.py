"""Futures REST: candles of trades, mark prices and index prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kraken.emulator.figures import Figures, by_time
from kraken.emulator.futures_rest import HANDLERS, FuturesRest, milliseconds
from kraken.emulator.wire import SECOND, fixed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kraken.emulator.contracts import Contract
    from kraken.emulator.derivatives import Derivatives
    from kraken.emulator.exchange import Exchange
    from kraken.emulator.handlers import Arguments
    from kraken.emulator.orders import Trade

MAX_CANDLES = 2000
LENGTHS = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "4h": 14_400,
    "12h": 43_200,
    "1d": 86_400,
    "1w": 604_800,
}
"""Seconds of each length of a candle."""


@HANDLERS.answers("tickTypes")
def _tick_types(_rest: FuturesRest, _arguments: Arguments) -> Any:
    return ["mark", "spot", "trade"]


@HANDLERS.answers("symbols")
def _symbols(rest: FuturesRest, _arguments: Arguments) -> Any:
    return list(rest.venue.contracts.all)


@HANDLERS.answers("resolutions")
def _resolutions(rest: FuturesRest, arguments: Arguments) -> Any:
    rest.venue.contracts.contract(arguments["symbol"])
    return list(LENGTHS)


@HANDLERS.answers("candles")
def _candles(rest: FuturesRest, arguments: Arguments) -> Any:
    contract = rest.venue.contracts.contract(arguments["symbol"])
    length, kind = LENGTHS[arguments["resolution"]] * SECOND, arguments["tick_type"]
    since, until = (arguments.get(name) for name in ("from", "to"))
    buckets = [
        (start, trades)
        for start, trades in by_time(prices_of(rest.venue, rest.spot, contract, kind), length).items()
        if (since is None or start >= since * SECOND) and (until is None or start <= until * SECOND)
    ]
    count = arguments.get("count", MAX_CANDLES)
    shown = buckets[:count] if since is not None else buckets[len(buckets) - min(count, len(buckets)) :]
    more = since is not None and len(buckets) > count
    return {"candles": [_candle(contract, kind, *each) for each in shown], "more_candles": more}


def prices_of(venue: Derivatives, spot: Exchange, contract: Contract, kind: str) -> Sequence[Trade]:
    """Where the prices of a kind come from: the Spot market where the index is asked for and there is a pair."""
    pairs = (each for each in spot.pairs.values() if (each.base, each.quote) == (contract.base, contract.quote))
    pair = next(pairs, None) if kind == "spot" else None
    return venue.tape[contract.name] if pair is None else spot.tape[pair.name]


def _candle(contract: Contract, kind: str, start: int, trades: list[Trade]) -> dict[str, Any]:
    candle = Figures(contract, trades, trades[0].price)
    decimals = contract.pair_decimals if kind == "trade" else 11
    return {
        "time": milliseconds(start),
        "open": fixed(candle.first, decimals),
        "high": fixed(candle.high, decimals),
        "low": fixed(candle.low, decimals),
        "close": fixed(candle.last, decimals),
        "volume": fixed(candle.volume, contract.lot_decimals) if kind == "trade" else 0,
    }
