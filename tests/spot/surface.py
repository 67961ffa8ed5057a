"""Writes down the public names and signatures: run `python tests/spot/surface.py` after a change that is meant."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, ForwardRef

TESTS = Path(__file__).parents[1]
FILES = {
    TESTS / "spot" / "surface.txt": ("kraken.spot", "kraken.exceptions", "kraken.runtime"),
    TESTS / "futures" / "surface.txt": ("kraken.futures",),
    TESTS / "unified" / "surface.txt": ("kraken.unified",),
}
CLIENTS = [f"kraken.{product}.{name}" for product in ("spot", "futures") for name in ("client", "async_client")]


def surface(packages: Iterable[str]) -> str:
    """All public names of some packages, one per line."""
    return "".join(f"{line}\n" for name in packages for line in of_package(import_module(name)))


def of_package(package: ModuleType) -> Iterator[str]:
    for name in sorted(package.__all__):
        path, value = f"{package.__name__}.{name}", getattr(package, name)
        if inspect.isclass(value):
            yield from of_class(path, value)
        else:
            yield path + (signature(value) if inspect.isfunction(value) else "")


def of_class(path: str, value: type) -> Iterator[str]:
    bases = ", ".join(base.__name__ for base in value.__bases__)
    if issubclass(value, Exception):
        yield f"{path}: error ({bases})"
        return
    made = "" if getattr(value, "_is_protocol", False) else signature(value)
    yield f"{path}: class ({bases}){made}"
    for name, member in members(value):
        if isinstance(member, property):
            assert member.fget is not None
            yield f"{path}.{name}: {text(inspect.signature(member.fget).return_annotation)}"
            for inner, function in of_group(member):
                yield of_function(f"{path}.{name}.{inner}", function)
        elif inspect.isfunction(member):
            yield of_function(f"{path}.{name}", member)
        else:
            yield f"{path}.{name}"


def of_function(path: str, function: Any) -> str:
    return f"{path}{signature(function)}{' (coroutine)' if inspect.iscoroutinefunction(function) else ''}"


def members(value: type) -> list[tuple[str, Any]]:
    """Public members, of our own base classes too."""
    ours = [base for base in value.__mro__ if base.__module__.startswith("kraken.")]
    names = {name for base in ours for name in vars(base) if not name.startswith("_")}
    return [(name, inspect.getattr_static(value, name)) for name in sorted(names)]


def of_group(member: property) -> list[tuple[str, Any]]:
    """The calls of a group, which a REST client has as a property."""
    assert member.fget is not None
    if member.fget.__module__ not in CLIENTS:
        return []
    return members(type(member.fget(None)))


def signature(value: Any) -> str:
    """As `inspect` writes it, but without the quotes around annotations."""
    found = inspect.signature(value)
    parts, starred = [], False
    for each in found.parameters.values():
        if each.kind is each.KEYWORD_ONLY and not starred:
            starred = True
            parts.append("*")
        stars = "*" if each.kind is each.VAR_POSITIONAL else "**" if each.kind is each.VAR_KEYWORD else ""
        starred = starred or each.kind is each.VAR_POSITIONAL
        annotation = "" if each.annotation is each.empty else f": {text(each.annotation)}"
        default = "" if each.default is each.empty else f" = {default_text(each.default)}"
        parts.append(f"{stars}{each.name}{annotation}{default}")
    result = "" if found.return_annotation is found.empty else f" -> {text(found.return_annotation)}"
    return f"({', '.join(parts)}){result}"


def default_text(value: Any) -> str:
    return getattr(value, "__name__", None) or repr(value)


def text(annotation: Any) -> str:
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


if __name__ == "__main__":
    for file, packages in FILES.items():
        file.write_text(surface(packages), encoding="utf-8")
