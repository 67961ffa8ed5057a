"""Names, steps and minimums of pairs and assets."""

from __future__ import annotations

import decimal
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken.exceptions import InvalidRequest
from kraken.runtime import Instruments, split_balance
from kraken.runtime.instruments import Instrument

SYMBOLS = {"XBT": "BTC", "XDG": "DOGE"}
MODES = [ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP]


def pair(**facts: Any) -> Any:
    usual = {
        "altname": "XBTUSD",
        "wsname": "XBT/USD",
        "base": "XXBT",
        "quote": "ZUSD",
        "pair_decimals": 1,
        "lot_decimals": 8,
        "tick_size": Decimal("0.1"),
        "ordermin": Decimal("0.00005"),
        "costmin": Decimal("0.5"),
    }
    return SimpleNamespace(**{**usual, **facts})


def asset(altname: str, decimals: int = 10) -> Any:
    return SimpleNamespace(altname=altname, decimals=decimals)


ASSETS = {
    "XXBT": asset("XBT"),
    "ZUSD": asset("USD", 4),
    "XXDG": asset("XDG", 8),
    "XETH": asset("ETH"),
    "SOL": asset("SOL"),
}
PAIRS = {
    "XBTUSD.d": pair(altname="XBTUSD.d", wsname=None),
    "XXBTZUSD": pair(),
    "XETHXXBT": pair(altname="ETHXBT", wsname="ETH/XBT", base="XETH", quote="XXBT"),
    "XDGUSD": pair(altname="XDGUSD", wsname="XDG/USD", base="XXDG"),
    "SOLUSD": pair(altname="SOLUSD", wsname="SOL/USD", base="SOL"),
}
KNOWN = Instruments(PAIRS, ASSETS, SYMBOLS)
BITCOIN = KNOWN.pair("XXBTZUSD")


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "spellings"),
    [
        ("XXBTZUSD", ["XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD", "BTCUSD", "btc/usd", "xbtusd", "xxbtZusd"]),
        ("XETHXXBT", ["XETHXXBT", "ETHXBT", "ETH/XBT", "ETH/BTC", "ETHBTC"]),
        ("XDGUSD", ["XDGUSD", "XDG/USD", "DOGE/USD", "DOGEUSD"]),
        ("SOLUSD", ["SOLUSD", "SOL/USD"]),
        ("XBTUSD.d", ["XBTUSD.d", "XBTUSD.D"]),
    ],
)
def test_pairs_by_any_spelling(name: str, spellings: list[str]) -> None:
    assert {KNOWN.pair(each).name for each in spellings} == {name}


@pytest.mark.parametrize(
    ("name", "spellings"),
    [
        ("XXBT", ["XXBT", "XBT", "BTC", "btc"]),
        ("XXDG", ["XXDG", "XDG", "DOGE"]),
        ("ZUSD", ["ZUSD", "USD"]),
        ("SOL", ["SOL"]),
    ],
)
def test_assets_by_any_spelling(name: str, spellings: list[str]) -> None:
    assert {KNOWN.asset(each).name for each in spellings} == {name}


def test_every_name_of_a_pair() -> None:
    assert (BITCOIN.name, BITCOIN.altname, BITCOIN.symbol) == ("XXBTZUSD", "XBTUSD", "BTC/USD")
    assert (BITCOIN.base, BITCOIN.quote) == ("XXBT", "ZUSD")
    assert KNOWN.asset("XDG") == ("XXDG", "XDG", "DOGE", 8)


def test_an_own_name_goes_before_the_nickname_of_another() -> None:
    """Whatever order they come in."""
    for order in (["A", "BTCUSD"], ["BTCUSD", "A"]):
        pairs = {name: pair(altname=name, wsname="XBT/USD" if name == "A" else "B/TCUSD") for name in order}
        known = Instruments(pairs, ASSETS, SYMBOLS)
        assert known.pair("BTCUSD").name == "BTCUSD"
        assert known.pair("XBT/USD").name == "A"


def test_pairs_are_found_without_assets() -> None:
    known = Instruments(PAIRS, {}, SYMBOLS)
    assert known.pair("ETH/XBT").name == known.pair("ETH/BTC").name == "XETHXXBT"
    assert Instruments({}, {}, {}).pairs == {}


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("pair", "BTC/UST", "did you mean BTC/USD"),
        ("pair", "XBTUSB", "XBTUSD"),
        ("asset", "XBTT", "XBT"),
        ("asset", "SOLL", "did you mean SOL?"),
    ],
)
def test_suggestions(kind: str, name: str, hint: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{kind}: '{name}' is unknown") as caught:
        getattr(KNOWN, kind)(name)
    assert hint in str(caught.value)
    assert caught.value.facts.sent is False


def test_nothing_is_near() -> None:
    with pytest.raises(InvalidRequest) as caught:
        KNOWN.pair("???")
    assert str(caught.value) == "pair: '???' is unknown"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("XXBT", ("XXBT", "")),
        ("XBT.F", ("XBT", "F")),
        ("DOT28.S", ("DOT28", "S")),
        ("ZUSD.HOLD", ("ZUSD", "HOLD")),
        ("AAPLx.T", ("AAPLx", "T")),
        ("", ("", "")),
    ],
)
def test_names_of_balances(name: str, parts: tuple[str, str]) -> None:
    assert split_balance(name) == parts
    assert (split_balance(name).asset, split_balance(name).suffix) == parts


