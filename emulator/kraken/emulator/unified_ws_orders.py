"""Unified WebSocket: placing, changing and cancelling orders for derivatives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kraken.emulator.derivatives import ContractOrder, Derivatives
from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.futures_orders import asked_of
from kraken.emulator.handlers import Handlers
from kraken.emulator.spot_ws_orders import LARGEST_CANCEL, SMALLEST_CANCEL, own_names
from kraken.emulator.wire import rfc3339

if TYPE_CHECKING:
    from decimal import Decimal

    from kraken.emulator.connection import Params
    from kraken.emulator.contracts import Contract
    from kraken.emulator.orders import Order
    from kraken.emulator.spot_ws import Outcome

METHODS = Handlers[Derivatives]()
"""By name. Methods that are not here answer with their canned response."""

_KINDS = {
    "limit": "lmt",
    "market": "mkt",
    "stop-loss": "stp",
    "take-profit": "take_profit",
    "trailing-stop": "trailing_stop",
}
_SPOT_ONLY = ("cash_order_qty", "order_userref", "conditional", "fee_preference")
_IN_SPOT_WORDS = {
    Words.BAD_PRICE: Words.INVALID_PRICE,
    Words.OUTSIDE_COLLAR: Words.INVALID_PRICE,
    Words.BAD_SIZE: Words.ORDER_MINIMUM,
    Words.NO_MARGIN_LEFT: Words.INSUFFICIENT_MARGIN,
    Words.POSITION_TOO_LARGE: Words.POSITION_SIZE,
    Words.WOULD_NOT_REDUCE: Words.NO_POSITION,
    Words.POST_WOULD_EXECUTE: Words.POST_ONLY,
    Words.IOC_WOULD_NOT_EXECUTE: Words.INVALID_ORDER,
    Words.SELF_FILL: Words.INVALID_ORDER,
    Words.MARKET_SUSPENDED: Words.UNAVAILABLE,
    Words.MARKET_POST_ONLY: Words.POST_ONLY_MODE,
}
_NAMES = {Words.CLIENT_ID_IN_USE, Words.CLIENT_ID_TOO_LONG}


def _in_spot_words(refusal: Refusal) -> Refusal:
    """What the Futures exchange refuses, in the words of Spot."""
    if refusal.words in _NAMES:
        return InvalidArgument("cl_ord_id")
    return Refusal(_IN_SPOT_WORDS[refusal.words]) if refusal.words in _IN_SPOT_WORDS else refusal


# ---------------------------------------------------------------------- placing


@METHODS.answers("add_order")
def _add_order(venue: Derivatives, params: Params) -> list[Outcome]:
    asked = _asked(venue, _contract(venue, params), params)
    order = _placed(venue, asked, validate=params.get("validate", False))
    return [{"order_id": order.id, **own_names(order)}]


def _contract(venue: Derivatives, params: Params) -> Contract:
    contract = venue.contracts.all.get(params["symbol"])
    if contract is None:
        raise Refusal(Words.UNKNOWN_PAIR)
    return contract


def _placed(venue: Derivatives, asked: ContractOrder, *, validate: bool) -> Order:
    """Place an order; what is refused is on record all the same.

    Raises:
        Refusal: it is refused.
    """
    try:
        return venue.place(venue.user, asked, validate=validate)
    except Refusal as refusal:
        if not validate:
            venue.reject(asked, refusal.words)
        raise _in_spot_words(refusal) from None


def _asked(venue: Derivatives, contract: Contract, params: Params) -> ContractOrder:
    """The order in the exchange's own terms, by way of those of Futures REST."""
    for name in _SPOT_ONLY:
        if name in params:
            raise InvalidArgument(name)
    if params.get("margin", False):
        raise InvalidArgument("margin")
    kind = _KINDS[params["order_type"].removesuffix("-limit")]
    in_force = params.get("time_in_force", "gtc")
    if in_force == "gtd" and "expire_time" not in params:
        raise InvalidArgument("expire_time", missing=True)
    if kind == "lmt":
        kind = "post" if params.get("post_only", False) else in_force if in_force in ("ioc", "fok") else kind
    arguments = {
        "orderType": kind,
        "side": params["side"],
        "size": params["order_qty"],
        "reduceOnly": params.get("reduce_only", False),
        **({"cliOrdId": params["cl_ord_id"]} if "cl_ord_id" in params else {}),
        **_prices(venue, contract, kind, params),
    }
    try:
        asked = asked_of(venue, contract, arguments)
    except InvalidArgument:
        raise
    except Refusal as refusal:
        raise _in_spot_words(refusal) from None
    return replace(asked, expires=params.get("expire_time", 0))


