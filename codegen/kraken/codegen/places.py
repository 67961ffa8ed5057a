"""What stands where in an OpenAPI or AsyncAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .load import Document, Pointer, walk

Json = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "patch")
SCHEMA_KEYS = ("schema", "items", "additionalProperties", "payload")
SCHEMA_LISTS = ("prefixItems", "anyOf", "oneOf", "allOf")
NAMED_SCHEMAS = ("components", "schemas")


def label(at: Pointer) -> str:
    """How messages name a place: by its key, a list element by its position, an operation by method and path."""
    if not at:
        return "document"
    if len(at) == 3 and at[0] == "paths":
        return f"{str(at[2]).upper()} {at[1]}"
    return f"{at[-2]}[{at[-1]}]" if isinstance(at[-1], int) else at[-1]


def place(at: Pointer) -> str:
    """What stands at a pointer, in the words of `Extension.places`; empty for anything else."""
    if not at:
        return "document"
    if len(at) == 3 and at[0] == "paths" and at[2] in METHODS:
        return "operation"
    if len(at) == 2 and at[0] in ("servers", "channels"):
        return str(at[0])[:-1]
    if is_schema(at):
        return "property" if at[-2] == "properties" else "schema"
    return "parameter" if at[-2:-1] == ("parameters",) else ""


def operations(document: Document) -> Iterator[tuple[Pointer, Json]]:
    """The REST operations of a document."""
    for path, item in document.data.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield ("paths", path, method), item[method]


def channels(document: Document) -> Iterator[tuple[Pointer, Json]]:
    """The WebSocket channels and methods of a document."""
    for name, channel in document.data.get("channels", {}).items():
        yield ("channels", name), channel


def parameters(document: Document) -> Iterator[tuple[Pointer, Json]]:
    """The parameters of all operations, and the shared ones, without references to these."""
    lists = [((*at, "parameters"), operation.get("parameters", [])) for at, operation in operations(document)]
    for at, items in lists:
        yield from (((*at, index), item) for index, item in enumerate(items) if "$ref" not in item)
    for name, item in document.data.get("components", {}).get("parameters", {}).items():
        yield ("components", "parameters", name), item


def schemas(document: Document) -> Iterator[tuple[Pointer, Json]]:
    """Every schema of a document, named or inline, outermost first."""
    for at, value in walk(document.data):
        if isinstance(value, dict) and is_schema(at):
            yield at, value


def is_schema(at: Pointer) -> bool:
    """Whether a schema stands at a pointer."""
    if len(at) < 2 or any(str(part).startswith("x-kraken-") for part in at):
        return False
    last, before = at[-1], at[-2]
    if before == "properties":
        return at[-3:-1] != (*NAMED_SCHEMAS[1:], "properties")
    return (
        last in SCHEMA_KEYS
        or (before in SCHEMA_LISTS and isinstance(last, int))
        or (len(at) == 3 and at[:2] == NAMED_SCHEMAS)
    )
