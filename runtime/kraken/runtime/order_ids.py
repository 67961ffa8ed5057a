"""Orders get an id of their own before they are sent, and are found again by it when the reply is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from .fields import inside

__all__ = ["found_order", "with_client_order_ids"]


class Placing(Protocol):
    """What must be known about a call that places orders."""

    @property
    def client_order_id(self) -> str: ...
    @property
    def client_order_id_unless(self) -> tuple[str, ...]: ...
    @property
    def client_order_id_rows(self) -> str: ...
    @property
    def client_order_id_where(self) -> tuple[str, str]: ...


def with_client_order_ids(
    call: Placing, arguments: Mapping[str, Any], tell: Callable[[str], None] | None = None
) -> Mapping[str, Any]:
    """Arguments in which every order has an id, its caller's or a fresh one.

    Args:
        call: Which argument takes the id, what excludes it, and which list has orders as rows.
        arguments: What the caller gave.
        tell: Called with each id that was made.
    """
    if not call.client_order_id:
        return arguments
    if not call.client_order_id_rows:
        return {**arguments, **_fresh(call, arguments, tell)}
    rows = arguments.get(call.client_order_id_rows)
    if not isinstance(rows, list | tuple):
        return arguments
    given = [row if isinstance(row, Mapping) else _set_fields(row) for row in rows]
    made = [{**row, **_fresh(call, row, tell)} if _is_placed(call, row) else row for row in given]
    return {**arguments, call.client_order_id_rows: made}


def _is_placed(call: Placing, row: Any) -> bool:
    """Whether a row places an order: there may be rows that change or cancel one."""
    field, value = call.client_order_id_where
    return isinstance(row, Mapping) and (not field or row.get(field) == value)


def _set_fields(row: Any) -> Any:
    """A model as the mapping that it was made from."""
    return {name: getattr(row, name) for name in row.model_fields_set} if hasattr(row, "model_fields_set") else row


def _fresh(call: Placing, given: Mapping[str, Any], tell: Callable[[str], None] | None) -> dict[str, str]:
    if any(given.get(name) is not None for name in (call.client_order_id, *call.client_order_id_unless)):
        return {}
    from uuid import uuid4

    made = str(uuid4())
    if tell is not None:
        tell(made)
    return {call.client_order_id: made}


def found_order(
    orders: Any, cl_ord_id: str, id_: str = "", own: str = "", within: Iterable[str] = ("",)
) -> tuple[str, Any] | None:
    """The order of a client order id with Kraken's id, in what a call answered.

    Args:
        orders: Orders that were asked for by the client order id, by Kraken's id; or a list with any orders.
        cl_ord_id: The client order id.
        id_: The field of an order that holds Kraken's id, in a list.
        own: The field that holds the client order id.
        within: Where in a row of the list these fields may stand.
    """
    if isinstance(orders, dict):
        return next(iter(orders.items()), None)
    places = ((row, inside(row, path) if path else row) for row in orders or () for path in within)
    return next(((str(inside(each, id_)), row) for row, each in places if inside(each, own) == cl_ord_id), None)
