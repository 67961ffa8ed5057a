"""What the options before a command's name decide for the command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from .commands import Refused

if TYPE_CHECKING:
    from kraken.emulator import Emulator

__all__ = ["Settings", "running_emulator"]


class Settings(NamedTuple):
    """Options of the program; commands find them in `ctx.obj`."""

    emulator: bool = False
    """Whether to use an emulator that is started for the command, instead of Kraken."""


@contextmanager
def running_emulator() -> Iterator[Emulator]:
    """An emulator for the length of a command.

    Yields:
        The emulator, started.

    Raises:
        Refused: What the emulator needs is not installed.
    """
    try:
        from kraken.emulator import Emulator
    except ModuleNotFoundError as error:
        raise Refused(
            f"--emulator: the module {error.name!r} is missing; install it with: pip install 'kraken-typed-sdk[emulator]'"
        ) from error
    with Emulator() as emulator:
        yield emulator
