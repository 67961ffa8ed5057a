"""Spot WebSocket v2: replacing orders, batches, and cancelling many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.orders import NewOrder, Order
from kraken.emulator.spot_ws import Outcome, Params, Session, answers, known_pair, limit_price, new_order, own_names
from kraken.emulator.spot_ws import trigger_price as trigger_of
from kraken.emulator.wire import rfc3339

if TYPE_CHECKING:
    from kraken.emulator.exchange import Exchange

SMALLEST_CANCEL, LARGEST_CANCEL = 2, 50
"""Orders that one batch can cancel."""


@answers("edit_order")
def _edit_order(session: Session, params: Params) -> list[Outcome]:
    exchange, pair = session.exchange, known_pair(session, params)
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
        trigger = trigger_of(exchange, order.pair, order.side, asked.type, params)
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


@answers("batch_add")
def _batch_add(session: Session, params: Params) -> list[Outcome]:
    exchange, pair = session.exchange, known_pair(session, params)
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


@answers("batch_cancel")
def _batch_cancel(session: Session, params: Params) -> list[Outcome]:
    exchange = session.exchange
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


@answers("cancel_all")
def _cancel_all(session: Session, _params: Params) -> list[Outcome]:
    return [{"count": session.exchange.cancel_all(session.exchange.user)}]


@answers("cancel_all_orders_after")
def _cancel_all_after(session: Session, params: Params) -> list[Outcome]:
    now, then = session.exchange.cancel_all_after(params["timeout"])
    return [{"currentTime": rfc3339(now, 0), "triggerTime": rfc3339(then, 0) if then else "0"}]
