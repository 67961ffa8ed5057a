"""Positional arrays as named rows, and lists of them that are made when somebody looks."""

from __future__ import annotations

import copy
import json
import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken.exceptions import DecodeError
from kraken.runtime import to_json
from kraken.spot import decode_response
from kraken.spot.models.market_data import AssetPair, BookLevel, FeeTier, FeeTiers, Trade

from ..support import numbers_as_text

TRADES = '{"error":[],"result":{"XXBTZUSD":[["68012.10000","0.50000000",1795334400.1234567,"b","l","",4]],"last":"5"}}'


def trades(text: str = TRADES) -> Any:
    return decode_response("get_recent_trades", text)


# ---------------------------------------------------------------------- rows


def test_a_row_reads_by_name_and_unpacks_like_the_array_it_was() -> None:
    (trade,) = trades()["XXBTZUSD"]
    assert (trade.price, trade.volume, trade.side, trade.trade_id) == (
        Decimal("68012.10000"),
        Decimal("0.50000000"),
        "b",
        4,
    )
    price, volume, time, side, kind, misc, number = trade
    assert (price, volume, time, side, kind, misc, number) == trade
    assert trade[0] is trade.price
    assert isinstance(trade, tuple)
    assert isinstance(trade, Trade)
    assert Trade._fields[:3] == ("price", "volume", "time")
    assert repr(trade).startswith("Trade(price=Decimal('68012.10000'), volume=")
    assert hash(trade) == hash(tuple(trade))


def test_rows_survive_copies_and_pickles() -> None:
    result = trades()
    for twin in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result)), result.model_copy()):
        assert twin == result
        assert twin["XXBTZUSD"][0].price == Decimal("68012.10000")
        assert to_json(twin) == to_json(result)
        assert type(twin["XXBTZUSD"][0]) is Trade


def test_rows_in_dumps() -> None:
    result = trades()
    assert json.loads(result.model_dump_json())["XXBTZUSD"][0][0] == "68012.10000"
    assert result.model_dump()["XXBTZUSD"][0][0] == Decimal("68012.10000")
    assert json.loads(to_json(result["XXBTZUSD"][0]))[2] == 1795334400.1234567
    assert numbers_as_text(to_json(result)) == numbers_as_text(TRADES)["result"]


@pytest.mark.parametrize(
    "row", ['["1.0"]', '["1.0","2.0",3,"b","l"]', '"x"', "null", '{"price":"1.0"}', '["one","2",3,"b","l","",4]']
)
def test_what_is_no_row(row: str) -> None:
    with pytest.raises(DecodeError):
        trades(f'{{"error":[],"result":{{"P":[["1.0","2.0",3,"b","l","",4],{row}],"last":"5"}}}}')


def test_levels_of_a_book() -> None:
    text = '{"error":[],"result":{"XXBTZUSD":{"asks":[["1.10","2.000",5]],"bids":[]}}}'
    book = decode_response("get_order_book", text)["XXBTZUSD"]
    assert book.asks == [BookLevel(Decimal("1.10"), Decimal("2.000"), 5)]
    assert book.bids == []


# ---------------------------------------------------------------------- lists of rows that are made later


FEES: list[tuple[int, str]] = [(0, "0.40"), (10000, "0.350"), (250000, "0.08")]
RAW: list[Any] = [[volume, Decimal(percent)] for volume, percent in FEES]


def lazy() -> FeeTiers:
    return FeeTiers(copy.deepcopy(RAW))


def test_they_read_like_a_list() -> None:
    fees = lazy()
    rows = [FeeTier(Decimal(volume), Decimal(percent)) for volume, percent in FEES]
    assert len(fees) == 3
    assert list(fees) == rows
    assert fees[1].fee == Decimal("0.350")
    assert fees[-1] is fees[2]
    assert fees[1:] == rows[1:]
    assert rows[0] in fees
    assert fees.index(rows[2]) == 2
    assert list(reversed(fees)) == rows[::-1]
    assert fees.count(rows[0]) == 1
    assert [tier.volume for tier in fees] == [0, 10000, 250000]
    with pytest.raises(IndexError):
        fees[3]


def test_they_are_equal_to_what_they_hold() -> None:
    fees = lazy()
    assert fees == lazy()
    assert fees == list(fees)
    assert fees == [(0, Decimal("0.4")), (10000, Decimal("0.35")), (250000, Decimal("0.08"))]
    assert fees != FeeTiers(RAW[:2])
    assert fees != [1]
    assert fees != None  # noqa: E711
    assert hash(fees) == hash(lazy())
    assert len({fees, lazy()}) == 1
    assert FeeTiers([]) == []
    assert not FeeTiers([])


def test_they_print_as_a_list() -> None:
    assert repr(lazy()) == repr(list(lazy()))
    assert repr(FeeTiers([])) == "[]"


@pytest.mark.parametrize("looked_at", [False, True])
def test_they_survive_copies_pickles_and_dumps(looked_at: bool) -> None:
    text = '{"altname":"XBTUSD","fees":[[0,0.40],[10000,0.350]],"fees_maker":[[0,0.25]]}'
    example = decode_response("get_tradable_asset_pairs", f'{{"error":[],"result":{{"P":{text}}}}}')["P"]
    assert isinstance(example, AssetPair)
    if looked_at:
        assert repr(example.fees)
    for twin in (copy.copy(example), copy.deepcopy(example), pickle.loads(pickle.dumps(example)), example.model_copy()):
        assert twin == example
        assert isinstance(twin.fees, FeeTiers)
        assert to_json(twin) == text
    assert to_json(example.fees) == "[[0,0.40],[10000,0.350]]"
    assert example.model_dump()["fees"] == [(Decimal(0), Decimal("0.40")), (Decimal(10000), Decimal("0.350"))]
    assert json.loads(example.model_dump_json())["fees"] == [["0", "0.40"], ["10000", "0.350"]]
    assert "fee=Decimal('0.350')" in repr(example)


def test_rows_of_another_form_fail_when_they_are_looked_at() -> None:
    text = '{"error":[],"result":{"P":{"altname":"XBTUSD","fees":[[0,"high"]]}}}'
    fees = decode_response("get_tradable_asset_pairs", text)["P"].fees
    assert len(fees) == 1
    assert to_json(fees) == '[[0,"high"]]'
    with pytest.raises(DecodeError, match="rows that are not of the documented form"):
        fees[0]


@pytest.mark.parametrize("fees", ['"none"', "{}", "5", "true"])
def test_what_is_no_list(fees: str) -> None:
    with pytest.raises(DecodeError):
        decode_response("get_tradable_asset_pairs", f'{{"error":[],"result":{{"P":{{"fees":{fees}}}}}}}')


def test_text_that_is_no_table() -> None:
    """A large reply leaves tables as text; one that is broken fails when it is looked at, as an error of ours."""
    for look in (len, repr, to_json, list):
        with pytest.raises(DecodeError):
            look(FeeTiers(b"[[1,,2]]"))


@given(rows=st.lists(st.tuples(st.integers(0, 10**9), st.decimals(0, 100, places=4)), max_size=6))
def test_any_table_comes_back_as_it_was(rows: list[tuple[int, Decimal]]) -> None:
    table = "[" + ",".join(f"[{volume},{percent:f}]" for volume, percent in rows) + "]"
    for made in (FeeTiers(table.encode()), FeeTiers([[volume, percent] for volume, percent in rows])):
        assert to_json(made) == table
        assert made == rows
        assert len(made) == len(rows)
