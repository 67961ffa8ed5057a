"""Futures REST: placing, changing and cancelling orders, what became of them, and fills."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kraken.emulator.derivatives import ContractOrder, market_limit, trailing_price
from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.futures_rest import HANDLERS, FuturesRest, before, clock_text
from kraken.emulator.futures_rows import open_row, order_row, reason_of, recent_row, status_row, trigger_row
from kraken.emulator.orders import Event, Order, OrderChanged, Side
from kraken.emulator.wire import SECOND, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from kraken.emulator.contracts import Contract
    from kraken.emulator.derivatives import Derivatives, Signal
    from kraken.emulator.handlers import Arguments
    from kraken.emulator.positions import Execution

CLOSED_FOR = 5 * SECOND
"""How long an order that ended is still told of, in nanoseconds."""
_IN_FORCE = {"ioc": "IOC", "mkt": "IOC", "fok": "FOK"}
TRIGGERED = ("stp", "take_profit", "trailing_stop")
"""Order types that wait for a price."""
_SIGNALS: dict[str, Signal] = {"mark": "mark", "index": "spot", "last": "last"}


@contextlib.contextmanager
def _watched(venue: Derivatives) -> Iterator[list[OrderChanged]]:
    """What happens to the account's orders meanwhile."""
    seen: list[OrderChanged] = []

    def see(event: Event) -> None:
        if isinstance(event, OrderChanged) and not event.order.account.house:
            seen.append(event)

    venue.listeners.append(see)
    try:
        yield seen
    finally:
        venue.listeners.remove(see)


def _in_time(rest: FuturesRest, arguments: Arguments, name: str = "processBefore") -> None:
    if name in arguments and rest.venue.now() > arguments[name]:
        raise Refusal(Words.TOO_LATE)


# ---------------------------------------------------------------------- placing


@HANDLERS.answers("sendOrder")
def _send_order(rest: FuturesRest, arguments: Arguments) -> Any:
    contract = rest.contract(arguments)
    received = clock_text(rest.venue.now())
    return {"sendStatus": {**_send(rest, contract, arguments), "receivedTime": received}}


def _send(rest: FuturesRest, contract: Contract, arguments: Arguments) -> dict[str, Any]:
    """Place an order, and tell what became of it."""
    venue = rest.venue
    own = {"cliOrdId": arguments["cliOrdId"]} if "cliOrdId" in arguments else {}
    with _watched(venue) as seen:
        try:
            _in_time(rest, arguments)
            asked = asked_of(venue, contract, arguments)
        except Refusal as refusal:
            return {"status": str(refusal.words), **own, "orderEvents": []}
        try:
            order = venue.place(venue.user, asked)
        except Refusal as refusal:
            rejected = venue.reject(asked, refusal.words)
            if reason_of(refusal.words) is None:
                return {"status": str(refusal.words), **own, "orderEvents": []}
            return {"order_id": rejected.id, "status": str(refusal.words), **own, "orderEvents": [_reject(rejected)]}
    return {"order_id": order.id, "status": "placed", **own, "orderEvents": _told(venue, order, seen)}


def asked_of(venue: Derivatives, contract: Contract, arguments: Arguments) -> ContractOrder:
    """An order in the exchange's own terms.

    Args:
        venue: The exchange.
        contract: The contract.
        arguments: What was asked for, in the words of Futures REST.

    Raises:
        Refusal: a price is missing.
    """
    kind, side = arguments["orderType"], _side(arguments)
    limit, trigger = arguments.get("limitPrice"), arguments.get("stopPrice")
    deviation = arguments.get("trailingStopMaxDeviation")
    if kind == "mkt":
        limit = market_limit(venue, contract, side)
    if (kind in ("lmt", "post", "ioc", "fok") and limit is None) or (
        kind in ("stp", "take_profit") and trigger is None
    ):
        raise Refusal(Words.BAD_PRICE)
    if kind == "trailing_stop" and deviation is None:
        raise InvalidArgument("trailingStopMaxDeviation", missing=True)
    asked = ContractOrder(
        pair=contract,
        side=side,
        type=kind if kind in TRIGGERED else "limit",
        volume=arguments["size"],
        limit=limit,
        trigger=trigger if kind in TRIGGERED else None,
        time_in_force=_IN_FORCE.get(kind, "GTC"),
        post_only=kind == "post",
        stp="cancel-newest" if venue.preferences.self_trade == "REJECT_TAKER" else "cancel-oldest",
        cl_ord_id=arguments.get("cliOrdId"),
        kind=kind,
        reduce_only=arguments.get("reduceOnly", False),
        signal=_SIGNALS[arguments.get("triggerSignal", "last")],
        above=(side == "buy") is not (kind == "take_profit"),
        deviation=deviation,
        deviation_unit=arguments.get("trailingStopDeviationUnit", "PERCENT"),
    )
    if kind == "trailing_stop":
        price = venue.signal_price(contract, asked.signal)
        asked = replace(asked, trigger=trailing_price(venue, contract, side, price, asked))
    return _with_offset(venue, asked, arguments)


