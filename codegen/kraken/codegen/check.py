"""What a spec must be before code is made from it: the standards, our extension keys, and the lints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from .extensions import BY_KEY, EXTENSIONS, FORMATS
from .load import Document, Pointer, Problem, walk

Json = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "patch")
SCHEMA_KEYS = ("schema", "items", "additionalProperties")
SCHEMA_LISTS = ("prefixItems", "anyOf", "oneOf", "allOf")


@cache
def _asyncapi_validator() -> Draft7Validator:
    text = (Path(__file__).parent / "standards" / "asyncapi-3.0.0.json").read_text(encoding="utf-8")
    return Draft7Validator(json.loads(text))


def check_documents(documents: list[Document]) -> list[Problem]:
    """Every mistake in the documents, in their order."""
    problems: list[Problem] = []
    for document in documents:
        problems += _check_document(document, {other.path: other for other in documents})
    return sorted(set(problems), key=lambda problem: (problem.path, problem.line, problem.what))


def _check_document(document: Document, others: dict[Path, Document]) -> Iterator[Problem]:
    kind = document_kind(document)
    if kind == "errors":
        yield from _check_errors(document)
        return
    standard = list(_check_standard(document, kind))
    yield from standard
    if not standard:  # the lints below rely on the standard's shape
        yield from _check_references(document, others)
        yield from _check_extensions(document, kind)
        for lint in LINTS:
            yield from lint(document)


def document_kind(document: Document) -> str:
    """`openapi`, `asyncapi`, or `errors` for the table of error codes."""
    return next((kind for kind in ("openapi", "asyncapi") if kind in document.data), "errors")


# ---------------------------------------------------------------------------- the standards


def _check_standard(document: Document, kind: str) -> Iterator[Problem]:
    wanted = {"openapi": "3.1.", "asyncapi": "3.0."}[kind]
    if not str(document.data[kind]).startswith(wanted):
        yield document.problem((kind,), f"{kind}: version {document.data[kind]!r}", f"{wanted}x")
        return
    if kind == "openapi":
        validator = OpenAPIV31SpecValidator(document.data, base_uri=document.path.resolve().as_uri())
        errors = validator.iter_errors()
    else:
        errors = iter(_asyncapi_validator().iter_errors(document.data))
    for error in errors:
        best = min((error, *(error.context or ())), key=lambda each: -len(each.absolute_path))
        yield document.problem(tuple(best.absolute_path), f"{_last(best.absolute_path)}: {_short(best.message)}", "")


def _last(path: Any) -> str:
    return str(path[-1]) if path else "document"


def _short(message: str) -> str:
    return message if len(message) <= 200 else message[:100] + " ... " + message[-90:]


# ---------------------------------------------------------------------------- references


def _check_references(document: Document, others: dict[Path, Document]) -> Iterator[Problem]:
    for at, value in walk(document.data):
        if at and at[-1] == "$ref" and isinstance(value, str) and find_reference(document, value, others) is None:
            yield document.problem(at, f"$ref: {value} does not exist")


def find_reference(
    document: Document, reference: str, others: dict[Path, Document]
) -> tuple[Document, Pointer, Any] | None:
    """The document, pointer and value that a `$ref` names."""
    file, _, fragment = reference.partition("#")
    target = others.get((document.path.parent / file).resolve()) if file else document
    if target is None:
        target = next(
            (other for path, other in others.items() if path.resolve() == (document.path.parent / file).resolve()), None
        )
    if target is None:
        return None
    value: Any = target.data
    pointer: Pointer = ()
    for part in fragment.strip("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or key not in value:
            return None
        value, pointer = value[key], (*pointer, key)
    return target, pointer, value


# ---------------------------------------------------------------------------- x-kraken-* keys


def _check_extensions(document: Document, kind: str) -> Iterator[Problem]:
    for at, value in walk(document.data):
        if not isinstance(value, dict) or "x-kraken-examples" in at or "x-kraken-wire-examples" in at:
            continue
        for key in value:
            if key.startswith("x-kraken-"):
                yield from _check_extension(document, (*at, key), value[key])
    has_content = bool(document.data.get("paths") or document.data.get("channels"))
    for place, at, value in _places(document):
        for extension in EXTENSIONS:
            if extension.required and place in extension.places and extension.key not in value:
                if place == "document" and not has_content:
                    continue
                if place == "channel" and extension.key in ("x-kraken-retry", "x-kraken-cost"):
                    continue
                yield document.problem(
                    at, f"{_last(at)}: {extension.key} is missing", extension_values(extension.value)
                )
    if kind == "openapi" and has_content and "x-kraken-envelope" not in document.data:
        yield document.problem(
            (), "document: x-kraken-envelope is missing", extension_values(BY_KEY["x-kraken-envelope"].value)
        )


def _check_extension(document: Document, at: Pointer, value: Any) -> Iterator[Problem]:
    key = str(at[-1])
    extension = BY_KEY.get(key)
    if extension is None:
        yield document.problem(at, f"{key}: unknown key", ", ".join(sorted(BY_KEY)))
        return
    for error in Draft202012Validator(extension.value).iter_errors(value):
        yield document.problem(
            (*at, *error.absolute_path), f"{key}: {_short(error.message)}", extension_values(extension.value)
        )


def extension_values(schema: Json) -> str:
    """The allowed values of an extension key, in words."""
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "properties" in schema:
        return "an object with " + ", ".join(schema["properties"])
    return f"a {schema['type']}" + (f" like {schema['pattern']}" if "pattern" in schema else "")


def _places(document: Document) -> Iterator[tuple[str, Pointer, Json]]:
    yield "document", (), document.data
    for at, operation in operations(document):
        yield "operation", at, operation
    for name, channel in document.data.get("channels", {}).items():
        yield "channel", ("channels", name), channel


def operations(document: Document) -> Iterator[tuple[Pointer, Json]]:
    """The REST operations of a document."""
    for path, item in document.data.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield ("paths", path, method), item[method]


# ---------------------------------------------------------------------------- lints


def _schemas(document: Document) -> Iterator[tuple[Pointer, Json]]:
    """Every schema in a document, named or inline."""
    for at, value in walk(document.data):
        if isinstance(value, dict) and at and _is_schema(at) and "x-kraken-examples" not in at:
            yield at, value


def _is_schema(at: Pointer) -> bool:
    last, before = at[-1], at[-2] if len(at) > 1 else None
    if any(str(part).startswith("x-kraken-") for part in at):
        return False
    return (
        last in SCHEMA_KEYS
        or last == "payload"
        or (before in SCHEMA_LISTS and isinstance(last, int))
        or (before in ("properties", "schemas") and not (last == "properties" and before == "schemas"))
    )


def _lint_formats(document: Document) -> Iterator[Problem]:
    for at, schema in _schemas(document):
        kinds = schema.get("type", [])
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            allowed = FORMATS.get(kind, ())
            if kind == "number" and "format" not in schema:
                yield document.problem(at, f"{_last(at)}: number without format", "decimal, or type integer")
            elif "format" in schema and kind != "null" and schema["format"] not in allowed:
                yield document.problem(
                    at, f"{_last(at)}: format {schema['format']!r} of a {kind}", ", ".join(allowed) or "no format"
                )


def _lint_enums(document: Document) -> Iterator[Problem]:
    for at, schema in _schemas(document):
        if "enum" in schema and "x-kraken-enum" not in schema:
            yield document.problem(
                at, f"{_last(at)}: enum without x-kraken-enum", "open (responses), closed (requests)"
            )


def _lint_anonymous_objects(document: Document) -> Iterator[Problem]:
    for at, schema in _schemas(document):
        named = at[-2:-1] == ("schemas",)
        frame = at[-1] == "payload" or (at[-1] == "schema" and "responses" in at)
        if "properties" in schema and not named and not frame:
            yield document.problem(at, f"{_last(at)}: object schema without a name", "a $ref into components/schemas")


def _lint_descriptions(document: Document) -> Iterator[Problem]:
    for at, schema in _schemas(document):
        in_envelope = "payload" in at or "responses" in at
        named = at[-2:-1] == ("schemas",)
        described = "description" in schema or "$ref" in schema
        if (named or at[-2:-1] == ("properties",)) and not in_envelope and not described:
            yield document.problem(at, f"{_last(at)}: no description", "what it is, in one sentence or more")
    for at, operation in operations(document):
        for index, parameter in enumerate(operation.get("parameters", [])):
            if "description" not in parameter:
                yield document.problem(
                    (*at, "parameters", index), f"{parameter.get('name')}: no description", "what it is"
                )


def _lint_rows(document: Document) -> Iterator[Problem]:
    for at, schema in _schemas(document):
        names = schema.get("x-kraken-row")
        if names is None:
            if "prefixItems" in schema:
                yield document.problem(at, f"{_last(at)}: prefixItems without x-kraken-row", "the names of the items")
        elif len(names) != len(schema.get("prefixItems", [])):
            yield document.problem(
                at, f"{_last(at)}: {len(names)} names for {len(schema.get('prefixItems', []))} prefixItems", "as many"
            )


def _lint_pages(document: Document) -> Iterator[Problem]:
    for place, at, value in _places(document):
        if place in ("operation", "channel") and not value.get("externalDocs", {}).get("url"):
            yield document.problem(at, f"{_last(at)}: no externalDocs.url", "the address of Kraken's page")
        if place == "operation":
            for key in ("operationId", "summary", "description"):
                if not value.get(key):
                    yield document.problem(at, f"{_last(at)}: no {key}", "a text")
        if place == "channel":
            for key in ("address", "title", "description", "servers"):
                if not value.get(key):
                    yield document.problem(at, f"{_last(at)}: no {key}", "a text" if key != "servers" else "a list")
        if place != "document" and value.get("deprecated") and "x-kraken-replaced-by" not in value:
            yield document.problem(at, f"{_last(at)}: deprecated without x-kraken-replaced-by", "what to use instead")


LINTS: tuple[Callable[[Document], Iterator[Problem]], ...] = (
    _lint_formats,
    _lint_enums,
    _lint_anonymous_objects,
    _lint_descriptions,
    _lint_rows,
    _lint_pages,
)


# ---------------------------------------------------------------------------- the error table

_ERROR_TABLE: Json = {
    "type": "object",
    "required": ["version", "categories", "errors"],
    "additionalProperties": False,
    "properties": {
        "version": {"type": "string"},
        "categories": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["exception", "description", "retry"],
                "additionalProperties": False,
                "properties": {
                    "exception": {"type": "string", "pattern": "^[A-Z][A-Za-z]+$"},
                    "description": {"type": "string"},
                    "retry": {"enum": ["never", "after-wait", "fresh-nonce", "fresh-token"]},
                },
            },
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "match", "products", "category", "retry", "meaning", "hint"],
                "additionalProperties": False,
                "properties": {
                    "code": {"type": "string", "minLength": 1},
                    "match": {"enum": ["exact", "prefix"]},
                    "products": {
                        "type": "array",
                        "items": {"enum": ["spot", "spot_ws", "futures", "futures_ws", "unified_ws"]},
                    },
                    "category": {"type": "string"},
                    "exception": {"type": "string", "pattern": "^[A-Z][A-Za-z]+$"},
                    "retry": {"enum": ["never", "after-wait", "fresh-nonce", "fresh-token"]},
                    "meaning": {"type": "string", "minLength": 1},
                    "hint": {"type": "string", "minLength": 1},
                },
            },
        },
        "names": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["exception", "category", "meaning"],
                "additionalProperties": False,
                "properties": {
                    "exception": {"type": "string", "pattern": "^[A-Z][A-Za-z]+$"},
                    "category": {"type": "string"},
                    "meaning": {"type": "string"},
                },
            },
        },
    },
}


def _check_errors(document: Document) -> Iterator[Problem]:
    if "errors" not in document.data:
        yield document.problem(
            (), "document: neither OpenAPI, AsyncAPI nor the error table", "openapi, asyncapi or errors"
        )
        return
    for error in Draft202012Validator(_ERROR_TABLE).iter_errors(document.data):
        yield document.problem(tuple(error.absolute_path), f"{_last(error.absolute_path)}: {_short(error.message)}")
    categories = document.data.get("categories", {})
    seen: set[str] = set()
    for index, row in enumerate(document.data["errors"]):
        at = ("errors", index, "code")
        if row.get("category") not in categories:
            yield document.problem(
                (*at[:2], "category"), f"{row.get('code')}: category {row.get('category')!r}", ", ".join(categories)
            )
        if row.get("code") in seen:
            yield document.problem(at, f"{row['code']}: the code stands twice")
        seen.add(str(row.get("code")))
