"""The canned exchanges of the specs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "specs"


class Exchange(NamedTuple):
    """One REST call as it is in a spec."""

    operation: str
    """Method and path."""
    number: int
    arguments: dict[str, Any]
    wire: str
    response: str
    raises: str

    def __str__(self) -> str:
        return f"{self.operation} {self.number}"


def rest_exchanges() -> Iterator[Exchange]:
    for file in sorted(FOLDER.glob("spot/rest/*.yaml")):
        for path, methods in (read(file).get("paths") or {}).items():
            for method, raw in methods.items():
                for number, each in enumerate(raw.get("x-kraken-examples", [])):
                    yield Exchange(
                        f"{method.upper()} {path}",
                        number,
                        each["arguments"],
                        each["wire"],
                        each["response"],
                        each.get("raises", ""),
                    )


def frames() -> Iterator[str]:
    """What WebSocket channels and methods send."""
    for file in sorted(FOLDER.glob("spot/websocket/*.yaml")):
        for channel in (read(file).get("channels") or {}).values():
            for each in channel.get("x-kraken-wire-examples", []):
                yield from each.get("messages", [])
                yield from each.get("responses", [])


def error_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read(FOLDER / "errors.yaml")["errors"]
    return rows


def error_categories() -> dict[str, dict[str, Any]]:
    categories: dict[str, dict[str, Any]] = read(FOLDER / "errors.yaml")["categories"]
    return categories


def read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
