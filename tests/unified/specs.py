"""The canned exchanges of the specs of the Unified WebSocket, from plain YAML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FOLDER = Path(__file__).resolve().parents[2] / "specs" / "unified" / "websocket"


class Exchange(NamedTuple):
    """One canned exchange of a channel or method."""

    name: str
    number: int
    kind: str
    """`channel` or `method`."""
    arguments: dict[str, Any] | None
    """None where the client cannot make such a request."""
    request: str
    responses: list[str]
    messages: list[str]

    def __str__(self) -> str:
        return f"{self.name} {self.number}"


def documents() -> Iterator[dict[str, Any]]:
    for file in sorted(FOLDER.glob("*.yaml")):
        yield yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)


def channels() -> dict[str, dict[str, Any]]:
    return {name: facts for document in documents() for name, facts in document.get("channels", {}).items()}


def exchanges() -> Iterator[Exchange]:
    for name, facts in channels().items():
        for number, each in enumerate(facts["x-kraken-wire-examples"]):
            yield Exchange(
                name,
                number,
                facts["x-kraken-kind"],
                each.get("arguments"),
                each.get("request", ""),
                each.get("responses", []),
                each.get("messages", []),
            )
