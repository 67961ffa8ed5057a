"""What is decided for a command besides its own arguments, and the options that decide it."""

from __future__ import annotations

from typing import Any, NamedTuple

import click
from click.core import ParameterSource

__all__ = ["FORMATS", "Common", "Settings", "common_options", "settings_of"]

FORMATS = ("table", "json", "ndjson", "csv", "yaml")
"""How results can be printed."""

TIMEOUT = 10


class Settings:
    """Options that all commands have in common; they may stand before a command's name or behind it."""

    def __init__(
        self,
        *,
        output: str = "",
        query: str = "",
        emulator: bool = False,
        emulator_file: str = "",
        sandbox: bool = False,
        profile: str = "",
        api_key_file: str = "",
        api_key: str = "",
        secret_key: str = "",
        timeout: int = TIMEOUT,
        yes: bool = False,
        verbose: bool = False,
    ) -> None:
        """Make settings.

        Args:
            output: One of `FORMATS`; empty for a table at a terminal, and JSON elsewhere.
            query: A JMESPath expression for the result.
            emulator: Whether to use an emulator that is started for the command, instead of Kraken.
            emulator_file: Path of the file in which a running emulator says where it is, to use that one.
            sandbox: Whether to use Kraken's test environment, where the product has one.
            profile: Name of the stored key to use.
            api_key_file: Path of a file with a key and its secret.
            api_key: The key itself.
            secret_key: Its secret.
            timeout: Seconds to wait for a connection, and for each part of a reply.
            yes: Whether questions are answered with yes.
            verbose: Whether to tell on stderr what is being done.
        """
        self.output = output
        self.query = query
        self.emulator = emulator
        self.emulator_file = emulator_file
        self.sandbox = sandbox
        self.profile = profile
        self.api_key_file = api_key_file
        self.api_key = api_key
        self.secret_key = secret_key
        self.timeout = timeout
        self.yes = yes
        self.verbose = verbose
        self.environment: dict[str, str] = {}
        """What the environment says of keys, which is less than what an option says."""

    def __repr__(self) -> str:
        return "Settings(<may hold a secret>)"


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
    "emulator_file": Common(
        ("--emulator-file",),
        "Use a running emulator: what `python -m kraken.emulator > FILE` has written.",
        metavar="FILE",
        environment="KRAKEN_EMULATOR_FILE",
    ),
    "sandbox": Common(
        ("--sandbox",), "Use Kraken's test environment (Futures only).", flag=True, environment="KRAKEN_SANDBOX"
    ),
    "yes": Common(("-y", "--yes"), "Do not ask before something that cannot be undone.", flag=True),
    "verbose": Common(
        ("-v", "--verbose"), "Tell on stderr what is being done.", flag=True, environment="KRAKEN_VERBOSE"
    ),
}


def common_options(*names: str, root: bool = False, hidden: bool = False) -> list[click.Option]:
    """Options that write into the settings.

    Args:
        names: Which; all when none is named.
        root: Whether they are those of the program itself, which the environment gives, too. Behind a command's name
            it does not, or it would beat what stands before the name.
        hidden: Whether they are not listed: groups take them, too.
    """
    return [_option(name, COMMON[name], root, hidden) for name in names or COMMON]


def _option(name: str, common: Common, root: bool, hidden: bool) -> click.Option:
    kind: dict[str, Any] = {"is_flag": True, "default": None} if common.flag else {"type": common.kind}
    return click.Option(
        [*common.names, name],
        help=common.help,
        metavar=common.metavar,
        envvar=common.environment if root and common.environment else None,
        allow_from_autoenv=False,
        hidden=hidden,
        expose_value=False,
        callback=_remember,
        **kind,
    )


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is None or parameter.name is None:
        return
    settings = settings_of(ctx)
    if parameter.name == "verbose" and value and not settings.verbose:
        from .logs import to_stderr

        ctx.find_root().with_resource(to_stderr())
    of_keys = parameter.name in ("profile", "api_key_file")
    if of_keys and ctx.get_parameter_source(parameter.name) is ParameterSource.ENVIRONMENT:
        settings.environment[parameter.name] = value
    else:
        setattr(settings, parameter.name, value)


def settings_of(ctx: click.Context) -> Settings:
    """The settings of the running program."""
    return ctx.find_root().ensure_object(Settings)
