"""Iterating over pages, against small exchanges in memory: nothing twice, nothing lost, and always an end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken.exceptions import InvalidRequest, ReplyLost
from kraken.runtime.operation import Operation, Pagination
from kraken.runtime.options import Options
from kraken.runtime.pagination import AsyncPages, Pages, Progress

COLOURS = ["sync", "async"]
Fetch = Callable[[dict[str, Any]], Any]


def operation(**pagination: Any) -> Operation[Any]:
    return Operation("list", "GET", "/{id}", "", path_fields=("id",), pagination=Pagination(**pagination))


OFFSET = operation(style="offset", parameter="ofs", items="rows", id="@key", total="count", page_size=3)
SINCE = operation(style="since", parameter="since", items="rows", next="last", id="id")
CURSOR = operation(style="cursor", parameter="cursor", items="rows", next="next_cursor", first=True, id="id")
ALONE = operation(style="cursor", parameter="cursor", items="rows", next="next_cursor", id="id", alone=True)


class Reader:
    """Iterates in one colour, and remembers what was asked for."""

    def __init__(self, colour: str, fetch: Fetch, asked_for: Operation[Any], **options: Any) -> None:
        self.asked: list[dict[str, Any]] = []

        def once(arguments: dict[str, Any], options: Options | None) -> Any:
            self.asked.append({name: value for name, value in arguments.items() if value is not None})
            return fetch(arguments)

        async def later(arguments: dict[str, Any], options: Options | None) -> Any:
            await asyncio.sleep(0)
            return once(arguments, options)

        given = {"cursor": None, "max_items": None, "on_page": None, "arguments": {}, **options}
        arguments = given.pop("arguments")
        self.pages: Any = (
            Pages(once, asked_for, arguments, **given)
            if colour == "sync"
            else AsyncPages(later, asked_for, arguments, **given)
        )

    def take(self, count: int | None = None) -> list[Any]:
        """So many items, or all that are left."""

        async def awaited() -> list[Any]:
            found: list[Any] = []
            while count is None or len(found) < count:
                try:
                    found.append(await anext(self.pages))
                except StopAsyncIteration:
                    break
            return found

        if isinstance(self.pages, AsyncPages):
            return asyncio.run(awaited())
        found: list[Any] = []
        while count is None or len(found) < count:
            try:
                found.append(next(self.pages))
            except StopIteration:
                break
        return found


class Orders:
    """A list by offset, newest first, as of closed orders."""

    def __init__(self, count: int, *, counts: bool = True, size: int = 3) -> None:
        self.rows = [f"O{number}" for number in range(count)]
        self.counts, self.size = counts, size

    def __call__(self, arguments: dict[str, Any]) -> Any:
        start = arguments.get("ofs") or 0
        page = {name: int(name[1:]) for name in self.rows[start : start + self.size]}
        return {"rows": page, **({"count": len(self.rows)} if self.counts else {})}


class Trades:
    """A list by time, oldest first, as of trades: several may have the same time, and a page does not part them."""

    def __init__(self, times: list[int], size: int = 3, *, inclusive: bool = False) -> None:
        self.rows = [{"id": number, "time": time} for number, time in enumerate(sorted(times), 1)]
        self.size, self.inclusive = size, inclusive

    def __call__(self, arguments: dict[str, Any]) -> Any:
        since = int(arguments.get("since") or 0)
        rows = [row for row in self.rows if row["time"] > since]
        page = [row for row in self.rows if self.inclusive and row["time"] == since] + rows[: self.size]
        page += [row for row in rows[self.size :] if row["time"] == page[-1]["time"]]
        return {"rows": page, "last": str(page[-1]["time"] if page else since)}


class Deposits:
    """A list by cursor; the last page has none."""

    def __init__(self, count: int, size: int = 3) -> None:
        self.rows = [{"id": number} for number in range(count)]
        self.size = size

    def __call__(self, arguments: dict[str, Any]) -> Any:
        cursor = arguments.get("cursor")
        start = 0 if cursor in (None, True) else int(str(cursor).removeprefix("c"))
        end = start + self.size
        return {"rows": self.rows[start:end], "next_cursor": f"c{end}" if end < len(self.rows) else None}


# ---------------------------------------------------------------------- one list from its beginning to its end


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7])
def test_by_offset(colour: str, count: int) -> None:
    reader = Reader(colour, Orders(count), OFFSET, arguments={"trades": True})
    assert reader.take() == [(f"O{number}", number) for number in range(count)]
    assert len(reader.asked) == max(1, -(-count // 3))
    assert all(asked["trades"] is True for asked in reader.asked)
    assert [asked.get("ofs", 0) for asked in reader.asked] == [3 * page for page in range(len(reader.asked))]
    assert reader.take() == []
    assert reader.pages.cursor is None


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("count", [0, 2, 3, 5, 6])
def test_by_offset_without_a_count(colour: str, count: int) -> None:
    """A page that is not full is the last; behind a full one there may be more."""
    reader = Reader(colour, Orders(count, counts=False), OFFSET)
    assert len(reader.take()) == count
    assert len(reader.asked) == count // 3 + 1


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("inclusive", [False, True])
def test_by_time(colour: str, inclusive: bool) -> None:
    trades = Trades([1, 2, 2, 2, 2, 3, 5, 5, 8], inclusive=inclusive)
    reader = Reader(colour, trades, SINCE, arguments={"since": "1"})
    expected = [row["id"] for row in trades.rows if row["time"] > 1 or inclusive]
    assert [row["id"] for row in reader.take()] == expected
    assert reader.asked[0] == {"since": "1"}
    assert reader.asked[-1] == {"since": "8"}
    assert reader.pages.cursor is None
    assert reader.pages.progress.cursor == "8"
    trades.rows.append({"id": 10, "time": 9})
    later = Reader(colour, trades, SINCE, cursor=reader.pages.progress.cursor)
    assert [row["id"] for row in later.take()] == [9, 10][not inclusive :]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("count", [0, 1, 3, 4, 9])
def test_by_cursor(colour: str, count: int) -> None:
    reader = Reader(colour, Deposits(count), CURSOR, arguments={"asset": "XBT"})
    assert [row["id"] for row in reader.take()] == list(range(count))
    assert reader.asked[0] == {"asset": "XBT", "cursor": True}
    assert [asked["cursor"] for asked in reader.asked[1:]] == [f"c{3 * page}" for page in range(1, len(reader.asked))]
    assert all(asked["asset"] == "XBT" for asked in reader.asked)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_cursor_that_must_stand_alone(colour: str) -> None:
    """What is in the path stays, filters do not; also when it is the first that is asked for."""
    arguments = {"id": "deposit", "limit": 3, "asset": "XBT"}
    reader = Reader(colour, Deposits(5), ALONE, arguments=arguments)
    assert len(reader.take()) == 5
    assert reader.asked == [arguments, {"id": "deposit", "cursor": "c3"}]
    again = Reader(colour, Deposits(5), ALONE, arguments=arguments, cursor="c3")
    assert len(again.take()) == 2
    assert again.asked == [{"id": "deposit", "cursor": "c3"}]


@pytest.mark.parametrize("colour", COLOURS)
def test_rows_of_a_pair(colour: str) -> None:
    """Entries beside other fields of the result; and rows with something in them that cannot be hashed."""
    pairs = operation(style="since", parameter="since", items="*", next="last")
    results = iter(
        [
            SimpleNamespace(__pydantic_extra__={"XXBTZUSD": [(1, "a"), (2, ["new"])]}, last=2),
            SimpleNamespace(__pydantic_extra__={"XXBTZUSD": [(2, ["new"]), (3, "c")]}, last=3),
            SimpleNamespace(__pydantic_extra__={"XXBTZUSD": [(3, "c")]}, last=3),
        ]
    )
    reader = Reader(colour, lambda _: next(results), pairs)
    assert reader.take() == [(1, "a"), (2, ["new"]), (3, "c")]


@pytest.mark.parametrize("colour", COLOURS)
def test_items_without_an_id_are_all_different(colour: str) -> None:
    results = iter([{"rows": [{"id": None}, {}], "next_cursor": "x"}, {"rows": [{"id": None}, {}]}])
    assert len(Reader(colour, lambda _: next(results), CURSOR).take()) == 4


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("empty", [None, [], {}])
def test_results_without_items(colour: str, empty: Any) -> None:
    for asked_for in (OFFSET, SINCE, CURSOR):
        reader = Reader(colour, lambda _: {"rows": empty, "last": "5", "count": 0}, asked_for)
        assert reader.take() == []
        assert len(reader.asked) == 1


# ---------------------------------------------------------------------- how much, and how far


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("most", [0, 1, 3, 4, 7, 100])
def test_so_many_items_at_the_most(colour: str, most: int) -> None:
    reader = Reader(colour, Orders(7), OFFSET, max_items=most)
    assert len(reader.take()) == min(most, 7)
    assert len(reader.asked) == min(3, -(-most // 3))
    with pytest.raises(InvalidRequest, match="max_items: -1 is not allowed; allowed: 0 or more"):
        Reader(colour, Orders(7), OFFSET, max_items=-1)


@pytest.mark.parametrize("colour", COLOURS)
def test_progress_is_told_after_each_page(colour: str) -> None:
    told: list[Progress] = []
    reader = Reader(colour, Orders(7), OFFSET, on_page=told.append)
    assert reader.take(1)
    assert told == [Progress(pages=1, items=3, total=7, cursor=3)]
    reader.take()
    assert told[1:] == [Progress(2, 6, 7, 6), Progress(3, 7, 7, 7)]
    assert reader.pages.progress == told[-1]
    told.clear()
    Reader(colour, Deposits(4), CURSOR, on_page=told.append).take()
    assert told == [Progress(1, 3, None, "c3"), Progress(2, 4, None, None)]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize(
    ("exchange", "asked_for"),
    [
        (Orders(11), OFFSET),
        (Orders(11, counts=False), OFFSET),
        (Trades([1, 2, 2, 2, 2, 3, 5, 5, 8, 9, 9]), SINCE),
        (Deposits(11), CURSOR),
        (Deposits(11), ALONE),
    ],
)
def test_it_goes_on_after_the_last_item_that_came(colour: str, exchange: Fetch, asked_for: Operation[Any]) -> None:
    """Wherever it is broken off, in any steps; the cursor survives being written down."""
    everything = Reader(colour, exchange, asked_for).take()
    for step in range(1, 12):
        cursor, found = None, []
        for _ in range(20):
            reader = Reader(colour, exchange, asked_for, cursor=cursor, max_items=step)
            found += reader.take()
            cursor = json.loads(json.dumps(reader.pages.cursor))
            if cursor is None:
                break
        assert found == everything, step
        broken = Reader(colour, exchange, asked_for)
        start = broken.take(step)
        rest = Reader(colour, exchange, asked_for, cursor=broken.pages.cursor)
        assert [*start, *(rest.take() if broken.pages.cursor is not None else [])] == everything, step


@pytest.mark.parametrize("colour", COLOURS)
def test_a_page_that_fails_can_be_asked_for_again(colour: str) -> None:
    orders, failures = Orders(7), iter([False, True, False, True, False])

    def sometimes(arguments: dict[str, Any]) -> Any:
        if next(failures):
            raise ReplyLost("gone")
        return orders(arguments)

    reader, found = Reader(colour, sometimes, OFFSET), []
    for _ in range(3):
        try:
            while item := reader.take(1):
                found += item
        except ReplyLost:
            continue
    assert [name for name, _ in found] == orders.rows


# ---------------------------------------------------------------------- lists that change meanwhile


@given(count=st.integers(0, 25), shifts=st.lists(st.integers(0, 3), max_size=15))
def test_new_items_push_others_to_the_next_page(count: int, shifts: list[int]) -> None:
    """Newest first, and so many new ones before each page: what was there at first comes once."""
    for counts in (True, False):
        # Without a count, new ones that fill a page twice look like an exchange that goes in circles.
        orders, coming = Orders(count, counts=counts), iter(shifts if counts else [min(shift, 2) for shift in shifts])
        numbers = iter(range(1000, 2000))

        def fetch(
            arguments: dict[str, Any], orders: Orders = orders, coming: Any = coming, numbers: Any = numbers
        ) -> Any:
            page = orders(arguments)
            orders.rows = [f"O{next(numbers)}" for _ in range(next(coming, 0))] + orders.rows
            return page

        found = [name for name, _ in Reader("sync", fetch, OFFSET).take()]
        assert found == [f"O{number}" for number in range(count)]


@given(times=st.lists(st.integers(1, 12), max_size=30), size=st.integers(1, 5), inclusive=st.booleans())
def test_all_trades_come_once_and_in_order(times: list[int], size: int, inclusive: bool) -> None:
    trades = Trades(times, size, inclusive=inclusive)
    reader = Reader("sync", trades, SINCE)
    assert [row["id"] for row in reader.take()] == [row["id"] for row in trades.rows]


# ---------------------------------------------------------------------- there is always an end


ROWS = st.lists(st.integers(0, 5).map(lambda number: {"id": number}), max_size=4)
CURSORS = st.sampled_from([None, "", "a", "b", "c", "d", 0, 1, 2])


@given(pages=st.dictionaries(CURSORS, st.tuples(ROWS, CURSORS), max_size=9), last=st.tuples(ROWS, CURSORS))
def test_any_pages_come_to_an_end(pages: dict[Any, Any], last: Any) -> None:
    """An exchange whose answer depends on what is asked, in whatever way: also in circles."""
    for asked_for in (SINCE, CURSOR, ALONE):
        pagination = asked_for.pagination
        assert pagination is not None

        def fetch(arguments: dict[str, Any], pagination: Pagination = pagination) -> Any:
            rows, following = pages.get(arguments[pagination.parameter], last)
            return {"rows": rows, pagination.next: following}

        reader = Reader("sync", fetch, asked_for)
        reader.take(1000)
        assert len(reader.asked) <= 12


@given(rows=st.lists(st.integers(0, 9), max_size=6, unique=True), total=st.sampled_from([None, 0, 3, 10**9]))
def test_an_exchange_that_does_not_look_at_the_offset(rows: list[int], total: int | None) -> None:
    reader = Reader("sync", lambda _: {"rows": {f"O{row}": row for row in rows}, "count": total}, OFFSET)
    assert [number for _, number in reader.take(1000)] == rows
    assert len(reader.asked) <= 3
