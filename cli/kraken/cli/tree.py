"""The tree of commands, built from the generated tables: only the part that is needed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any

import click

from kraken.commands import ALIASES, PRODUCTS
from kraken.runtime.command import Alias, Argument, Command

from .arguments import argument_of, option_of
from .commands import Lazy, LazyGroup
from .settings import common_options

__all__ = ["EndpointCommand", "alias", "aliases_of", "all_commands", "endpoint_of", "facts", "product", "table"]


@cache
def product(name: str) -> click.Command:
    """The commands of one product."""
    known = PRODUCTS[name]
    lazy = {group: Lazy(module, _sentence(text)) for group, (module, text) in known.groups.items()}
    return ProductGroup(name, help=known.title, lazy=lazy, params=common_options(hidden=True), no_args_is_help=True)


@cache
def alias(name: str) -> click.Command:
    """An everyday command by its short name."""
    short = ALIASES[name]
    return EndpointCommand(name, endpoint_of(short), short)


def endpoint_of(short: Alias) -> Command:
    """What a short name stands for."""
    found: Command = getattr(import_module(short.module), short.command)
    return found


def aliases_of(endpoint: Command) -> dict[str, Alias]:
    """The short names of a command."""
    return {name: short for name, short in ALIASES.items() if endpoint_of(short) is endpoint}


def table(module: str) -> dict[str, Command]:
    """The commands of one generated table, by their names on the command line."""
    found = (each for each in vars(import_module(module)).values() if isinstance(each, Command))
    return {each.path[-1]: each for each in found}


def all_commands() -> Iterable[Command]:
    """Every command of every product."""
    for known in PRODUCTS.values():
        for module, _ in known.groups.values():
            yield from table(module).values()


class ProductGroup(LazyGroup):
    """The groups of one product; with an address instead of a group's name it calls that."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if any("/" in each for each in args) and self.name != "unified":
            from .generic import generic

            command = generic(self.name or "")
            if "/" in _first_word(command, args):
                return command.make_context(info_name, args, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def load(self, ctx: click.Context, name: str, entry: Lazy) -> click.Command:  # noqa: ARG002
        return TableGroup(name, entry.target)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_usage(ctx, formatter)
        if self.name != "unified":
            formatter.write_usage(ctx.command_path, "[OPTIONS] URL", "       ")


class TableGroup(click.Group):
    """The commands of one generated table."""

    def __init__(self, name: str, module: str) -> None:
        super().__init__(name, help=(import_module(module).__doc__ or "").partition("\n\n")[0], no_args_is_help=True)
        self.params = list(common_options(hidden=True))
        self._table = table(module)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        found = self._table.get(cmd_name)
        return EndpointCommand(cmd_name, found) if found else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self._table and not ctx.resilient_parsing and not args[0].startswith("-"):
            from .commands import no_such

            ctx.fail(no_such("command", args[0], list(self._table)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, _listed(each)) for name, each in self._table.items()])


