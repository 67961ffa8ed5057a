"""`kraken completion`: scripts for shells, and the names that they complete."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from kraken.commands import PRODUCTS

from .commands import Refused
from .names import cache_file, remember
from .session import Session
from .settings import common_options
from .tree import table

__all__ = ["completion"]

SHELLS = ("bash", "zsh", "fish")


@click.command(params=common_options("timeout", "emulator", "emulator_file", "verbose"))
@click.argument("what", type=click.Choice([*SHELLS, "refresh"]))
@click.pass_context
def completion(ctx: click.Context, what: str) -> None:
    """Print what makes the shell complete commands, options, pairs and assets; `refresh` fetches the names anew.

    \b
    bash:  kraken completion bash > ~/.local/share/bash-completion/completions/kraken
    zsh:   kraken completion zsh > "${fpath[1]}/_kraken"
    fish:  kraken completion fish > ~/.config/fish/completions/kraken.fish

    Names come from a list on disk: completing never asks Kraken.
    """
    if what == "refresh":
        _refresh(Session(ctx))
        return
    shell = get_completion_class(what)
    if shell is None:
        raise Refused(f"{what}: this version of click has no completion for it")
    click.echo(shell(ctx.find_root().command, {}, "kraken", "_KRAKEN_COMPLETE").source())


def _refresh(session: Session) -> None:
    count = 0
    for product, known in PRODUCTS.items():
        for module, _ in known.groups.values():
            for endpoint in table(module).values():
                if endpoint.lists:
                    client = session.rest(product, signed=False)
                    remember(endpoint, getattr(getattr(client, endpoint.group), endpoint.name)())
                    count += 1
    click.echo(f"{cache_file()}: {count} lists", err=True)
