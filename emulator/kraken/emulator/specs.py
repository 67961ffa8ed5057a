"""The emulator's routes, read from the YAML files in ``specs/``."""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kraken.emulator.schema import Schema, Shape
from kraken.emulator.wire import loads

if TYPE_CHECKING:
    from collections.abc import Mapping

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SIGNED = {"nonce": {"type": "integer"}, "otp": {"type": "string"}}
"""What every signed request may carry beside its own arguments."""


def specs_folder() -> Path:
    """The folder ``specs``: beside the emulator's room in a checkout, inside the package when installed.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    room = Path(__file__).resolve().parents[2]
    candidates = [room.parent / "specs"] if room.name == "emulator" else []
    candidates += [Path(entry) / "specs" for entry in importlib.import_module("kraken").__path__]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"no folder `specs` in {', '.join(map(str, candidates))}")


def read(path: Path) -> Any:
    """The content of a YAML file, parsed once per process and version of the file."""
    return _parse(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _parse(path: Path, _version: int) -> Any:
    return yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - it is a safe loader


@dataclass(frozen=True)
class Document:
    """One file, able to follow references into itself and its neighbours."""

    path: Path
    content: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path) -> Document:
        """The document at ``path``."""
        return cls(path, read(path))

    def resolved(self, node: Any) -> Any:
        """``node`` with every reference in it followed, keys beside a reference laid over its target."""
        if isinstance(node, list):
            return [self.resolved(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" not in node:
            return {key: self.resolved(value) for key, value in node.items()}
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return {**self._target(node["$ref"]), **self.resolved(beside)}

    def _target(self, reference: str) -> dict[str, Any]:
        file, _, pointer = reference.partition("#")
        document = Document.open((self.path.parent / file).resolve()) if file else self
        node: Any = document.content
        for part in pointer.strip("/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        target = document.resolved(node)
        assert isinstance(target, dict), reference
        return target


@dataclass(frozen=True)
class Operation:
    """One REST operation."""

    id: str
    method: str
    path: str
    signed: bool
    shape: Shape
    examples: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        """Last part of the path, by which faults are asked for: ``AddOrder``."""
        return self.path.rpartition("/")[2]

    def example(self) -> str:
        """The body of the first canned exchange that is not an error."""
        return next(str(each["response"]) for each in self.examples if "raises" not in each)


@dataclass(frozen=True)
class Channel:
    """One WebSocket channel or method."""

    name: str
    is_method: bool
    servers: frozenset[str]
    """Names of the servers that offer it; methods that need no token are offered by all."""
    private: bool
    shape: Shape | None
    """Subscription parameters, or the parameters of a method; absent when it cannot be asked for."""
    repeated: tuple[str, ...] = ()
    """Parameters that an unsubscribe must repeat."""
    examples: tuple[Mapping[str, Any], ...] = ()

    def offered_on(self, server: str) -> bool:
        """Whether ``server`` (``public`` or ``private``) has it."""
        return server in self.servers or (self.is_method and not self.private)

    def canned(self, kind: str) -> list[Any]:
        """Canned frames of a kind: ``responses`` or ``messages``."""
        return [loads(text) for example in self.examples for text in example.get(kind, ())]


@dataclass(frozen=True)
class Specs:
    """What one product offers."""

    operations: Mapping[str, Operation] = field(default_factory=dict)
    """By path."""
    channels: Mapping[str, Channel] = field(default_factory=dict)
    methods: Mapping[str, Channel] = field(default_factory=dict)


def load(folder: Path, product: str) -> Specs:
    """Everything in ``folder`` that belongs to ``product``.

    Args:
        folder: The folder ``specs``.
        product: A folder in it, such as ``spot``.
    """
    operations: dict[str, Operation] = {}
    for path in sorted((folder / product / "rest").glob("*.yaml")):
        operations |= {each.path: each for each in _operations(Document.open(path))}
    channels: dict[str, Channel] = {}
    methods: dict[str, Channel] = {}
    for path in sorted((folder / product / "websocket").glob("*.yaml")):
        document = Document.open(path)
        for facts in document.content.get("channels", {}).values():
            found = methods if facts["x-kraken-kind"] == "method" else channels
            found[facts["address"]] = _channel(document, facts)
    return Specs(operations, channels, methods)


def _operations(document: Document) -> list[Operation]:
    return [
        _operation(document, path, method.upper(), facts)
        for path, item in document.content.get("paths", {}).items()
        for method, facts in item.items()
        if method in ("get", "post", "put", "delete")
    ]


def _operation(document: Document, path: str, method: str, facts: Mapping[str, Any]) -> Operation:
    signed = facts["x-kraken-auth"] != "none"
    schema = _arguments(document, facts)
    if signed:
        schema["properties"] = {**schema["properties"], **_SIGNED}
    return Operation(
        id=facts["operationId"],
        method=method,
        path=path,
        signed=signed,
        shape=Shape.of(schema, facts),
        examples=tuple(facts.get("x-kraken-examples", ())),
    )


def _arguments(document: Document, facts: Mapping[str, Any]) -> dict[str, Any]:
    """One object schema of all arguments, be they parameters or fields of the body."""
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for parameter in document.resolved(facts.get("parameters", [])):
        properties[parameter["name"]] = parameter["schema"]
        if parameter.get("required"):
            required.append(parameter["name"])
    body = document.resolved(facts.get("requestBody", {}))
    for media in body.get("content", {}).values():
        properties |= media["schema"].get("properties", {})
        required += [name for name in media["schema"].get("required", ()) if name != "nonce"]
    return {"properties": properties, "required": required}


def _channel(document: Document, facts: Mapping[str, Any]) -> Channel:
    method = facts["x-kraken-kind"] == "method"
    schema = _method_parameters(document, facts) if method else _subscription(document, facts)
    private = facts["x-kraken-auth"] != "none"
    if schema is not None and private:
        schema = {**schema, "properties": {**schema.get("properties", {}), "token": {"type": "string"}}}
    return Channel(
        name=facts["address"],
        is_method=method,
        servers=frozenset(each["$ref"].rpartition("/")[2] for each in facts.get("servers", ())),
        private=private,
        shape=None if schema is None else Shape.of(schema, facts, nested=True),
        repeated=tuple(facts.get("x-kraken-unsubscribe", ())),
        examples=tuple(facts.get("x-kraken-wire-examples", ())),
    )


def _subscription(document: Document, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    reference = facts.get("x-kraken-subscribe")
    return None if reference is None else dict(document.resolved(reference))


def _method_parameters(document: Document, facts: Mapping[str, Any]) -> dict[str, Any]:
    for message in document.resolved(facts["messages"]).values():
        payload = message["payload"].get("properties", {})
        if "params" in payload:
            return dict(payload["params"])
    return {}


def error_words(folder: Path) -> list[Mapping[str, Any]]:
    """The rows of the error table in ``folder``."""
    return list(read(folder / "errors.yaml")["errors"])
