"""Candle charts made of characters: any width and height, with or without colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import NamedTuple

from .candles import MINUTE, Candle

__all__ = ["EXACT", "Chart", "Line", "Span", "draw", "signed", "total"]

EXACT = Context(prec=64)
"""None of the exchange's digits is lost, whatever precision decimals have elsewhere."""

AXIS, UP, DOWN, NEWEST, PLAIN = "axis", "up", "down", "newest", ""
"""What a span of text is, for whoever gives it a colour."""

_NOTHING, _WICK, _BODY = 0, 1, 2
_THIN = {
    (_NOTHING, _NOTHING): " ",
    (_NOTHING, _WICK): "╷",
    (_NOTHING, _BODY): "╻",
    (_WICK, _NOTHING): "╵",
    (_WICK, _WICK): "│",
    (_WICK, _BODY): "╽",
    (_BODY, _NOTHING): "╹",
    (_BODY, _WICK): "╿",
    (_BODY, _BODY): "┃",
}
"""Characters by what is in their upper and lower half."""
_SOLID = {
    **_THIN,
    (_NOTHING, _BODY): "▄",
    (_WICK, _BODY): "▄",
    (_BODY, _NOTHING): "▀",
    (_BODY, _WICK): "▀",
    (_BODY, _BODY): "█",
}
"""The same for candles that fell, where no colour tells."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"

_WIDEST_STEP = 4
_WIDE_BODY = 3
"""Columns of a candle's body where there is that much room; only where colours tell rising from falling ones."""
_ROWS_PER_PRICE = 3
_DAY = 1440
_ROUND_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY)
"""Minutes between the times at the axis; multiples of the last one follow."""


class Span(NamedTuple):
    """Text of one kind."""

    text: str
    kind: str = PLAIN


Line = list[Span]


class Chart(NamedTuple):
    """What was drawn."""

    lines: list[Line]
    """From above; none when there was nothing to draw, or no room."""
    shown: Sequence[Candle]
    """The candles for which there was room."""


