"""The screen of `kraken watch`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from . import panes
from .market import Market

__all__ = ["WatchApp"]

FRAME = 0.1
"""Seconds between two pictures; what happens to connections is shown at once."""

NARROW = 76
"""Columns below which there is only the book."""


class Pane(Widget):
    """A part of the screen; what it says is asked for whenever it is drawn."""

    def __init__(self, id: str, say: Callable[[int, int], Text], title: Callable[[], str] | None = None) -> None:
        super().__init__(id=id)
        self._say = say
        self._title = title

    def render(self) -> Text:
        text = self._say(self.size.width, self.size.height)
        text.no_wrap = True
        return text

    def draw(self) -> None:
        """Draw it anew."""
        if self._title is not None:
            self.border_title = self._title()
        self.refresh()


class WatchApp(App[None]):
    """Shows a market until it is closed. The market is opened and closed around it."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #header, #figures, #status, #help { height: 1; }
    #ladder { width: 2fr; min-width: 36; max-width: 64; border-top: solid ansi_bright_black; }
    #right { width: 3fr; min-width: 38; margin-left: 1; }
    .-narrow #right { display: none; }
    .-narrow #ladder { width: 1fr; }
    #chart { height: 3fr; border-top: solid ansi_bright_black; }
    #trades { height: 2fr; border-top: solid ansi_bright_black; }
    """
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-narrow"), (NARROW, "-wide")]  # noqa: RUF012 - as in App
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit"),
        Binding("ctrl+c", "quit", priority=True),
        Binding("i", "interval(1)"),
        Binding("I", "interval(-1)"),
        Binding("d", "depth(1)"),
        Binding("D", "depth(-1)"),
        Binding("up,k", "scroll(-1)"),
        Binding("down,j", "scroll(1)"),
        Binding("pageup", "scroll(-10)"),
        Binding("pagedown", "scroll(10)"),
        Binding("c,home", "centre"),
    ]

    def __init__(self, market: Market, *, intervals: Sequence[int], depths: Sequence[int]) -> None:
        """Make it.

        Args:
            market: What to show.
            intervals: Lengths of candles to choose from, in minutes.
            depths: Depths to choose from; none where the book is whole.
        """
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.market = market
        self._intervals = intervals
        self._depths = depths
        self._offset = 0
        self._has_changed = True
        self._clock = ""

    def compose(self) -> ComposeResult:
        market = self.market
        yield Pane("header", lambda width, _: panes.header(market, width))
        yield Pane("figures", lambda width, _: panes.figures(market, width))
        yield Pane("status", lambda width, _: panes.status(market, width))
        with Horizontal():
            yield Pane("ladder", self._ladder, lambda: panes.book_title(market))
            with Vertical(id="right"):
                yield Pane("chart", self._chart, lambda: panes.candle_title(market))
                yield Pane(
                    "trades", lambda *size: panes.trades(market, *size), lambda: "Trades: time (UTC), side, price, size"
                )
        yield Pane("help", self._help)

    def on_mount(self) -> None:
        """Begin to follow the market."""
        self.market.on_change = self._changed
        self.set_interval(FRAME, self._show)
        self._draw()
        self.market.start()

    def _changed(self) -> None:
        self._has_changed = True
        if self.market.ended is not None:
            self.exit()
        elif self.market.lost_link is not None or self.market.fault:
            self._show()

    def _show(self) -> None:
        if self._has_changed and self.is_running:
            self._draw()

    def _draw(self) -> None:
        self._has_changed = False
        for pane in self.query(Pane):
            pane.draw()

    def _ladder(self, width: int, height: int) -> Text:
        return panes.ladder(self.market, width, height, self._offset)

    def _chart(self, width: int, height: int) -> Text:
        return panes.chart(self.market, width, height, coloured=not self.no_color)

    def _help(self, width: int, height: int) -> Text:  # noqa: ARG002
        keys = {"q": "quit", "i/I": "interval"}
        if self._depths:
            keys["d/D"] = "depth"
        keys |= {"↑/↓": "scroll the book", "c": "centre it"}
        return Text(" ").join(
            Text.assemble((f" {key}", "bold"), (f" {what} ", panes.DIM)) for key, what in keys.items()
        )

    # ------------------------------------------------------------------ keys

    async def action_interval(self, step: int) -> None:
        """Choose longer or shorter candles."""
        await self.market.set_interval(_next(self._intervals, self.market.interval, step))

    async def action_depth(self, step: int) -> None:
        """Choose a deeper or shallower book."""
        if self._depths and self.market.depth is not None:
            chosen = _next(self._depths, self.market.depth, step)
            if chosen != self.market.depth:
                self._offset = 0
                await self.market.set_depth(chosen)

    def action_scroll(self, lines: int) -> None:
        """Move along the ladder."""
        furthest = panes.ladder_size(self.market) // 2
        self._offset = max(-furthest, min(self._offset + lines, furthest))
        self._draw()

    def action_centre(self) -> None:
        """Show the spread in the middle again."""
        self._offset = 0
        self._draw()


def _next(choices: Sequence[int], present: int, step: int) -> int:
    """The next greater or smaller choice; the same where there is none."""
    return choices[max(0, min(choices.index(present) + step, len(choices) - 1))]
