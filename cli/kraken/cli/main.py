"""The program `kraken`."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from kraken.runtime._version import __version__
from kraken.runtime.errors import KrakenWarning

from .commands import Lazy, LazyGroup
from .settings import Settings

__all__ = ["cli", "main"]


@click.group(
    cls=LazyGroup,
    lazy={"spot": Lazy("kraken.cli.spot:spot", "Call any path of the Spot REST API.")},
    context_settings={"auto_envvar_prefix": "KRAKEN", "help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
@click.version_option(__version__, message="%(version)s", allow_from_autoenv=False)
@click.option("-v", "--verbose", is_flag=True, help="Tell on stderr what is being done.")
@click.option("--emulator", is_flag=True, help="Use an emulator that is started for this command, instead of Kraken.")
@click.pass_context
def cli(ctx: click.Context, verbose: bool, emulator: bool) -> None:
    """Use the Kraken exchange from the command line.

    Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 refused before anything was sent,
    130 interrupted.
    """
    ctx.obj = Settings(emulator=emulator)
    ctx.with_resource(_plain_warnings())
    if verbose:
        ctx.with_resource(_debug_log())


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
def _debug_log() -> Iterator[None]:
    root = logging.getLogger()
    handler, level = logging.StreamHandler(sys.stderr), root.level
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
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
