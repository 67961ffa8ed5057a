"""What is decided for a command besides its own arguments, and the options that decide it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import click

__all__ = ["FORMATS", "Common", "Settings", "common_options", "settings_of"]

FORMATS = ("table", "json", "ndjson", "csv", "yaml")
"""How results can be printed."""

TIMEOUT = 10


@dataclass
class Settings:
    """Options that all commands have in common; they may stand before a command's name or behind it."""

    output: str = ""
    """One of `FORMATS`; empty for a table at a terminal, and JSON elsewhere."""
    query: str = ""
    """A JMESPath expression for the result."""
    emulator: bool = False
    """Whether to use an emulator that is started for the command, instead of Kraken."""
    sandbox: bool = False
    """Whether to use Kraken's test environment, where the product has one."""
    profile: str = ""
    """Name of the stored key to use."""
    timeout: int = TIMEOUT
    """Seconds to wait for a connection, and for each part of a reply."""
    yes: bool = False
    """Whether questions are answered with yes."""
    verbose: bool = False
    """Whether to tell on stderr what is being done."""
    api_key_file: str = ""
    """Path of a file with a key and its secret."""
    api_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)


class Common(NamedTuple):
    """One option that commands have in common."""

    names: tuple[str, ...]
    help: str
    kind: Any = None
    metavar: str | None = None
    flag: bool = False
    environment: str = ""
    """Environment variable that gives it, too."""


COMMON: dict[str, Common] = {
    "output": Common(
        ("-o", "--output"),
        "How to print the result: a table at a terminal, JSON elsewhere, unless chosen.",
        click.Choice(FORMATS),
        environment="KRAKEN_OUTPUT",
    ),
    "query": Common(
        ("--query",), "Print only what this JMESPath expression takes from the result.", metavar="JMESPATH"
    ),
    "profile": Common(
        ("--profile",), "Use the key that is stored under this name.", metavar="NAME", environment="KRAKEN_PROFILE"
    ),
    "api_key": Common(("--api-key",), "API key; the environment or a profile is better.", metavar="KEY"),
    "secret_key": Common(("--secret-key",), "Its secret; others on this machine can see it here.", metavar="SECRET"),
    "api_key_file": Common(
        ("--api-key-file",),
        "File with the key in its first line and the secret in its second.",
        metavar="PATH",
        environment="KRAKEN_API_KEY_FILE",
    ),
    "timeout": Common(
        ("--timeout",),
        "How long to wait for the connection, and for each part of a reply.",
        click.IntRange(1, 3600),
        "SECONDS",
        environment="KRAKEN_TIMEOUT",
    ),
    "emulator": Common(
        ("--emulator",),
        "Use an emulator that is started for this command, instead of Kraken.",
        flag=True,
        environment="KRAKEN_EMULATOR",
    ),
    "sandbox": Common(
        ("--sandbox",), "Use Kraken's test environment (Futures only).", flag=True, environment="KRAKEN_SANDBOX"
    ),
    "yes": Common(("-y", "--yes"), "Do not ask before something that cannot be undone.", flag=True),
    "verbose": Common(
        ("-v", "--verbose"), "Tell on stderr what is being done.", flag=True, environment="KRAKEN_VERBOSE"
    ),
}


def common_options(*names: str, root: bool = False) -> list[click.Option]:
    """Options that write into the settings.

    Args:
        names: Which; all when none is named.
        root: Whether they are those of the program itself, which the environment gives, too. Behind a command's name
            it does not, or it would beat what stands before the name.
    """
    return [_option(name, COMMON[name], root) for name in names or COMMON]


def _option(name: str, common: Common, root: bool) -> click.Option:
    kind: dict[str, Any] = {"is_flag": True, "default": None} if common.flag else {"type": common.kind}
    return click.Option(
        [*common.names, name],
        help=common.help,
        metavar=common.metavar,
        envvar=common.environment if root and common.environment else None,
        allow_from_autoenv=False,
        expose_value=False,
        callback=_remember,
        **kind,
    )


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None and parameter.name is not None:
        setattr(settings_of(ctx), parameter.name, value)


def settings_of(ctx: click.Context) -> Settings:
    """The settings of the running program."""
    return ctx.find_root().ensure_object(Settings)
