"""`kraken spot`: any path of the Spot REST API, with signing done in the background."""

from __future__ import annotations

import json
import logging
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from kraken.runtime.errors import ExchangeError

from .commands import Refused
from .settings import Settings, running_emulator

if TYPE_CHECKING:
    from kraken.runtime.operation import Operation

__all__ = ["spot"]

log = logging.getLogger(__name__)

_METHODS = ("GET", "POST", "PUT", "DELETE")
_GIVE_A_KEY = "give --api-key and --secret-key, or set KRAKEN_SPOT_API_KEY and KRAKEN_SPOT_SECRET_KEY"


class Endpoint(NamedTuple):
    """What to call."""

    host: str
    """Scheme and host; empty for Kraken's own."""
    uri: str
    """Path and query."""


class Credentials(NamedTuple):
    """An API key; both fields are empty when there is none."""

    key: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        return "Credentials(<hidden>)"


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


def _json_object(text: str) -> dict[str, Any]:
    """The text of -d. It is not repeated in messages: it may hold a one-time password."""
    if not text:
        return {}
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refused(f"-d/--data: not valid JSON at {where}: {error.msg}") from None
    except ValueError as error:
        raise Refused(f"-d/--data: {error}") from None
    except InvalidOperation:
        raise Refused("-d/--data: a number has an exponent that is out of all bounds") from None
    except RecursionError:
        raise Refused("-d/--data: nested too deeply") from None
    if not isinstance(value, dict):
        raise Refused('-d/--data: not a JSON object, such as {"pair": "XBTUSD"}')
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


@click.command()
@click.argument("url")
@click.option(
    "-X",
    "method",
    envvar="KRAKEN_SPOT_X",
    type=click.Choice(_METHODS),
    help="HTTP method; by default the documented one of a path that only reads, or GET.",
)
@click.option("-d", "--data", metavar="JSON", default="", help="Parameters, as a JSON object.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.IntRange(1, 3600),
    default=10,
    show_default=True,
    help="How long to wait for the connection, and for each part of the reply.",
)
@click.option("--api-key", metavar="KEY", default="", help="API key. Environment: KRAKEN_SPOT_API_KEY.")
@click.option("--secret-key", metavar="SECRET", default="", help="Its secret. Environment: KRAKEN_SPOT_SECRET_KEY.")
@click.pass_context
def spot(
    ctx: click.Context,
    url: str,
    method: str | None,
    data: str,
    timeout: int,
    api_key: str,
    secret_key: str,
) -> None:
    """Call any path of the Spot REST API and print the result.

    URL is a full address, or a path of Kraken's own host. What needs a signature gets one; a path that this version
    does not know is signed when there is a key.

    \b
    kraken spot https://api.kraken.com/0/public/Time
    kraken spot /0/public/Ticker -d '{"pair": "XBTUSD"}'
    kraken spot -X POST /0/private/Balance
    """
    if ctx.get_parameter_source("secret_key") is ParameterSource.COMMANDLINE:
        click.echo(
            "Warning: others on this machine can see --secret-key in the list of processes; "
            "set KRAKEN_SPOT_SECRET_KEY instead",
            err=True,
        )
    endpoint, parameters, credentials = _endpoint(url), _json_object(data), Credentials(api_key, secret_key)
    settings: Settings = ctx.obj
    if settings.emulator:
        emulator = ctx.with_resource(running_emulator())
        endpoint = endpoint._replace(host=emulator.spot_url)
        credentials = Credentials(emulator.key, emulator.secret)
    click.echo(_call(endpoint, method, parameters, timeout, credentials))


def _call(
    endpoint: Endpoint, method: str | None, parameters: dict[str, Any], timeout: int, credentials: Credentials
) -> Any:
    from kraken.spot import SpotClient

    path = endpoint.uri.partition("?")[0]
    method, operation = _documented(path, method)
    signed = operation.auth if operation else any(credentials)
    if signed:
        _require(path, credentials)
    else:
        credentials = Credentials()  # a public call works also while the key in the environment is broken
    as_json = operation is not None and operation.encoding == "json"
    log.debug("%s %s%s, %s", method, endpoint.host, path, "signed" if signed else "not signed")
    with SpotClient(credentials.key, credentials.secret, endpoint.host) as client:
        try:
            return client.request(method, endpoint.uri, parameters, timeout, auth=signed, do_json=as_json)
        except UnicodeError as error:
            raise Refused(f"URL or -d/--data: has text that cannot be sent: {error}") from None
        except ExchangeError as error:
            if signed or error.category != "auth":
                raise
            raise _with_hint(error) from error


def _documented(path: str, method: str | None) -> tuple[str, Operation[Any] | None]:
    """The method to use, and the operation of the path; with that method if there is one."""
    from kraken.spot.decode import find_operation

    operations = {each: found for each in _METHODS if (found := find_operation(f"{each} {path}"))}
    if method is None:
        method = next(iter(operations), "GET")
        if method in operations and operations[method].danger != "none":
            raise Refused(f"{path} changes the account; say -X {method} if you mean it")
    return method, operations.get(method) or next(iter(operations.values()), None)


def _require(path: str, credentials: Credentials) -> None:
    if not any(credentials):
        raise Refused(f"{path} needs an API key; {_GIVE_A_KEY}")
    if not all(credentials):
        missing, given = ("--secret-key", "--api-key") if credentials.key else ("--api-key", "--secret-key")
        raise Refused(f"{missing} is missing beside {given}; {_GIVE_A_KEY}")


def _with_hint(error: ExchangeError) -> ExchangeError:
    hint = f"no API key was given; {_GIVE_A_KEY}"
    return type(error)(str(error.args[0]), error.facts._replace(hint=hint))
