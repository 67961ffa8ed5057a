"""The emulator's routes, read from the YAML files in ``specs/``."""

from __future__ import annotations

import functools
import importlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import yaml

from kraken.emulator.schema import Schema, Shape
from kraken.emulator.wire import loads

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SIGNED = {"nonce": {"type": "integer"}, "otp": {"type": "string"}}
"""What every request that is signed in its body may carry beside its own arguments."""
_ROOTS = ("/0/public/", "/0/private/")
_VARIABLE = re.compile(r"\{(\w+)\}")


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
    places: Mapping[str, str]
    """Where each argument belongs: ``path``, ``query`` or ``body``."""
    signing: str = "spot"
    """``spot`` has nonce and one-time password in the body, ``spot-funding`` in headers; ``futures`` has a nonce in a header,
    or none."""
    envelope: str = "spot"
    """``spot`` and ``futures`` wrap results, ``bare`` does not."""
    media: str = "application/json"
    """Media type of a result."""
    repeated: frozenset[str] = frozenset()
    """Lists whose elements stand in a query or form under one name, again and again."""

    @property
    def name(self) -> str:
        """By which faults are asked for: ``AddOrder``, ``Earn/Allocate``; the operation id where the path has no such name."""
        root = next((each for each in _ROOTS if self.path.startswith(each)), None)
        return self.id if root is None else self.path.removeprefix(root)

    def example(self) -> bytes:
        """The body of the first canned exchange that is not an error."""
        text = next(str(each["response"]) for each in self.examples if "raises" not in each)
        # In YAML, bytes are written as the characters with the same numbers.
        return text.encode("utf-8" if self.media == "application/json" else "latin-1")

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        fixed_parts = _VARIABLE.split(self.path)[::2]
        return re.compile("([^/]+)".join(map(re.escape, fixed_parts)))

    def matched(self, path: str) -> dict[str, str] | None:
        """The arguments in a path as it was sent, or None if it is another operation's."""
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        return dict(zip(_VARIABLE.findall(self.path), map(unquote, found.groups()), strict=True))


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
    pace: Mapping[str, Any] | None = None
    """What subscribing costs, where that is limited."""

    def offered_on(self, servers: Collection[str]) -> bool:
        """Whether one of ``servers`` (``public``, ``private`` or ``level3``) has it."""
        return not self.servers.isdisjoint(servers) or (self.is_method and not self.private)

    def canned(self, kind: str) -> list[Any]:
        """Canned frames of a kind: ``responses`` or ``messages``."""
        return [loads(text) for example in self.examples for text in example.get(kind, ())]


class Server(NamedTuple):
    """One WebSocket address."""

    path: str
    attempts: int = 0
    """Connection attempts that it takes from one address within ``seconds``; 0 if nothing is said about them."""
    seconds: int = 0
    idle: int = 0
    """Seconds after which a connection without a subscription is closed; 0 if nothing is said about it."""
    kept_by_requests: bool = False
    """Whether any request keeps such a connection open for that time."""


