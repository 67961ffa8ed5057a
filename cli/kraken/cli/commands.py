"""What all commands stand on: groups whose commands are imported when they are used, and what a failure becomes."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["Failed", "Lazy", "LazyGroup", "Refused"]


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
    section: str = "Commands"
    """The heading under which it is listed."""


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
        return [*self._lazy, *(name for name in super().list_commands(ctx) if name not in self._lazy)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._lazy.get(cmd_name)
        return super().get_command(ctx, cmd_name) if entry is None else self.load(ctx, cmd_name, entry)

    def load(self, ctx: click.Context, name: str, entry: Lazy) -> click.Command:  # noqa: ARG002
        """Import a command."""
        module, _, attribute = entry.target.partition(":")
        return cast("click.Command", getattr(import_module(module), attribute))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing and not name.startswith("-"):
            ctx.fail(no_such("command", name, self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # The parent would import every command that comes into question, for its help.
        from click.shell_completion import CompletionItem

        entries = [(name, self._entry(ctx, name)) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=entry.help) for name, entry in entries]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            entry = self._entry(ctx, name)
            sections.setdefault(entry.section, []).append((name, entry.help))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)

    def _entry(self, ctx: click.Context, name: str) -> Lazy:
        command = None if name in self._lazy else super().get_command(ctx, name)
        return self._lazy.get(name) or Lazy("", command.get_short_help_str() if command else "")


def no_such(kind: str, given: str, known: list[str]) -> str:
    """What to say of a name that does not exist, with the nearest ones that do."""
    from difflib import get_close_matches

    near = get_close_matches(given.lower(), known, 3, 0.5)
    advice = f"did you mean {' or '.join(map(repr, near))}?" if near else f"allowed: {', '.join(known)}"
    return f"no such {kind}: {given!r}; {advice}"
