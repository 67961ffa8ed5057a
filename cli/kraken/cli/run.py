"""Carrying out a command: the call, the stream or the request over the WebSocket, and what is printed of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from kraken.commands import PRODUCTS
from kraken.runtime.command import Argument, Command
from kraken.runtime.errors import ExchangeError, KrakenError

from .commands import Refused
from .guard import ask
from .session import Session

__all__ = ["run"]


def run(ctx: click.Context, endpoint: Command, arguments: dict[str, Any], further: Mapping[str, Any]) -> None:
    """Carry out a command.

    Args:
        ctx: Its context.
        endpoint: What it calls.
        arguments: What Kraken gets.
        further: What the command line itself was asked for: `everything`, `max_items`, `save`, `messages`,
            `confirm_amount`.

    Raises:
        Refused: The arguments do not go together, or a question was answered with no.
        KrakenError: The call failed.
    """
    _check_groups(endpoint, arguments)
    session = Session(ctx)
    if endpoint.replaced_by:
        click.echo(f"Warning: deprecated by Kraken; use {endpoint.replaced_by}", err=True)
    if endpoint.danger == "trades":
        _check_ticks(session, endpoint, arguments)
    ask(session, endpoint, arguments, further.get("confirm_amount"))
    if endpoint.kind == "rest":
        _call(session, endpoint, arguments, further)
        return
    # Not imported for REST, which needs none of it.
    import asyncio

    if endpoint.kind == "channel":
        asyncio.run(_stream(session, endpoint, arguments, further.get("messages")))
    else:
        from .output import show

        show(asyncio.run(_request(session, endpoint, arguments)), session.settings)


def _check_groups(endpoint: Command, arguments: Mapping[str, Any]) -> None:
    options = {argument.name: argument.option for argument in endpoint.arguments}
    for group in endpoint.exclusive:
        given = [options[name] for name in map(_own, group) if name in arguments]
        if len(given) > 1:
            raise Refused(f"{' and '.join(given)} do not go together; give one of them")
    for group in endpoint.one_of:
        if not any(_own(name) in arguments for name in group):
            raise Refused(f"give one of {', '.join(options[_own(name)] for name in group)}")


def _own(name: str) -> str:
    """The argument's own name, for one that models have to call otherwise."""
    return name.rstrip("_")


# ---------------------------------------------------------------------- REST


def _call(session: Session, endpoint: Command, arguments: dict[str, Any], further: Mapping[str, Any]) -> None:
    if further.get("save") and endpoint.pages and not further.get("everything"):
        raise Refused("--save: goes with --all")
    if endpoint.binary:
        _download(session, endpoint, arguments, further.get("save"))
        return
    client = session.rest(endpoint.product, signed=endpoint.auth, calls=2 if further.get("everything") else 1)
    group = getattr(client, endpoint.group)
    if further.get("everything"):
        from .paging import fetch_all

        pages = getattr(group, endpoint.pages)
        fetch_all(pages, endpoint, arguments, session.settings, further.get("max_items"), further.get("save"))
        return
    from .output import show

    result = getattr(group, endpoint.name)(**arguments)
    if endpoint.lists and not arguments and session.is_production:
        from .names import remember

        remember(endpoint, result)
    show(result, session.settings)


def _download(session: Session, endpoint: Command, arguments: dict[str, Any], to: str | None) -> None:
    """A file, into another one or to a pipe."""
    from .paging import progress_of_bytes

    if to is None and sys.stdout.isatty():
        raise Refused("the result is a file, not text; name where to write it with --save, or send it to a pipe")
    with progress_of_bytes(endpoint) as on_piece:
        client = session.rest(endpoint.product, signed=endpoint.auth, on_piece=on_piece)
        found = getattr(getattr(client, endpoint.group), endpoint.name)(**arguments, to=to)
    if to is None:
        sys.stdout.buffer.write(found)
        sys.stdout.buffer.flush()
    else:
        click.echo(f"{to}: {Path(to).stat().st_size} bytes", err=True)


# ---------------------------------------------------------------------- WebSocket


async def _stream(session: Session, endpoint: Command, arguments: dict[str, Any], most: int | None) -> None:
    """Print messages, one line each, until there were enough, nobody reads them, or somebody interrupts."""
    from kraken.runtime import to_json

    from .output import lines

    show = lines(session.settings)
    async with session.sockets(endpoint.product, signed=endpoint.auth) as ws:
        ws.on_event(_Teller(verbose=session.settings.verbose))
        count = 0
        # Held until the client is closed: nobody needs to be told that the subscription is over.
        stream = getattr(ws, endpoint.name)(**arguments)
        async for message in stream.messages():
            show(to_json(message))
            count += 1
            if count == most:
                return


class _Teller:
    """Tells people on stderr what happens to the connection, from the first trouble on."""

    def __init__(self, *, verbose: bool) -> None:
        self._quiet = not verbose

    def __call__(self, event: Any) -> None:
        name = type(event).__name__
        if self._quiet and name in ("Connecting", "Open"):
            return
        self._quiet = False
        click.echo(f"{event}", err=True)


async def _request(session: Session, endpoint: Command, arguments: dict[str, Any]) -> Any:
    async with session.sockets(endpoint.product, signed=endpoint.auth) as ws:
        return await getattr(ws, endpoint.name)(**arguments)


# ---------------------------------------------------------------------- prices


def _check_ticks(session: Session, endpoint: Command, arguments: Mapping[str, Any]) -> None:
    """Refuse a price that is finer than the market's step, before anything is sent."""
    market = next((each for each in endpoint.arguments if each.completes and each.name in arguments), None)
    prices = [each for each in endpoint.arguments if _is_price(each) and _is_plain(arguments.get(each.name))]
    if market is None or not prices:
        return
    name = str(arguments[market.name])
    try:
        tick = _tick(session, market.completes, name)
    except ExchangeError:
        raise
    except KrakenError as error:
        click.echo(f"Warning: could not look up the tick of {name}: {error}", err=True)
        return
    from kraken.runtime.instruments import remainder

    for price in prices:
        given = arguments[price.name]
        if tick is not None and remainder(Decimal(given), tick):
            raise Refused(f"{price.option}: {given} is finer than the tick of {name}; allowed: multiples of {tick:f}")


def _tick(session: Session, kind: str, name: str) -> Decimal | None:
    """The step of the prices of a market; None when it is not listed."""
    for product, known in PRODUCTS.items():
        ticks = known.ticks
        if ticks is None or kind not in ticks.kinds:
            continue
        call = getattr(getattr(session.rest(product, signed=False), ticks.group), ticks.call)
        found = call(**({ticks.argument: [name]} if ticks.argument else {}))
        if ticks.rows:
            rows = getattr(found, ticks.rows)
            row = next((each for each in rows if str(getattr(each, ticks.name)).lower() == name.lower()), None)
        else:
            row = next(iter(found.values()), None)
        tick = getattr(row, ticks.tick, None)
        return Decimal(tick) if tick else None
    return None


def _is_price(argument: Argument) -> bool:
    return argument.kind in ("price", "decimal") and argument.unit == "quote currency"


def _is_plain(value: Any) -> bool:
    """Whether a price is a number, and not relative to another one."""
    text = str(value)
    return value is not None and text[:1].isdigit() and not text.endswith("%")
