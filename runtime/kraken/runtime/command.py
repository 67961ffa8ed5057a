"""What the command line knows about one command: a constant, generated from the spec.

These modules are read for help and completion, so they import nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["Alias", "Argument", "Command", "ProductCommands", "Ticks"]


class Argument(NamedTuple):
    """One argument of a command."""

    name: str
    """Its name in Python; the option has dashes."""
    help: str
    kind: str = "text"
    """`text`, `integer`, `decimal`, `boolean`, `time`, `price` (which may be relative) or `json`; or several: `integer or text`."""
    required: bool = False
    many: bool = False
    """Whether it may be given more than once."""
    choices: tuple[str, ...] = ()
    """What is allowed; anything of the kind when empty."""
    unit: str = ""
    completes: str = ""
    """What the shell completes it with: `pairs`, `assets` or `contracts`."""

    @property
    def option(self) -> str:
        """The option on the command line."""
        return "--" + self.name.rstrip("_").replace("_", "-")


class Command(NamedTuple):
    """One operation, channel or method on the command line."""

    product: str
    kind: str
    """`rest`, `channel` or `method`."""
    group: str
    """Kraken's section of it, as in the catalogue."""
    name: str
    summary: str
    description: str
    url: str
    """Kraken's page."""
    result: str
    """What is printed."""
    auth: bool = False
    permissions: tuple[str, ...] = ()
    """What the API key must be allowed."""
    cost: str = ""
    """What it is charged, in words."""
    danger: str = "none"
    """`trades`, `cancels`, `withdraws` or `transfers` for what cannot be undone."""
    amount: str = ""
    """The argument with the amount that leaves the account; with dots where it is inside of others."""
    rehearsal: str = ""
    """The argument by which it is only checked."""
    arguments: tuple[Argument, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    example: str = ""
    """A command line that works."""
    pages: str = ""
    """The method that iterates over all pages, for a result that comes in pages."""
    binary: bool = False
    """Whether the result is a file."""
    lists: str = ""
    """`pairs` or `assets` for the call that lists all of them."""
    replaced_by: str = ""
    """What to use instead of a deprecated one."""
    ends: str = ""
    """When Kraken switches it off, and what takes its place, in words."""
    experimental: str = ""
    """Which parts of it are only implied by Kraken's documentation, in words."""

    @property
    def path(self) -> tuple[str, ...]:
        """The words of the command behind `kraken`."""
        group = {"channel": "stream", "method": "ws"}.get(self.kind, self.group)
        return self.product, _dashed(group), _dashed(self.name)


class Alias(NamedTuple):
    """A short name of an everyday command."""

    help: str
    example: str
    module: str
    """Module of the table that holds the command."""
    command: str
    """Name of its constant there."""
    positional: tuple[str, ...] = ()
    """Arguments that are given without their options' names."""
    values: Mapping[str, Any] = MappingProxyType({})
    """Arguments that the alias itself gives."""
    defaults: Mapping[str, Any] = MappingProxyType({})
    """Arguments that it gives unless they are given."""


class Ticks(NamedTuple):
    """Where the step of a market's prices is told."""

    kinds: tuple[str, ...]
    """What its markets are called: `pairs`, `symbols` or `contracts`."""
    group: str
    call: str
    tick: str
    """The field with the step."""
    argument: str = ""
    """The argument that asks for one market alone."""
    rows: str = ""
    """The field of the result with the markets; the result itself is a map of them when empty."""
    name: str = ""
    """The field by which a market is found among the rows."""


class ProductCommands(NamedTuple):
    """The groups of commands of one product."""

    title: str
    key_of: str
    """The product whose API keys it takes."""
    groups: dict[str, tuple[str, str]]
    """Module of the table, and a line of help, by the group's name on the command line."""
    ticks: Ticks | None = None


def _dashed(name: str) -> str:
    return name.rstrip("_").replace("_", "-")
