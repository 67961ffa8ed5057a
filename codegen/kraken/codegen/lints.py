"""What our generator needs of a document beyond the standards."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from .extensions import BY_KEY, FORMATS
from .load import Document, Pointer, Problem, walk
from .places import NAMED_SCHEMAS, Json, channels, is_schema, label, operations, parameters, schemas

MEDIA_TYPES = ("application/x-www-form-urlencoded", "application/json")

CERTAINTIES = tuple(BY_KEY["x-kraken-certainty"].value["anyOf"][0]["enum"])

DANGERS = tuple(value for value in BY_KEY["x-kraken-danger"].value["enum"] if value != "none")

RESERVED_CLASSES = frozenset(
    [
        "Account",
        "AccountFeeds",
        "Any",
        "BalanceFeed",
        "Callable",
        "Channel",
        "Choice",
        "ClassVar",
        "DeadMansSwitch",
        "DerivativesAccount",
        "DerivativesFeeds",
        "Decimal",
        "FillFeed",
        "KeyedRows",
        "Literal",
        "Lookup",
        "Mapping",
        "Message",
        "Method",
        "NamedTuple",
        "Operation",
        "Options",
        "OrderFeed",
        "Parameters",
        "Reply",
        "RequestModel",
        "ResponseModel",
        "Sequence",
        "Socket",
        "Stream",
        "Struct",
        "SubscribeReply",
        "Switch",
        "Taken",
        "UnknownFrame",
        "UnsetType",
        "UnsubscribeReply",
    ]
)
"""Names of other things in the generated modules."""

RESERVED_NAMES = frozenset(
    [
        "Any",
        "Decimal",
        "Field",
        "Literal",
        "None",
        "bool",
        "bytes",
        "dict",
        "float",
        "int",
        "list",
        "self",
        "str",
        "tuple",
    ]
)
"""Names that a field may not have, because annotations beside it use them."""


def lint(document: Document) -> Iterator[Problem]:
    """All mistakes that are not the standard's business."""
    for each in LINTS:
        yield from each(document)


def _named(at: Pointer) -> bool:
    return len(at) == 3 and at[:2] == NAMED_SCHEMAS


TYPED = ("type", "$ref", "const", "anyOf", "oneOf")


def _lint_shapes(document: Document) -> Iterator[Problem]:
    """JSON Schema allows `true` for anything, and lists of anything; a type says more."""
    for at, value in walk(document.data):
        if is_schema(at) and isinstance(value, bool) and at[-1] != "additionalProperties":
            yield document.problem(at, f"{label(at)}: {str(value).lower()} as a schema", "an object with a type")
    for at, schema in schemas(document):
        if not any(key in schema for key in TYPED):
            kinds = "string, integer, number, boolean, array, object, or one of " + ", ".join(TYPED[1:])
            yield document.problem(at, f"{label(at)}: type is missing", kinds)
        if "array" in _kinds(schema) and not isinstance(schema.get("items", schema.get("prefixItems")), dict | list):
            yield document.problem(at, f"{label(at)}: array without items", "the schema of an item")
        if "default" in schema:
            # Only what the caller chose is sent; Kraken fills in the rest.
            yield document.problem((*at, "default"), f"{label(at)}: default", "a sentence in the description")
        properties = schema.get("properties", {})
        for index, name in enumerate(schema.get("required", []) if properties else []):
            if name not in properties:
                yield document.problem(
                    (*at, "required", index), f"required: no property {name!r}", ", ".join(properties)
                )


def _kinds(schema: Json) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds


def _lint_formats(document: Document) -> Iterator[Problem]:
    for at, schema in schemas(document):
        for kind in _kinds(schema):
            allowed = FORMATS.get(kind, ())
            if kind == "number" and "format" not in schema:
                yield document.problem(at, f"{label(at)}: number without format", "decimal, or type integer")
            elif "format" in schema and kind != "null" and schema["format"] not in allowed:
                what = f"{label(at)}: format {schema['format']!r} of a value of type {kind}"
                yield document.problem((*at, "format"), what, ", ".join(allowed) or "none")


