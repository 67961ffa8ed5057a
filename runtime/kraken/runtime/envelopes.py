"""Replies -> results or errors, by the way in which a product wraps them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from .errors import ErrorTable, ExchangeError, Facts, KrakenWarning
from .json import encode
from .operation import Operation

__all__ = ["ENVELOPES", "Unreadable", "Unwrap", "opened", "refusal"]

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
        return _joined(errors, table, facts)
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


def _joined(codes: list[str], table: ErrorTable, facts: Facts) -> ExchangeError:
    """The exception of the first of several codes, with the words of all."""
    error = table.error(codes[0], facts)
    return error if len(codes) == 1 else type(error)("; ".join(codes), error.facts)


def _futures(body: Any, status: int, table: ErrorTable, facts: Facts) -> Any:
    """What stands beside `result: success`; `result: error` has an `error`, or a list of `errors`."""
    if isinstance(body, dict) and body.get("result") == "success" and status < 400:
        return {name: value for name, value in body.items() if name != "result"}
    return _bare(body, status, table, facts)


def _futures_codes(body: Any, status: int) -> list[str]:
    """Errors as Futures tells them: one word, or objects with a number and a text."""
    if not isinstance(body, dict):
        return []
    objects = body.get("errors")
    if isinstance(objects, list) and all(isinstance(each, dict) and "message" in each for each in objects):
        return [
            ": ".join(str(each[key]) for key in ("code", "message") if each.get(key) is not None) for each in objects
        ]
    code = body.get("error")
    # Of a fault of the server's nobody knows what it left behind, unless Futures itself reports it.
    is_told = body.get("result") == "error" or 400 <= status < 500
    return [code] if isinstance(code, str) and is_told else []


def _bare(body: Any, status: int, table: ErrorTable, facts: Facts) -> Any:
    """The result itself. An error has an HTTP status and is a problem object, or what other calls answer."""
    if codes := _futures_codes(body, status):
        return _joined(codes, table, facts)
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


ENVELOPES: dict[str, Unwrap] = {"spot": _spot, "futures": _futures, "bare": _bare}
"""How each envelope is opened: the result, or an `ExchangeError` that is returned, not raised."""


def opened(operation: Operation[Any], body: Any, status: int, table: ErrorTable, facts: Facts) -> Any:
    """The result inside of a decoded body, or the `ExchangeError` that the body means."""
    result = ENVELOPES[operation.envelope](body, status, table, facts)
    if isinstance(result, ExchangeError):
        return result
    return refusal(operation, result, table, facts) or result


def refusal(
    operation: Operation[Any], result: Any, table: ErrorTable, facts: Facts, *, in_rows: bool = False
) -> ExchangeError | None:
    """The error of a request that was understood and refused all the same; of a batch, `in_rows`, that of the first row."""
    outcome = operation.outcome
    if outcome is None or not isinstance(result, dict):
        return None
    told = result.get(outcome.field) if outcome.field else result
    for each in told if in_rows and isinstance(told, list) else [told]:
        word = each.get(outcome.error) if isinstance(each, dict) else None
        if word and word not in outcome.unless:
            return table.error(word, facts)
    return None