def _with_offset(venue: Derivatives, asked: ContractOrder, arguments: Arguments) -> ContractOrder:
    """The order with its limit price, where that is told relative to the trigger price."""
    offset = arguments.get("limitPriceOffsetValue")
    if offset is None or asked.trigger is None:
        return asked
    percent = arguments.get("limitPriceOffsetUnit", "PERCENT") == "PERCENT"
    return replace(asked, limit=venue.shifted_price(asked.pair, asked.trigger, offset, percent=percent))


def _side(arguments: Arguments) -> Side:
    return "buy" if arguments["side"] == "buy" else "sell"


def _reject(order: Order) -> dict[str, Any]:
    assert order.reason is not None
    return {"type": "REJECT", "uid": order.id, "reason": reason_of(Words(order.reason)), "order": order_row(order)}


def _told(venue: Derivatives, order: Order, seen: list[OrderChanged]) -> list[dict[str, Any]]:
    """What happened to an order that was just placed: its fills, and what became of the rest."""
    rows = [_execution(each) for each in seen if each.order is order and each.kind == "trade"]
    if order.trigger is not None:
        rows.append({"type": "PLACE", "orderTrigger": trigger_row(venue, order)})
    elif order.alive:
        asked = venue.asked(order).volume
        reduced = plain(asked - order.volume) if asked != order.volume else None
        rows.append({"type": "PLACE", "order": order_row(order), "reducedQuantity": reduced})
    elif order.remaining:
        rows.append({"type": "CANCEL", "uid": order.id, "order": order_row(order)})
    return rows


def _execution(event: OrderChanged, prior: dict[str, Any] | None = None) -> dict[str, Any]:
    fill = event.fill
    assert fill is not None
    return {
        "type": "EXECUTION",
        "executionId": fill.id,
        "price": plain(fill.trade.price),
        "amount": plain(fill.trade.volume),
        "orderPriorEdit": prior,
        "orderPriorExecution": order_row(fill.order, filled=fill.filled - fill.trade.volume),
        "takerReducedQuantity": None,
    }


# ---------------------------------------------------------------------- changing


@HANDLERS.answers("editOrderSpring")
def _edit_order(rest: FuturesRest, arguments: Arguments) -> Any:
    given = {"order_id": arguments["orderId"]} if "orderId" in arguments else {}
    row = _edit(rest, {**arguments, **given})
    number = {"orderId": row.pop("order_id")} if "order_id" in row else {}
    return {"editStatus": {**number, **row, "receivedTime": clock_text(rest.venue.now())}}


def _edit(rest: FuturesRest, arguments: Arguments) -> dict[str, Any]:
    """Change an order, and tell what became of it."""
    venue = rest.venue
    found = _open(venue, arguments)
    names = {name: arguments[name] for name in ("order_id", "cliOrdId") if name in arguments}
    if found is None:
        return {"status": str(Words.EDIT_NOT_FOUND), **names, "orderEvents": []}
    names["order_id"] = found.id
    old = order_row(found)
    with _watched(venue) as seen:
        try:
            _in_time(rest, arguments)
            changed = _amend(venue, found, arguments)
        except Refusal as refusal:
            return {"status": str(refusal.words), **names, "orderEvents": []}
    if not changed:
        row = {"type": "REJECT", "uid": found.id, "reason": "EDIT_HAS_NO_EFFECT", "order": old}
        return {"status": "edited", **names, "orderEvents": [row]}
    fills = [_execution(each, old) for each in seen if each.order is found and each.kind == "trade"]
    rows = fills or [{"type": "EDIT", "old": old, "new": order_row(found), "reducedQuantity": None}]
    status = "edited" if not fills else "partiallyFilled" if found.alive else "filled"
    return {"status": status, **names, "orderEvents": rows}


