"""Order books against a worked example, a recording, and a model that is too simple to be wrong."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kraken.runtime.orderbook import ChecksumReport, Level, OrderBook


class Change(NamedTuple):
    price: Decimal
    qty: Decimal


class Item(NamedTuple):
    bids: list[Change]
    asks: list[Change]
    checksum: int
    timestamp: str = ""


def levels(text: str) -> list[Change]:
    """Levels from `price/qty` pairs."""
    return [Change(*map(Decimal, pair.split("/"))) for pair in text.split()]


# Kraken's worked example of the checksum.
ASKS = (
    "45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660"
    " 45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"
)
BIDS = (
    "45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586"
    " 45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"
)
CHECKSUM = 3310070434


def example(**options: Any) -> OrderBook:
    book = OrderBook("BTC/USD", 10, **options)
    assert book.apply(Item(levels(BIDS), levels(ASKS), CHECKSUM, "then"), True) is None
    return book


def naive_checksum(bids: dict[Decimal, Decimal], asks: dict[Decimal, Decimal]) -> int:
    def text(number: Decimal) -> str:
        return format(number, "f").replace(".", "").lstrip("0")

    best = [(price, asks[price]) for price in sorted(asks)[:10]]
    best += [(price, bids[price]) for price in sorted(bids, reverse=True)[:10]]
    return crc32("".join(text(price) + text(qty) for price, qty in best).encode())


def test_the_worked_example_of_the_checksum() -> None:
    book = example()
    assert book.valid
    assert book.verified == 1
    assert book.checksum() == CHECKSUM


def test_the_worked_example_in_any_order_and_deeper_than_the_checksum() -> None:
    deep = OrderBook("BTC/USD", 25)
    bids = [*reversed(levels(BIDS)), *levels("45000.0/1.00000000 1.0/2.00000000")]
    asks = [*levels("99999.9/3.00000000"), *reversed(levels(ASKS))]
    assert deep.apply(Item(bids, asks, CHECKSUM), True) is None
    assert len(deep.bids()) == 12


def test_dropped_zeros_are_restored_when_the_precision_is_known() -> None:
    def short(text: str) -> list[Change]:
        return [Change(price.normalize(), qty.normalize()) for price, qty in levels(text)]

    book = OrderBook("BTC/USD", 10, price_precision=1, qty_precision=8)
    assert book.apply(Item(short(BIDS), short(ASKS), CHECKSUM), True) is None
    assert str(book.bids(1)[0].qty) == "0.10000000"
    assert OrderBook("BTC/USD", 10).apply(Item(short(BIDS), short(ASKS), CHECKSUM), True) is not None


def test_a_mismatch_is_reported_with_its_text_and_empties_the_book() -> None:
    book = example()
    report = book.apply(Item(levels("45283.5/0.20000000"), [], 1), False)
    assert isinstance(report, ChecksumReport)
    assert (report.symbol, report.expected) == ("BTC/USD", 1)
    assert report.computed == crc32(report.text.encode())
    assert report.asks.startswith("45285210000045286415457195")
    assert report.text == report.asks + report.bids
    assert report.bids in str(report)
    assert report.asks in str(report)
    assert "BTC/USD" in str(report)
    assert not book.valid
    assert book.bids() == book.asks() == []
    assert [book.best_bid, book.best_ask, book.spread, book.mid] == [None] * 4
    assert book.apply(Item(levels(BIDS), levels(ASKS), CHECKSUM), False) is None
    assert not book.valid
    assert book.apply(Item(levels(BIDS), levels(ASKS), CHECKSUM), True) is None
    assert book.valid


def test_updates_before_the_first_snapshot_are_ignored() -> None:
    book = OrderBook("BTC/USD", 10)
    assert book.apply(Item(levels("1.0/1.0"), [], 1), False) is None
    assert not book.valid
    assert book.bids() == []


def test_verifying_can_be_switched_off() -> None:
    book = OrderBook("BTC/USD", 10, verify=False)
    assert book.apply(Item(levels(BIDS), levels(ASKS), 1), True) is None
    assert book.valid
    assert book.verified == 0


def test_changes_of_one_level_apply_in_order_and_zero_removes() -> None:
    book = OrderBook("X/Y", 3, verify=False)
    book.apply(Item(levels("10.0/1.0 9.0/1.0"), levels("11.0/1.0"), 0), True)
    book.apply(Item(levels("10.0/0.0 10.0/5.0 9.0/7.0 9.0/0.00000000 8.0/0"), levels("11.0/0.0"), 0, "now"), False)
    assert book.bids() == [Level(Decimal("10.0"), Decimal("5.0"), "now")]
    assert book.asks() == []


def test_a_level_that_left_the_depth_does_not_come_back() -> None:
    book = OrderBook("X/Y", 2, verify=False)
    book.apply(Item(levels("10/1 9/1"), levels("11/1 12/1"), 0), True)
    book.apply(Item(levels("10.5/1"), levels("10.8/1"), 0), False)
    book.apply(Item(levels("10.5/0"), levels("10.8/0"), 0), False)
    assert [level.price for level in book.bids()] == [10]
    assert [level.price for level in book.asks()] == [11]


def test_tiny_prices_keep_their_digits() -> None:
    book = OrderBook("SHIB/USD", 10)
    bids, asks = levels("0.00000978/1000000.00000"), levels("0.00000010/0.00000001 0.00000990/1E+2")
    text = "10" + "1" + "990" + "1" + "978" + "100000000000"
    assert book.apply(Item(bids, asks, crc32(text.encode())), True) is None
    assert format(book.asks(1)[0].price, "f") == "0.00000010"


def test_views_of_the_worked_example() -> None:
    book = example()
    assert book.best_bid == Level(Decimal("45283.5"), Decimal("0.10000000"), "then")
    assert book.best_ask == Level(Decimal("45285.2"), Decimal("0.00100000"), "then")
    assert book.spread == Decimal("1.7")
    assert book.mid == Decimal("45284.35")
    assert [str(level.price) for level in book.bids(2)] == ["45283.5", "45283.4"]
    assert [str(level.price) for level in book.asks(2)] == ["45285.2", "45286.4"]
    assert len(book.asks(99)) == len(book.asks()) == 10
    assert book.bid_volume(Decimal("45283.4")) == Decimal("1.64582015")
    assert book.ask_volume(Decimal("45286.5")) == Decimal("1.54671953")
    assert book.ask_volume(Decimal("1")) == 0
    assert book.buy_price(Decimal("0.001")) == Decimal("45285.2")
    assert book.buy_price(Decimal("0.002")) == (Decimal("45285.2") + Decimal("45286.4")) / 2
    assert book.sell_price(Decimal("0.2")) == Decimal("45283.45")
    assert book.sell_price(Decimal(100)) is None
    with pytest.raises(ValueError, match="above 0"):
        book.buy_price(Decimal(0))
    assert repr(book) == "<OrderBook BTC/USD valid bid=45283.5 ask=45285.2>"
    with pytest.raises(ValueError, match="depth"):
        OrderBook("BTC/USD", 0)


def test_the_levels_that_a_volume_uses_up() -> None:
    book = example()
    assert [level.price for level in book.asks_to(Decimal("0.001")) or []] == [Decimal("45285.2")]
    assert [level.price for level in book.asks_to(Decimal("0.0010001")) or []] == [
        Decimal("45285.2"),
        Decimal("45286.4"),
    ]
    assert book.bids_to(Decimal("0.1")) == book.bids(1)
    everything = sum((level.qty for level in book.bids()), Decimal(0))
    assert book.bids_to(everything) == book.bids()
    assert book.bids_to(everything + Decimal("0.00000001")) is None
    with pytest.raises(ValueError, match="above 0"):
        book.asks_to(Decimal(-1))


def test_the_precision_that_a_program_has_chosen_changes_no_view() -> None:
    book = example()

    def views() -> list[object]:
        prices = book.spread, book.mid, book.buy_price(Decimal("3.1")), book.sell_price(Decimal("1.7"))
        return [*prices, book.bid_volume(Decimal(0)), book.ask_volume(Decimal(10**6)), book.asks_to(Decimal("3.1"))]

    usual = views()
    with localcontext(prec=3):
        assert views() == usual


def test_every_checksum_of_a_recorded_session_matches() -> None:
    folder = Path(__file__).parents[2].parent / "shared" / "payloads" / "spot" / "ws" / "book"
    files = sorted(folder.glob("*-sequence-*.json"), key=lambda file: file.stem.rpartition("-")[2])
    if not files:
        pytest.skip("the recorded payloads are not beside this repository")
    book = OrderBook("BTC/USD", 10, price_precision=1, qty_precision=8)
    for file in files:
        frame = json.loads(json.loads(file.read_text())["raw"], parse_float=Decimal, parse_int=Decimal)
        item = frame["data"][0]
        sides = [[Change(level["price"], level["qty"]) for level in item[side]] for side in ("bids", "asks")]
        assert book.apply(Item(sides[0], sides[1], int(item["checksum"])), frame["type"] == "snapshot") is None
    assert book.verified == len(files) > 100


changes = st.lists(
    st.tuples(
        st.integers(1, 60).map(lambda ticks: Decimal(ticks).scaleb(-1)),
        st.one_of(st.just(Decimal("0.000")), st.integers(0, 99999).map(lambda lots: Decimal(lots).scaleb(-3))),
    ).map(lambda pair: Change(*pair)),
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 15), st.lists(st.tuples(changes, changes), min_size=1, max_size=25))
def test_a_book_agrees_with_a_naive_model(depth: int, frames: list[tuple[list[Change], list[Change]]]) -> None:
    book = OrderBook("X/Y", depth)
    model: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})
    for number, (bids, asks) in enumerate(frames):
        for side, changed, backwards in ((model[0], bids, True), (model[1], asks, False)):
            for price, qty in changed:
                if qty:
                    side[price] = qty
                else:
                    side.pop(price, None)
            for price in sorted(side, reverse=backwards)[depth:]:
                del side[price]
        assert book.apply(Item(bids, asks, naive_checksum(*model)), number == 0) is None
        assert [(level.price, level.qty) for level in book.bids()] == sorted(model[0].items(), reverse=True)
        assert [(level.price, level.qty) for level in book.asks()] == sorted(model[1].items())
