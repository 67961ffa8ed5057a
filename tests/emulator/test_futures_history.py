"""Futures history: pages, filters, candles, and one story told the same way everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from kraken.emulator import Emulator

from .conftest import Clock
from .futures import HISTORY, V3, FuturesAccount

OWN = ("executions", "orders", "triggers", "positions")
PUBLIC = tuple(f"market/PF_XBTUSD/{kind}" for kind in ("executions", "orders", "price"))


def happens(futures: FuturesAccount) -> None:
    """Five fills, seven orders and three triggers."""
    for number in range(5):
        order = futures.placed("buy", "0.1", str(60000 + number), cliOrdId=f"order {number}")
        futures.emulator.fill(order)
    futures.placed("buy", "0.1", "50000", cliOrdId="open")
    futures.placed("buy", "0.1", "50000", cliOrdId="gone")
    futures.call("POST", "cancelorder", cliOrdId="gone")
    for number in range(3):
        futures.placed("sell", "0.1", None, orderType="stp", stopPrice=str(40000 + number), cliOrdId=f"stop {number}")


def pages(futures: FuturesAccount, name: str, size: int, **arguments: Any) -> list[list[Any]]:
    found: list[list[Any]] = []
    token: dict[str, str] = {}
    for _ in range(20):
        answer = futures.send("GET", HISTORY + name, _query({**arguments, "count": size, **token}))
        body = answer.json()
        found.append(body["elements"])
        assert body["len"] == len(body["elements"])
        assert answer.headers.get("Next-Continuation-Token") == body.get("continuationToken")
        assert answer.headers["is-truncated"] == ("true" if "continuationToken" in body else "false")
        if "continuationToken" not in body:
            return found
        token = {"continuation_token": body["continuationToken"]}
    raise AssertionError("there is no end to it")


def _query(arguments: dict[str, Any]) -> str:
    return "&".join(f"{name}={value}" for name, value in arguments.items())


@pytest.mark.parametrize("name", [*OWN, *PUBLIC])
def test_pages_are_the_whole(futures: FuturesAccount, name: str) -> None:
    happens(futures)
    for sort in ({}, {"sort": "asc"}, {"sort": "desc"}):
        (whole,) = pages(futures, name, 1000, **sort) if name not in PUBLIC else ([],)
        several = pages(futures, name, 300 if name in PUBLIC else 2, **sort)
        items = [item for page in several for item in page]
        if name in OWN:
            assert items == whole
            assert [len(page) for page in several[:-1]] == [2] * (len(several) - 1)
        times = [item["timestamp"] for item in items]
        assert times == sorted(times, reverse=sort != {"sort": "asc"})
        assert len(items) > 2


def test_events_that_come_meanwhile_do_not_shift_pages(futures: FuturesAccount) -> None:
    happens(futures)
    first = futures.history("orders", count=2)
    futures.placed(cliOrdId="meanwhile")
    second = futures.history("orders", count=2, continuation_token=first["continuationToken"])
    again = futures.history("orders", count=2, continuation_token=first["continuationToken"])
    assert second["elements"] == again["elements"]
    uids = [item["uid"] for page in (first, second) for item in page["elements"]]
    assert len(set(uids)) == 4
    assert futures.history("orders", continuation_token="nope") == {"error": "invalidArgument: continuation_token"}


def test_times_bound_events(futures_timed: FuturesAccount, clock: Clock) -> None:
    times = []
    for number in range(3):
        clock.sleep(60)
        futures_timed.placed(cliOrdId=f"order {number}")
        times.append(futures_timed.history("orders", count=1)["elements"][0]["timestamp"])

    def found(**arguments: Any) -> list[Any]:
        rows = futures_timed.history("orders", sort="asc", **arguments)["elements"]
        return [row["event"]["OrderPlaced"]["order"]["clientId"][-1] for row in rows]

    assert found(since=times[1]) == ["1", "2"]
    assert found(before=times[1]) == ["0"]
    assert found(since=times[1], before=times[2]) == ["1"]
    logs = futures_timed.history("account-log", since=times[0])["logs"]
    assert logs == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"Placed", "Updated", "Cancelled"}),
        ({"opened": "true"}, {"Placed"}),
        ({"closed": "true"}, {"Updated", "Cancelled"}),
        ({"opened": "false"}, {"Updated", "Cancelled"}),
        ({"closed": "false"}, {"Placed"}),
        ({"opened": "true", "closed": "true"}, {"Placed", "Updated", "Cancelled"}),
    ],
)
def test_orders_by_what_became_of_them(futures: FuturesAccount, arguments: dict[str, str], expected: set[str]) -> None:
    happens(futures)
    rows = futures.history("orders", **arguments)["elements"]
    assert {kind.removeprefix("Order") for row in rows for kind in row["event"]} == expected


def test_positions_by_change_and_reason(futures: FuturesAccount) -> None:
    happens(futures)

    def found(**arguments: str) -> list[str]:
        rows = futures.history("positions", sort="asc", **arguments)["elements"]
        return [row["event"]["PositionUpdate"]["positionChange"] for row in rows]

    assert found() == ["open", *["increase"] * 4]
    assert found(opened="true") == ["open"]
    assert found(opened="true", increased="true") == found(trades="true") == found(closed="false") == found()
    assert found(opened="true", settlement="true") == []


def test_markets_are_told_apart(futures: FuturesAccount) -> None:
    happens(futures)
    futures.placed("buy", "1", "2000", symbol="PF_ETHUSD")
    rows = futures.history("orders", tradeable="pf_ethusd")["elements"]
    assert [row["event"]["OrderPlaced"]["order"]["tradeable"] for row in rows] == ["PF_ETHUSD"]
    assert futures.history("executions", tradeable="PF_ETHUSD")["len"] == 0


def test_one_fill_is_the_same_everywhere(futures: FuturesAccount, emulator: Emulator) -> None:
    number = futures.placed("buy", "0.1", "67000", cliOrdId="mine")
    emulator.fill(number)
    (fill,) = futures.call("GET", "fills")["fills"]
    (own,) = futures.history("executions")["elements"]
    execution = own["event"]["execution"]["execution"]
    public = futures.history("market/PF_XBTUSD/executions", count=1)["elements"][0]["event"]["Execution"]["execution"]
    trade = futures.call("GET", "history", symbol="PF_XBTUSD")["history"][0]
    update = futures.history("positions")["elements"][0]["event"]["PositionUpdate"]
    logs = [each for each in futures.history("account-log")["logs"] if each["execution"] is not None]
    numbers = {fill["fill_id"], execution["uid"], public["uid"], trade["uid"], update["executionUid"]}
    assert numbers == {each["execution"] for each in logs} == {fill["fill_id"]}
    assert {str(each["price"]) for each in (fill, execution, public, trade)} == {"67000"}
    assert {each["uid"] for each in (execution["order"], public["makerOrder"])} == {number}
    assert {each["trade_price"] for each in logs} == {67000}
    assert "accountUid" not in public["makerOrder"]
    assert str(trade["trade_id"]) == fill["sequence_id"]


def test_fills_and_trades_page_backwards(futures: FuturesAccount) -> None:
    newest = futures.call("GET", "history", symbol="PF_XBTUSD")["history"]
    older = futures.call("GET", "history", symbol="PF_XBTUSD", lastTime=newest[-1]["time"])["history"]
    assert [len(newest), len(older)] == [100, 50]
    seen = [row["uid"] for row in [*newest, *older]]
    assert len(seen) == len(set(seen)) == 150
    happens(futures)
    fills = futures.call("GET", "fills")["fills"]
    assert len(fills) == 5
    older = futures.call("GET", "fills", lastFillTime=fills[0]["fillTime"])["fills"]
    assert {row["fill_id"] for row in older} < {row["fill_id"] for row in fills}
    assert all("realized_pnl" not in row for row in older)


def test_the_log_by_numbers_and_kinds(futures: FuturesAccount) -> None:
    happens(futures)
    whole = futures.history("account-log", sort="asc")["logs"]
    assert [each["id"] for each in whole] == list(range(1, len(whole) + 1))
    some = futures.history("account-log", **{"from": 3, "to": 5})["logs"]
    assert [each["id"] for each in some] == [5, 4, 3]
    assert [each["id"] for each in futures.history("account-log", count=2)["logs"]] == [len(whole), len(whole) - 1]
    kinds = futures.history("account-log", info=["futures trade", "conversion"])["logs"]
    assert {each["info"] for each in kinds} == {"futures trade"}
    assert len(kinds) == 10


# ---------------------------------------------------------------------- charts


def candles(futures: FuturesAccount, kind: str = "trade", length: str = "1h", **arguments: Any) -> Any:
    return futures.reply("GET", f"/api/charts/v1/{kind}/PF_XBTUSD/{length}", **arguments)


def test_candles_are_made_of_the_trades(futures: FuturesAccount) -> None:
    rows, more = candles(futures).values()
    assert more is False
    ticker = futures.ticker()
    assert float(rows[-1]["close"]) == ticker["last"]
    trades = [
        item["event"]["Execution"]["execution"]
        for item in futures.history("market/PF_XBTUSD/executions", sort="asc")["elements"]
    ]
    hour = [each for each in trades if each["timestamp"] // 3_600_000 * 3_600_000 == rows[3]["time"]]
    prices = [float(each["price"]) for each in hour]
    assert [float(rows[3][name]) for name in ("open", "high", "low", "close")] == [
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
    ]
    assert float(rows[3]["volume"]) == pytest.approx(sum(float(each["quantity"]) for each in hour))


def test_candles_continue_where_they_were_cut_off(futures: FuturesAccount) -> None:
    whole = candles(futures)["candles"]
    start, found = whole[0]["time"] // 1000, []
    for _ in range(len(whole)):
        body = candles(futures, count=5, **{"from": start})
        found += [each for each in body["candles"] if each not in found]
        if not body["more_candles"]:
            break
        start = found[-1]["time"] // 1000
    assert found == whole
    assert candles(futures, count=5)["candles"] == whole[-5:]
    last = candles(futures, to=whole[4]["time"] // 1000)["candles"]
    assert last == whole[:5]


def test_candles_of_other_prices(futures: FuturesAccount) -> None:
    index = candles(futures, "spot")["candles"][-1]
    assert abs(float(index["close"]) - float(futures.ticker()["indexPrice"])) < 500
    assert candles(futures, "mark")["candles"][0]["volume"] == 0
    assert futures.http.get("/api/charts/v1/trade/PF_XBTUSD/2h").status_code == 400


def test_history_of_an_index(futures: FuturesAccount) -> None:
    rows = futures.reply("GET", f"{V3}history", symbol="in_xbtusd")["history"]
    assert len(rows) == 100
    assert {*rows[0]} == {"time", "price"}