def _amend(venue: Derivatives, order: Order, arguments: Arguments) -> bool:
    """Change an order, and tell whether there was anything to change."""
    limit, trigger = arguments.get("limitPrice"), arguments.get("stopPrice")
    deviation = arguments.get("trailingStopMaxDeviation")
    waits = order.trigger is not None
    if not waits and (trigger is not None or deviation is not None):
        raise Refusal(Words.NOT_A_STOP)
    size: Decimal | None = arguments.get("size")
    if size is not None and size <= 0:
        raise Refusal(Words.BAD_SIZE)
    volume = size if size is None or arguments.get("qtyMode") == "ABSOLUTE" else order.filled + size
    if deviation is not None:
        unit = arguments.get("trailingStopDeviationUnit", venue.asked(order).deviation_unit)
        order.asked = replace(venue.asked(order), deviation=deviation, deviation_unit=unit)
        price = venue.signal_price(venue.contract(order), venue.asked(order).signal)
        trigger = trailing_price(venue, order.pair, order.side, price, venue.asked(order))
    new = {"volume": volume, "limit": limit, "trigger": trigger}
    if all(value is None or value == getattr(order, name) for name, value in new.items()):
        return False
    venue.amend(order, volume=volume, limit=limit, trigger=trigger)
    return True


def _open(venue: Derivatives, arguments: Arguments) -> Order | None:
    """The open order that one of its ids stands for."""
    number, own = arguments.get("order_id"), arguments.get("cliOrdId")
    for order in venue.user.open.values():
        if order.id == number or (number is None and own is not None and order.asked.cl_ord_id == own):
            return order
    return None


# ---------------------------------------------------------------------- cancelling


@HANDLERS.answers("cancelOrder")
def _cancel_order(rest: FuturesRest, arguments: Arguments) -> Any:
    return {"cancelStatus": {**_cancel(rest, arguments), "receivedTime": clock_text(rest.venue.now())}}


def _cancel(rest: FuturesRest, arguments: Arguments) -> dict[str, Any]:
    """Cancel an order, and tell what became of it."""
    venue = rest.venue
    names = {name: arguments[name] for name in ("order_id", "cliOrdId") if name in arguments}
    order = _open(venue, arguments)
    if order is None:
        gone = [each for each in venue.user.orders.values() if _named(each, arguments)]
        filled = any(each.status == "closed" for each in gone)
        return {"status": "filled" if filled else str(Words.NOT_FOUND), **names, "orderEvents": []}
    try:
        _in_time(rest, arguments)
    except Refusal as refusal:
        return {"status": str(refusal.words), **names, "orderEvents": []}
    row = _cancelled(venue, order)
    return {"status": "cancelled", **names, "order_id": order.id, "orderEvents": [row]}


def _named(order: Order, arguments: Arguments) -> bool:
    own = arguments.get("cliOrdId")
    return order.id == arguments.get("order_id") or (own is not None and order.asked.cl_ord_id == own)


def _cancelled(venue: Derivatives, order: Order) -> dict[str, Any]:
    """Cancel an order, and tell of it as an event."""
    shown = {"orderTrigger": trigger_row(venue, order)} if order.trigger is not None else {"order": order_row(order)}
    venue.cancel(order)
    return {"type": "CANCEL", "uid": order.id, **shown}


