"""Books of single orders against a worked example and a model that is too simple to be wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kraken.runtime.orderbook import ChecksumReport, Level
from kraken.runtime.orderbook3 import BookOrder, Level3Book, QueuePlace


class Event(NamedTuple):
    event: str | None
    order_id: str
    limit_price: Decimal
    order_qty: Decimal | None
    timestamp: str | None


class Item(NamedTuple):
    bids: list[Event]
    asks: list[Event]
    checksum: int
    timestamp: str = ""


def event(kind: str | None, name: str, price: str, qty: str | None, moment: int = 0) -> Event:
    return Event(kind, name, Decimal(price), None if qty is None else Decimal(qty), time(moment))


def time(moment: int) -> str:
    return f"2026-11-22T08:30:00.{moment:09d}Z"


def orders(text: str) -> list[Event]:
    """Orders from `price/qty` pairs, named by their number, each later than the one before."""
    pairs = [pair.partition("/") for pair in text.split()]
    return [event(None, f"O{number}", price, qty, number) for number, (price, _, qty) in enumerate(pairs)]


# Kraken's worked example of the checksum.
ASKS = (
    "44939.5/4.52308393 44939.5/0.00111261 44939.5/0.00100000 44939.5/0.01000000 44950.0/0.10334926 44953.0/0.00064537"
    " 44955.0/0.00250000 44959.6/0.35630000 44959.6/0.35630000 44960.1/0.00338072 44960.2/0.88967575 44967.0/3.14392283"
    " 44978.5/0.06778960 44979.2/0.35630000"
)
BIDS = (
    "44939.4/0.88968699 44939.4/0.45210000 44939.4/0.10000000 44939.4/0.14296323 44939.4/0.25000000 44939.4/0.10292988"
    " 44939.4/0.33880000 44939.4/1.28140860 44937.1/0.03346877 44934.7/0.35630000 44930.2/0.22734299 44930.2/0.01000000"
    " 44930.2/0.05550000 44930.2/0.70000000 44930.2/0.15000000 44928.0/0.00105240 44919.6/0.33870000 44919.5/0.07610000"
    " 44912.0/0.35630000 44909.7/0.06690000 44901.9/0.00088982"
)
CHECKSUM = 1063832831


def example() -> Level3Book:
    book = Level3Book("BTC/USD", 10)
    assert book.apply(Item(orders(BIDS), orders(ASKS), CHECKSUM, "then"), True) is None
    return book


def small(depth: int = 10) -> Level3Book:
    """Three orders to buy at 10.0 and one below, without checksums."""
    book = Level3Book("X/Y", depth, verify=False)
    bids = [event(None, name, "10.0", "1.0", number) for number, name in enumerate("abc", 1)]
    book.apply(Item([*bids, event(None, "d", "9.0", "4.0", 4)], [], 0, "first"), True)
    return book


def names(book: Level3Book, price: str = "10.0") -> str:
    return "".join(order.order_id for order in book.queue(Decimal(price)))


def test_the_worked_example_of_the_checksum() -> None:
    book = example()
    assert book.valid
    assert book.verified == 1
    assert book.checksum() == CHECKSUM


def test_the_checksum_tells_the_sequence_within_a_queue() -> None:
    asks = orders(ASKS)
    asks[0], asks[1] = asks[0]._replace(timestamp=time(1)), asks[1]._replace(timestamp=time(0))
    report = Level3Book("BTC/USD", 10).apply(Item(orders(BIDS), asks, CHECKSUM), True)
    assert isinstance(report, ChecksumReport)
    assert report.text.startswith("449395111261" + "449395452308393")
    assert report.computed == crc32(report.text.encode())


def test_orders_beyond_the_tenth_price_do_not_count() -> None:
    book = Level3Book("BTC/USD", 100)
    asks = [*orders(ASKS), event(None, "far", "45000.0", "1.00000000")]
    assert book.apply(Item([*reversed(orders(BIDS))], asks, CHECKSUM), True) is None
    assert len(book.asks()) == 11


def test_views() -> None:
    book = example()
    assert book.best_ask == Level(Decimal("44939.5"), Decimal("4.53519654"), "then")
    assert book.best_bid == Level(Decimal("44939.4"), Decimal("3.55788870"), "then")
    assert book.spread == Decimal("0.1")
    assert book.bid_volume(Decimal("44937.1")) == Decimal("3.59135747")
    assert book.buy_price(Decimal("4.53519654")) == Decimal("44939.5")
    assert len(book.asks()) == len(book.bids()) == 10
    assert [order.order_id for order in book.ask_orders(2)] == ["O0", "O1", "O2", "O3", "O4"]
    assert [order.order_id for order in book.bid_orders()] == [f"O{number}" for number in range(21)]
    assert book.queue(Decimal("44937.1")) == [BookOrder("O8", Decimal("44937.1"), Decimal("0.03346877"), time(8))]
    assert book.queue(Decimal(1)) == []
    assert repr(book) == "<Level3Book BTC/USD valid bid=44939.4 ask=44939.5>"


def test_the_place_of_an_order() -> None:
    book = small()
    order = BookOrder("c", Decimal("10.0"), Decimal("1.0"), time(3))
    assert book.order("c") == order
    assert book.place("c") == QueuePlace("buy", order, 2, Decimal("2.0"), 0)
    place = book.place("d")
    assert place is not None
    assert (place.ahead, place.qty_ahead, place.levels_ahead) == (0, Decimal(0), 1)
    assert book.order("nobody") is None
    assert book.place("nobody") is None
    sell = example().place("O4")
    assert sell is not None
    assert (sell.side, sell.levels_ahead) == ("buy", 0)


def test_the_place_of_an_order_that_sells() -> None:
    book = Level3Book("X/Y", 10, verify=False)
    book.apply(Item([], [event(None, "a", "11", "1", 1), event(None, "b", "12", "2", 2)], 0), True)
    place = book.place("b")
    assert place is not None
    assert (place.side, place.ahead, place.levels_ahead) == ("sell", 0, 1)


def test_orders_are_added_by_their_time() -> None:
    book = small()
    late, early = event("add", "z", "10.0", "5.0", 9), event("add", "y", "10.0", "6.0", 2)
    assert book.apply(Item([late, early], [], 0, "next"), False) is None
    assert names(book) == "abycz"
    assert book.best_bid == Level(Decimal("10.0"), Decimal("14.0"), "next")


def test_an_order_that_does_not_grow_keeps_its_place() -> None:
    book = small()
    book.apply(Item([event("modify", "a", "10.0", "0.5", 8)], [], 0), False)
    assert names(book) == "abc"
    assert book.order("a") == BookOrder("a", Decimal("10.0"), Decimal("0.5"), time(8))
    book.apply(Item([event("add", "e", "10.0", "1.0", 9), event("modify", "a", "10.0", "0.5", 9)], [], 0), False)
    assert names(book) == "abce"


def test_an_order_that_grows_queues_up_by_its_time() -> None:
    book = small()
    book.apply(Item([event("modify", "a", "10.0", "2.0", 8)], [], 0), False)
    assert names(book) == "bca"
    book.apply(Item([event("modify", "b", "10.0", "2.0", 2)], [], 0), False)
    assert names(book) == "bca"


def test_an_order_that_changes_its_price_leaves_its_queue() -> None:
    book = small()
    book.apply(Item([event("modify", "a", "9.0", "1.0", 8), event("modify", "d", "10.0", "4.0", 9)], [], 0), False)
    assert names(book) == "bcd"
    assert names(book, "9.0") == "a"


def test_a_price_goes_with_its_last_order() -> None:
    book = small()
    book.apply(Item([event("delete", "d", "9.0", None), event("delete", "nobody", "9.0", "1.0")], [], 0), False)
    assert [level.price for level in book.bids()] == [Decimal("10.0")]
    assert names(book, "9.0") == ""
    book.apply(Item([event("modify", name, "10.0", "0.0") for name in "abc"], [], 0), False)
    assert book.best_bid is None


def test_a_price_that_left_the_depth_does_not_come_back() -> None:
    book = small(depth=2)
    book.apply(Item([event("add", "e", "9.5", "1.0", 5)], [], 0), False)
    assert book.order("d") is None
    book.apply(Item([event("delete", "e", "9.5", "1.0", 6)], [], 0), False)
    assert [level.price for level in book.bids()] == [Decimal("10.0")]
    book.apply(Item([event("add", "d", "9.0", "4.0", 4)], [], 0), False)
    assert names(book, "9.0") == "d"


def test_a_mismatch_empties_the_book_until_the_next_snapshot() -> None:
    book = example()
    assert book.apply(Item([event("delete", "O0", "44939.4", None)], [], CHECKSUM), False) is not None
    assert not book.valid
    assert book.bid_orders() == book.ask_orders() == []
    assert book.bids() == book.asks() == []
    assert book.place("O1") is None
    assert book.apply(Item(orders(BIDS), [], CHECKSUM), False) is None
    assert not book.valid
    assert book.apply(Item(orders(BIDS), orders(ASKS), CHECKSUM), True) is None
    assert book.valid


def test_dropped_zeros_are_restored_when_the_precision_is_known() -> None:
    def short(events: list[Event]) -> list[Event]:
        return [
            each._replace(
                limit_price=each.limit_price.normalize(), order_qty=(each.order_qty or Decimal(0)).normalize()
            )
            for each in events
        ]

    book = Level3Book("BTC/USD", 10, price_precision=1, qty_precision=8)
    assert book.apply(Item(short(orders(BIDS)), short(orders(ASKS)), CHECKSUM), True) is None
    assert book.order("O2") == BookOrder("O2", Decimal("44939.4"), Decimal("0.10000000"), time(2))


def test_times_of_different_length_are_compared() -> None:
    book = Level3Book("X/Y", 10, verify=False)
    times = {"b": "2026-11-22T08:30:00.5Z", "a": "2026-11-22T08:30:00Z", "c": "2026-11-22T08:30:00.51Z"}
    bids = [Event(None, name, Decimal("10.0"), Decimal(1), moment) for name, moment in times.items()]
    book.apply(Item(bids, [], 0), True)
    assert names(book) == "abc"


def test_a_depth_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="depth"):
        Level3Book("BTC/USD", 0)


class Known(NamedTuple):
    """An order of the model."""

    price: Decimal
    qty: Decimal
    moment: str
    arrival: int


class Model:
    """One side as a plain dict that is sorted whenever it is looked at."""

    def __init__(self, depth: int, *, backwards: bool) -> None:
        self.depth = depth
        self.sign = -1 if backwards else 1
        self.orders: dict[str, Known] = {}
        self.arrivals = 0

    def apply(self, events: list[Event]) -> None:
        for each in events:
            known = self.orders.pop(each.order_id, None)
            if each.event == "delete" or not each.order_qty:
                continue
            self.arrivals += 1
            place = (each.timestamp or "", self.arrivals)
            if known and known.price == each.limit_price and each.order_qty <= known.qty:
                place = known[2:]
            self.orders[each.order_id] = Known(each.limit_price, each.order_qty, *place)
        prices = sorted({known.price for known in self.orders.values()}, key=lambda price: price * self.sign)
        kept = set(prices[: self.depth])
        self.orders = {name: known for name, known in self.orders.items() if known.price in kept}

    def sorted(self) -> list[tuple[str, Known]]:
        def key(item: tuple[str, Known]) -> tuple[Decimal, str, int]:
            return item[1].price * self.sign, item[1].moment, item[1].arrival

        return sorted(self.orders.items(), key=key)

    def text(self) -> str:
        best = sorted({known.price for known in self.orders.values()}, key=lambda price: price * self.sign)[:10]
        return "".join(
            format(number, "f").replace(".", "").lstrip("0")
            for _, known in self.sorted()
            if known.price in best
            for number in (known.price, known.qty)
        )


def events(side: str) -> st.SearchStrategy[list[Event]]:
    """What may happen to a side; its orders are named after it."""
    return st.lists(
        st.builds(
            Event,
            st.sampled_from(["add", "modify", "delete", "modify", "add"]),
            st.sampled_from([f"{side}{number}" for number in range(12)]),
            st.integers(1, 25).map(lambda ticks: Decimal(ticks).scaleb(-1)),
            st.one_of(st.none(), st.integers(0, 500).map(lambda lots: Decimal(lots).scaleb(-2))),
            st.integers(1, 6).map(time),
        ),
        max_size=12,
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 13), st.lists(st.tuples(events("B"), events("S")), min_size=1, max_size=20))
def test_a_book_agrees_with_a_naive_model(depth: int, frames: list[tuple[list[Event], list[Event]]]) -> None:
    book = Level3Book("X/Y", depth)
    bids, asks = Model(depth, backwards=True), Model(depth, backwards=False)
    for number, (bid_events, ask_events) in enumerate(frames):
        bids.apply(bid_events)
        asks.apply(ask_events)
        item = Item(bid_events, ask_events, crc32((asks.text() + bids.text()).encode()))
        assert book.apply(item, number == 0) is None
        for model, shown, levels in ((bids, book.bid_orders(), book.bids()), (asks, book.ask_orders(), book.asks())):
            wanted = model.sorted()
            assert [(each.order_id, each.price, each.qty) for each in shown] == [
                (name, known.price, known.qty) for name, known in wanted
            ]
            for level in levels:
                queue = [(name, known.qty) for name, known in wanted if known.price == level.price]
                assert level.qty == sum(qty for _, qty in queue)
                for ahead, (name, _) in enumerate(queue):
                    place = book.place(name)
                    assert place is not None
                    assert (place.ahead, place.qty_ahead) == (ahead, sum(qty for _, qty in queue[:ahead]))
