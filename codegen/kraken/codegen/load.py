"""Read YAML specs, keeping the line of every value for messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Pointer = tuple[str | int, ...]


class Problem(NamedTuple):
    """One mistake in a spec, in the form in which it is printed."""

    path: str
    line: int
    what: str
    allowed: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.what}" + (f"; allowed: {self.allowed}" if self.allowed else "")


class SpecError(Exception):
    """The specs have mistakes; nothing is written."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True)
class Document:
    """One spec file."""

    name: str
    """Path below the specs folder, with forward slashes."""
    path: Path
    data: dict[str, Any]
    lines: dict[Pointer, int] = field(repr=False)

    def line(self, pointer: Pointer) -> int:
        """The line of the value that a pointer names, or of the nearest one around it."""
        while pointer and pointer not in self.lines:
            pointer = pointer[:-1]
        return self.lines.get(pointer, 1)

    def problem(self, pointer: Pointer, what: str, allowed: str = "") -> Problem:
        return Problem(f"specs/{self.name}", self.line(pointer), what, allowed)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML with JSON's types: dates stay text, and only `true` and `false` are booleans."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"])


def _value(loader: _Loader, node: yaml.Node, at: Pointer, lines: dict[Pointer, int], repeated: list[Pointer]) -> Any:
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in mapping:
                repeated.append((*at, key))
            mapping[key] = _value(loader, value_node, (*at, key), lines, repeated)
            lines[(*at, key)] = key_node.start_mark.line + 1
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, item, (*at, index), lines, repeated) for index, item in enumerate(node.value)]
    return loader.construct_object(node)


def load_document(path: Path, root: Path) -> Document:
    """Read one YAML file."""
    name = path.relative_to(root).as_posix()
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError([Problem(f"specs/{name}", line, f"not YAML: {error.problem}")]) from error
    if not isinstance(node, yaml.MappingNode):
        raise SpecError(
            [Problem(f"specs/{name}", 1, "not a mapping", "an OpenAPI or AsyncAPI document, or the error table")]
        )
    lines: dict[Pointer, int] = {}
    repeated: list[Pointer] = []
    document = Document(name, path, _value(loader, node, (), lines, repeated), lines)
    if repeated:
        raise SpecError([document.problem(at, f"{at[-1]}: stands twice in one mapping", "once") for at in repeated])
    return document


def load_documents(root: Path) -> list[Document]:
    """Read every YAML file below the specs folder, in a stable order."""
    if not root.is_dir():
        raise SpecError([Problem(str(root), 1, "no specs folder")])
    return [load_document(path, root) for path in sorted(root.rglob("*.yaml"))]


def walk(value: Any, at: Pointer = ()) -> Iterator[tuple[Pointer, Any]]:
    """Every value of a document with its pointer, outermost first."""
    yield at, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, (*at, index))
