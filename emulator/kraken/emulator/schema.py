"""Arguments checked and converted by the JSON schemas of the specs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.wire import NotJson, from_rfc3339, loads

Schema = Mapping[str, Any]


class Mode(Enum):
    """How arguments come in."""

    TEXT = "text"
    """Query strings and forms: every scalar is text, lists are separated by commas."""
    LENIENT = "lenient"
    """JSON bodies of REST: typed values, or the text that a form would have."""
    STRICT = "strict"
    """WebSocket frames: typed values only."""


MAX_DIGITS = 20
"""Digits before or after the point that anybody can mean seriously."""

_DECIMAL = re.compile(rf"[+-]?\d{{1,{MAX_DIGITS}}}(\.\d{{1,{MAX_DIGITS}}})?", re.ASCII)
_RELATIVE = re.compile(rf"[+#-]?\d{{1,{MAX_DIGITS}}}(\.\d{{1,{MAX_DIGITS}}})?%?", re.ASCII)
_INTEGER = re.compile(rf"-?\d{{1,{MAX_DIGITS}}}", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BRACKETED = re.compile(r"[^\[\]]+(\[[^\[\]]+\]){0,8}")
_CLIENT_ORDER_ID = re.compile(rf"{_UUID.pattern}|[0-9a-fA-F]{{32}}|[\x20-\x7e]{{1,18}}")


class _Mismatch(Exception):
    """A value does not fit its schema."""


def _match(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if pattern.fullmatch(text) is None:
            raise _Mismatch
        return text

    return check


def _date_time(text: str) -> int:
    try:
        return from_rfc3339(text)
    except ValueError as error:
        raise _Mismatch from error


_FORMATS: dict[str, Callable[[str], Any]] = {
    "decimal": lambda text: Decimal(_match(_DECIMAL)(text)),
    "signed-decimal": lambda text: Decimal(_match(_DECIMAL)(text)),
    "relative-price": _match(_RELATIVE),
    "date-time": _date_time,
    "uuid": _match(_UUID),
    "client-order-id": _match(_CLIENT_ORDER_ID),
}


def _number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _string(schema: Schema, value: object, mode: Mode) -> Any:
    if mode is Mode.LENIENT and _number(value):
        value = format(value, "f") if isinstance(value, Decimal) else str(value)
    if not isinstance(value, str):
        raise _Mismatch
    if "pattern" in schema and re.search(schema["pattern"], value) is None:
        raise _Mismatch
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        raise _Mismatch
    return _FORMATS.get(schema.get("format", ""), str)(value)


def _integer(schema: Schema, value: object, mode: Mode) -> Any:
    if mode is not Mode.STRICT and isinstance(value, str):
        value = int(_match(_INTEGER)(value))
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Mismatch
    return _in_range(schema, value)


def _decimal(schema: Schema, value: object, mode: Mode) -> Any:
    if mode is not Mode.STRICT and isinstance(value, str):
        value = Decimal(_match(_DECIMAL)(value))
    if not _number(value):
        raise _Mismatch
    number = Decimal(str(value))
    if abs(number.adjusted()) > MAX_DIGITS:  # before it is written out: 1E999999999 is valid JSON
        raise _Mismatch
    return _in_range(schema, Decimal(_match(_DECIMAL)(format(number, "f"))))


def _in_range(schema: Schema, value: Any) -> Any:
    if value < schema.get("minimum", value) or value > schema.get("maximum", value):
        raise _Mismatch
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        raise _Mismatch
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        raise _Mismatch
    return value


def _boolean(_schema: Schema, value: object, mode: Mode) -> Any:
    if mode is not Mode.STRICT and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, bool):
        raise _Mismatch
    return value


def _array(schema: Schema, value: object, mode: Mode) -> Any:
    if mode is not Mode.STRICT and isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        raise _Mismatch
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        raise _Mismatch
    return [convert(schema.get("items", {}), item, mode) for item in value]


def _object(schema: Schema, value: object, mode: Mode) -> Any:
    if not isinstance(value, dict):
        raise _Mismatch
    properties = schema.get("properties", {})
    if any(name not in value for name in schema.get("required", ())) or any(name not in properties for name in value):
        raise _Mismatch
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        raise _Mismatch
    for name, item in value.items():
        # Where names have brackets, each element of a list has a name of its own.
        if mode is Mode.TEXT and properties[name].get("type") == "array" and not isinstance(item, list):
            raise _Mismatch
    return {name: convert(properties[name], item, mode) for name, item in value.items()}


def _null(_schema: Schema, value: object, _mode: Mode) -> Any:
    if value is not None:
        raise _Mismatch
    return value


_TYPES: dict[str, Callable[[Schema, object, Mode], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _decimal,
    "boolean": _boolean,
    "array": _array,
    "object": _object,
    "null": _null,
}


def convert(schema: Schema, value: object, mode: Mode) -> Any:
    """``value`` as what ``schema`` says it is: Decimal, int, bool, text, a list or a dict."""
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    declared = schema.get("type")
    if isinstance(declared, list):
        alternatives += [{**schema, "type": each} for each in declared]
    if alternatives:
        return _first_fitting(alternatives, value, mode)
    result = _TYPES[declared](schema, value, mode) if declared in _TYPES else value
    if "enum" in schema and result not in schema["enum"]:
        raise _Mismatch
    if "const" in schema and result != schema["const"]:
        raise _Mismatch
    return result


def _first_fitting(alternatives: Iterable[Schema], value: object, mode: Mode) -> Any:
    for schema in alternatives:
        try:
            return convert(schema, value, mode)
        except _Mismatch:
            continue
    raise _Mismatch


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested JSON objects under the names that a form gives them: ``{"close": {"price": 1}}`` is ``close[price]``."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}[{key}]" if prefix else key
        found |= flat(item, name) if isinstance(item, dict) else {name: item}
    return found


def nest(given: Mapping[str, Any]) -> dict[str, Any]:
    """Names with brackets as nested objects, or lists where the names are indices; the reverse of ``flat``.

    Raises:
        InvalidArgument: a name is malformed, or stands for an object and for a value.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        if _BRACKETED.fullmatch(name) is None:
            raise InvalidArgument(name, unknown=True)
        *parents, last = name.replace("]", "").split("[")
        node = found
        for part in parents:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise InvalidArgument(name)
        if last in node:
            raise InvalidArgument(name)
        node[last] = value
    return {name: _with_lists(value) for name, value in found.items()}


