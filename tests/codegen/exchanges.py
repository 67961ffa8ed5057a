"""The canned exchanges of some specs, through the generated code that is importable: whatever does not hold.

It is also run in a process of its own, for other generated code than the repository's.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from kraken.runtime import Reply, to_json
from kraken.runtime.errors import KrakenError
from kraken.runtime.operation import Operation
from kraken.runtime.transport import Request


class _Transport:
    def __init__(self, response: str) -> None:
        self.response = response
        self.requests: list[Request] = []

    def send(self, request: Request) -> Reply:
        self.requests.append(request)
        # Only refusals of calls without an envelope have a status of their own, and only files are not JSON.
        is_json = self.response.lstrip().startswith(("{", "[", "null"))
        known = json.loads(self.response) if is_json else None
        status = known.get("status", 200) if isinstance(known, dict) and "title" in known else 200
        kind = "application/json" if is_json else "application/zip"
        return Reply(status, {"content-type": kind}, self.response.encode())

    def close(self) -> None:
        pass


def failures(specs: Path) -> tuple[int, list[str]]:
    """How many exchanges there are, and what went wrong."""
    found = [*_rest(specs), *_websocket(specs)]
    return len(found), [failure for failure in found if failure]


def _documents(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.yaml")):
        yield yaml.safe_load(path.read_text("utf-8"))


def _rest(specs: Path) -> Iterator[str]:
    for product in sorted(path.name for path in specs.iterdir() if (path / "rest").is_dir()):
        find_operation = import_module(f"kraken.{product}.decode").find_operation
        for document in _documents(specs / product / "rest"):
            for path, item in document.get("paths", {}).items():
                for method, facts in item.items():
                    operation = find_operation(f"{method.upper()} {path}")
                    for example in facts["x-kraken-examples"]:
                        for difference in _call(product, document["x-kraken-group"], operation, example) or [""]:
                            yield difference and f"{operation.name} {example.get('summary', '')}: {difference}"


def _call(product: str, group: str, operation: Operation[Any], example: dict[str, Any]) -> list[str]:
    transport = _Transport(example["response"])
    client_class = getattr(import_module(f"kraken.{product}"), f"{product.title()}Client")
    client = client_class("key", "c2VjcmV0", transport=transport, nonce=lambda: 1, retries=0)
    outcome: Any
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            outcome = getattr(getattr(client, group), operation.name)(**example["arguments"])
        except KrakenError as error:
            outcome = error
    if not transport.requests:
        return [f"nothing was sent: {outcome!r}"]
    (request,) = transport.requests
    query, body = request.target.partition("?")[2], request.body.decode()
    body = body.replace('{"nonce":1}', "{}").replace('"nonce":1,', "", 1).removeprefix("nonce=1").removeprefix("&")
    differences = _compare("wire", query + body, example["wire"])
    differences += _compare("path", request.target.partition("?")[0].count("/"), operation.path.count("/"))
    if "raises" in example:
        return differences + _compare("raises", type(outcome).__name__, example["raises"])
    if isinstance(outcome, KrakenError):
        return [*differences, repr(outcome)]
    if operation.binary:
        return differences + _compare("result", outcome, example["response"].encode())
    expected = _exact(example["response"])
    if operation.envelope == "spot":
        expected = expected["result"]
    elif operation.envelope == "futures":
        expected.pop("result", None)
    return differences + _compare("result", _exact(to_json(outcome)), expected)


def _websocket(specs: Path) -> Iterator[str]:
    for document in _documents(specs / "spot" / "websocket"):
        for facts in document.get("channels", {}).values():
            for example in facts["x-kraken-wire-examples"]:
                found = _request(facts, example) if "request" in example else []
                for frame in [*example.get("responses", []), *example.get("messages", [])]:
                    found += _frame(frame)
                for difference in found or [""]:
                    yield difference and f"{facts['address']} {example.get('summary', '')}: {difference}"


def _request(facts: dict[str, Any], example: dict[str, Any]) -> list[str]:
    from kraken.spot import SpotWSClient
    from kraken.spot.models.websocket import encode_parameters

    name, given = facts["address"], example.get("arguments", {})
    known = SpotWSClient.channels.get(name) or SpotWSClient.methods[name]
    try:
        params = encode_parameters(known.parameters, given) if known.parameters else {}
    except KrakenError as error:
        return [repr(error)]
    if facts["x-kraken-kind"] == "channel":
        params = {"channel": name, **params}
    if known.auth:
        params["token"] = "TOKEN"
    method = "subscribe" if facts["x-kraken-kind"] == "channel" else name
    return _compare(
        "request", to_json({"method": method, **({"params": params} if params else {})}), example["request"]
    )


def _frame(frame: str) -> list[str]:
    from kraken.runtime.websocket.frames import UnknownFrame
    from kraken.spot import decode_message

    try:
        message = decode_message(frame)
    except KrakenError as error:
        return [f"{frame}: {error!r}"]
    unknown = [f"unknown frame: {frame}"] if isinstance(message, UnknownFrame) else []
    return unknown + _compare("frame", _exact(to_json(message)), _exact(frame))


def _exact(text: str) -> Any:
    """JSON with numbers as they are written, and the members of objects in any order."""
    return json.loads(text, parse_float=_number, parse_int=_number)


def _number(digits: str) -> str:
    return f"number {format(Decimal(digits), 'f') if 'e' in digits.lower() else digits}"


def _compare(what: str, made: Any, expected: Any) -> list[str]:
    return [] if made == expected else [f"{what}: {made!r} instead of {expected!r}"]


if __name__ == "__main__":
    print(json.dumps(failures(Path(sys.argv[1]))))
