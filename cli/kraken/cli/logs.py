"""What is being done, and what Kraken warns of, on stderr."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from kraken.runtime.errors import KrakenWarning

__all__ = ["plain_warnings", "to_stderr"]


@contextmanager
def to_stderr() -> Iterator[None]:
    """Log everything to stderr, for the length of a command."""
    root, level = logging.getLogger(), logging.getLogger().level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Warnings of Kraken's as one line each, without the place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", KrakenWarning)
        # The commands themselves tell what is deprecated, in their own words.
        warnings.simplefilter("ignore", DeprecationWarning)
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