class EndpointCommand(click.Command):
    """One operation, channel or method."""

    def __init__(self, name: str, endpoint: Command, short: Alias | None = None) -> None:
        """Make a command.

        Args:
            name: Its name on the command line.
            endpoint: What it calls.
            short: How its short name gives arguments, if it is one.
        """
        super().__init__(name, help=short.help if short else endpoint.summary)
        self.endpoint = endpoint
        self.short = short
        self.own = list(self._own())
        taken = {name for each in self.own for name in (*each.opts, *each.secondary_opts)}
        shared = [each for each in self._shared() if not taken.intersection(each.opts)]
        self.params = [*self.own, *shared]
        self._shown_apart = shared

    def _own(self) -> Iterable[click.Parameter]:
        short = self.short or Alias("", "", "", "")
        by_name = {argument.name: argument for argument in self.endpoint.arguments}
        for name in short.positional:
            yield argument_of(by_name[name], self.endpoint.product)
        rest = [each for each in self.endpoint.arguments if each.name not in (*short.positional, *short.values)]
        for argument in sorted(rest, key=lambda each: not each.required):
            yield option_of(argument, self.endpoint.product, short.defaults.get(argument.name))
        yield from _further_options(self.endpoint)

    def _shared(self) -> list[click.Option]:
        names = ["output", "query", "timeout", "emulator", "emulator_file", "verbose"]
        if self.endpoint.auth:
            names += ["profile", "api_key", "secret_key", "api_key_file"]
        if self.endpoint.product == "futures":
            names.append("sandbox")
        if self.endpoint.danger != "none":
            names.append("yes")
        return common_options(*names)

    def invoke(self, ctx: click.Context) -> Any:
        from .run import run

        given = {name: value for name, value in ctx.params.items() if value is not None and value != ()}
        preset = dict(self.short.values) if self.short else {}
        names = {argument.name: argument for argument in self.endpoint.arguments}
        arguments = {name: _flat(names[name], value) for name, value in given.items() if name in names}
        further = {name: value for name, value in given.items() if name not in names}
        return run(ctx, self.endpoint, {**preset, **arguments}, further)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        for text in (self.endpoint.description, *facts(self.endpoint)):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(text)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, parameters in (
            ("Arguments", self.own),
            ("Options of many commands", [*self._shown_apart, *_help_option(self, ctx)]),
        ):
            rows = [row for each in parameters if (row := _help_row(each, ctx, self.endpoint)) is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Example"):
            formatter.write(f"  {self.short.example if self.short else self.endpoint.example}\n")
        # Not wrapped, so that it can be copied.
        formatter.write(f"\nKraken's page: {self.endpoint.url}\n")


def _help_option(command: click.Command, ctx: click.Context) -> list[click.Option]:
    found = command.get_help_option(ctx)
    return [found] if found else []


def _help_row(parameter: click.Parameter, ctx: click.Context, endpoint: Command) -> tuple[str, str] | None:
    if isinstance(parameter, click.Argument):
        known = next(each for each in endpoint.arguments if each.name == parameter.name)
        return parameter.make_metavar(ctx), known.help
    return parameter.get_help_record(ctx)


def _flat(argument: Argument, value: Any) -> Any:
    """The values of an argument that may be given more than once, as one list."""
    return [each for several in value for each in several] if argument.many else value


def _further_options(endpoint: Command) -> Iterable[click.Option]:
    """What the command line adds to the arguments of a call."""
    if endpoint.pages:
        yield click.Option(["--all", "everything"], is_flag=True, help="Fetch all pages, not only the first one.")
        yield click.Option(["--max-items"], type=click.IntRange(1), help="With --all: stop after so many items.")
    if endpoint.pages or endpoint.binary:
        what = "With --all: write" if endpoint.pages else "Write"
        end = " as JSON lines; the same command goes on where it was interrupted." if endpoint.pages else "."
        yield click.Option(["--save"], type=click.Path(dir_okay=False), help=f"{what} to this file{end}")
    if endpoint.kind == "channel":
        yield click.Option(["--messages"], type=click.IntRange(1), help="Stop after so many messages.")
    if endpoint.amount:
        yield click.Option(
            ["--confirm-amount"], help="The amount once more, instead of typing it when asked; for scripts."
        )


def facts(endpoint: Command) -> Iterable[str]:
    """What is to be known of a command besides its arguments, a sentence or two each."""
    if endpoint.experimental:
        yield f"Experimental: Kraken documents it, but its {endpoint.experimental} are in part taken over by analogy."
    if endpoint.replaced_by:
        yield f"Deprecated by Kraken: use {endpoint.replaced_by}."
    if endpoint.ends:
        yield endpoint.ends
    if endpoint.auth:
        yield "API key permission: " + ("; ".join(endpoint.permissions) or "any") + "."
    else:
        yield "Needs no API key."
    if endpoint.cost:
        yield endpoint.cost
    if endpoint.danger != "none":
        yield f"It {endpoint.danger}: what is to be sent is shown, and you are asked before it is, unless you say --yes."
    if endpoint.result:
        yield f"Result: {endpoint.result}"


def _sentence(text: str) -> str:
    """The first sentence of a text."""
    return text.partition(". ")[0].rstrip(".") + "."


def _listed(endpoint: Command) -> str:
    marks = [" (deprecated)"] * bool(endpoint.replaced_by) + [" (experimental)"] * bool(endpoint.experimental)
    return endpoint.summary + "".join(marks)


def _first_word(command: click.Command, args: list[str]) -> str:
    """The first of some arguments that is no option and no option's value."""
    takes_value = {
        name
        for each in command.params
        if isinstance(each, click.Option) and not each.is_flag
        for name in (*each.opts, *each.secondary_opts)
    }
    words = iter(args)
    for word in words:
        if word in takes_value:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""