@dataclass(frozen=True)
class Specs:
    """What one product offers."""

    operations: Mapping[str, Operation] = field(default_factory=dict)
    """By operation id."""
    channels: Mapping[str, Channel] = field(default_factory=dict)
    methods: Mapping[str, Channel] = field(default_factory=dict)
    servers: Mapping[str, Server] = field(default_factory=dict)
    """WebSocket addresses by name."""
    dialect: Mapping[str, Any] = field(default_factory=dict)
    """How requests are worded on the WebSocket, where that is not the way of WebSocket v2."""

    def route(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation that answers a request, and the arguments in its path; None if there is none.

        Args:
            method: HTTP method.
            path: The path as it was sent, percent-encoded.
        """
        for operation in self._by_path.get((method, path), self._with_variables):
            arguments = operation.matched(path)
            if arguments is not None and operation.method == method:
                return operation, arguments
        return None

    @functools.cached_property
    def _by_path(self) -> Mapping[tuple[str, str], tuple[Operation, ...]]:
        return {(each.method, each.path): (each,) for each in self.operations.values()}

    @functools.cached_property
    def _with_variables(self) -> tuple[Operation, ...]:
        return tuple(each for each in self.operations.values() if "{" in each.path)


def load(folder: Path, product: str) -> Specs:
    """Everything in ``folder`` that belongs to ``product``.

    Args:
        folder: The folder ``specs``.
        product: A folder in it, such as ``spot``.
    """
    operations: dict[str, Operation] = {}
    for path in sorted((folder / product / "rest").glob("*.yaml")):
        operations |= {each.id: each for each in _operations(Document.open(path))}
    channels: dict[str, Channel] = {}
    methods: dict[str, Channel] = {}
    servers: dict[str, Server] = {}
    dialect: dict[str, Any] = {}
    for path in sorted((folder / product / "websocket").glob("*.yaml")):
        document = Document.open(path)
        servers |= {name: _server(facts) for name, facts in document.content.get("servers", {}).items()}
        dialect |= document.content.get("x-kraken-dialect", {})
        for facts in document.content.get("channels", {}).values():
            found = methods if facts["x-kraken-kind"] == "method" else channels
            found[facts["address"]] = _channel(document, facts)
    return Specs(operations, channels, methods, servers, dialect)


def _server(facts: Mapping[str, Any]) -> Server:
    budget, idle = facts.get("x-kraken-connect-budget", {}), facts.get("x-kraken-idle-close", {})
    return Server(
        path=facts["pathname"],
        attempts=budget.get("attempts", 0),
        seconds=budget.get("seconds", 0),
        idle=idle.get("seconds", 0),
        kept_by_requests=idle.get("kept_by") == "requests",
    )


def _operations(document: Document) -> list[Operation]:
    return [
        _operation(document, path, method.upper(), facts)
        for path, item in document.content.get("paths", {}).items()
        for method, facts in item.items()
        if method in ("get", "post", "put", "delete")
    ]


def _operation(document: Document, path: str, method: str, facts: Mapping[str, Any]) -> Operation:
    content = document.content
    signed = facts["x-kraken-auth"] != "none"
    signing = content.get("x-kraken-signing", "spot")
    parameters = document.resolved(facts.get("parameters", []))
    bodies = document.resolved(facts.get("requestBody", {})).get("content", {})
    places = {each["name"]: each["in"] for each in parameters}
    schema = _arguments(parameters, bodies)
    if signed and signing == "spot":
        schema["properties"] |= _SIGNED
    nested = signing == "futures" or (
        "application/json" in bodies or any(each.get("style") == "deepObject" for each in parameters)
    )
    repeated, as_json = _ways(parameters, bodies)
    return Operation(
        id=facts["operationId"],
        method=method,
        path=path,
        signed=signed,
        shape=Shape.of(schema, facts, nested=nested, as_json=as_json),
        examples=tuple(facts.get("x-kraken-examples", ())),
        places={name: places.get(name, "body") for name in schema["properties"]},
        signing=signing,
        envelope=content["x-kraken-envelope"],
        media=next(iter(facts["responses"]["200"]["content"])),
        repeated=repeated,
    )


def _ways(parameters: list[Any], bodies: Mapping[str, Any]) -> tuple[frozenset[str], frozenset[str]]:
    """The arguments that are repeated, and those that travel as JSON text."""
    fields = {
        name: facts
        for media, body in bodies.items()
        if media != "application/json"
        for name, facts in body.get("encoding", {}).items()
    }
    repeated = [each["name"] for each in parameters if each.get("explode") and each.get("style") == "form"]
    repeated += [name for name, facts in fields.items() if facts.get("explode") and facts.get("style") == "form"]
    as_json = [each["name"] for each in parameters if "content" in each]
    as_json += [name for name, facts in fields.items() if facts.get("contentType") == "application/json"]
    return frozenset(repeated), frozenset(as_json)


def _arguments(parameters: list[Any], bodies: Mapping[str, Any]) -> dict[str, Any]:
    """One object schema of all arguments, be they parameters or fields of the body."""
    properties: dict[str, Schema] = {each["name"]: _schema(each) for each in parameters}
    required = [each["name"] for each in parameters if each.get("required")]
    for media in bodies.values():
        properties |= media["schema"].get("properties", {})
        required += [name for name in media["schema"].get("required", ()) if name != "nonce"]
    return {"properties": properties, "required": required}


def _schema(parameter: Mapping[str, Any]) -> Schema:
    found: Schema = parameter["schema"] if "schema" in parameter else parameter["content"]["application/json"]["schema"]
    return found


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
        pace=facts.get("x-kraken-pace"),
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