class _Scale:
    """Where prices are, in halves of rows from below."""

    def __init__(self, candles: Sequence[Candle], rows: int) -> None:
        self.rows = rows
        self.low = min(candle.low for candle in candles)
        self.high = max(candle.high for candle in candles)
        self.digits = max(_decimals(price) for candle in candles for price in candle[1:5])
        self.quantum = Decimal(1).scaleb(-self.digits)
        if self.low == self.high:
            self.low, self.high = self.low - self.quantum, self.high + self.quantum

    def half(self, price: Decimal) -> int:
        """The half row of a price."""
        share = (price - self.low) / (self.high - self.low)
        return min(int(share * 2 * self.rows), 2 * self.rows - 1)

    def row(self, price: Decimal) -> int:
        """The row of a price, from above."""
        return self.rows - 1 - self.half(price) // 2

    def label(self, price: Decimal) -> str:
        """A price with as many decimals as all the others."""
        return format(price.quantize(self.quantum, context=EXACT), "f")

    def labels(self) -> dict[int, str]:
        """Round prices by their rows."""
        wanted = max(2, self.rows // _ROWS_PER_PRICE)
        step = max(_round_step((self.high - self.low) / wanted), self.quantum)
        first = (self.low / step).to_integral_value(ROUND_CEILING)
        last = (self.high / step).to_integral_value(ROUND_FLOOR)
        return {
            self.row(number * step): self.label(number * step)
            for number in map(Decimal, range(int(first), int(last) + 1))
        }


def draw(candles: Sequence[Candle], width: int, height: int, minutes: int, *, coloured: bool) -> Chart:
    """Draw a chart: prices at the right, volumes and times below.

    Args:
        candles: Oldest first; as many of the newest are drawn as there is room for.
        width: Columns.
        height: Rows.
        minutes: Length of a candle.
        coloured: Whether colours will tell rising candles from falling ones; else their shape does.
    """
    below = max(1, height // 6)
    ruled = height >= 2 * 6
    rows = height - below - 1 - ruled
    if not candles or rows < 2:
        return Chart([], ())
    digits = max(_decimals(price) for candle in candles for price in candle[1:5])
    margin = max(len(format(candle.high, f".{digits}f")) for candle in candles) + 1
    room = width - margin
    shown = candles[-room:] if room > 0 else ()
    if not shown:
        return Chart([], ())
    scale = _Scale(shown, rows)
    step = max(1, min(room // len(shown), _WIDEST_STEP))
    body = _WIDE_BODY if coloured and step > _WIDE_BODY else 1
    labels, newest = scale.labels(), scale.row(shown[-1].close)
    lines: list[Line] = []
    for row in range(rows):
        line = _pad([_cell(candle, scale, row, body, coloured) for candle in shown], step - body, room)
        if row == newest:
            line.append(Span(f"◀{scale.label(shown[-1].close)}".ljust(margin), NEWEST))
        else:
            label = labels.get(row)
            line.append(Span((f"┤{label}" if label else "│").ljust(margin), AXIS))
        lines.append(line)
    greatest = max(candle.volume for candle in shown)
    for row in range(below):
        line = _pad([_volume(candle, greatest, below, row, body) for candle in shown], step - body, room)
        text = f"┤{_short(greatest, margin - 1)}" if row == 0 and greatest else "│"
        lines.append([*line, Span(text.ljust(margin), AXIS)])
    marks = _times(shown, step, room - step * len(shown) + step - 1 - body // 2, width, minutes)
    if ruled:
        ruler = ["─"] * room
        for column in marks:
            ruler[column] = "┴"
        lines.append([Span("".join(ruler) + "┘" + " " * (margin - 1), AXIS)])
    times = [" "] * width
    for column, text in marks.items():
        begin = min(column, width - len(text))
        times[begin : begin + len(text)] = text
    lines.append([Span("".join(times), AXIS)])
    return Chart(lines, shown)


def _pad(cells: list[Span], space: int, room: int) -> Line:
    """A row of cells with space before each, at the right end of the room."""
    line = [Span(" " * (room - sum(space + len(cell.text) for cell in cells)))]
    for cell in cells:
        line += [Span(" " * space), cell]
    return line


def _cell(candle: Candle, scale: _Scale, row: int, width: int, coloured: bool) -> Span:
    body = sorted((scale.half(candle.open), scale.half(candle.close)))
    wick = scale.half(candle.low), scale.half(candle.high)
    lower = 2 * (scale.rows - 1 - row)

    def inside(half: int) -> int:
        return _BODY if body[0] <= half <= body[1] else _WICK if wick[0] <= half <= wick[1] else _NOTHING

    fell = candle.close < candle.open
    halves = inside(lower + 1), inside(lower)
    shape = (_SOLID if width > 1 or (fell and not coloured) else _THIN)[halves]
    text = shape * width if _BODY in halves else shape.center(width)
    return Span(text, DOWN if fell else UP)


def _volume(candle: Candle, greatest: Decimal, rows: int, row: int, width: int) -> Span:
    eighths = int(candle.volume * 8 * rows / greatest) if greatest else 0
    if candle.volume:
        eighths = max(eighths, 1)
    shown = min(max(eighths - 8 * (rows - 1 - row), 0), 8)
    return Span(_EIGHTHS[shown] * width, DOWN if candle.close < candle.open else UP)


def _times(candles: Sequence[Candle], step: int, first: int, width: int, minutes: int) -> dict[int, str]:
    """The times at the axis by their columns.

    Args:
        candles: Those that are drawn.
        step: Columns from one to the next.
        first: The column of the first.
        width: Columns for the texts.
        minutes: Length of a candle.
    """
    length = len("2026-01-01") if minutes >= _DAY else len("00:00 ")
    between = next(_spaced(minutes, step, length + 2))
    found: dict[int, str] = {}
    free, day, period = 0, "", -1
    for index, candle in enumerate(candles):
        column, now = first + step * index, candle.begin // (between * MINUTE)
        if now != period and min(column, width - length) >= free:
            moment = datetime.fromtimestamp(candle.begin, UTC)
            today = f"{moment:%d %b}"
            clock = today if found and today != day else f"{moment:%H:%M}"
            text = f"{moment:%Y-%m-%d}" if minutes >= _DAY else clock
            found[column], day, free = text, today, column + length + 2
        period = now
    return found


def _spaced(minutes: int, step: int, columns: int) -> Iterator[int]:
    """Round times that are far enough apart for a text of so many columns."""
    times = list(_ROUND_TIMES)
    while True:
        yield from (each for each in times if each >= minutes and each // minutes * step >= columns)
        times = [each * 2 for each in times]


def _round_step(step: Decimal) -> Decimal:
    """The next number that is 1, 2 or 5 times a power of ten."""
    power = Decimal(1).scaleb(step.adjusted())
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step)


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _short(number: Decimal, columns: int) -> str:
    """A number with as many decimals as fit."""
    text = format(number, "f")
    whole = text.partition(".")[0]
    return text if len(text) <= columns else text[:columns].rstrip(".") if len(whole) <= columns else f"{number:.0e}"


def signed(number: Decimal) -> str:
    """A change, with its sign."""
    return format(number, "+f")


def total(numbers: Sequence[Decimal]) -> Decimal:
    """An exact sum."""
    result = Decimal(0)
    for number in numbers:
        result = EXACT.add(result, number)
    return result
