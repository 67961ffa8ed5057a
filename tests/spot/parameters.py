"""What the specs say about each argument, and what they rule out; read from plain YAML, which knows no generated code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from keyword import iskeyword
from pathlib import Path
from typing import Any, NamedTuple

from ..specs import FOLDER, read

Json = dict[str, Any]

SAMPLES = ("XBTUSD", "5", "3d1f0a52-0002-4b7e-9c11-a1b2c3d4e5f6", "ABDEM01-EVM77-WALLT1", "someone@example.com")
FORMATS = {
    "decimal": "1.5",
    "relative-price": "1.5",
    "client-order-id": "mine",
    "date-time": "2026-11-22T10:00:00Z",
    "uuid": SAMPLES[2],
}
NOT_OF_TYPE: dict[str, tuple[Any, ...]] = {
    "string": (5, 1.5, True, b"x", {}),
    "integer": ("5x", 1.5, True, "", {}),
    "boolean": ("true", 1, 0, "", {}),
    "array": (5, True, {"a": 1}),
    "object": (5, "x", ["x"]),
}
NOT_OF_FORMAT: dict[str, tuple[Any, ...]] = {
    "decimal": (0.5, True, "one", "", "NaN", "1,5", {}),
    "relative-price": (0.5, True, "5%%", "one", ""),
    "client-order-id": ("x" * 19, "", "a b", 5),
    "date-time": (5, datetime(2026, 11, 22), True),
}


class Parameter(NamedTuple):
    """One argument of a method."""

    name: str
    schema: Json
    required: bool


class Call(NamedTuple):
    """One operation."""

    key: str
    """Method and path."""
    parameters: list[Parameter]
    exclusive: list[list[str]]
    one_of: list[list[str]]

    def __str__(self) -> str:
        return self.key

    @property
    def arguments(self) -> Json:
        """As few arguments as will do."""
        needed = {each.name for each in self.parameters if each.required}
        needed |= {group[0] for group in self.one_of if not needed & set(group)}
        return {each.name: sample(each.schema) for each in self.parameters if each.name in needed}


class Wrong(NamedTuple):
    """A value that is ruled out."""

    value: Any
    at: tuple[Any, ...] = ()
    """Where inside of the argument it is, when the argument itself is an object or a list."""
    shown: Any = None
    """What the message shows, which is the innermost value."""
    allowed: tuple[str, ...] = ()
    """Names that the message lists."""


def calls() -> Iterator[Call]:
    """Every REST operation."""
    for file in sorted(FOLDER.glob("spot/rest/*.yaml")):
        for path, methods in (read(file).get("paths") or {}).items():
            for method, raw in methods.items():
                yield Call(
                    f"{method.upper()} {path}",
                    list(_parameters(file, raw)),
                    raw.get("x-kraken-exclusive", []),
                    raw.get("x-kraken-one-of", []),
                )


def _parameters(file: Path, raw: Json) -> Iterator[Parameter]:
    for each in raw.get("parameters", []):
        schema = _resolved(file, each["schema"])
        if each["in"] == "path":
            schema = {"minLength": 1, **schema}
        yield Parameter(_name(each["name"], each, schema), schema, each.get("required", False))
    for content in raw.get("requestBody", {}).get("content", {}).values():
        body = _resolved(file, content["schema"])
        for wire, schema in body["properties"].items():
            yield Parameter(_name(wire, schema), schema, wire in body.get("required", ()))


def _name(wire: str, *facts: Json) -> str:
    name = next((each["x-kraken-name"] for each in facts if "x-kraken-name" in each), wire)
    return f"{name}_" if iskeyword(name) else str(name)


def _resolved(file: Path, node: Any) -> Any:
    """A node with all its references followed."""
    if isinstance(node, list):
        return [_resolved(file, each) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name, _, pointer = node["$ref"].partition("#")
        target = file.parent / name if name else file
        found = read(target)
        for part in pointer.strip("/").split("/"):
            found = found[part]
        return {**_resolved(target, found), **{key: value for key, value in node.items() if key != "$ref"}}
    return {key: _resolved(file, value) for key, value in node.items()}


# ---------------------------------------------------------------------- good values


def sample(schema: Json) -> Any:
    """A value that fits."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0])
    kind = _kinds(schema)[0]
    if kind == "object":
        names = schema.get("required") or list(schema["properties"])[: schema.get("minProperties", 0)]
        return {name: sample(schema["properties"][name]) for name in names}
    if kind == "array":
        return [sample(schema["items"])] * schema.get("minItems", 1)
    if kind == "integer":
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    if "format" in schema:
        return FORMATS[schema["format"]]
    low, high = schema.get("minLength", 0), schema.get("maxLength", 100)
    return next(each for each in SAMPLES if low <= len(each) <= high and re.search(schema.get("pattern", ""), each))


def _kinds(schema: Json) -> list[str]:
    kinds = schema["type"]
    return [kinds] if isinstance(kinds, str) else list(kinds)


# ---------------------------------------------------------------------- values that are ruled out


def wrong(schema: Json) -> Iterator[Wrong]:
    """Values that do not fit: of another type, outside of a list or of bounds, or with something wrong inside."""
    if "anyOf" in schema:
        options = [set(map(_key, (each.value for each in wrong(option)))) for option in schema["anyOf"]]
        common = set.intersection(*options)
        yield from (Wrong(each.value) for each in wrong(schema["anyOf"][0]) if _key(each.value) in common)
        return
    for value in _outside(schema):
        # What rows of orders are shown with has ids in it that were made up.
        yield Wrong(value, shown=None if isinstance(value, list) and value and isinstance(value[0], dict) else value)
    if "object" in _kinds(schema):
        yield from _wrong_members(schema)
    elif "array" in _kinds(schema):
        for each in wrong(schema["items"]):
            yield Wrong([each.value] * schema.get("minItems", 1), (0, *each.at), each.shown, each.allowed)


def _key(value: Any) -> tuple[str, str]:
    return type(value).__name__, repr(value)


def _outside(schema: Json) -> Iterator[Any]:
    kind = _kinds(schema)[0]
    if "enum" in schema:
        yield from ("no such value", 999_999)
        return
    yield from NOT_OF_FORMAT.get(schema.get("format", ""), NOT_OF_TYPE[kind])
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "maximum" in schema:
        yield schema["maximum"] + 1
    if schema.get("minLength"):
        yield ""
    if "maxLength" in schema:
        yield "x" * (schema["maxLength"] + 1)
    if "pattern" in schema:
        yield " "
    if schema.get("minItems"):
        yield []
    if "maxItems" in schema:
        yield [sample(schema["items"])] * (schema["maxItems"] + 1)
    if schema.get("minProperties"):
        yield {}
    if "maxProperties" in schema:
        yield {name: sample(each) for name, each in schema["properties"].items()}


def _wrong_members(schema: Json) -> Iterator[Wrong]:
    good = sample(schema)
    names = tuple(_name(wire, member) for wire, member in schema["properties"].items())
    yield Wrong({**good, "surprise": 1}, ("surprise",), allowed=names)
    for name in schema.get("required", ()):
        yield Wrong({key: value for key, value in good.items() if key != name}, (name,))
    for name, member in schema["properties"].items():
        further = good if name in good or "maxProperties" not in schema else {}
        for each in wrong(member):
            yield Wrong({**further, name: each.value}, (name, *each.at), each.shown, each.allowed)
