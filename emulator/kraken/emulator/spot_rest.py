"""Spot REST: what each operation answers. Routes and arguments come from the specs, only state is written here."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kraken.emulator.errors import InvalidArgument
from kraken.emulator.exports import Exports
from kraken.emulator.figures import Figures, by_time, figures
from kraken.emulator.records import tables
from kraken.emulator.subaccounts import Subaccounts
from kraken.emulator.wire import SECOND, ZERO, fixed, rfc3339, unix

if TYPE_CHECKING:
    from decimal import Decimal

    from kraken.emulator.auth import Keys
    from kraken.emulator.book import BookSide
    from kraken.emulator.exchange import Exchange
    from kraken.emulator.instruments import Asset, Pair

Arguments = Mapping[str, Any]
Handler = Callable[["SpotRest", Arguments], Any]

HANDLERS: dict[str, Handler] = {}
"""By operation id. Operations that are not here answer with their canned example."""

DAY = 86_400
MAX_CANDLES = 720
MAX_TRADES = 1000
MAX_SPREADS = 200


def handles(operation_id: str) -> Callable[[Handler], Handler]:
    """Register the function that answers an operation."""

    def register(handler: Handler) -> Handler:
        HANDLERS[operation_id] = handler
        return handler

    return register


class SpotRest:
    """The state behind the operations.

    Args:
        exchange: The exchange.
        keys: Where WebSocket tokens come from.
    """

    def __init__(self, exchange: Exchange, keys: Keys) -> None:
        self.exchange = exchange
        self.keys = keys
        self.subaccounts = Subaccounts(exchange)
        self.exports = Exports(tables(exchange.user), exchange.now)

    def pair(self, arguments: Arguments) -> Pair:
        """The one pair that was asked for."""
        return self.exchange.instruments.pair(arguments["pair"])

    def pairs(self, arguments: Arguments) -> Iterable[Pair]:
        """The pairs that were asked for, or all."""
        instruments = self.exchange.instruments
        return map(instruments.pair, arguments["pair"]) if "pair" in arguments else instruments.pairs.values()


# ---------------------------------------------------------------------- market data


@handles("getServerTime")
def _time(spot: SpotRest, _arguments: Arguments) -> Any:
    seconds = spot.exchange.now() // SECOND
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return {"unixtime": seconds, "rfc1123": moment.strftime("%a, %d %b %y %H:%M:%S +0000")}


@handles("getSystemStatus")
def _status(spot: SpotRest, _arguments: Arguments) -> Any:
    return {"status": spot.exchange.status, "timestamp": rfc3339(spot.exchange.now(), 0)}


@handles("getAssetInfo")
def _assets(spot: SpotRest, arguments: Arguments) -> Any:
    instruments = spot.exchange.instruments
    wanted = arguments.get("asset")
    assets = instruments.assets.values() if wanted is None else map(instruments.asset, wanted)
    return {asset.name: _asset(asset) for asset in assets}


def _asset(asset: Asset) -> dict[str, Any]:
    collateral = {} if asset.collateral_value is None else {"collateral_value": asset.collateral_value}
    return {
        "aclass": "currency",
        "altname": asset.altname,
        "decimals": asset.decimals,
        "display_decimals": asset.display_decimals,
        **collateral,
        "status": "enabled",
    }


@handles("getTradableAssetPairs")
def _asset_pairs(spot: SpotRest, arguments: Arguments) -> Any:
    wanted = _PAIR_FIELDS.get(arguments.get("info", "info"), ())
    found = {}
    for pair in spot.pairs(arguments):
        facts = _pair(pair)
        found[pair.name] = {name: facts[name] for name in wanted} if wanted else facts
    return found


_PAIR_FIELDS = {
    "leverage": ("leverage_buy", "leverage_sell"),
    "fees": ("fees", "fees_maker", "fee_volume_currency"),
    "margin": ("margin_call", "margin_stop"),
}


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "altname": pair.altname,
        "wsname": pair.wsname,
        "aclass_base": "currency",
        "base": pair.base.name,
        "aclass_quote": "currency",
        "quote": pair.quote.name,
        "lot": "unit",
        "cost_decimals": pair.cost_decimals,
        "pair_decimals": pair.pair_decimals,
        "lot_decimals": pair.lot_decimals,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, pair.taker_fee]],
        "fees_maker": [[0, pair.maker_fee]],
        "fee_volume_currency": pair.fee_currency,
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": format(pair.ordermin, "f"),
        "costmin": format(pair.costmin, "f"),
        "tick_size": format(pair.tick_size, "f"),
        "status": "online",
    }


@handles("getTickerInformation")
def _ticker(spot: SpotRest, arguments: Arguments) -> Any:
    return {pair.name: _ticker_of(spot.exchange, pair) for pair in spot.pairs(arguments)}


def _ticker_of(exchange: Exchange, pair: Pair) -> dict[str, Any]:
    def price(value: Decimal) -> str:
        return fixed(value, max(5, pair.pair_decimals))

    def best(side: BookSide) -> list[str]:
        at, volume = (side.levels(1) or [(ZERO, ZERO)])[0]
        return [price(at), fixed(volume, 0), fixed(volume, 3)]

    now = exchange.now()
    today = figures(exchange, pair, now - now % (DAY * SECOND))
    day = figures(exchange, pair, now - DAY * SECOND)
    last = exchange.tape[pair.name][-1]
    book = exchange.books[pair.name]
    return {
        "a": best(book.asks),
        "b": best(book.bids),
        "c": [price(last.price), fixed(last.volume, pair.lot_decimals)],
        "v": [fixed(each.volume, pair.lot_decimals) for each in (today, day)],
        "p": [price(each.average) for each in (today, day)],
        "t": [each.count for each in (today, day)],
        "l": [price(each.low) for each in (today, day)],
        "h": [price(each.high) for each in (today, day)],
        "o": price(today.first),
    }


@handles("getOHLCData")
def _ohlc(spot: SpotRest, arguments: Arguments) -> Any:
    pair = spot.pair(arguments)
    candles = _candles(spot.exchange, pair, arguments.get("interval", 1) * 60)
    closed = candles[-2][0] if len(candles) > 1 else 0
    return {pair.name: [each for each in candles if each[0] > arguments.get("since", 0)], "last": closed}


def _candles(exchange: Exchange, pair: Pair, length: int) -> list[list[Any]]:
    """Candles of ``length`` seconds in which somebody traded, and the one that is open."""
    buckets = by_time(exchange.tape[pair.name], length * SECOND)
    buckets.setdefault(exchange.now() // SECOND // length * length * SECOND, [])
    previous = exchange.tape[pair.name][0].price
    rows: list[list[Any]] = []
    for start, trades in sorted(buckets.items()):
        candle = Figures(pair, trades, previous)
        previous = candle.last
        prices = (candle.first, candle.high, candle.low, candle.last, candle.average if trades else ZERO)
        texts = [fixed(each, pair.pair_decimals) for each in prices]
        rows.append([start // SECOND, *texts, fixed(candle.volume, pair.lot_decimals), candle.count])
    return rows[-MAX_CANDLES:]


@handles("getOrderBook")
def _depth(spot: SpotRest, arguments: Arguments) -> Any:
    pair = spot.pair(arguments)
    book = spot.exchange.books[pair.name]

    def rows(side: BookSide) -> list[list[Any]]:
        queues = list(side.queues())[: arguments.get("count", 100)]
        levels = side.levels(len(queues))
        return [
            [fixed(price, pair.pair_decimals), fixed(volume, pair.lot_decimals), queue[-1].opened // SECOND]
            for queue, (price, volume) in zip(queues, levels, strict=True)
        ]

    return {pair.name: {"asks": rows(book.asks), "bids": rows(book.bids)}}


@handles("getGroupedOrderBook")
def _grouped(spot: SpotRest, arguments: Arguments) -> Any:
    pair = spot.pair(arguments)
    grouping = arguments.get("grouping", 1)
    step = pair.tick_size * grouping
    book = spot.exchange.books[pair.name]

    def rows(side: BookSide, *, up: bool) -> list[dict[str, str]]:
        groups: dict[Decimal, Decimal] = {}
        for price, volume in side.levels():
            group = (-(-price // step) if up else price // step) * step
            groups[group] = groups.get(group, ZERO) + volume
        best = list(groups.items())[: arguments.get("depth", 10)]
        return [{"price": fixed(p, pair.pair_decimals), "qty": fixed(v, pair.lot_decimals)} for p, v in best]

    return {
        "pair": pair.symbol,
        "grouping": grouping,
        "bids": rows(book.bids, up=False),
        "asks": rows(book.asks, up=True),
    }


@handles("queryL3OrderBook")
def _level3(spot: SpotRest, arguments: Arguments) -> Any:
    pair = spot.pair(arguments)
    book = spot.exchange.books[pair.name]
    depth = arguments.get("depth", 100) or None

    def rows(side: BookSide) -> list[dict[str, Any]]:
        return [
            {
                "price": fixed(order.limit or ZERO, pair.pair_decimals),
                "qty": fixed(order.visible, pair.lot_decimals),
                "order_id": order.id,
                "timestamp": order.opened,
            }
            for queue in list(side.queues())[:depth]
            for order in queue
        ]

    return {"pair": pair.symbol, "bids": rows(book.bids), "asks": rows(book.asks)}


@handles("getRecentTrades")
def _trades(spot: SpotRest, arguments: Arguments) -> Any:
    pair = spot.pair(arguments)
    tape = list(spot.exchange.tape[pair.name])
    count = arguments.get("count", MAX_TRADES)
    if "since" in arguments:
        since = _nanoseconds(arguments["since"])
        found = [trade for trade in tape if trade.at > since][:count]
    else:
        found = tape[-count:]
    rows = [
        [
            fixed(trade.price, max(5, pair.pair_decimals)),
            fixed(trade.volume, pair.lot_decimals),
            unix(trade.at, 7),
            trade.side[0],
            trade.type[0],
            "",
            trade.id,
        ]
        for trade in found
    ]
    return {pair.name: rows, "last": str(found[-1].at if found else tape[-1].at)}


def _nanoseconds(since: object) -> int:
    """``since`` of Trades is nanoseconds, but seconds are understood too."""
    text = str(since)
    if re.fullmatch(r"[0-9]{1,20}", text) is None:
        raise InvalidArgument("since")
    return int(text) if len(text) > 12 else int(text) * SECOND


@handles("getRecentSpreads")
def _spreads(spot: SpotRest, arguments: Arguments) -> Any:
    pair = spot.pair(arguments)
    since = arguments.get("since", 0)
    rows = [
        [at // SECOND, fixed(bid, max(5, pair.pair_decimals)), fixed(ask, max(5, pair.pair_decimals))]
        for at, bid, ask in spot.exchange.spreads[pair.name]
        if at // SECOND >= since
    ]
    return {pair.name: rows[-MAX_SPREADS:], "last": spot.exchange.now() // SECOND}
