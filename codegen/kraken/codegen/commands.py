"""What the command line offers: the same operations, channels and methods as tables of plain facts."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from typing import Any, NamedTuple

from . import docstrings
from .ir import Alias, Channel, Field, Method, Operation, Product

Entry = Operation | Channel | Method


class CommandGroup(NamedTuple):
    """The commands of one module."""

    module: str
    help: str
    entries: list[Entry]
    sources: list[str]

    @property
    def name(self) -> str:
        """The group's name on the command line."""
        return dashed(self.module)


def dashed(name: str) -> str:
    """`get_server_time` -> `get-server-time`."""
    return name.rstrip("_").replace("_", "-")


def command_groups(product: Product) -> list[CommandGroup]:
    """REST operations by Kraken's sections, then channels, then methods."""
    groups = [CommandGroup(each.name, each.title, list(each.operations), [each.source]) for each in product.groups]
    if product.channels:
        streams = "Channels of the WebSocket: one JSON object per line."
        groups.append(CommandGroup("stream", streams, list(product.channels), product.websocket_sources))
    if product.methods:
        methods = "Requests over the WebSocket, each with its reply."
        groups.append(CommandGroup("ws", methods, list(product.methods), product.websocket_sources))
    return groups


def command_fields(entry: Entry, products: dict[str, Product]) -> str:
    """The arguments of one `Command`, without those that have their default."""
    product = products[entry.product]
    commands = {each.name for known in products.values() for group in command_groups(known) for each in group.entries}
    told = _Words(commands, entry.fields)
    is_rest = isinstance(entry, Operation)
    values: dict[str, Any] = {
        "product": entry.product,
        "kind": "rest" if is_rest else "channel" if isinstance(entry, Channel) else "method",
        "group": entry.group,
        "name": entry.name,
        "summary": told(entry.summary if isinstance(entry, Operation) else entry.title),
        "description": told(entry.description),
        "url": entry.url,
        "result": told(_result(entry)),
    }
    optional: dict[str, Any] = {
        "auth": entry.auth == "required",
        "permissions": entry.permissions,
        "cost": told(docstrings.cost(entry)) if isinstance(entry, Operation) else "",
        "danger": entry.danger,
        "exclusive": entry.exclusive,
        "one_of": entry.one_of,
        "rehearsal": entry.rehearsal,
        "example": _example(entry),
        "replaced_by": dashed(entry.replaced_by.replace(".", " ")) if entry.deprecated else "",
    }
    if isinstance(entry, Operation):
        optional["amount"] = entry.amount
        optional["pages"] = entry.iterator if entry.pagination else ""
        optional["binary"] = entry.binary
        optional["lists"] = entry.lists
        if product.end is not None and entry.path.startswith(product.end["paths"]):
            optional["ends"] = f"Kraken switches it off on {product.end['date']}; use {product.end['replaced_by']}."
    else:
        optional["experimental"] = entry.experimental
    defaults: dict[str, Any] = {"danger": "none"}
    shown = [f"{name}={_source(value)}" for name, value in values.items()]
    shown += [f"{name}={_source(value)}" for name, value in optional.items() if value and value != defaults.get(name)]
    arguments = ", ".join(_argument(field, product, told) for field in entry.fields)
    return ", ".join([*shown, *([f"arguments=({arguments},)"] if arguments else [])])


def alias_fields(alias: Alias, entry: Entry, module: str) -> str:
    """The arguments of one `Alias`."""
    values = {
        "help": alias.help,
        "example": alias.example or f"kraken {alias.name}",
        "module": f"kraken.commands.{entry.product}.{module}",
        "command": entry.constant,
        "positional": alias.arguments,
        "values": alias.values,
        "defaults": alias.defaults,
    }
    return ", ".join(f"{name}={_source(value)}" for name, value in values.items() if value)


class _Words:
    """Texts of the specs as the command line says them: its own names for commands and arguments."""

    def __init__(self, commands: set[str], fields: Iterable[Field]) -> None:
        self._names = {name: dashed(name) for name in commands if "_" in name}
        self._names |= {field.name: f"--{dashed(field.name)}" for field in fields}

    def __call__(self, text: str) -> str:
        return re.sub(r"`(\w+)`", lambda found: f"`{self._names.get(found[1], found[1])}`", " ".join(text.split()))


def _result(entry: Entry) -> str:
    if isinstance(entry, Operation):
        return entry.result_description
    return "The messages of the channel." if isinstance(entry, Channel) else "The reply."


def _argument(field: Field, product: Product, told: _Words) -> str:
    facts = {
        "kind": (field.kind, "text"),
        "required": (field.required, False),
        "many": (field.is_list and not field.is_deep, False),
        "choices": (field.choices, ()),
        "unit": (field.unit, ""),
        "completes": (product.completes.get(field.name, ""), ""),
    }
    shown = [f"{name}={_source(value)}" for name, (value, default) in facts.items() if value != default]
    help_ = told(field.description) + (" Deprecated by Kraken." if field.deprecated else "")
    return f"Argument({', '.join([_source(field.name), _source(help_), *shown])})"


def _example(entry: Entry) -> str:
    """A command line with the arguments of the first canned exchange that is no error."""
    if isinstance(entry, Operation):
        arguments: dict[str, Any] = next((each.arguments for each in entry.examples if not each.raises), {})
        words = [entry.product, dashed(entry.group), dashed(entry.name)]
    else:
        arguments = next((each["arguments"] for each in entry.examples if "arguments" in each), {})
        words = [entry.product, "stream" if isinstance(entry, Channel) else "ws", dashed(entry.name)]
    fields = {name: field for field in entry.fields for name in (field.name, field.wire)}
    for name, value in arguments.items():
        words += _words(fields[name], value) if name in fields else []
    return shlex.join(["kraken", *words])


def _words(field: Field, value: Any) -> list[str]:
    """One argument as the shell has it."""
    option = f"--{dashed(field.name)}"
    if field.kind == "boolean":
        return [option if value else f"--no-{option[2:]}"]
    values = value if isinstance(value, list) and field.is_list else [value]
    texts = [each if isinstance(each, str) else json.dumps(each) for each in values]
    return [word for text in texts for word in ([f"{option}={text}"] if text.startswith("-") else [option, text])]


def _source(value: Any) -> str:
    """A value as Python source; ruff makes it pretty."""
    return repr(value)
