"""Values as form and query text, without losing a digit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from .errors import Facts, InvalidRequest

__all__ = ["bracketed", "form", "lenient_text", "repeated", "segment", "text"]


def text(value: Any) -> str:
    """A value as form or query text: plain decimals, `true` and `false`, lists with commas.

    Raises:
        ValueError: It has no exact text.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value!r} is not a finite number")
        return format(value, "f")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return ",".join(map(text, value))
    if isinstance(value, dict) or hasattr(value, "__pydantic_serializer__"):
        from .json import encode

        return encode(value).decode()
    raise ValueError(f"{value!r}: a {type(value).__name__} has no exact text; pass a str, an int or a Decimal")


def lenient_text(value: Any) -> str:
    """The same, but a float is taken as the shortest decimal that is the same float."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return text(Decimal(repr(value)))
    return ",".join(map(lenient_text, value)) if isinstance(value, list | tuple) else text(value)


_PLAIN = re.compile(r"[A-Za-z0-9_.~\-]*").fullmatch
_quoted_name = lru_cache(maxsize=1024)(quote_plus)


def form(pairs: Iterable[tuple[str, Any]], as_text: Callable[[Any], str] = text) -> str:
    """URL-encoded text of some pairs, as urllib's `urlencode` gives it, which takes three times as long."""
    parts = []
    for name, value in pairs:
        try:
            words = as_text(value)
            parts.append(f"{_quoted_name(name)}={words if _PLAIN(words) else quote_plus(words)}")
        except (TypeError, ValueError) as error:
            raise InvalidRequest(f"{name}: {error}", Facts(sent=False)) from None
    return "&".join(parts)


def repeated(pairs: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Pairs in which every element of a list stands as a pair of its own."""
    return [(name, each) for name, value in pairs for each in (value if isinstance(value, list | tuple) else [value])]


def segment(name: str, value: Any) -> str:
    """A value as one segment of a path, which an empty one would turn into another path."""
    words = text(value)
    if words in ("", ".", ".."):
        raise InvalidRequest(
            f"{name}: {words!r} cannot be part of a path; allowed: a text that is not empty", Facts(sent=False)
        )
    try:
        return quote(words, safe="")
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{name}: {error}", Facts(sent=False)) from None


def bracketed(name: str, value: Any) -> list[tuple[str, Any]]:
    """The members of an object as pairs of `name[member]` and value; lists are counted: `name[0]`."""
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in bracketed(f"{name}[{key}]", item)]
    if isinstance(value, list):
        return [pair for index, item in enumerate(value) for pair in bracketed(f"{name}[{index}]", item)]
    return [(name, value)]
