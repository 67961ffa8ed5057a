"""The table of error codes: its form, and that its parts fit together."""

from __future__ import annotations

from collections.abc import Iterator

from jsonschema import Draft202012Validator

from .load import Document, Problem
from .places import Json
from .standard import violations

RETRIES = ["never", "after-wait", "fresh-nonce", "fresh-token", "unsubscribe"]
"""What has to be done before the same request can succeed."""

TABLE: Json = {
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
                    "retry": {"enum": RETRIES},
                },
            },
        },
        "errors": {
            "type": "array",
            "minItems": 1,
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
                    "retry": {"enum": RETRIES},
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


def check_error_table(document: Document) -> Iterator[Problem]:
    """Mistakes in the error table."""
    if "errors" not in document.data:
        allowed = "openapi, asyncapi or errors as a key"
        yield document.problem((), "document: neither OpenAPI, AsyncAPI nor the error table", allowed)
        return
    problems = list(violations(document, (), Draft202012Validator(TABLE).iter_errors(document.data)))
    yield from problems
    if not problems:
        yield from _check_rows(document)


def _check_rows(document: Document) -> Iterator[Problem]:
    categories = document.data["categories"]
    seen: dict[str, int] = {}
    for key in ("errors", "names"):
        for index, row in enumerate(document.data.get(key, [])):
            at = (key, index)
            name = row.get("code") or row["exception"]
            if row["category"] not in categories:
                what = f"{name}: category {row['category']!r}"
                yield document.problem((*at, "category"), what, ", ".join(categories))
            if "code" in row:
                line = document.line((*at, "code"))
                if seen.setdefault(name, line) != line:
                    yield document.problem(
                        (*at, "code"), f"{name}: stands in line {seen[name]} too", "one row per code"
                    )
