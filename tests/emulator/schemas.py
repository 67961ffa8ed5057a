"""What the specs say that results and frames look like, with nothing in them that is not named."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

from kraken.emulator.specs import Document, specs_folder


def closed(schema: Any) -> Any:
    """The schema with every object refusing what it does not name: the emulator makes nothing up."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items() if not key.startswith("x-kraken")}
    if "properties" in found and isinstance(found.get("type"), str):
        found.setdefault("additionalProperties", False)
    return found


def _result_schemas() -> dict[str, Any]:
    found = {}
    for path in sorted((specs_folder() / "spot" / "rest").glob("*.yaml")):
        document = Document.open(path)
        for item in document.content.get("paths", {}).values():
            for facts in item.values():
                (media,) = facts["responses"]["200"]["content"].values()
                schema = document.resolved(media["schema"])
                wrapped = document.content["x-kraken-envelope"] == "spot" and schema["type"] == "object"
                found[facts["operationId"]] = closed(schema["properties"]["result"] if wrapped else schema)
    return found


def _message_schemas() -> dict[str, Any]:
    found = {}
    for path in sorted((specs_folder() / "spot" / "websocket").glob("*.yaml")):
        document = Document.open(path)
        for facts in document.content.get("channels", {}).values():
            for name, message in document.resolved(facts["messages"]).items():
                found[name] = closed(message["payload"])
    return found


def _problem_schema() -> Any:
    document = Document.open(specs_folder() / "spot" / "rest" / "funding_beta.yaml")
    return closed(document.resolved({"$ref": "#/components/schemas/FundingProblem"}))


PROBLEM = _problem_schema()
RESULTS = _result_schemas()
"""By operation id, without the envelope."""
MESSAGES = _message_schemas()


def check(schema: Any, value: Any) -> None:
    Draft202012Validator(schema).validate(value)
