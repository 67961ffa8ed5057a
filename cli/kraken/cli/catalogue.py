"""`kraken catalogue`: every command, for people and machines."""

from __future__ import annotations

from typing import Any

import click

from kraken.runtime.command import Argument, Command

from .settings import common_options, settings_of
from .tree import aliases_of, all_commands

__all__ = ["catalogue"]


@click.command(params=common_options("output", "query"))
@click.pass_context
def catalogue(ctx: click.Context) -> None:
    """List every REST operation, WebSocket channel and WebSocket method with its command.

    \b
    kraken catalogue
    kraken catalogue -o json --query "[?dangerous].command"
    """
    import json
    import sys

    from .output import show

    settings = settings_of(ctx)
    entries = [entry(each) for each in all_commands()]
    if settings.query or settings.output not in ("", "table") or not sys.stdout.isatty():
        show(json.loads(json.dumps(entries)), settings)
        return
    show([{"command": each["command"], "what": each["summary"]} for each in entries], settings)


def entry(endpoint: Command) -> dict[str, Any]:
    """What a machine needs to know about a command."""
    return {
        "product": endpoint.product,
        "kind": "rest" if endpoint.kind == "rest" else "ws",
        "group": endpoint.group,
        "name": endpoint.name,
        "command": " ".join(("kraken", *endpoint.path)),
        "aliases": [f"kraken {name}" for name in aliases_of(endpoint)],
        "summary": endpoint.summary,
        "streams": endpoint.kind == "channel",
        "auth": endpoint.auth,
        "permissions": list(endpoint.permissions),
        "danger": endpoint.danger,
        "dangerous": endpoint.danger != "none",
        "deprecated": bool(endpoint.replaced_by),
        "experimental": bool(endpoint.experimental),
        "parameters": [_parameter(each) for each in endpoint.arguments],
        "example": endpoint.example,
        "url": endpoint.url,
    }


def _parameter(argument: Argument) -> dict[str, Any]:
    return {
        "name": argument.name,
        "option": argument.option,
        "kind": argument.kind,
        "required": argument.required,
        "many": argument.many,
        "choices": list(argument.choices),
        "unit": argument.unit,
        "help": argument.help,
    }