def _prices(venue: Derivatives, contract: Contract, kind: str, params: Params) -> dict[str, Any]:
    """Limit and trigger price of an order, in the words of Futures REST."""
    limited = params["order_type"] == "limit" or params["order_type"].endswith("-limit")
    if limited and "limit_price" not in params:
        raise InvalidArgument("limit_price", missing=True)
    limit = {"limitPrice": params["limit_price"]} if limited else {}
    if kind not in ("stp", "take_profit", "trailing_stop"):
        return limit
    if "triggers" not in params:
        raise InvalidArgument("triggers", missing=True)
    triggers = params["triggers"]
    price, price_type = triggers["price"], triggers.get("price_type", "static")
    reference = triggers.get("reference", "last")
    signal = {"triggerSignal": reference}
    if kind != "trailing_stop":
        if price_type != "static":
            now = venue.signal_price(contract, "spot" if reference == "index" else "last")
            price = venue.shifted_price(contract, now, price, percent=price_type == "pct")
        return {**limit, **signal, "stopPrice": price}
    if price_type == "static" or price <= 0:
        raise InvalidArgument("triggers")
    unit = "PERCENT" if price_type == "pct" else "QUOTE_CURRENCY"
    behind = {"trailingStopMaxDeviation": price, "trailingStopDeviationUnit": unit}
    if not limited:
        return {**signal, **behind}
    offset = {"limitPriceOffsetValue": params["limit_price"], "limitPriceOffsetUnit": "QUOTE_CURRENCY"}
    return {**signal, **behind, **offset}


@METHODS.answers("batch_add")
def _batch_add(venue: Derivatives, params: Params) -> list[Outcome]:
    contract = _contract(venue, params)
    for row in params["orders"]:
        if "order_qty" not in row:
            raise InvalidArgument("orders")
    orders = [_asked(venue, contract, row) for row in params["orders"]]
    try:
        for asked in orders:
            venue.check(venue.user, asked)
    except Refusal as refusal:
        raise _in_spot_words(refusal) from None
    return [[_batch_row(venue, asked, validate=params.get("validate", False)) for asked in orders]]


def _batch_row(venue: Derivatives, asked: ContractOrder, *, validate: bool) -> dict[str, Any]:
    """What becomes of one order of a batch, each of which breaks no rule."""
    try:
        order = _placed(venue, asked, validate=validate)
    except Refusal as refusal:
        return {**({} if asked.cl_ord_id is None else {"cl_ord_id": asked.cl_ord_id}), "error": str(refusal)}
    return {"order_id": order.id, **own_names(order)}


# ---------------------------------------------------------------------- changing and cancelling


def _found(venue: Derivatives, *, order_id: str | None = None, cl_ord_id: str | None = None) -> Order:
    for order in venue.user.open.values():
        if order.id == order_id or (cl_ord_id is not None and order.asked.cl_ord_id == cl_ord_id):
            return order
    raise Refusal(Words.UNKNOWN_ORDER)


@METHODS.answers("amend_order")
def _amend_order(venue: Derivatives, params: Params) -> list[Outcome]:
    names = {name: params[name] for name in ("order_id", "cl_ord_id") if name in params}
    order = _found(venue, **names)

    def price(name: str) -> Decimal | None:
        given: Decimal | None = params.get(f"{name}_price")
        kind = params.get(f"{name}_price_type", "static")
        if given is None or kind == "static":
            return given
        return venue.shifted_price(order.pair, venue.last_price(order.pair), given, percent=kind == "pct")

    trigger = price("trigger")
    if trigger is not None and order.trigger is None:
        raise InvalidArgument("trigger_price")
    try:
        venue.amend(
            order,
            volume=params.get("order_qty"),
            limit=price("limit"),
            trigger=trigger,
            post_only=params.get("post_only", False),
        )
    except Refusal as refusal:
        raise _in_spot_words(refusal) from None
    return [{"amend_id": "", **names}]


@METHODS.answers("cancel_order")
def _cancel_order(venue: Derivatives, params: Params) -> list[Outcome]:
    if "order_userref" in params:
        raise InvalidArgument("order_userref")
    outcomes = [_cancelled(venue, order_id=each) for each in params.get("order_id", ())]
    return outcomes + [_cancelled(venue, cl_ord_id=each) for each in params.get("cl_ord_id", ())]


def _cancelled(venue: Derivatives, **name: str) -> Outcome:
    try:
        order = _found(venue, **name)
    except Refusal as refusal:
        return refusal
    venue.cancel(order)
    return {"order_id": order.id, **own_names(order)}


@METHODS.answers("batch_cancel")
def _batch_cancel(venue: Derivatives, params: Params) -> list[Outcome]:
    numbers, own = params.get("orders", []), params.get("cl_ord_id", [])
    if not SMALLEST_CANCEL <= len(numbers) + len(own) <= LARGEST_CANCEL:
        raise InvalidArgument("orders")
    orders = [each for each in venue.user.open.values() if each.id in numbers or each.asked.cl_ord_id in own]
    for order in orders:
        venue.cancel(order)
    return [{"count": len(orders)}]


@METHODS.answers("cancel_all")
def _cancel_all(venue: Derivatives, _params: Params) -> list[Outcome]:
    return [{"count": venue.cancel_all(venue.user)}]


@METHODS.answers("cancel_all_orders_after")
def _cancel_all_after(venue: Derivatives, params: Params) -> list[Outcome]:
    now, then = venue.cancel_all_after(params["timeout"])
    return [{"currentTime": rfc3339(now, 0), "triggerTime": rfc3339(then, 0) if then else "0"}]
