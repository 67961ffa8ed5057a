"""`kraken auth`: store, list, test and remove API keys."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from getpass import GetPassWarning
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import click

from .commands import Refused
from .credentials import DEFAULT, Credentials, locate_credentials, shortened
from .profiles import (
    PRODUCTS,
    Profile,
    check_name,
    exists,
    names,
    parse_key,
    read,
    read_key_file,
    remove,
    require,
    store,
    stored,
)
from .session import Session
from .settings import Settings, common_options, settings_of

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["auth"]

F = TypeVar("F", bound=Callable[..., Any])

_MOST = 65_536
"""Bytes that are read from a pipe."""


@click.group(no_args_is_help=True)
def auth() -> None:
    """Store, list, test and remove API keys.

    A stored key is a profile. Commands use the profile `default`, or the one that --profile names. It is in the
    operating system's keyring where there is one, else in a file that only you can read.
    """


def _product(required: bool, help: str) -> Callable[[F], F]:
    return click.option("--product", type=click.Choice(PRODUCTS), required=required, help=help)


def _command(name: str, *common: str, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    return auth.command(name, params=common_options("output", *common, "verbose"), **settings)


# ---------------------------------------------------------------------- the commands


@_command(
    "add",
    "api_key_file",
    "timeout",
    "emulator",
    "sandbox",
    "yes",
    context_settings={"allow_extra_args": True},
    short_help="Store an API key.",
)
@click.argument("name", default=DEFAULT)
@_product(True, "What the key is for; the Unified WebSocket takes Spot keys.")
@click.option("--no-test", is_flag=True, help="Store the key without asking Kraken whether it works.")
@click.pass_context
def add_command(ctx: click.Context, name: str, product: str, no_test: bool) -> None:
    """Store an API key under NAME, by default `default`.

    Key and secret are asked for, or read from a pipe or from --api-key-file: the key in the first line, its secret in
    the second. Kraken is asked whether the key works before it is stored.

    \b
    kraken auth add --product spot
    pass show kraken | kraken auth add trading --product futures
    """
    settings = settings_of(ctx)
    if ctx.args:  # not repeated: it may be a key
        raise Refused("takes one NAME; key and secret are asked for, or read from a pipe or from --api-key-file")
    check_name(name)
    if exists(name, product) and not settings.yes:
        if not sys.stdin.isatty():
            raise Refused(f"there is a profile {name!r} for {product.title()}; --yes replaces it")
        click.confirm(f"Replace the profile {name!r} of {product.title()}?", abort=True, err=True)
    credentials = _checked(product, _given(settings))
    # The emulator knows no key but its own, and Kraken is not to be reached.
    tested = {} if no_test or settings.emulator else _ask(Candidate(ctx, credentials), product)
    profile = store(name, product, credentials)
    _show(settings, {**_row(profile), **tested})


@_command("list")
@click.pass_context
def list_command(ctx: click.Context) -> None:
    """List the stored keys, shortened, and where they are."""
    _show(settings_of(ctx), [_row(profile) for profile in stored()])


@_command("remove", "yes", short_help="Remove a stored key; at Kraken it stays valid.")
@click.argument("name")
@_product(False, "Which one, where NAME is stored for both.")
@click.pass_context
def remove_command(ctx: click.Context, name: str, product: str | None) -> None:
    """Remove the key that is stored under NAME; at Kraken it stays valid."""
    settings = settings_of(ctx)
    product = _only(name, product)
    if not exists(name, product):
        require(name, product)
    if not settings.yes:
        if not sys.stdin.isatty():
            raise Refused(f"--yes removes the profile {name!r} of {product.title()}")
        click.confirm(f"Remove the profile {name!r} of {product.title()}?", abort=True, err=True)
    remove(name, product)
    click.echo(f"Removed the profile {name!r} of {product.title()}; at Kraken the key is still valid", err=True)


@_command("test", "api_key_file", "timeout", "emulator", "sandbox", short_help="Ask Kraken what a key may do.")
@click.argument("name", default="")
@_product(False, "What the key is for; needed where NAME is stored for both, and spot when there is no NAME.")
@click.pass_context
def test_command(ctx: click.Context, name: str, product: str | None) -> None:
    """Ask Kraken what a key may do: that of NAME, or the one that commands would use."""
    settings = settings_of(ctx)
    product = _only(name, product) if name else product or "spot"
    if settings.emulator:
        session, place = Session(ctx), "the emulator"
    elif name:
        profile = require(name, product)
        session, place = Candidate(ctx, read(profile)), str(profile)
    else:
        found = locate_credentials(product, settings)
        # Without a key the session says how to give one.
        session, place = Candidate(ctx, found.credentials) if found.place else Session(ctx), found.place
    key = session.credentials(product, signed=True).key
    _show(settings, {"product": product, "key": shortened(key), "from": place, **_ask(session, product)})


# ---------------------------------------------------------------------- keys


class Candidate(Session):
    """A session with a key of its own, wherever others are."""

    def __init__(self, ctx: click.Context, credentials: Credentials) -> None:
        """Make a session.

        Args:
            ctx: The command's context.
            credentials: The key to use.
        """
        super().__init__(ctx)
        self._given = credentials

    def credentials(self, product: str, *, signed: bool) -> Credentials:  # noqa: ARG002
        return self._given


def _given(settings: Settings) -> Credentials:
    """The key from where it was said to be: a file, a pipe, or the user."""
    if settings.api_key_file:
        return read_key_file(settings.api_key_file)
    if not sys.stdin.isatty():
        return parse_key(sys.stdin.buffer.read(_MOST), "stdin")
    return Credentials(_hidden("API key"), _hidden("API secret"))


def _hidden(what: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error", GetPassWarning)
        with suppress(GetPassWarning):
            return str(click.prompt(what, hide_input=True, err=True)).strip()
    raise Refused("this terminal would show what you type; give key and secret by a pipe or with --api-key-file")


def _checked(product: str, credentials: Credentials) -> Credentials:
    """The key, when it has the form of one."""
    from kraken.runtime.signing import SIGNERS

    SIGNERS[product](*credentials)
    return credentials


def _only(name: str, product: str | None) -> str:
    """The product that a profile is for, when it was not said."""
    owners = [owner for owner, other in names() if other == name]
    if not product and len(owners) > 1:
        raise Refused(f"there is a profile {name!r} for {' and '.join(owners)}; say which with --product")
    return product or (owners or PRODUCTS)[0]


# ---------------------------------------------------------------------- what Kraken says


def _ask(session: Session, product: str) -> dict[str, Any]:
    """What a key may do."""
    client = session.rest(product, signed=True)
    if product == "futures":
        checked = client.auth.check_v3_api_key()
        return {"created": checked.createdAt, "permissions": checked.permissions.model_dump()}
    info = client.account_data.get_api_key_info()
    return {
        "name_at_kraken": info.api_key_name,
        "created": _text(info.created_time_utc),
        "expires": _text(info.valid_until_utc),
        "ip_allowlist": [each for each in info.ip_allowlist or [] if each],
        "permissions": list(info.permissions or []),
    }


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _known_permissions() -> list[str]:
    """Everything that a Spot key can be allowed, as the model of Kraken's answer has it."""
    from kraken.spot.models.account_data import ApiKeyInfo

    return list(_words(ApiKeyInfo.model_fields["permissions"].annotation))


def _words(kind: Any) -> Iterator[str]:
    if get_origin(kind) is Literal:
        yield from get_args(kind)
    else:
        for part in get_args(kind):
            yield from _words(part)


# ---------------------------------------------------------------------- what is printed


def _row(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "product": profile.product,
        "key": profile.key,
        "stored_in": profile.stored_in,
        "path": str(profile.path),
    }


def _show(settings: Settings, result: dict[str, Any] | list[dict[str, Any]]) -> None:
    from .output import format_of, show

    if format_of(settings) != "table":
        show(result, settings)
    elif isinstance(result, dict):
        show({**result, **_allowed(result.get("permissions", []))}, settings)
    elif result:
        show(result, settings)
    else:
        click.echo("No key is stored; `kraken auth add --product spot` stores one", err=True)


def _allowed(permissions: Mapping[str, str] | list[str]) -> dict[str, Any]:
    """Each thing that a key can be allowed, and whether this one is."""
    if isinstance(permissions, Mapping) or not permissions:
        return {}
    known = _known_permissions()
    return {"permissions": {each: each in permissions for each in dict.fromkeys([*known, *permissions])}}
