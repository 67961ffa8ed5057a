"""Spot REST: what each operation answers. Routes and arguments come from the specs, only state is written here."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.orders import NewOrder, Order, Side, Trade
from kraken.emulator.wire import SECOND, ZERO, fixed, rfc3339, rounded, unix

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


def figures(exchange: Exchange, pair: Pair, since: int) -> Figures:
    """Figures over the trades of ``pair`` since a time in Unix nanoseconds."""
    trades = [trade for trade in exchange.tape[pair.name] if trade.at >= since]
    return Figures(pair, trades, exchange.last_price(pair))


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
    buckets: dict[int, list[Trade]] = {}
    for trade in exchange.tape[pair.name]:
        buckets.setdefault(trade.at // SECOND // length * length, []).append(trade)
    buckets.setdefault(exchange.now() // SECOND // length * length, [])
    previous = exchange.tape[pair.name][0].price
    rows: list[list[Any]] = []
    for start, trades in sorted(buckets.items()):
        candle = Figures(pair, trades, previous)
        previous = candle.last
        prices = (candle.first, candle.high, candle.low, candle.last, candle.average if trades else ZERO)
        texts = [fixed(each, pair.pair_decimals) for each in prices]
        rows.append([start, *texts, fixed(candle.volume, pair.lot_decimals), candle.count])
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


# ---------------------------------------------------------------------- account data


@handles("getAccountBalance")
def _balance(spot: SpotRest, _arguments: Arguments) -> Any:
    return {name: format(amount, "f") for name, amount in spot.exchange.user.balances.items()}


@handles("getOpenOrders")
def _open_orders(spot: SpotRest, arguments: Arguments) -> Any:
    orders = [
        order
        for order in spot.exchange.user.open.values()
        if arguments.get("userref") in (None, order.asked.userref)
        and arguments.get("cl_ord_id") in (None, order.asked.cl_ord_id)
    ]
    return {"open": {order.id: order_row(order, trades=arguments.get("trades", False)) for order in reversed(orders)}}


@handles("getOrdersInfo")
def _orders_info(spot: SpotRest, arguments: Arguments) -> Any:
    orders = spot.exchange.user.orders
    found = {}
    for order_id in arguments["txid"]:
        if order_id not in orders:
            raise Refusal(Words.INVALID_ORDER)
        if arguments.get("userref") in (None, orders[order_id].asked.userref):
            found[order_id] = order_row(orders[order_id], trades=arguments.get("trades", False))
    return found


def order_row(order: Order, *, trades: bool) -> dict[str, Any]:
    """An order as account data shows it.

    Args:
        order: The order.
        trades: Whether to list its trades.
    """
    pair, asked = order.pair, order.asked
    trigger_first = order.trigger if order.trigger is not None else order.limit
    limit_second = order.limit if order.trigger is not None else None
    flags = [*(["post"] if asked.post_only else []), "fcib" if asked.fee_in_base else "fciq", *asked.oflags]

    def price(value: Decimal | None) -> str:
        return "0" if value is None else fixed(value, pair.pair_decimals)

    def cost(value: Decimal) -> str:
        return fixed(value, pair.cost_decimals)

    row: dict[str, Any] = {
        "refid": None,
        "userref": 0 if asked.userref is None else asked.userref,
        **({} if asked.cl_ord_id is None else {"cl_ord_id": asked.cl_ord_id}),
        **({} if asked.sender is None else {"sender_sub_id": asked.sender}),
        "status": order.status,
        "opentm": unix(order.opened),
        "starttm": asked.starts // SECOND,
        "expiretm": asked.expires // SECOND,
        "descr": {
            "pair": pair.altname,
            "aclass": "forex",
            "type": order.side,
            "ordertype": asked.type,
            "price": price(trigger_first),
            "price2": price(limit_second),
            "leverage": "none",
            "order": order.description(),
            "close": asked.close,
        },
        "vol": fixed(order.volume, pair.lot_decimals),
        "vol_exec": fixed(order.filled, pair.lot_decimals),
        "cost": cost(order.cost),
        "fee": cost(order.fee),
        "price": price(order.average) if order.filled else fixed(ZERO, 5),
        "stopprice": fixed(ZERO, 5) if order.trigger is None else price(order.trigger),
        "limitprice": fixed(ZERO, 5) if limit_second is None else price(limit_second),
        "misc": "amended" if order.amended else "",
        "oflags": ",".join(flags),
    }
    if trades and order.fills:
        row["trades"] = [fill.id for fill in order.fills]
    if not order.alive:
        row |= {"closetm": unix(order.closed), "reason": order.reason}
    if order.trigger is not None:
        row["trigger"] = asked.trigger_by
    return row


# ---------------------------------------------------------------------- trading


@handles("addOrder")
def _add_order(spot: SpotRest, arguments: Arguments) -> Any:
    _check_deadline(spot, arguments)
    validate = arguments.get("validate", False)
    order = spot.exchange.place(spot.exchange.user, _asked(spot, arguments), validate=validate)
    descr = {"order": order.description()}
    if order.asked.close:
        descr["close"] = order.asked.close
    return {"descr": descr} if validate else {"descr": descr, "txid": [order.id]}


def _check_deadline(spot: SpotRest, arguments: Arguments) -> None:
    if "deadline" in arguments and spot.exchange.now() > arguments["deadline"]:
        raise Refusal(Words.DEADLINE_ELAPSED)


def _asked(spot: SpotRest, arguments: Arguments) -> NewOrder:
    exchange = spot.exchange
    pair = spot.pair(arguments)
    side: Side = "buy" if arguments["type"] == "buy" else "sell"
    kind = arguments["ordertype"]
    _refuse_margin(kind, leverage=arguments.get("leverage"), reduce_only=arguments.get("reduce_only", False))
    flags: list[str] = arguments.get("oflags", [])
    trigger, limit = _prices(exchange, pair, side, kind, arguments)
    expires = _when(exchange, "expiretm", arguments)
    time_in_force = arguments.get("timeinforce", "GTC")
    if time_in_force == "GTD" and not expires:
        raise InvalidArgument("expiretm")
    volume: Decimal = arguments["volume"]
    if "viqc" in flags:
        if kind != "market" or side != "buy":
            raise InvalidArgument("viqc")
        volume = exchange.volume_for(pair, volume)
    return NewOrder(
        pair=pair,
        side=side,
        type=kind,
        volume=volume,
        limit=limit,
        trigger=trigger,
        time_in_force=time_in_force,
        post_only="post" in flags,
        fee_in_base="fcib" in flags or (side == "sell" and "fciq" not in flags),
        stp=arguments.get("stptype", "cancel-newest"),
        display=arguments.get("displayvol"),
        userref=arguments.get("userref"),
        cl_ord_id=arguments.get("cl_ord_id"),
        starts=_when(exchange, "starttm", arguments),
        expires=expires,
        trigger_by=arguments.get("trigger", "last"),
        close=_close_description(exchange, pair, side, arguments),
        oflags=tuple(flag for flag in flags if flag in ("nompp", "viqc")),
    )


def _refuse_margin(kind: str, *, leverage: str | None, reduce_only: bool) -> None:
    """The emulated account has no margin: no leverage, and no positions."""
    if leverage not in (None, "none"):
        raise Refusal(Words.NO_MARGIN)
    if reduce_only:
        raise Refusal(Words.NO_POSITION)
    if kind == "settle-position":
        raise Refusal(Words.UNKNOWN_POSITION)


def _prices(
    exchange: Exchange, pair: Pair, side: Side, kind: str, arguments: Arguments
) -> tuple[Decimal | None, Decimal | None]:
    """Trigger price and limit price: ``price`` is the one, the other, or both stand in ``price`` and ``price2``."""
    triggered = kind not in ("market", "limit", "iceberg")
    names = {"trigger": "price"} if triggered else {}
    if not triggered and kind != "market":
        names["limit"] = "price"
    elif triggered and kind.endswith("-limit"):
        names["limit"] = "price2"
    found: dict[str, Decimal] = {}
    for meaning, name in names.items():
        if name not in arguments:
            raise InvalidArgument(name)
        found[meaning] = exchange.absolute_price(pair, side, str(arguments[name]), trigger=meaning == "trigger")
    return found.get("trigger"), found.get("limit")


def _when(exchange: Exchange, name: str, arguments: Arguments) -> int:
    """A time of an order, in Unix nanoseconds: ``0``, ``+<seconds from now>`` or Unix seconds."""
    text = str(arguments.get(name, "0"))
    if re.fullmatch(r"\+?[0-9]{1,10}", text) is None:
        raise InvalidArgument(name)
    if text.startswith("+"):
        return exchange.now() + int(text) * SECOND
    return int(text) * SECOND


def _close_description(exchange: Exchange, pair: Pair, side: Side, arguments: Arguments) -> str:
    kind = arguments.get("close[ordertype]")
    if kind is None:
        return ""
    given = {name: arguments[f"close[{name}]"] for name in ("price", "price2") if f"close[{name}]" in arguments}
    other: Side = "sell" if side == "buy" else "buy"
    prices = [price for price in _prices(exchange, pair, other, kind, given) if price is not None]
    words = kind.removesuffix("-limit").replace("-", " ") if kind != "limit" else kind
    return " -> limit ".join(
        [f"close position @ {words} {fixed(prices[0], pair.pair_decimals)}"]
        + [fixed(price, pair.pair_decimals) for price in prices[1:]]
    )


@handles("amendOrder")
def _amend_order(spot: SpotRest, arguments: Arguments) -> Any:
    _check_deadline(spot, arguments)
    exchange = spot.exchange
    order = exchange.find(exchange.user, order_id=arguments.get("txid"), cl_ord_id=arguments.get("cl_ord_id"))

    def price(name: str) -> Decimal | None:
        if name not in arguments:
            return None
        return exchange.absolute_price(order.pair, order.side, str(arguments[name]), trigger=name == "trigger_price")

    amend_id = exchange.amend(
        order,
        volume=arguments.get("order_qty"),
        display=arguments.get("display_qty"),
        limit=price("limit_price"),
        trigger=price("trigger_price"),
        post_only=arguments.get("post_only", False),
    )
    return {"amend_id": amend_id}


@handles("cancelOrder")
def _cancel_order(spot: SpotRest, arguments: Arguments) -> Any:
    exchange = spot.exchange
    wanted = arguments.get("txid")
    if wanted is not None and re.fullmatch(r"-?[0-9]{1,10}", str(wanted)):
        orders = [each for each in exchange.user.open.values() if each.asked.userref == int(wanted)]
        if not orders:
            raise Refusal(Words.UNKNOWN_ORDER)
    else:
        orders = [exchange.find(exchange.user, order_id=wanted, cl_ord_id=arguments.get("cl_ord_id"))]
    for order in orders:
        exchange.cancel(order)
    return {"count": len(orders)}


@handles("getWebsocketsToken")
def _token(spot: SpotRest, _arguments: Arguments) -> Any:
    return {"token": spot.keys.new_token(), "expires": spot.keys.token_lifetime}
