"""Orders get an id of their own before they are sent, so that they can be found again when the reply is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

__all__ = ["with_client_order_ids"]


class Placing(Protocol):
    """What must be known about a call that places orders."""

    @property
    def client_order_id(self) -> str: ...
    @property
    def client_order_id_unless(self) -> tuple[str, ...]: ...
    @property
    def client_order_id_rows(self) -> str: ...


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
    made = [{**row, **_fresh(call, row, tell)} if isinstance(row, Mapping) else row for row in given]
    return {**arguments, call.client_order_id_rows: made}


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
