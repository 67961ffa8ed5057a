"""The program `kraken`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from kraken.commands import ALIASES, PRODUCTS
from kraken.runtime._version import __version__

from .commands import Lazy, LazyGroup
from .settings import COMMON, Settings, common_options

__all__ = ["cli", "main"]

INTERRUPTED = 130
"""What shells report for a process that was interrupted."""

_TOOLS = {
    "watch": Lazy("kraken.cli.watch:watch", "Watch a market live in the terminal.", "Tools"),
    "chart": Lazy("kraken.cli.chart:chart", "Draw a candle chart in the terminal.", "Tools"),
    "auth": Lazy("kraken.cli.auth:auth", "Store, list, test and remove API keys.", "Tools"),
    "docs": Lazy("kraken.cli.reference:docs", "Read the reference of a command.", "Tools"),
    "catalogue": Lazy("kraken.cli.catalogue:catalogue", "List every command, for people and machines.", "Tools"),
    "completion": Lazy(
        "kraken.cli.completion:completion", "Let the shell complete commands, pairs and assets.", "Tools"
    ),
}


class Program(LazyGroup):
    """The program itself: whatever goes wrong in a command ends as one line, or one object of JSON, and an exit code."""

    def load(self, ctx: click.Context, name: str, entry: Lazy) -> click.Command:
        if name in PRODUCTS or name in ALIASES:
            from . import tree

            return tree.product(name) if name in PRODUCTS else tree.alias(name)
        return super().load(ctx, name, entry)

    def main(  # type: ignore[override]  # the parent's has one overload per value of standalone_mode
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        settings = extra.setdefault("obj", Settings())
        try:
            sys.exit(super().main(given, prog_name, **{**extra, "standalone_mode": False}))
        except click.ClickException as error:
            self._fail(error, given, settings)
        except (KeyboardInterrupt, click.Abort):
            _leave_line()
            sys.exit(INTERRUPTED)
        except Exception as error:
            # Not imported for those commands that reach nobody.
            from kraken.runtime.errors import KrakenError

            if not isinstance(error, KrakenError):
                raise
            self._fail(error, given, settings)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with _readers_may_leave():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _readers_may_leave():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            _leave_line()
            ctx.exit(INTERRUPTED)

    @staticmethod
    def _fail(error: Any, given: list[str], settings: Settings) -> None:
        from .failures import report

        sys.exit(report(error, as_json=_wants_json(given, settings)))


@contextmanager
def _readers_may_leave() -> Iterator[None]:
    """End well when who reads has seen enough, which click takes for a failure."""
    try:
        yield
    except BrokenPipeError:
        # Python would complain when it flushes what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(0) from None


def _leave_line() -> None:
    """At a terminal, where `^C` or a question stands, let what comes next have a line of its own."""
    if sys.stderr.isatty():
        click.echo(err=True)


def _wants_json(arguments: list[str], settings: Settings) -> bool:
    """Whether errors are to be JSON, also where the arguments could not be understood."""
    chosen = settings.output or os.environ.get(COMMON["output"].environment, "")
    for index, argument in enumerate(arguments):
        for name in COMMON["output"].names:
            if argument == name:
                chosen = "".join(arguments[index + 1 : index + 2]) or chosen
            elif argument.startswith(name):
                chosen = argument.removeprefix(name).removeprefix("=")
    return chosen in ("json", "ndjson")


@click.group(
    cls=Program,
    lazy={
        **{name: Lazy("", product.title, "Everything of Kraken") for name, product in PRODUCTS.items()},
        **{name: Lazy("", alias.help, "Everyday") for name, alias in ALIASES.items()},
        **_TOOLS,
    },
    params=common_options(*(name for name in COMMON if name not in ("api_key", "secret_key")), root=True),
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
@click.version_option(__version__, message="%(version)s", allow_from_autoenv=False)
def cli() -> None:
    """Use the Kraken exchange from the command line.

    Results go to stdout, everything else to stderr. Exit codes: 0 done; 1 Kraken refused; 2 refused before anything was
    sent; 3 Kraken was not reached; 4 a rate limit; 5 the reply was lost, look before repeating; 130 interrupted.
    """


def main() -> None:
    """Run the program with the arguments of the process, and end the process."""
    # Most commands are over before there is garbage to look for.
    gc.set_threshold(50_000, 20, 20)
    cli.main(prog_name="kraken")


if __name__ == "__main__":
    main()
