"""JSON without losing a digit: numbers become `Decimal` on the way in and are written in plain notation on the way out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from .structs import Frame

__all__ = ["MALFORMED", "WIRE", "TextDecimal", "decode", "decode_plain", "encode", "to_json"]


class _Wire:
    """Serialisation context in which pydantic models give back what was on the wire (see `kraken.runtime.types`)."""


WIRE = _Wire()


class TextDecimal(Decimal):
    """A decimal that came as text, in a place where others come as numbers."""


def _number(text: str) -> float | Decimal:
    number = float(text)
    if len(text) <= 16 and "e" not in text and "E" not in text:  # a float holds 15 digits
        return number
    return number if Decimal(repr(number)) == Decimal(text) else Decimal(text)


MALFORMED = (ValueError, ArithmeticError, RecursionError)
"""What decoding raises: for broken JSON, for a number beyond all measure, for too many brackets."""

decode = msgspec.json.Decoder(float_hook=Decimal).decode
"""JSON bytes to plain objects; every number with a fraction or exponent becomes a `Decimal` with all its digits."""

decode_plain = msgspec.json.Decoder(float_hook=_number).decode
"""JSON bytes to the objects that `json.loads` gives, except that a number which a float cannot hold stays a `Decimal`."""


def encode(value: Any) -> bytes:
    """Plain objects to JSON bytes; a `Decimal` becomes a JSON number in plain notation, never `1E-8`."""
    return msgspec.json.encode(_plain(value))


def to_json(value: Any) -> str:
    """A result, message or row back as the JSON it came from: the same keys and the same digits.

    Args:
        value: Anything that a client returned, or that `decode_response` or `decode_message` gave.

    Returns:
        JSON text. Decimals that were JSON numbers are numbers again, those that were text are text.
    """
    return encode(value).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value!r} is not a finite number")
        if isinstance(value, TextDecimal):
            return format(value, "f")
        return msgspec.Raw(format(value, "f").encode())
    if hasattr(value, "__wire__"):
        return _plain(value.__wire__())
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Frame) and value.raw:
        return _plain(decode(value.raw))
    if isinstance(value, msgspec.Struct):
        return _plain(msgspec.to_builtins(value, builtin_types=(Decimal,)))
    if hasattr(value, "__pydantic_serializer__"):
        return _plain(value.model_dump(by_alias=True, exclude_unset=True, context=WIRE, warnings=False))
    return value
