"""Spot WebSocket v2: placing, changing and cancelling orders, single ones and many at once."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.exchange import Exchange
from kraken.emulator.handlers import Handlers
from kraken.emulator.orders import Close, NewOrder, Order, Side
from kraken.emulator.wire import rfc3339

if TYPE_CHECKING:
    from kraken.emulator.connection import Params
    from kraken.emulator.instruments import Pair
    from kraken.emulator.spot_ws import Outcome

SMALLEST_CANCEL, LARGEST_CANCEL = 2, 50
"""Orders that one batch can cancel."""

METHODS = Handlers[Exchange]()
"""By name. Methods that are not here answer with their canned response."""


@METHODS.answers("add_order")
def _add_order(exchange: Exchange, params: Params) -> list[Outcome]:
    pair = known_pair(exchange, params)
    exchange.charge("addOrder", pair)
    validate = params.get("validate", False)
    order = exchange.place(exchange.user, new_order(exchange, pair, params), validate=validate)
    return [{"order_id": order.id, **own_names(order)}]


def own_names(order: Order) -> dict[str, Any]:
    """What the user calls an order."""
    names: dict[str, Any] = {}
    if order.asked.cl_ord_id is not None:
        names["cl_ord_id"] = order.asked.cl_ord_id
    if order.asked.userref is not None:
        names["order_userref"] = order.asked.userref
    return names


def known_pair(exchange: Exchange, params: Params) -> Pair:
    """The pair that a request names."""
    pair = exchange.instruments.by_symbol.get(params["symbol"])
    if pair is None:
        raise Refusal(Words.UNKNOWN_PAIR)
    return pair


def new_order(exchange: Exchange, pair: Pair, params: Params) -> NewOrder:
    """An order in the exchange's own terms."""
    side: Side = "buy" if params["side"] == "buy" else "sell"
    kind = params["order_type"]
    if params.get("margin", False):
        raise Refusal(Words.NO_MARGIN)
    if params.get("reduce_only", False):
        raise Refusal(Words.NO_POSITION)
    if kind == "settle-position":
        raise Refusal(Words.UNKNOWN_POSITION)
    trigger = trigger_price(exchange, pair, side, kind, params)
    time_in_force = params.get("time_in_force", "gtc").upper()
    if time_in_force == "GTD" and "expire_time" not in params:
        raise InvalidArgument("expire_time")
    return NewOrder(
        pair=pair,
        side=side,
        type=kind,
        volume=_volume(exchange, pair, side, kind, params),
        limit=limit_price(exchange, pair, kind, trigger, params),
        trigger=trigger,
        time_in_force=time_in_force,
        post_only=params.get("post_only", False),
        fee_in_base=params.get("fee_preference", "quote" if side == "buy" else "base") == "base",
        stp=params.get("stp_type", "cancel_newest").replace("_", "-"),
        display=params.get("display_qty"),
        userref=params.get("order_userref"),
        cl_ord_id=params.get("cl_ord_id"),
        sender=params.get("sender_sub_id"),
        starts=params.get("effective_time", 0),
        expires=params.get("expire_time", 0),
        trigger_by=params.get("triggers", {}).get("reference", params.get("trigger", "last")),
        close=_close(exchange, pair, "sell" if side == "buy" else "buy", params),
    )


def _close(exchange: Exchange, pair: Pair, side: Side, params: Params) -> Close | None:
    conditional = params.get("conditional")
    if conditional is None:
        return None
    kind = conditional["order_type"]
    triggers: dict[str, Any] = {}
    if "trigger_price" in conditional:
        kind_of_price = conditional.get("trigger_price_type", "static")
        triggers = {"triggers": {"price": conditional["trigger_price"], "price_type": kind_of_price}}
    trigger = trigger_price(exchange, pair, side, kind, {**conditional, **triggers})
    return Close(kind, limit_price(exchange, pair, kind, trigger, conditional), trigger)


def _volume(exchange: Exchange, pair: Pair, side: Side, kind: str, params: Params) -> Decimal:
    cash = params.get("cash_order_qty")
    if cash is None:
        volume: Decimal = params["order_qty"]
        return volume
    if kind != "market" or side != "buy":
        raise InvalidArgument("cash_order_qty")
    return exchange.volume_for(pair, cash)