def _with_lists(value: object) -> Any:
    if not isinstance(value, dict):
        return value
    items = {name: _with_lists(item) for name, item in value.items()}
    return list(items.values()) if list(items) == [str(index) for index in range(len(items))] else items


def _flat_fields(schema: Schema, prefix: str = "") -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for key, item in schema.get("properties", {}).items():
        name = f"{prefix}[{key}]" if prefix else key
        found |= _flat_fields(item, name) if item.get("type") == "object" else {name: item}
    return found


@dataclass(frozen=True)
class Shape:
    """The arguments that a request may have."""

    fields: Mapping[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    """Groups of which at most one argument may be given."""
    one_of: tuple[tuple[str, ...], ...] = ()
    """Groups of which at least one argument must be given."""
    nested: bool = False
    """Whether objects stay nested; otherwise they are flattened to names with brackets."""
    as_json: frozenset[str] = frozenset()
    """Arguments whose value is JSON text."""

    @classmethod
    def of(
        cls,
        schema: Schema,
        facts: Mapping[str, Any],
        *,
        nested: bool = False,
        as_json: frozenset[str] = frozenset(),
    ) -> Shape:
        """The shape of an object schema.

        Args:
            schema: The schema of the arguments, its references followed.
            facts: The operation or channel, for its ``x-kraken-exclusive`` and ``x-kraken-one-of``.
            nested: Whether objects among the arguments stay nested.
            as_json: Arguments whose value is JSON text.
        """
        return cls(
            fields=schema.get("properties", {}) if nested else _flat_fields(schema),
            required=tuple(schema.get("required", ())),
            exclusive=tuple(map(tuple, facts.get("x-kraken-exclusive", ()))),
            one_of=tuple(map(tuple, facts.get("x-kraken-one-of", ()))),
            nested=nested,
            as_json=as_json,
        )

    def check(self, given: Mapping[str, Any], mode: Mode) -> dict[str, Any]:
        """The arguments, converted.

        Raises:
            InvalidArgument: an argument is missing, unknown, or not what the spec says.
            Refusal: an argument is not the JSON text that it must be.
        """
        given = self._arranged(given, mode)
        for name in given:
            if name not in self.fields:
                raise InvalidArgument(name, unknown=True)
        for name in self.required:
            if name not in given and not any(each.startswith(f"{name}[") for each in given):
                raise InvalidArgument(name, missing=True)
        for group in self.exclusive:
            if len(several := [name for name in group if name in given]) > 1:
                raise InvalidArgument(several[-1])
        for group in self.one_of:
            if not any(name in given for name in group):
                raise InvalidArgument(group[0], missing=True)
        return {name: self._convert(name, value, mode) for name, value in given.items()}

    def _arranged(self, given: Mapping[str, Any], mode: Mode) -> Mapping[str, Any]:
        if not self.nested:
            return flat(given)
        return nest(given) if mode is Mode.TEXT else given

    def _convert(self, name: str, value: object, mode: Mode) -> Any:
        if name in self.as_json and isinstance(value, str):
            try:
                value, mode = loads(value), Mode.LENIENT
            except NotJson:
                raise Refusal(Words.JSON_PARSE) from None
        try:
            return convert(self.fields[name], value, mode)
        except _Mismatch:
            raise InvalidArgument(name, value) from None
