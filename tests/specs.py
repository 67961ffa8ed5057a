"""The canned exchanges of the specs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kraken.runtime import Reply
from kraken.runtime.operation import Operation

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

FOLDER = Path(__file__).resolve().parents[1] / "specs"


class Exchange(NamedTuple):
    """One REST call as it is in a spec."""

    product: str
    operation: str
    """Method and path."""
    number: int
    arguments: dict[str, Any]
    wire: str
    response: str
    raises: str

    def __str__(self) -> str:
        return f"{self.operation} {self.number}"

    @property
    def known(self) -> Operation[Any]:
        """What the client knows about the call."""
        return operations(self.product)[self.operation]

    @property
    def reply(self) -> Reply:
        """The response as it comes over the wire: refusals where replies are not wrapped have an HTTP status."""
        if self.known.binary and not self.raises:
            return Reply(200, {"content-type": "application/zip"}, self.response.encode())
        if self.known.envelope == "bare" and self.raises:
            problem = json.loads(self.response)
            kind = "application/problem+json" if "title" in problem else "application/json"
            return Reply(problem.get("status", 400), {"content-type": kind}, self.response.encode())
        return Reply(200, {"content-type": "application/json"}, self.response.encode())

    def result(self, envelope: Any) -> Any:
        """The result inside of the decoded response."""
        if self.known.envelope == "futures":
            return {name: value for name, value in envelope.items() if name != "result"}
        return envelope["result"] if self.known.envelope == "spot" else envelope

    def wrapped(self, result: str) -> str:
        """The response around the JSON of another result."""
        if self.known.envelope == "futures":
            return json.dumps({"result": "success", **json.loads(result)})
        return f'{{"error":[],"result":{result}}}' if self.known.envelope == "spot" else result

    def call(self, client: Any, **further: Any) -> Any:
        """Make the call with a client."""
        group = getattr(client, self.known.models.rpartition(".")[2])
        return getattr(group, self.known.name)(**self.arguments, **further)


def operations(product: str) -> dict[str, Operation[Any]]:
    """All REST operations of a product, by method and path."""
    decode = import_module(f"kraken.{product}.decode")
    return {key: decode.find_operation(key) for key in decode._OPERATIONS}


def rest_exchanges(product: str = "spot") -> Iterator[Exchange]:
    for file in sorted(FOLDER.glob(f"{product}/rest/*.yaml")):
        for path, methods in (read(file).get("paths") or {}).items():
            for method, raw in methods.items():
                for number, each in enumerate(raw.get("x-kraken-examples", [])):
                    yield Exchange(
                        product,
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
    return yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)