def trigger_price(exchange: Exchange, pair: Pair, side: Side, kind: str, params: Params) -> Decimal | None:
    """The trigger price of an order; None for a type that has none."""
    if kind in ("market", "limit", "iceberg"):
        return None
    triggers = params.get("triggers", {"price": params["stop_price"]} if "stop_price" in params else None)
    if triggers is None:
        raise InvalidArgument("triggers")
    price: Decimal = triggers["price"]
    price_type = triggers.get("price_type", "static")
    if kind.startswith("trailing"):
        if price_type == "static" or price <= 0:
            raise InvalidArgument("triggers")
        price = price if side == "buy" else -price
    if price_type == "static":
        return price
    return exchange.shifted_price(pair, exchange.last_price(pair), price, percent=price_type == "pct")


def limit_price(exchange: Exchange, pair: Pair, kind: str, trigger: Decimal | None, params: Params) -> Decimal | None:
    """The limit price of an order; None for a type that has none."""
    if kind not in ("limit", "iceberg") and not kind.endswith("-limit"):
        return None
    if "limit_price" not in params:
        raise InvalidArgument("limit_price")
    price: Decimal = params["limit_price"]
    price_type = params.get("limit_price_type", "quote")
    if kind != "trailing-stop-limit" or trigger is None or price_type == "static":
        return price
    return exchange.shifted_price(pair, trigger, price, percent=price_type == "pct")


@METHODS.answers("amend_order")
def _amend_order(exchange: Exchange, params: Params) -> list[Outcome]:
    order = exchange.find(exchange.user, order_id=params.get("order_id"), cl_ord_id=params.get("cl_ord_id"))
    exchange.charge("amendOrder", order.pair, [order])

    def price(name: str) -> Decimal | None:
        given: Decimal | None = params.get(f"{name}_price")
        kind = params.get(f"{name}_price_type", "static")
        if given is None or kind == "static":
            return given
        return exchange.shifted_price(order.pair, exchange.last_price(order.pair), given, percent=kind == "pct")

    amend_id = exchange.amend(
        order,
        volume=params.get("order_qty"),
        display=params.get("display_qty"),
        limit=price("limit"),
        trigger=price("trigger"),
        post_only=params.get("post_only", False),
    )
    return [{"amend_id": amend_id, **{name: params[name] for name in ("order_id", "cl_ord_id") if name in params}}]


@METHODS.answers("cancel_order")
def _cancel_order(exchange: Exchange, params: Params) -> list[Outcome]:
    outcomes = [_cancelled(exchange, order_id=each) for each in params.get("order_id", ())]
    outcomes += [_cancelled(exchange, cl_ord_id=each) for each in params.get("cl_ord_id", ())]
    for userref in params.get("order_userref", ()):
        orders = [each for each in exchange.user.open.values() if each.asked.userref == userref]
        outcomes += [_cancelled(exchange, order_id=each.id) for each in orders] or [Refusal(Words.UNKNOWN_ORDER)]
    return outcomes


def _cancelled(exchange: Exchange, *, order_id: str | None = None, cl_ord_id: str | None = None) -> Outcome:
    try:
        order = exchange.find(exchange.user, order_id=order_id, cl_ord_id=cl_ord_id)
        exchange.charge("cancelOrder", order.pair, [order])
    except Refusal as refusal:
        return refusal
    exchange.cancel(order)
    client_id = {} if order.asked.cl_ord_id is None else {"cl_ord_id": order.asked.cl_ord_id}
    return {"order_id": order.id, **client_id}


# ---------------------------------------------------------------------- replacing, and many at once


@METHODS.answers("edit_order")
def _edit_order(exchange: Exchange, params: Params) -> list[Outcome]:
    pair = known_pair(exchange, params)
    order = exchange.find(exchange.user, order_id=params["order_id"])
    if order.pair is not pair:
        raise Refusal(Words.UNKNOWN_ORDER)
    exchange.charge("editOrder", pair, [order])
    successor = exchange.replace(order, _edited(exchange, order, params), validate=params.get("validate", False))
    return [{"order_id": successor.id, "original_order_id": order.id}]


