"""What all commands stand on: they are imported when they are used, and end with a line and an exit code."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple, cast

import click

from kraken.runtime.errors import CredentialsError, InvalidRequest, KrakenError

__all__ = ["Failed", "Lazy", "LazyGroup", "Refused"]

_INTERRUPTED = 130
"""What shells report for a process that was interrupted."""


class Failed(click.ClickException):
    """The command was tried and did not succeed."""

    exit_code = 1


class Refused(click.ClickException):
    """The command cannot be carried out as it was given; nothing was sent."""

    exit_code = 2


class Lazy(NamedTuple):
    """A command that is not imported yet."""

    target: str
    """Where it is: `module:attribute`."""
    help: str
    """Its line in the list of commands."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run, not when they are listed."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **kwargs: Any) -> None:
        """Make a group.

        Args:
            args: What `click.Group` takes.
            lazy: The commands by name.
            kwargs: What `click.Group` takes.
        """
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._lazy.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = entry.target.partition(":")
        return cast("click.Command", getattr(import_module(module), attribute))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._short_help(ctx, name)) for name in self.list_commands(ctx)])

    def _short_help(self, ctx: click.Context, name: str) -> str:
        if name in self._lazy:
            return self._lazy[name].help
        command = super().get_command(ctx, name)
        return command.get_short_help_str() if command else ""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KrakenError as error:
            kind = Refused if isinstance(error, CredentialsError | InvalidRequest) else Failed
            raise kind(_one_line(error)) from error
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)


def _one_line(error: KrakenError) -> str:
    return " ".join(str(error).split())
