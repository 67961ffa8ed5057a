"""Recorded replies, decoded as a live client would."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from .encoding import codec
from .envelopes import Unreadable, opened
from .errors import DecodeError, Facts, InvalidRequest, KrakenError
from .json import MALFORMED, decode
from .operation import Operation

__all__ = ["decode_reply"]


def decode_reply(operation: Operation[Any] | None, asked: str, raw: bytes | str, known: Iterable[str]) -> Any:
    """The result inside of a recorded reply; errors are raised."""
    if operation is None:
        raise InvalidRequest(f"operation: {asked!r} is unknown; allowed: {', '.join(known)}", Facts(sent=False))
    body = raw.encode() if isinstance(raw, str) else raw
    facts = Facts(operation.name, body=body)
    try:
        result = opened(operation, decode(body), 200, import_module("kraken.exceptions").TABLE, facts)
        if isinstance(result, KrakenError):
            raise result
        return codec(operation).result.validate_python(result)
    except (Unreadable, *MALFORMED) as error:
        if isinstance(error, KrakenError):
            raise
        raise DecodeError("the reply does not have the documented form", facts) from error
