"""Every page of fills, trades, logs, events, candles and statistics: nothing lost, nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from kraken.runtime import Options, Reply
from kraken.runtime.transport import Request

from ..specs import operations, rest_exchanges
from ..support import FakeTransport, FuturesOpener

START = datetime(2026, 11, 22, tzinfo=UTC)


def example(name: str) -> dict[str, Any]:
    """The first canned reply of a call."""
    found: dict[str, Any] = json.loads(
        next(each.response for each in rest_exchanges("futures") if each.known.name == name)
    )
    return found


def asked(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.target.partition("?")[2]).items()}


def answering(page: Callable[[dict[str, str]], dict[str, Any]], headers: dict[str, str] | None = None) -> FakeTransport:
    return FakeTransport(lambda request: Reply(200, headers or {}, json.dumps(page(asked(request))).encode()))


def moment(milliseconds: int) -> str:
    return (START + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_which_calls_have_pages() -> None:
    styles = {each.name: each.pagination.style for each in operations("futures").values() if each.pagination}
    assert styles == {
        "get_history": "last",
        "get_fills": "last",
        "account_log": "last",
        "get_transfers": "last",
        "candles": "last",
        "liquidity_pool_stats": "last",
        "market_analytics": "last",
        "get_execution_events": "cursor",
        "get_order_events": "cursor",
        "get_trigger_events": "cursor",
        "get_position_events": "cursor",
        "get_public_execution_events": "cursor",
        "get_public_order_events": "cursor",
        "get_public_price_events": "cursor",
    }


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("name", ["fills", "history"])
def test_backwards_by_time(opener: FuturesOpener, count: int, inclusive: bool, name: str) -> None:
    """Seven share each millisecond, also where one page ends and the next begins."""
    call, parameter, time, own = {
        "fills": ("get_fills", "lastFillTime", "fillTime", "fill_id"),
        "history": ("get_history", "lastTime", "time", "uid"),
    }[name]
    template = example(call)[name][0]
    rows = [{**template, time: moment(number // 7), own: f"id {number}"} for number in reversed(range(count))]

    def page(query: dict[str, str]) -> dict[str, Any]:
        last = query.get(parameter, "9")
        older = [row for row in rows if row[time] < last or (inclusive and row[time] == last)]
        return {"result": "success", "serverTime": moment(0), name: older[:100]}

    transport = answering(page)
    client = opener(transport=transport, on_limit="ignore")
    pages = client.historical_data.iter_fills() if name == "fills" else client.market_data.iter_history(symbol="x")
    assert [getattr(item, own) for item in opener.all(pages)] == [row[own] for row in rows]
    assert len(transport.requests) <= count // 93 + 2


@pytest.mark.parametrize("sort", [None, "desc", "asc"])
@pytest.mark.parametrize("size", [None, 40])
@pytest.mark.parametrize("count", [0, 1, 40, 501])
def test_the_account_log_by_id(opener: FuturesOpener, sort: str | None, size: int | None, count: int) -> None:
    template = example("account_log")["logs"][0]
    rows = [{**template, "id": number} for number in range(1, count + 1)]

    def page(query: dict[str, str]) -> dict[str, Any]:
        first, last = int(query.get("from", 1)), int(query.get("to", 10**9))
        found = [row for row in rows if first <= row["id"] <= last]
        ordered = found if query.get("sort") == "asc" else found[::-1]
        return {"accountUid": "a", "logs": ordered[: int(query.get("count", 500))]}

    transport = answering(page)
    client = opener(transport=transport, on_limit="ignore")
    found = opener.all(client.account_history.iter_account_log(sort=sort, count=size))  # type: ignore[arg-type]
    expected = list(range(1, count + 1))
    assert [item.id for item in found] == (expected if sort == "asc" else expected[::-1])
    assert len(transport.requests) <= count // (size or 500) + 1
    assert all(asked(request).get("to") != "0" for request in transport.requests)
    assert {asked(request).get("sort") for request in transport.requests} == {sort}


@pytest.mark.parametrize("place", ["body", "header"])
@pytest.mark.parametrize("name", ["execution", "order", "trigger", "position"])
def test_events_by_continuation_token(opener: FuturesOpener, place: str, name: str) -> None:
    body = example(f"get_{name}_events")
    template = body["elements"][0]
    seen: list[dict[str, str]] = []
    heard: list[Reply] = []

    def answer(request: Request) -> Reply:
        query = asked(request)
        seen.append(query)
        start = int(query.get("continuation_token", "t0")[1:])
        elements = [{**template, "uid": f"e{number}"} for number in range(start, min(start + 3, 8))]
        token = {"continuationToken": f"t{start + 3}"} if start + 3 < 8 else {}
        whole = {**body, "elements": elements, "len": len(elements)}
        whole.pop("continuationToken", None)
        in_header = {"next-continuation-token": token["continuationToken"]} if token and place == "header" else {}
        return Reply(200, in_header, json.dumps({**whole, **(token if place == "body" else {})}).encode())

    client = opener(transport=FakeTransport(answer), on_limit="ignore")
    pages = getattr(client.account_history, f"iter_{name}_events")(
        sort="asc", since=7, options=Options(on_reply=heard.append)
    )
    assert [item.uid for item in opener.all(pages)] == [f"e{number}" for number in range(8)]
    assert [query.get("continuation_token") for query in seen] == [None, "t3", "t6"]
    assert all((query["sort"], query["since"]) == ("asc", "7") for query in seen)
    assert len(heard) == 3


def test_candles_until_there_are_no_more(opener: FuturesOpener) -> None:
    template = example("candles")["candles"][0]
    rows = [{**template, "time": 1_795_305_600_000 + 60_000 * number} for number in range(10)]

    def page(query: dict[str, str]) -> dict[str, Any]:
        found = [row for row in rows if row["time"] >= int(query.get("from", 0)) * 1000]
        return {"candles": found[:4], "more_candles": len(found) > 4}

    transport = answering(page)
    client = opener(transport=transport)
    pages = client.charts.iter_candles(tick_type="trade", symbol="PF_XBTUSD", resolution="1m", from_=1_795_305_600)
    assert [item.time for item in opener.all(pages)] == [row["time"] for row in rows]
    assert [asked(request)["from"] for request in transport.requests] == ["1795305600", "1795305780", "1795305960"]


def test_statistics_page_by_page(opener: FuturesOpener) -> None:
    def page(query: dict[str, str]) -> dict[str, Any]:
        start = int(query["since"])
        times = list(range(start, start + 300, 100))
        return {"result": {"timestamp": times, "data": ["1.50"] * 3, "more": start < 600}, "errors": []}

    transport = answering(page)
    pages = opener(transport=transport).analytics.iter_market_analytics(
        symbol="PF_XBTUSD", analytics_type="trade-count", since=0, interval=60
    )
    assert [item.result.timestamp for item in opener.all(pages)] == [
        [start, start + 100, start + 200] for start in (0, 200, 400, 600)
    ]


def test_some_items_and_the_rest_later(opener: FuturesOpener) -> None:
    template = example("get_fills")["fills"][0]
    rows = [{**template, "fillTime": moment(number), "fill_id": f"id {number}"} for number in reversed(range(250))]

    def page(query: dict[str, str]) -> dict[str, Any]:
        last = query.get("lastFillTime", "9")
        return {"result": "success", "fills": [row for row in rows if row["fillTime"] < last][:100]}

    client = opener(transport=answering(page), on_limit="ignore")
    first = client.historical_data.iter_fills(max_items=120)
    some = opener.all(first)
    rest = opener.all(client.historical_data.iter_fills(cursor=first.cursor))
    assert [item.fill_id for item in [*some, *rest]] == [row["fill_id"] for row in rows]