def _lint_enums(document: Document) -> Iterator[Problem]:
    for at, schema in schemas(document):
        if "enum" in schema and "x-kraken-enum" not in schema:
            yield document.problem(
                at, f"{label(at)}: enum without x-kraken-enum", "open (responses), closed (requests)"
            )
        elif "x-kraken-enum" in schema and "enum" not in schema:
            yield document.problem(
                (*at, "x-kraken-enum"), f"{label(at)}: x-kraken-enum without enum", "a list of values"
            )


def _lint_anonymous_objects(document: Document) -> Iterator[Problem]:
    for at, schema in schemas(document):
        frame = at[-1] == "payload" or (at[-1] == "schema" and "responses" in at)
        if "properties" in schema and not _named(at) and not frame:
            yield document.problem(at, f"{label(at)}: object schema without a name", "a $ref into components/schemas")


def _lint_names(document: Document) -> Iterator[Problem]:
    for at, _ in schemas(document):
        name = str(at[-1])
        if _named(at) and not re.fullmatch("[A-Z][A-Za-z0-9]*", name):
            yield document.problem(at, f"{name}: name of a schema", "words with capital initials, joined")
        elif _named(at) and name in RESERVED_CLASSES:
            yield document.problem(at, f"{name}: generated code has something else of this name", "another name")
    fields = [(at, str(at[-1]), schema) for at, schema in schemas(document) if at[-2] == "properties"]
    classes = {str(at[-1]) for at, _ in schemas(document) if _named(at)}
    for at, wire, schema in fields:
        if str(schema.get("x-kraken-name", wire)) in classes:
            what = f"{wire}: a schema of this document has this name, so that the field would get another one"
            yield document.problem(at, what, "another name of the schema, or x-kraken-name")
    for at, wire, schema in [*fields, *((at, parameter["name"], parameter) for at, parameter in parameters(document))]:
        name = str(schema.get("x-kraken-name", wire))
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) or name in RESERVED_NAMES:
            yield document.problem(at, f"{name}: cannot be a Python name here", "x-kraken-name with another name")


def _lint_descriptions(document: Document) -> Iterator[Problem]:
    for at, schema in schemas(document):
        in_envelope = "payload" in at or "responses" in at
        is_described = "description" in schema or "$ref" in schema
        if (_named(at) or at[-2] == "properties") and not in_envelope and not is_described:
            yield document.problem(at, f"{label(at)}: description is missing", "what it is, in one sentence or more")
    for at, parameter in parameters(document):
        if "description" not in parameter:
            yield document.problem(
                at, f"{parameter['name']}: description is missing", "what it is, in one sentence or more"
            )


def _lint_rows(document: Document) -> Iterator[Problem]:
    for at, schema in schemas(document):
        names, items = schema.get("x-kraken-row"), schema.get("prefixItems", [])
        if names is None and items:
            yield document.problem(at, f"{label(at)}: prefixItems without x-kraken-row", "the names of the items")
        elif isinstance(names, list) and len(names) != len(items):
            what = f"{label(at)}: {len(names)} names for {len(items)} prefixItems"
            yield document.problem((*at, "x-kraken-row"), what, "one name per item")
        if "x-kraken-rows" in schema and not isinstance(schema.get("additionalProperties"), dict):
            what = f"{label(at)}: x-kraken-rows without additionalProperties"
            yield document.problem((*at, "x-kraken-rows"), what, "the schema of an entry")


_OPERATION_KEYS = {
    "operationId": "a text",
    "summary": "a text",
    "description": "a text",
    "responses": "an object with 200",
}
_CHANNEL_KEYS = {
    "address": "a text",
    "title": "a text",
    "description": "a text",
    "servers": "a list with one $ref",
    "messages": "an object of messages",
}


