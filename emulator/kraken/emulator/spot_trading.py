"""Spot REST: placing, changing and cancelling orders, and the token of the WebSocket connection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.orders import Close, NewOrder, Order, Side
from kraken.emulator.schema import flat
from kraken.emulator.spot_rest import Arguments, SpotRest, handles
from kraken.emulator.wire import SECOND, fixed, rfc3339

if TYPE_CHECKING:
    from decimal import Decimal

    from kraken.emulator.exchange import Exchange
    from kraken.emulator.instruments import Pair

MAX_CANCELS = 50
"""Orders that one batch can cancel."""
_USER_REFERENCE = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_KEPT_FLAGS = ("nompp", "viqc")
"""Flags that only have to be shown again."""


# ---------------------------------------------------------------------- placing


@handles("addOrder")
def _add_order(spot: SpotRest, arguments: Arguments) -> Any:
    _check_deadline(spot, arguments)
    exchange, pair = spot.exchange, spot.pair(arguments)
    exchange.charge("addOrder", pair)
    validate = arguments.get("validate", False)
    order = exchange.place(exchange.user, _asked(exchange, pair, arguments), validate=validate)
    descr = {"order": order.description()}
    if order.asked.close is not None:
        descr["close"] = order.asked.close.description(pair)
    return {"descr": descr} if validate else {"descr": descr, "txid": [order.id]}


@handles("addOrderBatch")
def _add_order_batch(spot: SpotRest, arguments: Arguments) -> Any:
    _check_deadline(spot, arguments)
    exchange, pair = spot.exchange, spot.pair(arguments)
    exchange.charge("addOrderBatch", pair, count=len(arguments["orders"]))
    asked = [_asked(exchange, pair, _batch_row(row)) for row in arguments["orders"]]
    checked = [exchange.check(exchange.user, each) for each in asked]
    validate = arguments.get("validate", False)
    return {"orders": [_batch_result(exchange, each, validate=validate) for each in checked]}


def _batch_row(row: Arguments) -> dict[str, Any]:
    """An order of a batch with the names and types that a form has."""
    flags = {"oflags": row["oflags"].split(",")} if "oflags" in row else {}
    return {**flat(row), **flags}


def _batch_result(exchange: Exchange, order: Order, *, validate: bool) -> dict[str, Any]:
    """What becomes of one order of a batch, each of which breaks no rule."""
    descr = {"descr": {"order": order.description()}}
    try:
        placed = exchange.place(order.account, order.asked, validate=validate)
    except Refusal as refusal:
        return {**descr, "error": str(refusal)}
    close = {} if order.asked.close is None else {"close": order.asked.close.description(order.pair)}
    return {**({} if validate else {"txid": placed.id}), **descr, **close}


def _check_deadline(spot: SpotRest, arguments: Arguments) -> None:
    if "deadline" in arguments and spot.exchange.now() > arguments["deadline"]:
        raise Refusal(Words.DEADLINE_ELAPSED)


def _asked(exchange: Exchange, pair: Pair, arguments: Arguments) -> NewOrder:
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
        close=_close(exchange, pair, side, arguments),
        oflags=tuple(flag for flag in flags if flag in _KEPT_FLAGS),
    )


def _refuse_margin(kind: str, *, leverage: str | None, reduce_only: bool) -> None:
    """The emulated account has no margin: no leverage, and no positions."""
    if leverage not in (None, "none"):
        raise Refusal(Words.NO_MARGIN)
    if reduce_only:
        raise Refusal(Words.NO_POSITION)
    if kind == "settle-position":
        raise Refusal(Words.UNKNOWN_POSITION)


def _price_names(kind: str) -> dict[str, str]:
    """The argument in which each price of an order stands: ``price`` is the one, or ``price2`` is the limit price."""
    if kind == "market":
        return {}
    if kind in ("limit", "iceberg"):
        return {"limit": "price"}
    return {"trigger": "price", "limit": "price2"} if kind.endswith("-limit") else {"trigger": "price"}


def _prices(
    exchange: Exchange, pair: Pair, side: Side, kind: str, arguments: Arguments
) -> tuple[Decimal | None, Decimal | None]:
    """Trigger price and limit price."""
    found: dict[str, Decimal] = {}
    for meaning, name in _price_names(kind).items():
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


def _close(exchange: Exchange, pair: Pair, side: Side, arguments: Arguments) -> Close | None:
    kind = arguments.get("close[ordertype]")
    if kind is None:
        return None
    given = {name: arguments[f"close[{name}]"] for name in ("price", "price2") if f"close[{name}]" in arguments}
    trigger, limit = _prices(exchange, pair, _other(side), kind, given)
    return Close(kind, limit, trigger)


def _other(side: Side) -> Side:
    return "sell" if side == "buy" else "buy"


# ---------------------------------------------------------------------- changing


@handles("amendOrder")
def _amend_order(spot: SpotRest, arguments: Arguments) -> Any:
    _check_deadline(spot, arguments)
    exchange = spot.exchange
    order = exchange.find(exchange.user, order_id=arguments.get("txid"), cl_ord_id=arguments.get("cl_ord_id"))
    exchange.charge("amendOrder", order.pair, [order])

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


@handles("editOrder")
def _edit_order(spot: SpotRest, arguments: Arguments) -> Any:
    _check_deadline(spot, arguments)
    exchange, pair = spot.exchange, spot.pair(arguments)
    name = str(arguments["txid"])
    orders = _named(exchange, name)
    if len(orders) != 1 or orders[0].pair is not pair:
        raise Refusal(Words.UNKNOWN_ORDER)
    order = orders[0]
    exchange.charge("editOrder", pair, [order])
    validate = arguments.get("validate", False)
    successor = exchange.replace(order, _edited(exchange, order, arguments), validate=validate)
    return {
        "status": "ok",
        **({} if validate else {"txid": successor.id}),
        "originaltxid": order.id,
        "volume": fixed(successor.volume, pair.lot_decimals),
        **_price_texts(successor),
        "orders_cancelled": 0 if validate else 1,
        "descr": {"order": successor.description()},
        **({} if name == order.id else {"olduserref": order.asked.userref}),
        **({"newuserref": arguments["userref"]} if "userref" in arguments else {}),
    }


def _edited(exchange: Exchange, order: Order, arguments: Arguments) -> NewOrder:
    """What takes the place of an order: what is not given anew stays, except the user reference and ``post``."""
    asked = order.asked
    remaining = arguments.get("volume", order.volume) - order.filled
    if asked.cl_ord_id is not None or asked.close is not None or remaining <= 0:
        raise Refusal(Words.INVALID_ORDER)
    prices = {"trigger": order.trigger, "limit": order.limit}
    for meaning, name in _price_names(asked.type).items():
        if name in arguments:
            text = str(arguments[name])
            prices[meaning] = exchange.absolute_price(order.pair, order.side, text, trigger=meaning == "trigger")
    return NewOrder(
        pair=order.pair,
        side=order.side,
        type=asked.type,
        volume=remaining,
        limit=prices["limit"],
        trigger=prices["trigger"],
        time_in_force=asked.time_in_force,
        post_only="post" in arguments.get("oflags", ()),
        fee_in_base=asked.fee_in_base,
        stp=asked.stp,
        display=arguments.get("displayvol", order.display),
        userref=arguments.get("userref"),
        starts=asked.starts,
        expires=asked.expires,
        trigger_by=asked.trigger_by,
        oflags=asked.oflags,
        replaces=order.id,
    )


def _price_texts(order: Order) -> dict[str, str]:
    prices = {"trigger": order.trigger, "limit": order.limit}
    names = _price_names(order.asked.type)
    return {
        name: fixed(price, order.pair.pair_decimals)
        for meaning, name in names.items()
        if (price := prices[meaning]) is not None
    }


# ---------------------------------------------------------------------- cancelling


def _named(exchange: Exchange, name: str) -> list[Order]:
    """Open orders that an id or a user reference stands for."""
    if _USER_REFERENCE.fullmatch(name):
        return [each for each in exchange.user.open.values() if each.asked.userref == int(name)]
    return [each for each in exchange.user.open.values() if each.id == name]


@handles("cancelOrder")
def _cancel_order(spot: SpotRest, arguments: Arguments) -> Any:
    exchange = spot.exchange
    if "txid" in arguments:
        orders = _named(exchange, str(arguments["txid"]))
    else:
        orders = [exchange.find(exchange.user, cl_ord_id=arguments["cl_ord_id"])]
    if not orders:
        raise Refusal(Words.UNKNOWN_ORDER)
    return _cancelled(exchange, "cancelOrder", orders)


@handles("cancelOrderBatch")
def _cancel_order_batch(spot: SpotRest, arguments: Arguments) -> Any:
    exchange = spot.exchange
    names, client_ids = arguments.get("orders", []), arguments.get("cl_ord_ids", [])
    if len(names) + len(client_ids) > MAX_CANCELS:
        raise InvalidArgument("orders")
    found = [order for name in names for order in _named(exchange, str(name))]
    found += [each for each in exchange.user.open.values() if each.asked.cl_ord_id in client_ids]
    return _cancelled(exchange, "cancelOrderBatch", list(dict.fromkeys(found)))


def _cancelled(exchange: Exchange, operation_id: str, orders: list[Order]) -> dict[str, Any]:
    for pair in dict.fromkeys(order.pair for order in orders):
        exchange.charge(operation_id, pair, [order for order in orders if order.pair is pair])
    for order in orders:
        exchange.cancel(order)
    return {"count": len(orders)}


@handles("cancelAllOrders")
def _cancel_all(spot: SpotRest, _arguments: Arguments) -> Any:
    return {"count": spot.exchange.cancel_all(spot.exchange.user)}


@handles("cancelAllOrdersAfter")
def _cancel_all_after(spot: SpotRest, arguments: Arguments) -> Any:
    now, then = spot.exchange.cancel_all_after(arguments["timeout"])
    return {"currentTime": rfc3339(now, 0), "triggerTime": rfc3339(then, 0) if then else "0"}


# ---------------------------------------------------------------------- WebSocket


@handles("getWebsocketsToken")
def _token(spot: SpotRest, _arguments: Arguments) -> Any:
    return {"token": spot.keys.new_token(), "expires": spot.keys.token_lifetime}
