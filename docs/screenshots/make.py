"""Makes the pictures of docs/terminal.md, from the program itself and an emulator: `make screenshots`."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import click
from rich.console import Console
from rich.text import Text

from kraken.cli.candles import candles_of, check_depth, check_interval, request
from kraken.cli.chart import page
from kraken.cli.market import Market
from kraken.cli.screen import WatchApp
from kraken.cli.session import Session
from kraken.cli.settings import Settings
from kraken.cli.watch import watch
from kraken.emulator import Emulator

FOLDER = Path(__file__).parent
PATIENCE = 30
SECOND = 10**9
PACE = 60
"""Seconds of the exchange's clock between two actions of the market."""

HOURS = 6


class Clock:
    """The exchange's clock, moved by hand, so that each run makes the same pictures."""

    def __init__(self) -> None:
        self.now = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


def quiet_market() -> tuple[Emulator, Clock]:
    """An emulator that does nothing by itself, and its clock."""
    clock = Clock()
    return Emulator(seed=7, market_interval=None, clock=clock), clock


def live_for_a_while(emulator: Emulator, clock: Clock) -> None:
    """Let trades happen on both markets."""
    for _ in range(HOURS * 3600 // PACE):
        clock.now += PACE * SECOND
        for pair in ("BTC/USD", "PF_XBTUSD"):
            emulator.tick(3, pair)


async def screenshot(
    name: str,
    product: str,
    pair: str,
    size: tuple[int, int],
    *,
    interval: int = 5,
    depth: int | None = None,
    trouble: Callable[[Emulator], object] | None = None,
    shows: str = "◀",
) -> None:
    """Run the screen until it shows something, and take its picture."""
    emulator, clock = quiet_market()
    with (
        emulator,
        mock.patch("kraken.cli.session.running_emulator", return_value=nullcontext(emulator)),
        click.Context(watch, obj=Settings(emulator=True)) as ctx,
    ):
        live_for_a_while(emulator, clock)
        intervals, depths = check_interval(product, interval), check_depth(product, depth)
        market = Market(Session(ctx), product, pair, interval=interval, depth=depth or next(iter(depths), None))
        app = WatchApp(market, intervals=intervals, depths=depths)
        async with asyncio.timeout(PATIENCE), market, app.run_test(size=size) as pilot:

            def text() -> str:
                return app.export_screenshot().replace("&#160;", " ")

            while not (market.ticker and market.trades and "◀" in text() and "live" in text()):
                await pilot.pause()
            for _ in range(40):
                emulator.tick(1, pair)
                await pilot.pause()
            if trouble is not None:
                trouble(emulator)
                emulator.set_price(pair, emulator.book(pair, 1).asks[0][0] + 5)
            while shows not in text():
                await pilot.pause()
            (FOLDER / name).write_text(app.export_screenshot(title=f"kraken watch {pair}"), encoding="utf-8")
    print(FOLDER / name)


def picture_of_chart(name: str, pair: str, columns: int, rows: int, interval: int) -> None:
    """The picture of `kraken chart`."""
    emulator, clock = quiet_market()
    with emulator, click.Context(watch, obj=Settings(emulator=True)) as ctx:
        live_for_a_while(emulator, clock)
        with mock.patch("kraken.cli.session.running_emulator", return_value=nullcontext(emulator)):
            client = Session(ctx).rest("spot", signed=False)
            candles = candles_of("spot", request(client, "spot", pair, interval, 60))[-60:]
    lines = page(pair, candles, columns, rows, interval, coloured=True)
    console = Console(width=columns, record=True, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi("\n".join(lines)))
    picture = console.export_svg(title=f"kraken chart {pair} --interval {interval}")
    (FOLDER / name).write_text(picture, encoding="utf-8")
    print(FOLDER / name)


async def main() -> None:
    """Make them all."""
    os.environ.pop("NO_COLOR", None)
    await screenshot("watch.svg", "spot", "BTC/USD", (80, 24))
    await screenshot("watch-large.svg", "spot", "BTC/USD", (132, 40), depth=25)
    await screenshot("watch-futures.svg", "futures", "PF_XBTUSD", (100, 30))
    await screenshot(
        "watch-recovering.svg",
        "spot",
        "BTC/USD",
        (80, 24),
        trouble=lambda emulator: emulator.poison_checksum("BTC/USD", 1000),
        shows="The book is withheld",
    )
    picture_of_chart("chart.svg", "BTC/USD", 130, 28, 5)


if __name__ == "__main__":
    asyncio.run(main())