# ---------------------------------------------------------------------- steps


AMOUNTS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places, decimal.Context(prec=100)),
    st.integers(0, 10**40),
    st.integers(0, 30),
)
STEPS = st.sampled_from(
    [Decimal(each) for each in ("0.1", "0.01", "0.5", "0.25", "1", "5", "1E-8", "0.0003", "10", "1E+2")]
)


def stepped(step: Decimal) -> Instrument:
    return BITCOIN._replace(tick=step, lot=step)


@given(amount=AMOUNTS, step=STEPS, mode=st.sampled_from(MODES))
def test_on_the_step_next_to_it(amount: Decimal, step: Decimal, mode: str) -> None:
    found = stepped(step).price(amount, mode)
    exact, given_exactly = Fraction(found), Fraction(amount)
    assert exact % Fraction(step) == 0
    assert abs(exact - given_exactly) < Fraction(step)
    if mode in (ROUND_DOWN, ROUND_FLOOR):
        assert exact <= given_exactly
    elif mode in (ROUND_UP, ROUND_CEILING):
        assert exact >= given_exactly
    else:
        assert abs(exact - given_exactly) <= Fraction(step) / 2
    if given_exactly % Fraction(step) == 0:
        assert exact == given_exactly


@given(amount=AMOUNTS, step=STEPS)
def test_a_volume_never_exceeds_what_there_is(amount: Decimal, step: Decimal) -> None:
    instrument = stepped(step)
    volume = instrument.volume(amount)
    assert volume <= amount
    assert instrument.volume(volume) == volume
    free = instrument._replace(minimum_volume=Decimal(0), minimum_cost=Decimal(0))
    free.check(volume, instrument.price(amount))
    if volume != amount:
        with pytest.raises(InvalidRequest, match="is finer than the lot step"):
            free.check(amount)


def test_steps_of_a_pair() -> None:
    assert str(BITCOIN.price("60000.07")) == "60000.1"
    assert str(BITCOIN.price("60000.05")) == "60000.0"
    assert str(BITCOIN.price("60000.05", ROUND_UP)) == "60000.1"
    assert str(BITCOIN.volume("0.123456789")) == "0.12345678"
    assert str(BITCOIN.volume(1)) == "1.00000000"
    assert str(BITCOIN.volume("1E-8")) == "1E-8"
    assert KNOWN.pair("SOLUSD").tick == Decimal("0.1")


def test_what_kraken_leaves_out() -> None:
    known = Instruments(
        {
            "A": pair(tick_size=None, pair_decimals=3, ordermin=None, costmin=None),
            "B": pair(tick_size=None, pair_decimals=None, lot_decimals=None),
        },
        {"C": asset(None, None)},  # type: ignore[arg-type]
        SYMBOLS,
    )
    assert known.pair("A").tick == Decimal("0.001")
    assert known.pair("A").minimum_volume == known.pair("A").minimum_cost == 0
    assert known.pair("B").tick == known.pair("B").lot == 1
    assert known.asset("C") == ("C", "C", "C", 0)


@pytest.mark.parametrize("amount", [0.1, True, "one", "NaN", None])
def test_amounts_that_are_none(amount: Any) -> None:
    for call in (BITCOIN.price, BITCOIN.volume, BITCOIN.check):
        with pytest.raises(ValueError):
            call(amount)


# ---------------------------------------------------------------------- minimums


@pytest.mark.parametrize(
    ("volume", "price", "words"),
    [
        ("0.00005", "60000.0", ""),
        ("0.00005", None, ""),
        ("0.00004999", "60000.0", "BTC/USD: volume: 0.00004999 is too small; allowed: 0.00005 or more"),
        ("0.00004999", None, "BTC/USD: volume: 0.00004999 is too small; allowed: 0.00005 or more"),
        ("0.000050001", None, "volume: 0.000050001 is finer than the lot step; allowed: multiples of 0.00000001"),
        ("1", "60000.05", "price: 60000.05 is finer than the tick; allowed: multiples of 0.1"),
        ("0.00005", "9999.9", "BTC/USD: cost: 0.499995 is too small; allowed: 0.5 or more"),
        ("0.00005", "10000.0", ""),
        ("-1", None, "volume: -1 is too small"),
        (10**30, None, ""),
        ("1E+5000", None, "is beyond all measure"),
    ],
)
def test_orders_are_checked_before_they_are_sent(volume: Any, price: Any, words: str) -> None:
    if not words:
        BITCOIN.check(volume, price)
        return
    with pytest.raises(InvalidRequest) as caught:
        BITCOIN.check(volume, price)
    assert words in str(caught.value)
    assert caught.value.facts.sent is False
