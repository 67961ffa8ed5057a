"""Whether a document is what OpenAPI 3.1 or AsyncAPI 3.0 ask for, said with the line of the mistake."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from openapi_spec_validator.schemas import schema_v31
from referencing.jsonschema import DRAFT202012

from .load import Document, Pointer, Problem
from .places import Json, is_schema, label, operations, parameters, schemas

VERSIONS = {"openapi": "3.1.", "asyncapi": "3.0."}

KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def check_standard(document: Document, kind: str) -> Iterator[Problem]:
    """Mistakes by the standard of the document's kind."""
    version = document.data[kind]
    if not str(version).startswith(VERSIONS[kind]):
        yield document.problem((kind,), f"{kind}: version {version!r}", f"{VERSIONS[kind]}x")
    elif kind == "asyncapi":
        yield from violations(document, (), _asyncapi_validator().iter_errors(document.data))
    else:
        yield from _check_openapi(document)


@cache
def _asyncapi_validator() -> Draft7Validator:
    text = (Path(__file__).parent / "standards" / "asyncapi-3.0.0.json").read_text(encoding="utf-8")
    return Draft7Validator(json.loads(text))


def _check_openapi(document: Document) -> Iterator[Problem]:
    """The standard's own schema, then JSON Schema's, then what they cannot say. Each relies on the one before."""
    problems = list(violations(document, (), _openapi_validator().iter_errors(document.data)))
    problems = problems or list(_check_schemas(document))
    yield from problems or _check_path_parameters(document)


@cache
def _openapi_validator() -> Draft202012Validator:
    # Validators get a reference and a registry that was searched once: for a schema of their own they would search it
    # anew for every anchor.
    registry = REGISTRY.with_resource(schema_v31["$id"], DRAFT202012.create_resource(dict(schema_v31))).crawl()
    return Draft202012Validator({"$ref": schema_v31["$id"]}, registry=registry)


@cache
def _schema_validator() -> Draft202012Validator:
    schema = {"$ref": Draft202012Validator.META_SCHEMA["$id"]}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _check_schemas(document: Document) -> Iterator[Problem]:
    for at, schema in schemas(document):
        if not any(is_schema(at[:length]) for length in range(len(at))):
            yield from violations(document, at, _schema_validator().iter_errors(schema))


def _check_path_parameters(document: Document) -> Iterator[Problem]:
    declared = {at: parameter for at, parameter in parameters(document) if parameter["in"] == "path"}
    for at, operation in operations(document):
        names = set(re.findall(r"\{([^}]*)\}", str(at[1])))
        own = {each["name"]: where for where, each in declared.items() if where[: len(at)] == at}
        shared = any("$ref" in each for each in operation.get("parameters", []))
        for name in sorted(names - own.keys()):
            if not shared:
                yield document.problem(at, f"{label(at)}: no path parameter {name!r}", "one per name in the path")
        for name in sorted(own.keys() - names):
            allowed = ", ".join(sorted(names)) or "none, the path has no names in braces"
            yield document.problem(own[name], f"{name}: is not in the path", allowed)


def violations(document: Document, at: Pointer, errors: Iterable[ValidationError]) -> Iterator[Problem]:
    """What a JSON Schema found wrong with the value at a pointer."""
    found = list(errors)
    places = [error.absolute_path for error in found if error.validator != "unevaluatedProperties"]
    for error in found:
        if error.validator == "unevaluatedProperties" and error.absolute_path in places:
            continue  # a consequence of the other mistake there: no alternative fits, so that none knows the keys
        meant = _meant(error)
        where = (*at, *meant.absolute_path)
        what, allowed = _explain(meant)
        yield document.problem(where, f"{label(where)}: {what}", allowed)


def _meant(error: ValidationError) -> ValidationError:
    """Of several alternatives that all failed, what is wrong in the one that was probably meant."""
    while error.context:
        error = min(
            error.context,
            key=lambda each: (
                -len(each.absolute_path),
                "$ref" in each.message,
                each.validator not in ("enum", "required"),
            ),
        )
    return error


def _explain(error: ValidationError) -> tuple[str, str]:
    """What is wrong, and what is allowed."""
    wanted: Any = error.validator_value
    given: Any = error.instance
    match error.validator:
        case "required":
            name = error.message.split("'")[1]
            return f"{name} is missing", _property(error.schema, name)
        case "additionalProperties" | "unevaluatedProperties":
            # What is unexpected stands in parentheses, or before the patterns that it does not match.
            listed = error.message.partition("(")[2] or error.message.partition(" match any ")[0]
            unexpected = re.findall(r"'([^']+)'", listed)
            return f"{', '.join(unexpected)}: unknown key", ", ".join(_properties(error.schema))
        case "dependentRequired":
            name, other = re.findall(r"'([^']+)'", error.message)
            return f"{name} is missing beside {other}", _property(error.schema, name)
        case "enum":
            return _shown(given), ", ".join(map(str, wanted))
        case "const":
            return _shown(given), str(wanted)
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            return _shown(given), " or ".join(map(KINDS.__getitem__, kinds))
        case "pattern":
            return _shown(given), f"a text like {wanted}"
        case "minLength":
            return "is empty", "a text"
        case "minItems" | "minProperties":
            return f"{len(given)} entries", f"at least {wanted}"
        case "minimum" | "exclusiveMinimum":
            return _shown(given), f"{'above' if error.validator == 'exclusiveMinimum' else 'at least'} {wanted}"
    return error.message if len(error.message) <= 200 else f"{_shown(given)} does not fit", ""


def _properties(schema: Any) -> Iterable[str]:
    return schema.get("properties", {}) if isinstance(schema, dict) else ()


def _property(schema: Any, name: str) -> str:
    found = schema.get("properties", {}).get(name) if isinstance(schema, dict) else None
    return described(found) if isinstance(found, dict) and ("type" in found or "enum" in found) else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]} ... {text[-15:]}"


def described(schema: Json) -> str:
    """The values that a schema allows, in words."""
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "properties" in schema:
        return "an object with " + ", ".join(
            f"{name} ({described(each)})" for name, each in schema["properties"].items()
        )
    if "anyOf" in schema:
        return ", or ".join(map(described, schema["anyOf"]))
    if "const" in schema:
        return str(schema["const"])
    if isinstance(schema.get("additionalProperties"), dict):
        return f"a map of {described(schema['additionalProperties'])}"
    if "prefixItems" in schema:
        return "a list of " + " and ".join(map(described, schema["prefixItems"]))
    if isinstance(schema.get("type"), list):
        return " or ".join(KINDS[kind] for kind in schema["type"])
    if "items" in schema:
        return "a list of " + re.sub(r"^an? (\w+)", r"\1s", described(schema["items"]))
    return KINDS[schema["type"]] + (f" like `{schema['pattern']}`" if "pattern" in schema else "")
