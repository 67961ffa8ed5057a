"""How Futures REST shows orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kraken.emulator.derivatives import ContractOrder
from kraken.emulator.errors import Words
from kraken.emulator.futures_events import MATCHING
from kraken.emulator.futures_rest import clock_text
from kraken.emulator.wire import plain

if TYPE_CHECKING:
    from decimal import Decimal

    from kraken.emulator.derivatives import Derivatives
    from kraken.emulator.orders import Order

_ERRORS = {
    Words.POST_WOULD_EXECUTE: "POST_WOULD_EXECUTE",
    Words.IOC_WOULD_NOT_EXECUTE: "IOC_WOULD_NOT_EXECUTE",
    Words.SELF_FILL: "WOULD_EXECUTE_SELF",
    Words.BAD_PRICE: "INVALID_PRICE",
    Words.BAD_SIZE: "INVALID_QUANTITY",
    Words.NO_MARGIN_LEFT: "INSUFFICIENT_MARGIN",
    Words.CLIENT_ID_IN_USE: "CLIENT_ORDER_ID_IN_USE",
    Words.POSITION_TOO_LARGE: "MAX_POSITION_EXCEEDED",
    Words.OUTSIDE_COLLAR: "PRICE_COLLAR",
    Words.WOULD_NOT_REDUCE: "WOULD_NOT_REDUCE_POSITION",
    Words.MARKET_SUSPENDED: "MARKET_SUSPENDED",
    Words.MARKET_POST_ONLY: "MARKET_IS_POST_ONLY",
}
_OPEN_TYPES = {"post": "post", "stp": "stop", "take_profit": "take_profit", "trailing_stop": "trailing_stop"}


def reason_of(error: Words) -> str | None:
    """The matching engine's word for a refusal of its own; None for others, which have no order id either."""
    return _ERRORS[error] if error in MATCHING else None


def _price(value: Decimal | None) -> Decimal | None:
    return None if value is None else plain(value)


def _kind(order: Order) -> str:
    """The type of an order in the book, or of what a trigger places."""
    if order.asked.post_only:
        return "post"
    return {"IOC": "ioc", "FOK": "fok"}.get(order.asked.time_in_force, "lmt")


def order_row(order: Order, *, filled: Decimal | None = None) -> dict[str, Any]:
    """An order in the events of a reply.

    Args:
        order: The order.
        filled: What was filled of it at that time; now when left out.
    """
    return {
        "orderId": order.id,
        "cliOrdId": order.asked.cl_ord_id,
        "type": _kind(order),
        "symbol": order.pair.name,
        "side": order.side,
        "quantity": plain(order.volume),
        "filled": plain(order.filled if filled is None else filled),
        "limitPrice": _price(order.limit),
        "reduceOnly": isinstance(order.asked, ContractOrder) and order.asked.reduce_only,
        "timestamp": clock_text(order.opened),
        "lastUpdateTimestamp": clock_text(order.updated),
    }


def trigger_row(venue: Derivatives, order: Order) -> dict[str, Any]:
    """An order that waits for a trigger in the events of a reply."""
    asked = venue.asked(order)
    return {
        "uid": order.id,
        "clientId": asked.cl_ord_id,
        "type": "lmt",
        "symbol": order.pair.name,
        "side": order.side,
        "quantity": plain(order.volume),
        "limitPrice": _price(order.limit),
        "triggerPrice": _price(order.trigger),
        "triggerSide": "trigger_above" if asked.above else "trigger_below",
        "triggerSignal": f"{asked.signal}_price",
        "reduceOnly": asked.reduce_only,
        "timestamp": clock_text(order.opened),
        "lastUpdateTimestamp": clock_text(order.updated),
        "startTime": None,
    }


def open_row(venue: Derivatives, order: Order) -> dict[str, Any]:
    """An open order in the list of them."""
    asked = venue.asked(order)
    waits = order.trigger is not None
    prices = {"limitPrice": _price(order.limit), "stopPrice": _price(order.trigger)}
    return {
        "order_id": order.id,
        **({} if asked.cl_ord_id is None else {"cliOrdId": asked.cl_ord_id}),
        "symbol": order.pair.name,
        "side": order.side,
        "orderType": _OPEN_TYPES[asked.kind] if waits or asked.kind == "post" else "lmt",
        **{name: price for name, price in prices.items() if price is not None},
        "unfilledSize": plain(order.remaining),
        "filledSize": plain(order.filled),
        "receivedTime": clock_text(order.opened),
        "lastUpdateTime": clock_text(order.updated),
        "status": "partiallyFilled" if order.filled else "untouched",
        "reduceOnly": asked.reduce_only,
        **({"triggerSignal": asked.signal} if waits else {}),
    }


def status_row(venue: Derivatives, order: Order) -> dict[str, Any]:
    """How an order stands, with its options where it waits for a trigger."""
    asked = venue.asked(order)
    options = None
    if order.trigger is not None:
        options = {
            "triggerPrice": _price(order.trigger),
            "triggerSide": "TRIGGER_ABOVE" if asked.above else "TRIGGER_BELOW",
            "triggerSignal": f"{asked.signal}_price".upper(),
        }
    rejected = order in venue.rejected
    row = order_row(order)
    del row["type"]
    return {
        "order": {
            "type": "ORDER" if options is None else "TRIGGER_ORDER",
            **row,
            "priceTriggerOptions": options,
            "triggerTime": None,
        },
        "status": "REJECTED" if rejected else _standing(order),
        "updateReason": "PARTIAL_FILL" if order.alive and order.filled else None,
        "error": _ERRORS.get(Words(order.reason), str(order.reason)) if rejected and order.reason else None,
    }


def _standing(order: Order) -> str:
    if order.alive:
        return "ENTERED_BOOK" if order.trigger is None else "TRIGGER_PLACED"
    return "FULLY_EXECUTED" if order.status == "closed" else "CANCELLED"


def recent_row(venue: Derivatives, order: Order) -> dict[str, Any]:
    """An order in the list of the latest ones."""
    return {"order": open_row(venue, order), "status": _standing(order)}