def _edited(exchange: Exchange, order: Order, params: Params) -> NewOrder:
    """What takes the place of an order: what is not given anew stays, except the user reference and ``post_only``."""
    asked = order.asked
    remaining = params.get("order_qty", order.volume) - order.filled
    if asked.cl_ord_id is not None or asked.close is not None or remaining <= 0:
        raise Refusal(Words.INVALID_ORDER)
    if params.get("reduce_only", False):
        raise Refusal(Words.NO_POSITION)
    trigger, limit = order.trigger, order.limit
    if "triggers" in params or "stop_price" in params:
        trigger = trigger_price(exchange, order.pair, order.side, asked.type, params)
    if "limit_price" in params or "price" in params:
        given = {"limit_price": params.get("limit_price", params.get("price")), "limit_price_type": "static"}
        limit = limit_price(exchange, order.pair, asked.type, trigger, given)
    fee_in_base = params["fee_preference"] == "base" if "fee_preference" in params else asked.fee_in_base
    return NewOrder(
        pair=order.pair,
        side=order.side,
        type=asked.type,
        volume=remaining,
        limit=limit,
        trigger=trigger,
        time_in_force=asked.time_in_force,
        post_only=params.get("post_only", False),
        fee_in_base=fee_in_base,
        stp=asked.stp,
        display=params.get("display_qty", order.display),
        userref=params.get("order_userref"),
        sender=asked.sender,
        starts=asked.starts,
        expires=asked.expires,
        trigger_by=params.get("triggers", {}).get("reference", params.get("trigger", asked.trigger_by)),
        oflags=asked.oflags,
        replaces=order.id,
    )


@METHODS.answers("batch_add")
def _batch_add(exchange: Exchange, params: Params) -> list[Outcome]:
    pair = known_pair(exchange, params)
    rows: list[Params] = params["orders"]
    for row in rows:
        if not {"order_qty", "cash_order_qty"} & row.keys() or {"cl_ord_id", "order_userref"} <= row.keys():
            raise InvalidArgument("orders")
    exchange.charge("addOrderBatch", pair, count=len(rows))
    checked = [exchange.check(exchange.user, new_order(exchange, pair, row)) for row in rows]
    return [[_batch_row(exchange, order, validate=params.get("validate", False)) for order in checked]]


def _batch_row(exchange: Exchange, order: Order, *, validate: bool) -> dict[str, Any]:
    """What becomes of one order of a batch, each of which breaks no rule."""
    try:
        placed = exchange.place(order.account, order.asked, validate=validate)
    except Refusal as refusal:
        return {**own_names(order), "error": str(refusal)}
    return {"order_id": placed.id, **own_names(order)}


@METHODS.answers("batch_cancel")
def _batch_cancel(exchange: Exchange, params: Params) -> list[Outcome]:
    names, client_ids = [str(name) for name in params.get("orders", [])], params.get("cl_ord_id", [])
    if not SMALLEST_CANCEL <= len(names) + len(client_ids) <= LARGEST_CANCEL:
        raise InvalidArgument("orders")
    orders = [
        order
        for order in exchange.user.open.values()
        if order.id in names or str(order.asked.userref) in names or order.asked.cl_ord_id in client_ids
    ]
    for pair in dict.fromkeys(order.pair for order in orders):
        exchange.charge("cancelOrderBatch", pair, [order for order in orders if order.pair is pair])
    for order in orders:
        exchange.cancel(order)
    return [{"count": len(orders)}]


@METHODS.answers("cancel_all")
def _cancel_all(exchange: Exchange, _params: Params) -> list[Outcome]:
    return [{"count": exchange.cancel_all(exchange.user)}]


@METHODS.answers("cancel_all_orders_after")
def _cancel_all_after(exchange: Exchange, params: Params) -> list[Outcome]:
    now, then = exchange.cancel_all_after(params["timeout"])
    return [{"currentTime": rfc3339(now, 0), "triggerTime": rfc3339(then, 0) if then else "0"}]
