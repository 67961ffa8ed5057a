"""`kraken chart`: candles, drawn once."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import click

from .candles import PRODUCTS, Candle, candles_of, check_interval, request
from .commands import Failed
from .settings import common_options

__all__ = ["chart", "is_coloured"]

_STYLES: dict[str, dict[str, Any]] = {
    "up": {"fg": "green"},
    "down": {"fg": "red"},
    "axis": {"dim": True},
    "newest": {"bold": True},
}
_TALLEST = 32
_AROUND = 5
"""Rows of a terminal that are not the chart's: three above it, one below, and the prompt."""


@click.command(params=list(common_options("emulator", "emulator_file", "sandbox", "timeout", "verbose")))
@click.argument("pair")
@click.option(
    "--interval",
    metavar="MINUTES",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Length of a candle, of those that Kraken has: 60 for hours, 1440 for days.",
)
@click.option(
    "--count",
    metavar="CANDLES",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="How many of the newest candles to draw; fewer where they do not fit.",
)
@click.option("--product", type=click.Choice(PRODUCTS), default=PRODUCTS[0], show_default=True, help="Which exchange.")
@click.pass_context
def chart(ctx: click.Context, pair: str, interval: int, count: int, product: str) -> None:
    """Draw a candle chart in the terminal.

    PAIR is a pair such as BTC/USD, or a contract such as PF_XBTUSD with --product futures. The chart fills the width of
    the terminal; times are UTC. Without colours, solid candles have fallen and thin ones have risen.

    \b
    kraken chart BTC/USD --interval 60
    kraken chart PF_XBTUSD --product futures --interval 1440 --count 30
    """
    from .session import Session

    check_interval(product, interval)
    client = Session(ctx).rest(product, signed=False)
    candles = candles_of(product, request(client, product, pair, interval, count))[-count:]
    if not candles:
        raise Failed(f"Kraken has no candles of {pair}")
    columns, rows = shutil.get_terminal_size()
    for line in page(pair, candles, columns, min(max(rows - _AROUND, 12), _TALLEST), interval, is_coloured()):
        click.echo(line)


def page(pair: str, candles: list[Candle], columns: int, rows: int, minutes: int, coloured: bool) -> list[str]:
    """The lines of the chart, with what it shows above it."""
    from .drawing import draw

    lines, shown = draw(candles, columns, rows, minutes, coloured=coloured)
    if not lines:
        raise Failed(f"{columns} columns are not enough for a chart")
    drawn = ["".join(_styled(*span, coloured=coloured) for span in line) for line in lines]
    return [
        *_headings(pair, shown, columns, minutes, coloured),
        *(line if coloured else line.rstrip() for line in drawn),
    ]


def _headings(pair: str, candles: Sequence[Candle], columns: int, minutes: int, coloured: bool) -> list[str]:
    from datetime import UTC, datetime

    from .drawing import EXACT, signed, total

    first, last = candles[0], candles[-1]
    begin, end = (f"{datetime.fromtimestamp(each.begin, UTC):%Y-%m-%d %H:%M}" for each in (first, last))
    change = EXACT.subtract(last.close, first.open)
    percent = f" ({change / first.open * 100:+.2f} %)" if first.open else ""
    figures = [
        (f"open {first.open:f}", ""),
        (f"high {max(each.high for each in candles):f}", ""),
        (f"low {min(each.low for each in candles):f}", ""),
        (f"close {last.close:f}", ""),
        (signed(change) + percent, "down" if change < 0 else "up"),
        (f"volume {total([each.volume for each in candles]):f}", ""),
    ]
    titles = [(pair, "newest"), (f"{length(minutes)} candles, {begin} to {end} UTC", "")]
    return [*_wrapped(titles, columns, coloured), *_wrapped(figures, columns, coloured)]


def _wrapped(parts: Sequence[tuple[str, str]], columns: int, coloured: bool) -> list[str]:
    """Texts and their kinds beside each other, in as many lines as they need."""
    lines, used = [""], 0
    for text, kind in parts:
        gap = 2 if used else 0
        if used and used + gap + len(text) > columns:
            lines.append("")
            gap = used = 0
        lines[-1] += " " * gap + _styled(text, kind, coloured=coloured)
        used += gap + len(text)
    return lines


def length(minutes: int) -> str:
    """The length of candles in words: `5 min`, `1 h`, `1 d`."""
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"


def _styled(text: str, kind: str, *, coloured: bool) -> str:
    return click.style(text, **_STYLES[kind]) if coloured and kind in _STYLES and text.strip() else text


def is_coloured() -> bool:
    """Whether stdout is a terminal that shall have colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
