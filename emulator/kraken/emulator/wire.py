"""Text on the wire: JSON with exact digits, amounts with fixed decimals, timestamps.

Written apart from the client's own code on purpose: what both sides got wrong in the same way would go unnoticed.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

ZERO = Decimal(0)

SECOND = 1_000_000_000
"""Nanoseconds in a second."""

WIDE = Context(prec=100)
"""For amounts that nobody can pay but anybody can ask for."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class NotJson(ValueError):
    """The text is not JSON, or is more than JSON allows (``NaN``, a repeated key)."""


def dumps(value: Any) -> str:
    """JSON text of ``value``; a Decimal becomes a number with all its digits, trailing zeros included."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, float):
        raise TypeError("a float has no exact digits")
    return json.dumps(value, ensure_ascii=False)


def loads(text: str | bytes) -> Any:
    """The value of a JSON text, numbers with a fraction as Decimal.

    Raises:
        NotJson: the text is not JSON, has ``NaN`` or ``Infinity`` in it, or a key twice in one object.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error


def _refuse(constant: str) -> None:
    raise NotJson(constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("a key stands twice")
    return found


def rounded(value: Decimal, places: int, rounding: str = ROUND_HALF_UP) -> Decimal:
    """``value`` with exactly ``places`` decimals."""
    return value.quantize(Decimal(1).scaleb(-places), rounding, WIDE)


def fixed(value: Decimal, places: int) -> str:
    """Plain text of ``value`` with exactly ``places`` decimals."""
    return format(rounded(value, places), "f")


def plain(value: Decimal) -> Decimal:
    """``value`` without zeros at its end, as Futures shows numbers."""
    return WIDE.normalize(value) if value else ZERO


def rfc3339(nanoseconds: int, digits: int = 6) -> str:
    """UTC time text of Unix ``nanoseconds`` with ``digits`` decimals of the second."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    text = (_EPOCH + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}"[: len(text) + 1 + digits].rstrip(".") + "Z"


def from_rfc3339(text: str) -> int:
    """Unix nanoseconds of an RFC 3339 time.

    Raises:
        ValueError: the text is not such a time, or is not in this age.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, clock, fraction, zone = found.groups()
    moment = datetime.datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    if not 1970 < moment.year < 9000:
        raise ValueError(text)
    return int((moment - _EPOCH).total_seconds()) * SECOND + int((fraction or "").ljust(9, "0"))


def unix(nanoseconds: int, digits: int = 6) -> Decimal:
    """Unix seconds with ``digits`` decimals; what is more exact is cut off, as in the text of a time."""
    return rounded(Decimal(nanoseconds).scaleb(-9), digits, ROUND_FLOOR)
