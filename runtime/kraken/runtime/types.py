"""Field types of the pydantic models: exact decimals, and what requests accept for them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeAlias

from pydantic import (
    BeforeValidator,
    GetCoreSchemaHandler,
    PlainSerializer,
    SerializationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import CoreSchema, core_schema

from .json import WIRE, TextDecimal

__all__ = [
    "Amount",
    "AmountNumber",
    "AmountText",
    "ClientOrderId",
    "DecimalAsSent",
    "DecimalNumber",
    "DecimalText",
    "RelativePrice",
    "RelativePriceText",
    "SignedDecimalText",
    "TextDecimals",
    "TimestampText",
    "exact_amount",
    "moment",
    "plain",
]

Amount: TypeAlias = Decimal | int | str
"""What callers may pass for money and quantities. A float is refused: it does not hold 0.1."""

RelativePrice: TypeAlias = Decimal | int | str
"""A price, or text with a sign or `#` before it and `%` behind it where Kraken takes relative prices."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(value: Decimal | int | str | None, per_second: int = 1) -> datetime | None:
    """A time that the exchange gives as a number, as a datetime in UTC; digits below the microsecond are cut.

    Args:
        value: The number, or text of one; 0 and nothing at all mean that the time is not set.
        per_second: How many of its units make a second.
    """
    try:
        number = Decimal(value or 0)
        if not number or number.adjusted() > 30:  # an int of so many digits takes long to make
            return None
        return _EPOCH + timedelta(microseconds=int(number * 1_000_000 / per_second))
    except (ArithmeticError, ValueError):
        return None


def plain(value: Decimal) -> str:
    """A decimal in plain notation: `0.00000001`, never `1E-8`."""
    return format(value, "f")


def _as_text(value: Any, info: SerializationInfo) -> Any:
    if isinstance(value, Decimal) and (info.context is WIRE or info.mode == "json"):
        return plain(value)
    return value


def _as_number(value: Any, info: SerializationInfo) -> Any:
    # In a dump for the wire the decimal stays one, and the encoder writes it as a JSON number.
    if isinstance(value, Decimal) and info.context is not WIRE and info.mode == "json":
        return plain(value)
    return value


def _remembering(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    number = handler(value)
    return TextDecimal(number) if isinstance(value, str) else number


def exact_amount(value: Any) -> Decimal:
    """An amount without a lost digit; a float is refused, because it does not hold 0.1."""
    if isinstance(value, bool | float):
        raise ValueError(
            f"{value!r} is a {type(value).__name__}, which does not hold every digit; pass a str, an int or a Decimal"
        )
    if not isinstance(value, Decimal | int | str):
        raise ValueError("pass a str, an int or a Decimal")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a decimal number") from None
    if not amount.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return amount


_RELATIVE = re.compile(r"[+\-#]?[0-9]+(\.[0-9]+)?%?")


def _relative_price(value: Any) -> str:
    if isinstance(value, str):
        if _RELATIVE.fullmatch(value):
            return value
        if not re.fullmatch(r"[0-9.eE+\-]+", value):
            raise ValueError(
                f"{value!r} is not a price: a decimal number, with `+`, `-` or `#` before it or `%` behind it"
            )
    return plain(exact_amount(value))


_CLIENT_ORDER_IDS = (
    re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    re.compile(r"[0-9a-fA-F]{32}"),
    re.compile(r"[\x21-\x7e]{1,18}"),
)


def _client_order_id(value: Any) -> str:
    if isinstance(value, str) and any(form.fullmatch(value) for form in _CLIENT_ORDER_IDS):
        return value
    raise ValueError(
        f"{value!r} is none of: a UUID with dashes, 32 hexadecimal digits, up to 18 printable ASCII characters"
    )


def _timestamp(value: Any) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("the datetime has no time zone; use datetime.now(UTC) or give it a tzinfo")
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, str):
        return value
    raise ValueError("pass an RFC 3339 text or a datetime with a time zone")


def _as_signed_text(value: Any, info: SerializationInfo) -> Any:
    return f"{value:+f}" if isinstance(value, Decimal) and info.context is WIRE else _as_text(value, info)


DecimalText = Annotated[Decimal, PlainSerializer(_as_text)]
"""A decimal that is text on the wire."""

SignedDecimalText = Annotated[Decimal, PlainSerializer(_as_signed_text)]
"""A decimal that is text on the wire, and has its sign there also when it is above zero."""

DecimalNumber = Annotated[Decimal, PlainSerializer(_as_number)]
"""A decimal that is a JSON number on the wire."""

DecimalAsSent = Annotated[Decimal, WrapValidator(_remembering), PlainSerializer(_as_number)]
"""A decimal that is text on the wire in some replies and a JSON number in others."""

AmountText = Annotated[Decimal, BeforeValidator(exact_amount), PlainSerializer(_as_text)]
AmountNumber = Annotated[Decimal, BeforeValidator(exact_amount), PlainSerializer(_as_number)]
RelativePriceText = Annotated[str, BeforeValidator(_relative_price)]
ClientOrderId = Annotated[str, BeforeValidator(_client_order_id)]
TimestampText = Annotated[str, BeforeValidator(_timestamp)]


class TextDecimals(dict[str, Decimal]):
    """A map of decimals that are text on the wire."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, handler.generate_schema(dict[str, DecimalText]))

    def __wire__(self) -> dict[str, str]:
        """The map as it was on the wire."""
        return {key: plain(value) for key, value in self.items()}
