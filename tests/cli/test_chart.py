"""`kraken chart`: the picture, its width, and its colours."""

from __future__ import annotations

import re
from contextlib import nullcontext
from decimal import Decimal

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from kraken.cli.candles import Candle
from kraken.cli.chart import chart
from kraken.cli.drawing import draw
from kraken.cli.settings import Settings
from kraken.emulator import Emulator
from kraken.exceptions import ExchangeError
from kraken.futures import FuturesClient
from kraken.spot import SpotClient

from .terminal import COLOUR, terminal

PAIRS = {"spot": "BTC/USD", "futures": "PF_XBTUSD"}


@pytest.fixture(autouse=True)
def _use_emulator(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kraken.cli.session.running_emulator", lambda: nullcontext(emulator))


def run(*arguments: str, columns: int = 80) -> Result:
    result = CliRunner().invoke(
        chart, arguments, obj=Settings(emulator=True), env={"COLUMNS": str(columns), "LINES": "24"}
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def candle(hour: int, *prices: str, volume: str = "1") -> Candle:
    opened, highest, lowest, closed = map(Decimal, prices)
    return Candle(1_795_305_600 + 3600 * hour, opened, highest, lowest, closed, Decimal(volume))


RISES_AND_FALLS = [
    candle(0, "10.0", "14.0", "10.0", "12.0", volume="4"),
    candle(1, "12.0", "20.0", "12.0", "20.0", volume="8"),
    candle(2, "20.0", "20.0", "12.0", "16.0", volume="2"),
]


def picture(candles: list[Candle], width: int, height: int, *, coloured: bool) -> list[str]:
    chart = draw(candles, width, height, 60, coloured=coloured)
    return ["".join(span.text for span in line).rstrip() for line in chart.lines]


def test_a_small_picture_in_all_its_parts() -> None:
    assert picture(RISES_AND_FALLS, 12, 9, coloured=False) == [
        "    ┃ █┤20.0",
        "    ┃ █│",
        "    ┃ █◀16.0",
        "    ┃ │┤15.0",
        "  │ ┃ ││",
        "  ╽ ┃ ││",
        "  ┃    ┤10.0",
        "  ▄ █ ▂┤8",
        "  00:00",
    ]


def test_without_colours_the_shape_tells_what_fell() -> None:
    plain, coloured = (picture(RISES_AND_FALLS, 12, 9, coloured=each) for each in (False, True))
    assert "█" in "".join(plain[:6])
    assert "█" not in "".join(coloured[:6])


def test_where_there_is_no_room_the_newest_candles_are_drawn() -> None:
    assert list(draw(RISES_AND_FALLS, 7, 9, 60, coloured=False).shown) == RISES_AND_FALLS[1:]


def test_a_date_at_the_right_end_stays_inside() -> None:
    (date,) = draw(RISES_AND_FALLS[:1], 20, 9, 1440, coloured=False).lines[-1]
    assert date.text == "          2026-11-22"


PRICES = st.decimals("0.0001", "99999", places=4)


@given(
    st.lists(st.tuples(PRICES, PRICES, PRICES, PRICES, st.decimals(0, 1000, places=3)), min_size=1, max_size=40),
    st.integers(1, 130),
    st.integers(1, 40),
    st.booleans(),
)
def test_whatever_the_market_does_every_line_has_the_width(
    rows: list[tuple[Decimal, Decimal, Decimal, Decimal, Decimal]], width: int, height: int, coloured: bool
) -> None:
    candles = [
        Candle(3600 * hour, first, max(first, *rest), min(first, *rest), rest[0], volume)
        for hour, (first, *rest, volume) in enumerate(rows)
    ]
    drawn = draw(candles, width, height, 60, coloured=coloured)
    assert len(drawn.lines) in (0, height)
    assert {sum(len(span.text) for span in line) for line in drawn.lines} <= {width}
    assert list(drawn.shown) == candles[len(candles) - len(drawn.shown) :]


def test_the_figures_are_those_of_the_exchange(emulator: Emulator) -> None:
    with SpotClient("", "", emulator.spot_url) as client:
        (candles,) = client.market_data.get_ohlc_data(pair="BTC/USD", interval=60).candles.values()
    title, figures, *_ = run("BTC/USD", "--interval", "60", columns=120).output.splitlines()
    first, last = candles[0], candles[-1]
    assert first.time_utc is not None
    assert last.time_utc is not None
    assert title == f"BTC/USD  1 h candles, {first.time_utc:%Y-%m-%d %H:%M} to {last.time_utc:%Y-%m-%d %H:%M} UTC"
    change = last.close - first.open
    assert figures == (
        f"open {first.open}  high {max(each.high for each in candles)}  low {min(each.low for each in candles)}"
        f"  close {last.close}  {change:+f} ({change / first.open * 100:+.2f} %)"
        f"  volume {sum(each.volume for each in candles)}"
    )


@pytest.mark.parametrize("columns", [80, 200])
def test_it_fills_the_width(columns: int) -> None:
    result = run("BTC/USD", "--interval", "1", "--count", "150", columns=columns)
    lines = result.output.splitlines()
    assert max(map(len, lines)) == columns
    axis = [line for line in lines if "┤" in line]
    assert len({line.index("┤") for line in axis}) == 1
    assert "\x1b" not in result.output


def test_prices_at_the_axis_fall_evenly_and_lie_between_low_and_high() -> None:
    _, figures, *lines = run("BTC/USD").output.splitlines()
    low, high = (Decimal(re.search(rf"{name} ([\d.]+)", figures)[1]) for name in ("low", "high"))  # type: ignore[index]
    labels = [Decimal(found[1]) for line in lines if (found := re.search(r"┤(\d+\.\d)$", line))]
    assert len(labels) >= 3
    assert "█" in "".join(lines[:10]), "no colours, so what fell is solid"
    assert labels == sorted(labels, reverse=True)
    assert low <= labels[-1]
    assert labels[0] <= high


def test_only_so_many_candles() -> None:
    title = run("BTC/USD", "--count", "3").output.splitlines()[0]
    hours = re.findall(r"(\d\d):00", title)
    assert (int(hours[1]) - int(hours[0])) % 24 == 2


def test_futures_too(emulator: Emulator) -> None:
    with FuturesClient("", "", emulator.futures_url) as client:
        candles = client.charts.candles(tick_type="trade", symbol="PF_XBTUSD", resolution="4h").candles
    title, figures, *lines = run("PF_XBTUSD", "--product", "futures", "--interval", "240").output.splitlines()
    assert title.startswith("PF_XBTUSD  4 h candles, ")
    assert f"close {candles[-1].close}  " in figures
    assert any(f"◀{candles[-1].close}" in line for line in lines)


@pytest.mark.parametrize("product", ["spot", "futures"])
def test_a_length_that_kraken_does_not_have_is_refused_with_those_it_has(product: str, emulator: Emulator) -> None:
    result = run(PAIRS[product], "--product", product, "--interval", "7")
    assert (result.exit_code, emulator.requests) == (2, [])
    told = re.search(r"one of (.*) minutes", result.stderr)
    assert told is not None
    for minutes in map(int, told[1].split(", ")):
        assert run(PAIRS[product], "--product", product, "--interval", str(minutes)).exit_code == 0


def test_an_unknown_pair_is_told_in_krakens_words() -> None:
    with pytest.raises(ExchangeError, match="Unknown asset pair"):
        run("NO/SUCH")


def test_a_terminal_that_is_too_narrow() -> None:
    result = run("BTC/USD", columns=8)
    assert (result.exit_code, result.stderr) == (1, "Error: 8 columns are not enough for a chart\n")


def test_colours_at_a_terminal() -> None:
    with terminal("--emulator", "chart", "BTC/USD") as screen:
        assert screen.end() == 0
    assert COLOUR.search(screen.shown)
    lines = click.unstyle(screen.shown).splitlines()
    assert max(map(len, lines)) == 80


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_they_are_not_wanted(environment: dict[str, str]) -> None:
    with terminal("--emulator", "chart", "BTC/USD", environment=environment) as screen:
        assert screen.end() == 0
    assert "1 h candles" in screen.shown
    assert "\x1b" not in screen.shown
