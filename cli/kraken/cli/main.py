"""The program `kraken`."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import click

from kraken.commands import ALIASES, PRODUCTS
from kraken.runtime._version import __version__
from kraken.runtime.errors import KrakenError, KrakenWarning

from .commands import Lazy, LazyGroup
from .settings import COMMON, Settings, common_options, settings_of

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
        except (click.ClickException, KrakenError) as error:
            from .failures import report

            sys.exit(report(error, as_json=_wants_json(given, settings)))
        except (KeyboardInterrupt, click.Abort):
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            # Who reads has seen enough. Python would complain when it flushes what is left.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)


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
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Use the Kraken exchange from the command line.

    Results go to stdout, everything else to stderr. Exit codes: 0 done; 1 Kraken refused; 2 refused before anything was
    sent; 3 Kraken was not reached; 4 a rate limit; 5 the reply was lost, look before repeating; 130 interrupted.
    """
    ctx.with_resource(_plain_warnings())
    ctx.with_resource(_debug_log(ctx))


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings of Kraken's as one line, without the place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", KrakenWarning)
        warnings.showwarning = _show_warning
        yield


def _show_warning(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    click.echo(f"Warning: {message}", err=True)


@contextmanager
def _debug_log(ctx: click.Context) -> Iterator[None]:
    """With `--verbose`, which may stand behind the command's name, what is logged goes to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    handler.addFilter(lambda _record: settings_of(ctx).verbose)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def main() -> None:
    """Run the program with the arguments of the process, and end the process."""
    cli.main(prog_name="kraken")


if __name__ == "__main__":
    main()