@HANDLERS.answers("cancelAllOrders")
def _cancel_all(rest: FuturesRest, arguments: Arguments) -> Any:
    venue = rest.venue
    contract = rest.contract(arguments) if "symbol" in arguments else None
    orders = [each for each in venue.user.open.values() if contract in (None, each.pair)]
    events = [_cancelled(venue, order) for order in orders if order.alive]
    return {
        "cancelStatus": {
            "receivedTime": clock_text(venue.now()),
            "cancelOnly": "all" if contract is None else contract.name,
            "status": "cancelled" if orders else "noOrdersToCancel",
            "cancelledOrders": [
                {"order_id": each.id, **({} if each.asked.cl_ord_id is None else {"cliOrdId": each.asked.cl_ord_id})}
                for each in orders
            ],
            "orderEvents": events,
        }
    }


@HANDLERS.answers("cancelAllOrdersAfter")
def _cancel_all_after(rest: FuturesRest, arguments: Arguments) -> Any:
    now, then = rest.venue.cancel_all_after(arguments.get("timeout", 0))
    return {"status": {"currentTime": clock_text(now), "triggerTime": clock_text(then) if then else "0"}}


# ---------------------------------------------------------------------- batches


@HANDLERS.answers("sendBatchOrder")
def _batch(rest: FuturesRest, arguments: Arguments) -> Any:
    _in_time(rest, arguments, "ProcessBefore")
    instructions = arguments["json"]["batchOrder"]
    for each in instructions:
        if each["order"] == "send" and each["symbol"].upper() not in rest.venue.contracts.all:
            raise Refusal(Words.JSON_PARSE)
    return {"batchStatus": [_instruction(rest, each) for each in instructions]}


def _instruction(rest: FuturesRest, given: Arguments) -> dict[str, Any]:
    """Carry out one instruction of a batch."""
    if given["order"] == "edit":
        return _edit(rest, given)
    if given["order"] == "cancel":
        return _cancel(rest, given)
    received = clock_text(rest.venue.now())
    row = _send(rest, rest.venue.contracts.contract(given["symbol"]), given)
    return {**row, "order_tag": given["order_tag"], **({"dateTimeReceived": received} if "order_id" in row else {})}


# ---------------------------------------------------------------------- looking


@HANDLERS.answers("getOpenOrders")
def _open_orders(rest: FuturesRest, _arguments: Arguments) -> Any:
    return {"openOrders": [open_row(rest.venue, each) for each in reversed(rest.venue.user.open.values())]}


@HANDLERS.answers("getOrderStatus")
def _order_status(rest: FuturesRest, arguments: Arguments) -> Any:
    venue, now = rest.venue, rest.venue.now()
    numbers, own = arguments.get("orderIds", ()), arguments.get("cliOrdIds", ())
    found = [
        each
        for each in [*venue.user.orders.values(), *venue.rejected]
        if (each.id in numbers or each.asked.cl_ord_id in own) and (each.alive or now - each.closed <= CLOSED_FOR)
    ]
    return {"orders": [status_row(venue, each) for each in found]}


@HANDLERS.answers("getRecentOrders")
def _recent_orders(rest: FuturesRest, arguments: Arguments) -> Any:
    contract = rest.contract(arguments) if "symbol" in arguments else None
    orders = [each for each in rest.venue.user.orders.values() if contract in (None, each.pair)]
    return {"orderEvents": [recent_row(rest.venue, each) for each in reversed(orders)]}


@HANDLERS.answers("getFills")
def _fills(rest: FuturesRest, arguments: Arguments) -> Any:
    moment = arguments.get("lastFillTime")
    executions = before(rest.venue.executions, moment, lambda each: each.fill.trade.at)
    return {"fills": [_fill(each, with_profit=moment is None) for each in executions]}


def _fill(execution: Execution, *, with_profit: bool) -> dict[str, Any]:
    order, trade = execution.fill.order, execution.fill.trade
    return {
        "fill_id": execution.fill.id,
        "symbol": execution.contract.name,
        "side": order.side,
        "order_id": order.id,
        **({} if order.asked.cl_ord_id is None else {"cliOrdId": order.asked.cl_ord_id}),
        "size": plain(trade.volume),
        "price": plain(trade.price),
        "fillTime": clock_text(trade.at),
        "fillType": "maker" if execution.fill.maker else "taker",
        **({"realized_pnl": plain(execution.realized)} if with_profit else {}),
        "sequence_id": str(trade.id),
    }
