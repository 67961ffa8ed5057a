"""What stands between a command and something that cannot be undone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from kraken.runtime.command import Command

from .commands import Refused
from .session import Session

__all__ = ["ask"]


def ask(session: Session, endpoint: Command, arguments: Mapping[str, Any], confirmed_amount: str | None) -> None:
    """Show what is to be sent, and ask.

    Args:
        session: Tells whether this is the real Kraken, and whether questions are answered already.
        endpoint: The command.
        arguments: Its arguments, as they will be sent.
        confirmed_amount: The amount of a withdrawal, typed a second time as an option.

    Raises:
        Refused: The answer was no, or there is nobody to ask.
    """
    if endpoint.danger == "none" or (endpoint.rehearsal and arguments.get(endpoint.rehearsal)):
        return
    retyped = bool(endpoint.amount) and session.is_production
    if session.settings.yes and not retyped:
        return
    click.echo(_shown(session, endpoint, arguments), err=True)
    if retyped:
        _retype(_inside(arguments, endpoint.amount), confirmed_amount, session)
        return
    if not sys.stdin.isatty():
        raise Refused(f"{_spoken(endpoint)} {endpoint.danger}, and there is nobody to ask; say --yes if you mean it")
    if not click.confirm("Send this?", default=False, err=True):
        raise Refused("not confirmed; nothing was sent")


def _retype(amount: Any, confirmed: str | None, session: Session) -> None:
    if confirmed is None:
        if session.settings.yes or not sys.stdin.isatty():
            raise Refused("a withdrawal takes its amount twice; give it again with --confirm-amount")
        confirmed = click.prompt("Type the amount again to withdraw it", default="", show_default=False, err=True)
    elif not session.settings.yes and (
        not sys.stdin.isatty() or not click.confirm("Send this?", default=False, err=True)
    ):
        raise Refused("not confirmed; nothing was sent; say --yes beside --confirm-amount if you mean it")
    try:
        is_same = Decimal(str(confirmed)) == Decimal(str(amount))
    except InvalidOperation:
        is_same = False
    if not is_same:
        raise Refused(f"the amounts differ: {amount} and {confirmed}; nothing was sent")


def _inside(arguments: Mapping[str, Any], path: str) -> Any:
    found: Any = arguments
    for part in path.split("."):
        found = found.get(part, "") if isinstance(found, Mapping) else ""
    return found


def _spoken(endpoint: Command) -> str:
    return " ".join(endpoint.path)


def _shown(session: Session, endpoint: Command, arguments: Mapping[str, Any]) -> str:
    where = (
        "Kraken"
        if session.is_production
        else "Kraken's test environment"
        if session.settings.sandbox
        else "the emulator"
    )
    width = max(map(len, arguments), default=0)
    shown = [each.name for each in endpoint.arguments if each.name in arguments]
    rows = [f"  {name:<{width}}  {_text(arguments[name])}" for name in shown]
    return "\n".join([f"To {where}: {_spoken(endpoint)} ({endpoint.summary.rstrip('.')})", *rows])


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
