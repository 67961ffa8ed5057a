"""What each part of the screen of `kraken watch` says, as text of a given size."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from rich.text import Text

from .chart import length
from .drawing import draw, signed
from .market import Market

__all__ = [
    "aligned",
    "book_title",
    "candle_title",
    "chart",
    "figures",
    "header",
    "ladder",
    "ladder_size",
    "status",
    "trades",
]

BUY, SELL, WARNING, GOOD, DIM = "green", "red", "bold yellow", "green", "dim"
_STYLES = {"up": BUY, "down": SELL, "axis": DIM, "newest": "bold"}
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_GAP = "  "
_ROUNDED = Decimal("0.0001")


def header(market: Market, width: int) -> Text:
    """The market, and the state of the connections."""
    left = Text.assemble((f" {market.pair}", "bold"), (f"{_GAP}Kraken {market.product.title()}", DIM))
    lost = market.lost_link
    if lost is None:
        return _apart(left, Text("● connected ", GOOD), width)
    reason = f": {lost.reason}" if lost.reason else ""
    return _apart(left, Text(f"○ {lost.told} since {lost.since:%H:%M:%S} UTC{reason} ", WARNING), width)


def figures(market: Market, width: int) -> Text:
    """The ticker: as many of its figures as fit, the most important ones first."""
    ticker, line = market.ticker, Text(" ")
    if ticker is None:
        return line.append("waiting for the ticker", DIM)
    is_live = market.links["feeds"].is_live
    for index, (name, value, style) in enumerate(_figures(market.product, ticker)):
        part = Text(_GAP if index else "").append(f"{name} ", DIM).append(value, style if is_live else DIM)
        if line.cell_len + part.cell_len > width:
            break
        line.append(part)
    return line


def _figures(product: str, ticker: Any) -> list[tuple[str, str, str]]:
    percent = ticker.change_pct if product == "spot" else ticker.change
    change = "" if percent is None else f"{signed(percent)} %"
    if product == "spot":
        change = f"{signed(ticker.change)} ({change})"
    more = (
        [("vwap", ticker.vwap)]
        if product == "spot"
        else [("mark", ticker.mark_price), ("index", ticker.index), ("open interest", ticker.open_interest)]
    )
    named = [("high", ticker.high), ("low", ticker.low), ("vol", ticker.volume), *more]
    style = SELL if percent is not None and percent < 0 else BUY
    last = "-" if ticker.last is None else f"{ticker.last:f}"
    plain = [(name, f"{value:f}", "") for name, value in named if value is not None]
    return [("last", last, "bold"), ("24h", change, style), *plain]


def status(market: Market, width: int) -> Text:
    """Whether the book is proved right."""
    proved, fault, faults = (
        ("checksums verified", "mismatch", "mismatches")
        if market.product == "spot"
        else ("changes in sequence", "gap", "gaps")
    )
    counts = f"{market.verified:,} {proved}, {market.mismatches:,} {fault if market.mismatches == 1 else faults}"
    line = Text.assemble((" book ", DIM))
    if market.book is not None and market.book.valid:
        line.append("✓ live", GOOD)
    elif market.fault:
        line.append("↻ recovering", WARNING)
    else:
        line.append("… withheld", WARNING)
    line.append(_GAP).append(counts, SELL if market.mismatches else "")
    why = f" ({market.fault})" if market.fault else ""
    if line.cell_len + len(why) <= width:
        line.append(why, WARNING)
    line.truncate(width)
    return line


# ---------------------------------------------------------------------- the book


def book_title(market: Market) -> str:
    """The heading of the ladder."""
    depth = "" if market.depth is None else f", {market.depth} levels"
    return f"Book{depth}: price, size"


def ladder_size(market: Market) -> int:
    """How many lines the whole ladder has."""
    book = market.book
    return len(book.asks()) + len(book.bids()) + 1 if book is not None and book.valid else 0


def ladder(market: Market, width: int, height: int, offset: int) -> Text:
    """The asks above, the bids below, the spread between them.

    Args:
        market: Whose book.
        width: Columns.
        height: Rows.
        offset: How many lines further down the ladder than the spread in its middle.
    """
    book = market.book
    if book is None or not book.valid:
        return _withheld(market, width, height)
    asks, bids = book.asks()[::-1], book.bids()
    above = (height - 1) // 2
    first = len(asks) - above + offset
    shown = [(level, SELL) for level in asks] + [(None, "")] + [(level, BUY) for level in bids]
    rows = [shown[index] if 0 <= index < len(shown) else None for index in range(first, first + height)]
    levels = [row[0] for row in rows if row and row[0]]
    prices, sizes = (iter(aligned([level[place] for level in levels])) for place in (0, 1))
    greatest = max((level.qty for level in levels), default=Decimal(0))
    lines = []
    for row in rows:
        line = Text()
        if row is not None and row[0] is None:
            line = _spread(book, width)
        elif row is not None and row[0] is not None:
            line.append(f" {next(prices)}", row[1]).append(f"{_GAP}{next(sizes)} ")
            line.append(_bar(row[0].qty, greatest, width - line.cell_len - 1), row[1])
        line.truncate(width)
        lines.append(line)
    return Text("\n").join(lines)


def _withheld(market: Market, width: int, height: int) -> Text:
    link = market.links["book"]
    if not link.is_live:
        reasons = [f"{link.told} since {link.since:%H:%M:%S} UTC", f"attempt {link.attempt}", link.reason]
    else:
        reasons = ["recovering:", *market.fault.split(", ")] if market.fault else ["waiting for its snapshot"]
    words = [Text("The book is withheld", WARNING), *(Text(reason, DIM) for reason in reasons)]
    for line in words:
        line.truncate(width, overflow="ellipsis")
        line.align("center", width)
    return Text("\n" * max(0, height // 2 - 2)) + Text("\n").join(words)


def _spread(book: Any, width: int) -> Text:
    if book.spread is None:
        words = " one side is empty "
    else:
        percent = (book.spread / book.mid * 100).quantize(_ROUNDED) if book.mid else Decimal(0)
        words = f" spread {book.spread:f} ({percent:f} %) "
    return Text(words.center(width, "─"), DIM)


def _bar(qty: Decimal, greatest: Decimal, columns: int) -> str:
    if columns < 1 or not greatest:
        return ""
    whole, eighths = divmod(max(int(qty * 8 * columns / greatest), 1), 8)
    return "█" * whole + _EIGHTHS[eighths].rstrip()


def aligned(numbers: Sequence[Decimal]) -> list[str]:
    """Numbers with all their digits and no others, one below the other by their decimal points."""
    split = [format(number, "f").partition(".") for number in numbers]
    before = max((len(whole) for whole, _, _ in split), default=0)
    behind = max((len(point + rest) for _, point, rest in split), default=0)
    return [whole.rjust(before) + (point + rest).ljust(behind) for whole, point, rest in split]


# ---------------------------------------------------------------------- trades and candles


def trades(market: Market, width: int, height: int) -> Text:
    """The last trades, the newest first."""
    shown = market.trades[:height]
    if not shown:
        return Text(" none yet", DIM)
    is_live = market.links["feeds"].is_live
    prices, sizes = aligned([trade.price for trade in shown]), aligned([trade.qty for trade in shown])
    lines = []
    for trade, price, size in zip(shown, prices, sizes, strict=True):
        style = BUY if trade.side == "buy" else SELL
        line = Text().append(f" {trade.time:%H:%M:%S}", DIM)
        line.append(f"{_GAP}{trade.side:4}{_GAP}{price}", style if is_live else DIM)
        line.append(f"{_GAP}{size}", "" if is_live else DIM)
        line.truncate(width)
        lines.append(line)
    return Text("\n").join(lines)


def candle_title(market: Market) -> str:
    """The heading of the chart."""
    return f"Candles of {length(market.interval)}, UTC"


def chart(market: Market, width: int, height: int, *, coloured: bool) -> Text:
    """The newest candles."""
    lines = draw(market.candles, width, height, market.interval, coloured=coloured).lines
    if not lines:
        return Text(f" {market.history_fault or 'none yet'}", WARNING if market.history_fault else DIM)
    is_live = market.links["feeds"].is_live
    return Text("\n").join(
        Text.assemble(*((span.text, _STYLES.get(span.kind, "") if is_live else DIM) for span in line)) for line in lines
    )


def _apart(left: Text, right: Text, width: int) -> Text:
    right.truncate(max(0, width - left.cell_len - len(_GAP)), overflow="ellipsis")
    return left + Text(" " * max(0, width - left.cell_len - right.cell_len)) + right
