"""Replies -> results or errors, by the way in which a product wraps them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from .errors import ErrorTable, Facts, KrakenWarning
from .json import encode

__all__ = ["ENVELOPES", "Unreadable", "Unwrap"]

Unwrap = Callable[[Any, int, ErrorTable, Facts], Any]


class Unreadable(Exception):
    """The reply is not in the product's envelope: it tells nothing about the request."""


def _spot(body: Any, _status: int, table: ErrorTable, facts: Facts) -> Any:
    """`{"error": [...], "result": ...}`, or the older list of error objects."""
    if not isinstance(body, dict):
        raise Unreadable
    codes = _spot_codes(body)
    errors = [code for code in codes if not code.startswith("W")]
    if errors:
        error = table.error(errors[0], facts)
        return error if len(errors) == 1 else type(error)("; ".join(errors), error.facts)
    for code in codes:
        warnings.warn(f"{facts.operation}: {code}", KrakenWarning, stacklevel=2)
    return body.get("result")


def _spot_codes(body: Mapping[str, Any]) -> list[str]:
    if isinstance(codes := body.get("error"), list):
        return [str(code) for code in codes]
    value = body.get("value")
    objects = (value if isinstance(value, dict) else body).get("errors")
    if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
        raise Unreadable
    return [
        f"{each.get('severity', 'E')}{each.get('errorClass', 'General')}:{each.get('type', '')}" for each in objects
    ]


def _bare(body: Any, status: int, table: ErrorTable, facts: Facts) -> Any:
    """The result itself. An error has an HTTP status and is a problem object, or what other calls answer."""
    if status < 400:
        return body
    if status >= 500:
        raise Unreadable
    if isinstance(body, dict) and isinstance(body.get("title"), str):
        return table.error(_problem_code(body, table), facts)
    try:
        return _spot(body, status, table, facts)
    except Unreadable:
        known = f"HTTP {status}"
        return table.error(known if table.row(known) else f"{known}: {encode(body).decode()}", facts)


def _problem_code(body: Mapping[str, Any], table: ErrorTable) -> str:
    """The code of a problem object: the end of its type where that is one, else its title in the form of codes."""
    code = str(body.get("type", "")).rpartition(":")[2]
    return code if table.row(code) else f"E{body['title'].replace(': ', ':')}"


ENVELOPES: dict[str, Unwrap] = {"spot": _spot, "bare": _bare}
"""How each envelope is opened: the result, or an `ExchangeError` that is returned, not raised."""
