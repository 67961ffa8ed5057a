"""Where the API key of a command comes from."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, NamedTuple

import click

from .commands import Refused
from .settings import Settings

if TYPE_CHECKING:
    from .profiles import Profile

__all__ = ["DEFAULT", "Credentials", "Found", "find_credentials", "locate_credentials", "missing_key", "shortened"]

log = logging.getLogger(__name__)

_WARNED = f"{__name__}.warned"
DEFAULT = "default"
"""The stored profile that is used when nothing else gives a key."""


class Credentials(NamedTuple):
    """An API key; both fields are empty when there is none."""

    key: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        return "Credentials(<hidden>)"


class Found(NamedTuple):
    """A key and where it was."""

    credentials: Credentials
    place: str
    """In words; empty when there is none."""


def find_credentials(product: str, settings: Settings) -> Credentials:
    """The key for a product.

    It is looked for in this order: `--api-key` and `--secret-key`, `--api-key-file`, `--profile`, the environment
    (`KRAKEN_SPOT_API_KEY` with `KRAKEN_SPOT_SECRET_KEY`, `KRAKEN_API_KEY_FILE`, `KRAKEN_PROFILE`), the stored profile `default`.

    Args:
        product: `spot` or `futures`; the Unified WebSocket takes Spot keys.
        settings: What the command was given.

    Returns:
        The key; empty when none was given anywhere.

    Raises:
        Refused: Half a key was given, the file or profile is not there, or others can read the file.
    """
    return locate_credentials(product, settings).credentials


def locate_credentials(product: str, settings: Settings) -> Found:
    """The key for a product, as `find_credentials` does, and where it was."""
    found = _locate(product, settings)
    if found.place:
        log.debug("%s key from %s", product.title(), found.place)
    return found


def _locate(product: str, settings: Settings) -> Found:
    if settings.secret_key:
        _warn_of_the_list_of_processes()
    if given := _pair(settings.api_key, "--api-key", settings.secret_key, "--secret-key"):
        return Found(given, "--api-key")
    if found := _pointed_at(product, settings.api_key_file, "--api-key-file", settings.profile):
        return found
    names = f"KRAKEN_{product.upper()}_API_KEY", f"KRAKEN_{product.upper()}_SECRET_KEY"
    if given := _pair(os.environ.get(names[0], ""), names[0], os.environ.get(names[1], ""), names[1]):
        return Found(given, f"the environment ({names[0]})")
    kept = settings.environment
    if found := _pointed_at(product, kept.get("api_key_file", ""), "KRAKEN_API_KEY_FILE", kept.get("profile", "")):
        return found
    from .profiles import find

    stored = find(DEFAULT, product)
    return _from(stored) if stored else Found(Credentials(), "")


def _pointed_at(product: str, file: str, file_name: str, profile: str) -> Found | None:
    """The key in a file, else that of a profile, if one of them was named."""
    if file:
        from .profiles import read_key_file

        return Found(read_key_file(file), f"{file_name} {file}")
    if profile:
        from .profiles import require

        return _from(require(profile, product))
    return None


def _pair(key: str, key_name: str, secret: str, secret_name: str) -> Credentials | None:
    """A whole key, or none; half of one is never completed with the other half from another place."""
    if not key and not secret:
        return None
    if not key or not secret:
        missing, given = (secret_name, key_name) if key else (key_name, secret_name)
        raise Refused(f"{missing} is missing beside {given}; give both or neither")
    return Credentials(key, secret)


def _from(profile: Profile) -> Found:
    from .profiles import read

    return Found(read(profile), str(profile))


def _warn_of_the_list_of_processes() -> None:
    """Once for a command, however many clients it makes."""
    ctx = click.get_current_context(silent=True)
    if ctx is not None:
        if _WARNED in ctx.meta:
            return
        ctx.meta[_WARNED] = True
    click.echo(
        "Warning: others on this machine can see --secret-key in the list of processes; "
        "store the key with `kraken auth add`, or use the environment or --api-key-file",
        err=True,
    )


def missing_key(product: str) -> str:
    """What to say when there is no key for a product: the ways to give one.

    Args:
        product: `spot` or `futures`; the Unified WebSocket takes Spot keys.
    """
    from .profiles import names

    others = [name for owner, name in names() if owner == product]
    choose = f", choose a stored one with --profile ({', '.join(others)})" if others else ""
    return (
        f"needs an API key; store one with `kraken auth add --product {product}`{choose}, set "
        f"KRAKEN_{product.upper()}_API_KEY and KRAKEN_{product.upper()}_SECRET_KEY, or give --api-key-file"
    )


def shortened(key: str) -> str:
    """A key by which its owner recognises it, and which nobody can use."""
    start, end = (4, 4) if len(key) >= 24 else (2, 0) if len(key) >= 8 else (0, 0)
    return f"{key[:start]}...{key[len(key) - end :]}"
