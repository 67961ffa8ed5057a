"""`kraken watch`: what the screen says is what the exchange has, and nothing is shown that may be wrong."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from textual.pilot import Pilot

from kraken.cli import panes
from kraken.cli.candles import check_depth, check_interval
from kraken.cli.chart import chart
from kraken.cli.market import Market
from kraken.cli.screen import WatchApp
from kraken.cli.session import Session
from kraken.cli.settings import Settings
from kraken.cli.watch import watch
from kraken.emulator import Emulator
from kraken.exceptions import ExchangeError
from kraken.futures import FuturesWSClient
from kraken.spot import SpotClient, SpotWSClient

from .terminal import COLOUR, terminal

PATIENCE = 40
SIZES = [(80, 24), (120, 40)]
LEFT = "\x1b[?1049l"
"""What gives a terminal its former content back."""
HEAVY = ("textual", "rich", "httpx", "pydantic", "msgspec", "websockets", "asyncio", "kraken.spot", "kraken.emulator")

Scenario = Callable[[], Coroutine[Any, Any, None]]


def run(scenario: Scenario) -> None:
    async def limited() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario()

    asyncio.run(limited())


class Watched:
    """The command's screen while it shows a market of an emulator."""

    def __init__(self, app: WatchApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.market = app.market
        self.pilot = pilot
        self.headers: list[str] = []
        """What the first line said whenever something had happened."""
        told = self.market.on_change

        def on_change() -> None:
            self.headers.append(panes.header(self.market, 200).plain)
            told()

        self.market.on_change = on_change

    @property
    def lines(self) -> list[str]:
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def pane(self, id: str) -> list[str]:
        """The lines of one part of the screen, without its heading."""
        region = self.app.query_one(f"#{id}").content_region
        return [line[region.x : region.right] for line in self.lines[region.y : region.bottom]]

    def levels(self) -> list[tuple[str, str]]:
        """The prices and sizes of the ladder, from above."""
        return [
            (found[1], found[2]) for line in self.pane("ladder") if (found := re.match(r" +([\d.]+) +([\d.]+) ", line))
        ]

    async def until(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE / 2):
                while not condition():
                    await self.pilot.pause()
        except TimeoutError:
            raise AssertionError(self.text) from None

    async def until_live(self) -> None:
        await self.until(lambda: "✓ live" in self.text and "● connected" in self.text and bool(self.levels()))


@asynccontextmanager
async def watching(
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    product: str = "spot",
    pair: str = "",
    *,
    size: tuple[int, int] = (80, 24),
    interval: int = 60,
    depth: int | None = None,
) -> AsyncIterator[Watched]:
    monkeypatch.setattr("kraken.cli.session.running_emulator", lambda: nullcontext(emulator))
    intervals, depths = check_interval(product, interval), check_depth(product, depth)
    with click.Context(watch, obj=Settings(emulator=True)) as ctx:
        pair = pair or {"spot": "BTC/USD", "futures": "PF_XBTUSD"}[product]
        market = Market(Session(ctx), product, pair, interval=interval, depth=depth or next(iter(depths), None))
        app = WatchApp(market, intervals=intervals, depths=depths)
        async with market, app.run_test(size=size) as pilot:
            yield Watched(app, pilot)


# ---------------------------------------------------------------------- what is shown


def plain(levels: list[tuple[Decimal, Decimal]]) -> list[tuple[str, str]]:
    return [(format(price, "f"), format(qty, "f")) for price, qty in levels]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("product", ["spot", "futures"])
def test_the_digits_of_the_ladder_are_those_of_the_book(
    product: str, size: tuple[int, int], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch, product, size=size) as screen:
            await screen.until_live()
            book = emulator.book(screen.market.pair, screen.market.depth)
            asks, bids = plain(book.asks)[::-1], plain(book.bids)
            if product == "futures":  # its numbers have no zeros at their ends on the wire
                asks, bids = ([(price, re.sub(r"\.?0+$", "", qty)) for price, qty in side] for side in (asks, bids))
            ladder = screen.pane("ladder")
            above = next(number for number, line in enumerate(ladder) if "spread" in line)
            below = len(ladder) - above - 1
            assert screen.levels() == asks[-above:] + bids[:below]
            assert len(screen.levels()) >= 18
            spread, middle = book.asks[0][0] - book.bids[0][0], (book.asks[0][0] + book.bids[0][0]) / 2
            assert f" spread {spread:f} ({spread / middle * 100:.4f} %) " in ladder[above]

    run(scenario)


@pytest.mark.parametrize("size", SIZES)
def test_bars_are_as_long_as_the_sizes_are_great(
    size: tuple[int, int], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch, size=size) as screen:
            await screen.until_live()
            rows = [line for line in screen.pane("ladder") if re.match(r" \d", line)]
            bars = [len(line.rstrip()) - re.match(r" +[\d.]+ +[\d.]+ ", line).end() for line in rows]  # type: ignore[union-attr]
            sizes = [Decimal(qty) for _, qty in screen.levels()]
            by_size = [bar for _, bar in sorted(zip(sizes, bars, strict=True))]
            assert by_size == sorted(by_size)
            width = screen.app.query_one("#ladder").content_size.width
            assert len(rows[sizes.index(max(sizes))].rstrip()) == width - 1

    run(scenario)


@pytest.mark.parametrize("size", SIZES)
def test_ticker_and_trades_of_spot(size: tuple[int, int], emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with SpotWSClient(ws_url=emulator.spot_ws_url) as ws:
            ticker = await anext(aiter(ws.ticker(symbol="BTC/USD")))
            told = await anext(aiter(ws.trade(symbol="BTC/USD", snapshot=True).messages()))
        async with watching(emulator, monkeypatch, size=size) as screen:
            await screen.until_live()
            await screen.until(lambda: "last" in screen.lines[1] and ":" in screen.pane("trades")[0])
            assert screen.lines[1].startswith(
                f" last {ticker.last}  24h {ticker.change:+f} ({ticker.change_pct:+f} %)"
                f"  high {ticker.high}  low {ticker.low}  vol {ticker.volume} "
            )
            shown = [line.split() for line in screen.pane("trades")[:3]]
            assert shown == [
                [each.timestamp[11:19], each.side, format(each.price, "f"), format(each.qty, "f")]
                for each in told.data[:-4:-1]
            ]

    run(scenario)


def test_ticker_and_trades_of_futures(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with FuturesWSClient(url=emulator.futures_ws_url) as ws:
            ticker = await anext(aiter(ws.ticker(product_ids="PF_XBTUSD")))
            newest = await anext(aiter(ws.trade(product_ids="PF_XBTUSD")))
        async with watching(emulator, monkeypatch, "futures", size=(120, 40)) as screen:
            await screen.until_live()
            await screen.until(lambda: "last" in screen.lines[1] and ":" in screen.pane("trades")[0])
            assert screen.lines[1].startswith(
                f" last {ticker.last}  24h {ticker.change:+f} %  high {ticker.high}  low {ticker.low}"
                f"  vol {ticker.volume}  mark {ticker.mark_price}  index {ticker.index} "
            )
            assert screen.pane("trades")[0].split()[1:] == [newest.side, f"{newest.price:f}", f"{newest.qty:f}"]

    run(scenario)


@pytest.mark.parametrize("product", ["spot", "futures"])
def test_ladder_trades_ticker_and_candles_follow_the_market(
    product: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch, product, size=(120, 40)) as screen:
            await screen.until_live()
            await screen.until(lambda: any("◀" in line for line in screen.pane("chart")))
            await screen.until(lambda: ":" in screen.pane("trades")[0])
            old, pair = screen.levels(), screen.market.pair
            emulator.set_price(pair, "70001")
            price = emulator.book(pair).bids[1][0]
            emulator.trade_through(pair, price)
            await screen.until(lambda: f"◀{price:f}" in "\n".join(screen.pane("chart")))
            await screen.until(lambda: f" sell  {price:f} " in screen.pane("trades")[0])
            assert screen.market.candles[-1].close == price
            asks = plain(emulator.book(pair, screen.market.depth).asks)
            await screen.until(lambda: asks[0] in screen.levels())
            assert screen.levels() != old

    run(scenario)


def test_the_chart_has_all_candles_for_which_there_is_room(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with SpotClient("", "", emulator.spot_url) as client:
        (told,) = client.market_data.get_ohlc_data(pair="BTC/USD", interval=60).candles.values()

    async def scenario() -> None:
        async with watching(emulator, monkeypatch) as screen:
            await screen.until(lambda: len(screen.market.candles) >= len(told))
            shown = [tuple(candle) for candle in screen.market.candles]
            assert shown == [(each.time, each.open, each.high, each.low, each.close, each.volume) for each in told]

    run(scenario)


@pytest.mark.parametrize("size", [*SIZES, (60, 15), (200, 60)])
def test_it_fits_terminals_of_any_size(
    size: tuple[int, int], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch, size=size) as screen:
            await screen.until_live()
            assert {len(line) for line in screen.lines} == {size[0]}
            assert len(screen.lines) == size[1]
            assert "q quit" in screen.lines[-1]
            assert any("◀" in line for line in screen.lines) == (size[0] > 76)

    run(scenario)


# ---------------------------------------------------------------------- nothing wrong is shown


def test_a_cut_connection_shows_as_reconnecting_and_the_book_is_withheld(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch) as screen:
            await screen.until_live()
            await screen.until(lambda: ":" in screen.pane("trades")[0])
            emulator.stop()
            await screen.until(lambda: "reconnecting" in screen.lines[0])
            await screen.until(lambda: "reconnecting" in "".join(screen.pane("ladder")))
            await screen.until(lambda: bool(re.search(r"attempt [2-9]", "".join(screen.pane("ladder")))))
            assert re.search(r"○ reconnecting since \d\d:\d\d:\d\d UTC: 1006", screen.lines[0])
            assert "… withheld" in screen.lines[2]
            assert "The book is withheld" in "".join(screen.pane("ladder"))
            assert screen.levels() == []
            assert "✓" not in screen.text

    run(scenario)


def test_the_reason_is_told_and_afterwards_all_is_live_again(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch) as screen:
            await screen.until_live()
            screen.headers.clear()
            emulator.drop_connections(code=1012, reason="service restart")
            await screen.until(lambda: bool(screen.headers) and screen.market.lost_link is None)
            await screen.until_live()
            assert re.search(r"○ reconnecting since \d\d:\d\d:\d\d UTC: 1012 service restart", screen.headers[0])
            emulator.set_price("BTC/USD", "71002")
            await screen.until(lambda: plain(emulator.book("BTC/USD").asks)[0] in screen.levels())

    run(scenario)


def test_a_book_that_does_not_match_is_withheld_and_counted(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch, size=(120, 40)) as screen:
            await screen.until_live()
            assert re.search(r"✓ live  [1-9]\d* checksums verified, 0 mismatches", screen.lines[2])
            emulator.poison_checksum("BTC/USD", 10_000)
            emulator.set_price("BTC/USD", "70003")
            await screen.until(lambda: "↻ recovering" in screen.lines[2])
            await screen.until(
                lambda: bool(re.search(r"recovering: +\d+ computed +\d+ expected", " ".join(screen.pane("ladder"))))
            )
            told = r"↻ recovering  1 checksums verified, [1-9]\d* mismatch\w* \(\d+ computed, \d+ expected\)"
            assert re.search(told, screen.lines[2])
            assert screen.levels() == []
            emulator.heal()
            await screen.until_live()
            await screen.until(lambda: "expected" not in screen.lines[2])
            assert re.search(r"✓ live  \d+ checksums verified, [1-9]\d* mismatch", screen.lines[2])

    run(scenario)


def test_a_gap_in_the_numbers_of_futures_is_counted(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch, "futures") as screen:
            await screen.until_live()
            assert "0 changes in sequence, 0 gaps" in screen.lines[2]
            emulator.tick(1, "PF_XBTUSD")
            await screen.until(lambda: bool(re.search(r"live  [1-9]\d* changes in sequence, 0 gaps", screen.lines[2])))
            emulator.skip_sequence("PF_XBTUSD")
            emulator.tick(1, "PF_XBTUSD")
            await screen.until(lambda: "sequence, 1 gap " in screen.lines[2])
            await screen.until_live()

    run(scenario)


def test_what_was_told_before_a_break_does_not_look_live(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch) as screen:
            await screen.until_live()
            await screen.until(lambda: ":" in screen.pane("trades")[0])
            live = {span.style for span in panes.trades(screen.market, 40, 5).spans}
            emulator.stop()
            await screen.until(lambda: not screen.market.links["feeds"].is_live)
            assert live > {panes.DIM}
            for text in (
                panes.trades(screen.market, 40, 5),
                panes.chart(screen.market, 40, 10, coloured=True),
            ):
                assert {span.style for span in text.spans} == {panes.DIM}
                assert sum(span.end - span.start for span in text.spans) == len(text.plain.replace("\n", ""))

    run(scenario)


def test_an_unknown_pair_ends_it_with_krakens_words(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch, pair="NO/SUCH") as screen:
            await screen.until(lambda: not screen.app.is_running)
            assert isinstance(screen.market.ended, ExchangeError)

    run(scenario)


# ---------------------------------------------------------------------- keys


def test_keys_choose_depth_and_interval(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    depths, intervals = check_depth("spot", None), check_interval("spot", 60)

    def subscribed(channel: str, option: str) -> list[Any]:
        return [each.options.get(option) for each in emulator.subscriptions if each.channel == channel]

    async def scenario() -> None:
        async with watching(emulator, monkeypatch) as screen:
            await screen.until_live()
            await screen.pilot.press("d")
            await screen.until(lambda: subscribed("book", "depth") == [depths[1]])
            await screen.until_live()
            assert f"Book, {depths[1]} levels" in screen.text
            await screen.pilot.press("D", "D")
            await screen.until(lambda: subscribed("book", "depth") == [depths[0]])
            longer = intervals[intervals.index(60) + 1]
            await screen.pilot.press("i")
            await screen.until(lambda: subscribed("ohlc", "interval") == [longer])
            await screen.until(lambda: len(screen.market.candles) > 0)
            begins = [candle.begin for candle in screen.market.candles]
            assert all(begin % (longer * 60) == 0 for begin in begins)
            await screen.pilot.press("I")
            await screen.until(lambda: subscribed("ohlc", "interval") == [60])

    run(scenario)


def test_keys_move_along_the_book(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch, depth=25) as screen:
            await screen.until_live()
            book = emulator.book("BTC/USD", 25)
            centred = screen.levels()
            await screen.pilot.press("pageup", "pageup", "pageup", "pageup")
            await screen.until(lambda: plain(book.asks)[-1] in screen.levels())
            await screen.pilot.press("c")
            await screen.until(lambda: screen.levels() == centred)
            await screen.pilot.press("down")
            await screen.until(lambda: screen.levels()[-2] == centred[-1])

    run(scenario)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_keys_that_quit(key: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with watching(emulator, monkeypatch) as screen:
            await screen.until_live()
            await screen.pilot.press(key)
            await screen.until(lambda: not screen.app.is_running)
            assert screen.market.ended is None
        assert emulator.subscriptions == []

    run(scenario)


# ---------------------------------------------------------------------- as a process


@pytest.mark.parametrize("end", ["q", "\x03", signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_and_gives_the_terminal_back(end: str | signal.Signals) -> None:
    with terminal("--emulator", "watch", "BTC/USD") as screen:
        before = screen.modes()
        screen.until("live")
        assert screen.modes() != before
        if isinstance(end, str):
            screen.press(end)
        else:
            screen.process.send_signal(end)
        screen.until(LEFT)
        assert screen.end() == 0
        assert screen.modes() == before
        assert "Error" not in screen.shown.rpartition(LEFT)[2]


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_unless_they_are_not_wanted(environment: dict[str, str], coloured: bool) -> None:
    with terminal("--emulator", "watch", "BTC/USD", environment=environment) as screen:
        screen.until("live")
        screen.until("◀")
        screen.press("q")
        assert screen.end() == 0
    assert bool(COLOUR.search(screen.shown)) == coloured


def test_an_error_is_told_when_the_screen_is_gone() -> None:
    with terminal("--emulator", "watch", "NO/SUCH") as screen:
        assert screen.end() == 1
    told = screen.shown.rpartition(LEFT)[2]
    assert re.search(r"Error: .*NO/SUCH", told)


def test_nothing_is_logged_on_the_screen() -> None:
    with terminal("--emulator", "-v", "watch", "BTC/USD") as screen:
        screen.until("live")
        screen.press("q")
        assert screen.end() == 0
    assert "kraken.runtime" not in screen.shown


# ---------------------------------------------------------------------- refusals


def test_without_a_terminal_it_names_what_to_use_instead() -> None:
    result = CliRunner().invoke(watch, ["BTC/USD"], obj=Settings(emulator=True))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        "Error: `kraken watch` needs a terminal; `kraken spot stream book` prints a book line by line\n"
    )


def test_without_the_extra_it_says_how_to_install_it() -> None:
    with terminal("watch", "BTC/USD", before="import sys; sys.modules['textual'] = None", columns=200) as screen:
        assert screen.end() == 2
    assert screen.shown.splitlines() == [
        "Error: `kraken watch` needs an extra; install it with: pip install 'kraken-typed-sdk[tui]'"
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["BTC/USD", "--depth", "11"], "--depth: 11 is not allowed; one of {depths}"),
        (["BTC/USD", "--interval", "7"], "--interval: 7 is not allowed; one of {intervals} minutes"),
        (["PF_XBTUSD", "--product", "futures", "--depth", "10"], "--depth: Futures always sends the whole book"),
    ],
)
def test_what_kraken_does_not_have_is_refused(arguments: list[str], words: str) -> None:
    allowed = {"depths": check_depth("spot", None), "intervals": check_interval("spot", 60)}
    expected = words.format(**{name: ", ".join(map(str, values)) for name, values in allowed.items()})
    with terminal("--emulator", "watch", *arguments, columns=200) as screen:
        assert screen.end() == 2
    assert screen.shown.startswith(f"Error: {expected}")


@pytest.mark.parametrize("command", [watch, chart])
def test_the_page_names_every_option_and_key(command: click.Command) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "terminal.md").read_text(encoding="utf-8")
    section = page.partition(f"## `kraken {command.name} PAIR`")[2].partition("\n## ")[0]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert f"`{parameter.opts[0]}" in section, parameter
    for picture in re.findall(r"\]\((.*?\.svg)\)", page):
        assert (Path(__file__).resolve().parents[2] / "docs" / picture).is_file()


@pytest.mark.parametrize("command", ["watch", "chart"])
def test_help_imports_nothing_heavy(command: str) -> None:
    source = (
        "import sys\nfrom importlib import import_module\n"
        f"command = import_module('kraken.cli.{command}').{command}\n"
        "try:\n    command.main(['--help'])\n"
        f"finally:\n    print('heavy:', *sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "heavy:\n")
    assert "kraken watch BTC/USD" in done.stdout or "kraken chart BTC/USD" in done.stdout


@pytest.mark.parametrize("part", ["header", "ladder"])
def test_a_failure_of_the_screen_itself_is_no_success(part: str) -> None:
    before = f"import kraken.cli.panes as panes\npanes.{part} = None"
    with terminal("--emulator", "watch", "BTC/USD", before=before) as screen:
        assert screen.end() == 1


def test_a_failure_of_a_stream_ends_it_instead_of_leaving_old_figures() -> None:
    before = "import kraken.cli.market as market\nmarket.Market._traded = None"
    with terminal("--emulator", "watch", "BTC/USD", before=before) as screen:
        assert screen.end() == 1
    assert "TypeError" in screen.shown.rpartition(LEFT)[2]


def test_without_a_connection_it_ends_with_the_reason() -> None:
    before = (
        "import kraken.cli.session as session\n"
        "dead = dict.fromkeys(('rest_url', 'ws_url'), 'http://127.0.0.1:9')\n"
        "session.addresses = lambda emulator, product: {**dead, 'ws_url': 'ws://127.0.0.1:9'}"
    )
    with terminal("--emulator", "watch", "BTC/USD", before=before) as screen:
        assert screen.end() == 3, screen.shown
    assert "Error: " in screen.shown.rpartition(LEFT)[2]


def test_a_test_environment_that_spot_does_not_have_is_refused() -> None:
    with terminal("--sandbox", "watch", "BTC/USD", columns=200) as screen:
        assert screen.end() == 2
    assert screen.shown.startswith("Error: --sandbox: ")
