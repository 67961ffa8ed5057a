"""`kraken spot URL` and `kraken futures URL`: any path of the REST APIs, with signing done in the background."""

from __future__ import annotations

import logging
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import click

from kraken.runtime.errors import ExchangeError

from .arguments import json_value
from .commands import Refused
from .session import Session
from .settings import TIMEOUT, common_options, settings_of

if TYPE_CHECKING:
    from kraken.runtime.operation import Operation

__all__ = ["generic"]

log = logging.getLogger(__name__)

_METHODS = ("GET", "POST", "PUT", "DELETE")

_HELP = """Call any path of the {name} REST API and print the result.

URL is a full address, or a path of Kraken's own host. What needs a signature gets one; a path that this version does not
know is signed when there is a key.

\b
{examples}
"""
_EXAMPLES = {
    "spot": """kraken spot https://api.kraken.com/0/public/Time
kraken spot /0/public/Ticker -d '{"pair": "XBTUSD"}'
kraken spot -X POST /0/private/Balance""",
    "futures": """kraken futures https://futures.kraken.com/derivatives/api/v3/tickers
kraken futures /derivatives/api/v3/orderbook -q '{"symbol": "PF_XBTUSD"}'
kraken futures /derivatives/api/v3/accounts""",
}


class Endpoint(NamedTuple):
    """What to call."""

    host: str
    """Scheme and host; empty for Kraken's own."""
    uri: str
    """Path and query."""

    @property
    def path(self) -> str:
        """The path alone."""
        return self.uri.partition("?")[0]


@cache
def generic(product: str) -> click.Command:
    """The command that calls any path.

    Args:
        product: `spot` or `futures`.
    """
    prefix = f"KRAKEN_{product.upper()}"

    def call(url: str, method: str | None, data: str, timeout: int, params: str = "") -> None:
        ctx = click.get_current_context()
        settings_of(ctx).timeout = timeout
        given = _json_object("-d/--data", data), _json_object("-q/--query", params)
        _run(ctx, product, _endpoint(url), method, *given)

    options: list[click.Parameter] = [
        click.Argument(["url"]),
        click.Option(
            ["-X", "method"],
            envvar=f"{prefix}_X",
            type=click.Choice(_METHODS),
            help="HTTP method; by default the documented one of a path that only reads, or GET.",
        ),
        click.Option(
            ["-d", "--data"],
            metavar="JSON",
            default="",
            envvar=f"{prefix}_DATA",
            help="Parameters, as a JSON object.",
        ),
        click.Option(
            ["--timeout"],
            metavar="SECONDS",
            type=click.IntRange(1, 3600),
            default=TIMEOUT,
            show_default=True,
            envvar=f"{prefix}_TIMEOUT",
            help="How long to wait for the connection, and for each part of the reply.",
        ),
    ]
    if product == "futures":
        options.append(
            click.Option(
                ["-q", "--query", "params"],
                metavar="JSON",
                default="",
                envvar=f"{prefix}_QUERY",
                help="Parameters that travel in the query, whatever the method, as a JSON object.",
            )
        )
    names = ["api_key", "secret_key", "api_key_file", "profile", "output", "emulator", "emulator_file", "verbose"]
    shared = common_options(*names, *(["sandbox"] if product == "futures" else []))
    text = _HELP.format(name=product.capitalize(), examples=_EXAMPLES[product])
    return click.Command(product, callback=call, params=[*options, *shared], help=text)


def _run(
    ctx: click.Context,
    product: str,
    endpoint: Endpoint,
    method: str | None,
    data: dict[str, Any],
    query: dict[str, Any],
) -> None:
    session = Session(ctx)
    method, operation = _documented(product, endpoint.path, method)
    key = session.key_if_any(product) if operation is None or operation.auth else None
    signed = operation.auth if operation else bool(key)
    if signed and not key:
        raise Refused(f"{endpoint.path} {session.missing_key(product)}")
    log.debug("%s %s%s, %s", method, endpoint.host, endpoint.path, "signed" if signed else "not signed")
    client = session.rest(product, signed=signed, host=endpoint.host)
    timeout = session.settings.timeout
    try:
        if product == "spot":
            as_json = operation is not None and operation.encoding == "json"
            result = client.request(method, endpoint.uri, data, timeout, auth=signed, do_json=as_json)
        else:
            result = client.request(method, endpoint.uri, data, query, timeout, auth=signed)
    except UnicodeError as error:
        raise Refused(f"URL or -d/--data: has text that cannot be sent: {error}") from None
    except ExchangeError as error:
        if signed or error.category != "auth":
            raise
        hint = f"no API key was given; it {session.missing_key(product)}"
        raise type(error)(str(error.args[0]), error.facts._replace(hint=hint)) from error
    if session.settings.output:
        from .output import show

        show(result, session.settings)
    else:
        click.echo(result)


def _endpoint(text: str) -> Endpoint:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise Refused(f"URL: {text!r} has characters that an address cannot have; write them as %XX")
    if text.startswith("/"):
        return Endpoint("", text)
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise Refused(f"URL: {text!r} is not an address: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Refused(f"URL: {text!r} is neither an address nor a path; allowed: https://host/path or /path")
    if "@" in parts.netloc:
        raise Refused("URL: leave user and password out; Kraken knows you by the API key")
    return Endpoint(f"{parts.scheme}://{parts.netloc}", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")


def _json_object(option: str, text: str) -> dict[str, Any]:
    """The text of an option. It is not repeated in messages: it may hold a one-time password."""
    if not text:
        return {}
    try:
        value = json_value(text)
    except ValueError as error:
        raise Refused(f"{option}: {error}") from None
    if not isinstance(value, dict):
        raise Refused(f'{option}: not a JSON object, such as {{"pair": "XBTUSD"}}')
    return value


def _documented(product: str, path: str, method: str | None) -> tuple[str, Operation[Any] | None]:
    """The method to use, and the operation of the path; with that method if there is one."""
    find_operation = import_module(f"kraken.{product}.decode").find_operation
    operations = {each: found for each in _METHODS if (found := find_operation(f"{each} {path}"))}
    if method is None:
        method = next(iter(operations), "GET")
        if method in operations and operations[method].danger != "none":
            raise Refused(f"{path} changes the account; say -X {method} if you mean it")
    return method, operations.get(method) or next(iter(operations.values()), None)
