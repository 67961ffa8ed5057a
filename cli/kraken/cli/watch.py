"""`kraken watch`: a market, live in the terminal."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from .candles import PRODUCTS, check_depth, check_interval
from .commands import Refused
from .settings import common_options

if TYPE_CHECKING:
    from .market import Market

__all__ = ["watch"]


@click.command(params=list(common_options("emulator", "emulator_file", "sandbox", "timeout", "verbose")))
@click.argument("pair")
@click.option(
    "--depth",
    metavar="LEVELS",
    type=click.IntRange(1),
    help="Levels on each side of the book, of those that Kraken has: 100 for a deep one; the fewest when left out. Spot only.",
)
@click.option(
    "--interval",
    metavar="MINUTES",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Length of a candle, of those that Kraken has: 60 for hours, 1440 for days.",
)
@click.option("--product", type=click.Choice(PRODUCTS), default=PRODUCTS[0], show_default=True, help="Which exchange.")
@click.pass_context
def watch(ctx: click.Context, pair: str, depth: int | None, interval: int, product: str) -> None:
    """Watch a market live in the terminal: order book, trades, ticker and candles.

    PAIR is a pair such as BTC/USD, or a contract such as PF_XBTUSD with --product futures. A book that does not agree
    with its checksum, or whose connection is lost, is withheld until it is right again. Press q to quit.

    \b
    kraken watch BTC/USD --depth 100 --interval 5
    kraken watch PF_XBTUSD --product futures
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused(f"`kraken watch` needs a terminal; `kraken {product} stream book` prints a book line by line")
    if find_spec("textual") is None:
        raise Refused("`kraken watch` needs an extra; install it with: pip install 'kraken-typed-sdk[tui]'")
    intervals, depths = check_interval(product, interval), check_depth(product, depth)

    import asyncio

    from .market import Market
    from .session import Session

    market = Market(Session(ctx), product, pair, interval=interval, depth=depth or next(iter(depths), None))
    with _quiet():
        code = asyncio.run(_show(market, intervals, depths))
    if market.ended is not None:
        raise market.ended
    ctx.exit(code)


async def _show(market: Market, intervals: list[int], depths: list[int]) -> int:
    """Show it until it is closed; the exit code is above 0 only if the screen itself has failed."""
    import asyncio

    from .screen import WatchApp

    app = WatchApp(market, intervals=intervals, depths=depths)
    async with market:
        with suppress(NotImplementedError):  # Windows; there Ctrl-C is a key like others
            for each in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(each, app.exit)
        # Without the mouse, the terminal's own selection goes on to work.
        await app.run_async(mouse=False)
    return app.return_code or 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is logged on the screen; in a file it may be."""
    if sys.stderr.isatty():
        before = logging.root.manager.disable
        logging.disable()
        try:
            yield
        finally:
            logging.disable(before)
    else:
        yield
