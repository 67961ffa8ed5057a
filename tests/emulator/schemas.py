"""What the specs say that results and frames look like, with nothing in them that is not named."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

from kraken.emulator.specs import Document, error_words, specs_folder

REFUSALS = [row["code"] for row in error_words(specs_folder()) if "futures" in row["products"]]
"""What stands in a status of Futures where something was refused."""


def closed(schema: Any) -> Any:
    """The schema with every object refusing what it does not name: the emulator makes nothing up."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items() if not key.startswith("x-kraken")}
    if found.get("type") == ["string", "null"] and "enum" in found:
        found["enum"] = [*found["enum"], None]
    if "properties" in found and isinstance(found.get("type"), str):
        found.setdefault("additionalProperties", False)
    return found


def _result_schemas(product: str) -> dict[str, Any]:
    found = {}
    for path in sorted((specs_folder() / product / "rest").glob("*.yaml")):
        document = Document.open(path)
        for item in document.content.get("paths", {}).values():
            for facts in item.values():
                (media,) = facts["responses"]["200"]["content"].values()
                schema = document.resolved(media["schema"])
                wrapped = document.content["x-kraken-envelope"] == "spot" and schema["type"] == "object"
                found[facts["operationId"]] = closed(schema["properties"]["result"] if wrapped else schema)
    return found


def _with_refusals(schema: Any) -> Any:
    """The schema with words for refusals in every status."""
    if isinstance(schema, list):
        return [_with_refusals(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _with_refusals(value) for key, value in schema.items()}
    status = found.get("properties", {}).get("status", {}) if isinstance(found.get("properties"), dict) else {}
    if "enum" in status:
        status["enum"] = [*status["enum"], *REFUSALS]
    return found


def _message_schemas(product: str) -> dict[str, Any]:
    found = {}
    for path in sorted((specs_folder() / product / "websocket").glob("*.yaml")):
        document = Document.open(path)
        for facts in document.content.get("channels", {}).values():
            for name, message in document.resolved(facts["messages"]).items():
                found[name] = closed(message["payload"])
    return found


def _problem_schema() -> Any:
    document = Document.open(specs_folder() / "spot" / "rest" / "funding_beta.yaml")
    return closed(document.resolved({"$ref": "#/components/schemas/FundingProblem"}))


PROBLEM = _problem_schema()
RESULTS = _result_schemas("spot")
"""By operation id, without the envelope."""
FUTURES_RESULTS = _with_refusals(_result_schemas("futures"))
MESSAGES = _message_schemas("spot")
FUTURES_MESSAGES = _message_schemas("futures")
UNIFIED_MESSAGES = _message_schemas("unified")


def check(schema: Any, value: Any) -> None:
    Draft202012Validator(schema).validate(value)