def _lint_facts(document: Document) -> Iterator[Problem]:
    """What the docstrings and the clients are made of."""
    has_content = False
    for found, keys in ((operations(document), _OPERATION_KEYS), (channels(document), _CHANNEL_KEYS)):
        for at, value in found:
            has_content = True
            for key, allowed in keys.items():
                if not value.get(key):
                    yield document.problem(at, f"{label(at)}: {key} is missing", allowed)
            if not value.get("externalDocs", {}).get("url"):
                yield document.problem(at, f"{label(at)}: externalDocs.url is missing", "the address of Kraken's page")
            if value.get("deprecated") and "x-kraken-replaced-by" not in value:
                yield document.problem(
                    at, f"{label(at)}: deprecated without x-kraken-replaced-by", "what to use instead"
                )
            if value.get("x-kraken-retry") == "safe" and value.get("x-kraken-danger") in DANGERS:
                # What places an order must never be sent twice by us.
                yield document.problem(
                    (*at, "x-kraken-retry"), f"{label(at)}: safe although it {value['x-kraken-danger']}", "never"
                )
    if has_content and not document.data.get("servers"):
        yield document.problem((), "document: servers is missing", "the address of the exchange")
    if has_content and not document.data["info"].get("description"):
        yield document.problem(("info",), "info: description is missing", "what the group is about")


def _lint_arguments(document: Document) -> Iterator[Problem]:
    for at, parameter in parameters(document):
        if parameter["in"] not in ("query", "path"):
            yield document.problem((*at, "in"), f"{parameter['name']}: in {parameter['in']}", "query, path")
        if "schema" not in parameter:
            yield document.problem(at, f"{parameter['name']}: schema is missing", "an object with a type")
    for at, operation in operations(document):
        body: Any = operation.get("requestBody")
        content = body.get("content", {}) if body is not None else None
        if content is None:
            continue
        where = (*at, "requestBody")
        if len(content) != 1 or not content.keys() <= set(MEDIA_TYPES):
            given = ", ".join(content) or "nothing"
            yield document.problem(where, f"requestBody: {given}", f"one of {', '.join(MEDIA_TYPES)}")
        for media, each in content.items():
            if "schema" not in each:
                yield document.problem(
                    (*where, "content", media), f"{media}: schema is missing", "a $ref into components/schemas"
                )


CERTAIN_PRODUCTS = ("unified",)
"""Products of which not everything was read in Kraken's documentation."""


def _lint_certainty(document: Document) -> Iterator[Problem]:
    """What is only guessed must say so, and what is known as well, lest a guess be forgotten."""
    key, values = "x-kraken-certainty", ", ".join(CERTAINTIES)
    for at, channel in channels(document):
        given = channel.get(key)
        if isinstance(given, str):
            yield document.problem((*at, key), f"{key}: {given}", "an object with sent and received")
        elif given is not None and ("sent" in given) != (
            channel["x-kraken-kind"] == "method" or "x-kraken-subscribe" in channel
        ):
            what = "sent is missing" if "sent" not in given else "sent, although nothing is"
            yield document.problem((*at, key), f"{key}: {what}", values)
        elif given is None and document.name.split("/", 1)[0] in CERTAIN_PRODUCTS:
            yield document.problem(at, f"{label(at)}: {key} is missing", values)
    for at, schema in schemas(document):
        given = schema.get(key)
        if isinstance(given, dict):
            yield document.problem((*at, key), f"{key}: an object", values)
        elif given is None and _named(at) and document.name.split("/", 1)[0] in CERTAIN_PRODUCTS:
            yield document.problem(at, f"{label(at)}: {key} is missing", values)


LINTS: tuple[Callable[[Document], Iterator[Problem]], ...] = (
    _lint_shapes,
    _lint_formats,
    _lint_enums,
    _lint_anonymous_objects,
    _lint_names,
    _lint_descriptions,
    _lint_rows,
    _lint_facts,
    _lint_arguments,
    _lint_certainty,
)
