"""Futures orders: what becomes of them, in the reply and afterwards."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator

from .conftest import Clock
from .futures import FuturesAccount


def kinds(status: Any) -> list[str]:
    return [event["type"] for event in status["orderEvents"]]


def standing(futures: FuturesAccount, *numbers: str) -> list[tuple[str, str | None]]:
    rows = futures.call("POST", "orders/status", orderIds=numbers)["orders"]
    return [(row["status"], row["error"]) for row in rows]


# ---------------------------------------------------------------------- placing


def test_a_resting_order(futures: FuturesAccount) -> None:
    best = futures.ticker()
    price = best["bid"] + 1 if best["ask"] > best["bid"] + 1 else best["bid"]
    status = futures.order("buy", "0.25", str(price), cliOrdId="mine")
    assert (status["status"], status["cliOrdId"], kinds(status)) == ("placed", "mine", ["PLACE"])
    order = status["orderEvents"][0]["order"]
    assert (order["type"], order["quantity"], order["filled"], order["limitPrice"]) == (
        "lmt",
        Decimal("0.25"),
        0,
        price,
    )
    book = futures.call("GET", "orderbook", symbol="PF_XBTUSD")["orderBook"]["bids"]
    assert dict(map(tuple, book))[price] >= Decimal("0.25")
    (row,) = futures.call("GET", "openorders")["openOrders"]
    assert (row["order_id"], row["orderType"], row["status"]) == (status["order_id"], "lmt", "untouched")
    assert standing(futures, status["order_id"]) == [("ENTERED_BOOK", None)]


def test_an_order_that_takes(futures: FuturesAccount) -> None:
    asks = futures.call("GET", "orderbook", symbol="PF_XBTUSD")["orderBook"]["asks"][:2]
    size = asks[0][1] + asks[1][1]
    status = futures.order("buy", str(size), str(asks[1][0]))
    assert (status["status"], set(kinds(status))) == ("placed", {"EXECUTION"})
    fills = [(event["price"], event["amount"]) for event in status["orderEvents"]]
    assert sum(amount for _, amount in fills) == size
    assert {price for price, _ in fills} == {asks[0][0], asks[1][0]}
    before = [event["orderPriorExecution"]["filled"] for event in status["orderEvents"]]
    assert before == [sum((amount for _, amount in fills[:number]), 0) for number in range(len(fills))]
    assert futures.open == []
    listed = futures.call("GET", "fills")["fills"]
    assert [row["fill_id"] for row in listed] == [event["executionId"] for event in status["orderEvents"]][::-1]
    assert standing(futures, status["order_id"]) == [("FULLY_EXECUTED", None)]


def test_what_is_not_filled_at_once_rests_or_goes(futures: FuturesAccount) -> None:
    price, size = futures.call("GET", "orderbook", symbol="PF_XBTUSD")["orderBook"]["asks"][0]
    rest = futures.order("buy", str(size + 1), str(price))
    assert kinds(rest)[-1] == "PLACE"
    assert rest["orderEvents"][-1]["order"]["filled"] == size
    assert futures.call("GET", "openorders")["openOrders"][0]["unfilledSize"] == 1
    futures.call("POST", "cancelallorders")
    price, size = futures.call("GET", "orderbook", symbol="PF_XBTUSD")["orderBook"]["asks"][0]
    gone = futures.order("buy", str(size + 1), str(price), orderType="ioc")
    assert (gone["status"], kinds(gone)[-1]) == ("placed", "CANCEL")
    assert futures.open == []


def test_market_orders_take_up_to_one_percent(futures: FuturesAccount) -> None:
    best = futures.ticker()["ask"]
    status = futures.order("buy", "0.1", None)
    order = status["orderEvents"][0]["orderPriorExecution"]
    assert order["type"] == "ioc"
    assert abs(order["limitPrice"] - best * Decimal("1.01")) <= 1


@pytest.mark.parametrize(
    ("change", "word", "reason"),
    [
        ({"limitPrice": "60000.5"}, "invalidPrice", None),
        ({"limitPrice": "-1"}, "invalidPrice", None),
        ({"limitPrice": "99000"}, "outsidePriceCollar", None),
        ({"size": "0.00005"}, "invalidSize", None),
        ({"size": "0.12345"}, "invalidSize", None),
        ({"size": "900"}, "insufficientAvailableFunds", None),
        ({"size": "1001"}, "maxPositionViolation", None),
        ({"orderType": "post", "limitPrice": "69000"}, "postWouldExecute", "POST_WOULD_EXECUTE"),
        ({"orderType": "ioc"}, "iocWouldNotExecute", "IOC_WOULD_NOT_EXECUTE"),
        ({"orderType": "fok", "limitPrice": "68100", "size": "90"}, "iocWouldNotExecute", "IOC_WOULD_NOT_EXECUTE"),
        ({"reduceOnly": "true"}, "wouldNotReducePosition", None),
        ({"orderType": "stp"}, "invalidPrice", None),
        ({"cliOrdId": "taken"}, "clientOrderIdAlreadyExist", None),
        ({"processBefore": "2020-01-01T00:00:00.000Z"}, "wouldProcessAfterSpecifiedTime", None),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_refusals(futures: FuturesAccount, change: dict[str, str], word: str, reason: str | None) -> None:
    taken = futures.placed(cliOrdId="taken")
    futures.call("POST", "cancelorder", order_id=taken)
    status = futures.order(**change)
    assert status["status"] == word
    assert [event["reason"] for event in status["orderEvents"]] == ([] if reason is None else [reason])
    assert futures.open == []
    if reason is not None:
        assert standing(futures, status["order_id"]) == [("REJECTED", reason)]


def test_orders_of_one_account_do_not_trade_with_each_other(futures: FuturesAccount) -> None:
    first = futures.placed("sell", "0.1", str(futures.ticker()["ask"]))
    price = futures.ticker()["ask"]
    refused = futures.order("buy", "20", str(price + 50))
    assert (refused["status"], refused["orderEvents"][0]["reason"]) == ("selfFill", "WOULD_EXECUTE_SELF")
    assert futures.open == [first]
    futures.call("PUT", "self-trade-strategy", strategy="CANCEL_MAKER_SELF")
    futures.placed("buy", "20", str(price + 50))
    assert first not in futures.open
    assert standing(futures, first) == [("CANCELLED", None)]


def test_modes_of_the_exchange(futures: FuturesAccount, emulator: Emulator) -> None:
    resting = futures.placed()
    emulator.set_status("post_only")
    assert futures.order()["status"] == "marketIsPostOnly"
    futures.placed(orderType="post")
    assert futures.ticker()["postOnly"] is True
    emulator.set_status("maintenance")
    assert futures.order(orderType="post")["status"] == "marketSuspended"
    assert futures.ticker()["suspended"] is True
    assert futures.call("POST", "cancelorder", order_id=resting)["cancelStatus"]["status"] == "cancelled"


# ---------------------------------------------------------------------- changing


def edit(futures: FuturesAccount, **arguments: Any) -> Any:
    return futures.call("POST", "editorder", **arguments)["editStatus"]


def test_changes(futures: FuturesAccount, emulator: Emulator) -> None:
    number = futures.placed(size="0.5", cliOrdId="mine")
    status = edit(futures, orderId=number, size="0.4", limitPrice="59000")
    assert (status["status"], status["orderId"], kinds(status)) == ("edited", number, ["EDIT"])
    old, new = (status["orderEvents"][0][name] for name in ("old", "new"))
    assert (old["quantity"], old["limitPrice"]) == (Decimal("0.5"), 60000)
    assert (new["quantity"], new["limitPrice"]) == (Decimal("0.4"), 59000)
    emulator.fill(number, "0.1")
    edit(futures, cliOrdId="mine", size="0.2")
    (row,) = futures.call("GET", "openorders")["openOrders"]
    assert (row["filledSize"], row["unfilledSize"]) == (Decimal("0.1"), Decimal("0.2"))
    edit(futures, cliOrdId="mine", size="0.2", qtyMode="ABSOLUTE")
    assert futures.call("GET", "openorders")["openOrders"][0]["unfilledSize"] == Decimal("0.1")


def test_changes_that_are_none_or_not_possible(futures: FuturesAccount) -> None:
    number = futures.placed(size="0.5")
    same = edit(futures, orderId=number, limitPrice="60000")
    assert (same["status"], same["orderEvents"][0]["reason"]) == ("edited", "EDIT_HAS_NO_EFFECT")
    for change, word in (
        ({"limitPrice": "60000.5"}, "invalidPrice"),
        ({"size": "0"}, "invalidSize"),
        ({"size": "900"}, "insufficientAvailableFunds"),
        ({"stopPrice": "1"}, "orderForEditNotAStop"),
    ):
        assert edit(futures, orderId=number, **change)["status"] == word
    assert edit(futures, cliOrdId="nobody's", size="1")["status"] == "orderForEditNotFound"
    (row,) = futures.call("GET", "openorders")["openOrders"]
    assert (row["unfilledSize"], row["limitPrice"]) == (Decimal("0.5"), 60000)


def test_a_change_that_takes(futures: FuturesAccount) -> None:
    number = futures.placed(size="0.01")
    status = edit(futures, orderId=number, limitPrice=str(futures.ticker()["ask"]))
    assert (status["status"], kinds(status)) == ("filled", ["EXECUTION"])
    assert status["orderEvents"][0]["orderPriorEdit"]["limitPrice"] == 60000


# ---------------------------------------------------------------------- cancelling


def test_cancelling(futures: FuturesAccount, emulator: Emulator) -> None:
    first, second, third = (futures.placed(cliOrdId=name) for name in "abc")
    emulator.fill(first)
    for arguments, word in (
        ({"order_id": first}, "filled"),
        ({"cliOrdId": "b"}, "cancelled"),
        ({"order_id": second}, "notFound"),
        ({"cliOrdId": "nobody's"}, "notFound"),
    ):
        status = futures.call("POST", "cancelorder", **arguments)["cancelStatus"]
        assert status["status"] == word
        assert kinds(status) == (["CANCEL"] if word == "cancelled" else [])
    assert futures.open == [third]


def test_cancelling_all(futures: FuturesAccount) -> None:
    numbers = [futures.placed(), futures.placed(symbol="PF_ETHUSD", limitPrice="2000", cliOrdId="mine")]
    some = futures.call("POST", "cancelallorders", symbol="pf_ethusd")["cancelStatus"]
    assert (some["status"], some["cancelOnly"]) == ("cancelled", "PF_ETHUSD")
    assert some["cancelledOrders"] == [{"order_id": numbers[1], "cliOrdId": "mine"}]
    rest = futures.call("POST", "cancelallorders")["cancelStatus"]
    assert [each["order_id"] for each in rest["cancelledOrders"]] == numbers[:1]
    assert futures.call("POST", "cancelallorders")["cancelStatus"]["status"] == "noOrdersToCancel"


def test_the_dead_mans_switch(futures_timed: FuturesAccount, clock: Clock) -> None:
    futures_timed.placed()
    assert futures_timed.call("POST", "cancelallordersafter", timeout=60)["status"]["triggerTime"] != "0"
    clock.sleep(59)
    assert len(futures_timed.open) == 1
    clock.sleep(2)
    assert futures_timed.open == []
    ((event,),) = [list(each["event"].values()) for each in futures_timed.history("orders", count=1)["elements"]]
    assert event["reason"] == "dead_man_switch"


def test_orders_that_ended_are_told_of_for_five_seconds(futures_timed: FuturesAccount, clock: Clock) -> None:
    gone, stays = futures_timed.placed(), futures_timed.placed()
    futures_timed.call("POST", "cancelorder", order_id=gone)
    clock.sleep(4)
    assert standing(futures_timed, gone, stays) == [("CANCELLED", None), ("ENTERED_BOOK", None)]
    clock.sleep(2)
    assert standing(futures_timed, gone, stays) == [("ENTERED_BOOK", None)]


# ---------------------------------------------------------------------- batches


def test_rows_of_a_batch_stand_alone(futures: FuturesAccount) -> None:
    resting = futures.placed(cliOrdId="resting")
    order = {"order": "send", "orderType": "lmt", "symbol": "PF_XBTUSD", "side": "buy", "size": 0.1}
    instructions = [
        {**order, "order_tag": "first", "limitPrice": 59000, "cliOrdId": "new"},
        {**order, "order_tag": "second", "limitPrice": 59000, "cliOrdId": "new"},
        {"order": "edit", "order_id": resting, "limitPrice": 58000},
        {"order": "cancel", "cliOrdId": "new"},
        {"order": "cancel", "cliOrdId": "new"},
    ]
    rows = futures.call("POST", "batchorder", json=json.dumps({"batchOrder": instructions}))["batchStatus"]
    assert [row["status"] for row in rows] == [
        "placed",
        "clientOrderIdAlreadyExist",
        "edited",
        "cancelled",
        "notFound",
    ]
    assert [row.get("order_tag") for row in rows] == ["first", "second", None, None, None]
    assert "order_id" not in rows[1]
    assert futures.open == [resting]


def test_a_batch_that_cannot_be_carried_out_at_all(futures: FuturesAccount) -> None:
    order = {"order": "send", "order_tag": "1", "orderType": "lmt", "side": "buy", "size": 1, "limitPrice": 1000}
    batch = json.dumps({"batchOrder": [{**order, "symbol": "PF_XBTUSD"}, {**order, "symbol": "PF_NOPE"}]})
    assert futures.refused("POST", "batchorder", json=batch) == "Json Parse Error"
    assert futures.open == []


# ---------------------------------------------------------------------- triggers


@pytest.mark.parametrize(
    ("kind", "side", "trigger", "price", "fires"),
    [
        ("stp", "sell", "66000", "66100", False),
        ("stp", "sell", "66000", "65900", True),
        ("stp", "buy", "70000", "70100", True),
        ("take_profit", "sell", "70000", "70100", True),
        ("take_profit", "buy", "66000", "65900", True),
        ("take_profit", "sell", "70000", "69900", False),
    ],
)
def test_orders_that_wait_for_a_price(
    futures: FuturesAccount, emulator: Emulator, kind: str, side: str, trigger: str, price: str, fires: bool
) -> None:
    number = futures.placed(side, "0.1", None, orderType=kind, stopPrice=trigger, triggerSignal="mark")
    (row,) = futures.call("GET", "openorders")["openOrders"]
    assert (row["stopPrice"], row["triggerSignal"], row["orderType"]) == (
        Decimal(trigger),
        "mark",
        {"stp": "stop"}.get(kind, kind),
    )
    assert standing(futures, number) == [("TRIGGER_PLACED", None)]
    emulator.set_price("PF_XBTUSD", price)
    assert standing(futures, number) == [("FULLY_EXECUTED" if fires else "TRIGGER_PLACED", None)]
    position = futures.position()
    assert (position is not None) is fires
    if position is not None:
        assert (position["side"], position["size"]) == ("long" if side == "buy" else "short", Decimal("0.1"))


def test_a_stop_with_a_limit_price_rests_where_it_must(futures: FuturesAccount, emulator: Emulator) -> None:
    number = futures.placed(
        "sell", "0.1", "67000", orderType="stp", stopPrice="66000", triggerSignal="mark", cliOrdId="stop"
    )
    emulator.set_price("PF_XBTUSD", "65000")
    (row,) = futures.call("GET", "openorders")["openOrders"]
    assert (row["order_id"], row["orderType"], row["limitPrice"]) == (number, "lmt", 67000)
    assert "stopPrice" not in row
    kinds = [next(iter(each["event"])) for each in futures.history("triggers", sort="asc")["elements"]]
    assert kinds == ["OrderTriggerPlaced", "OrderTriggerActivated"]


def test_a_trailing_stop_follows_the_price_in_one_direction(futures: FuturesAccount, emulator: Emulator) -> None:
    number = futures.placed(
        "sell",
        "0.1",
        None,
        orderType="trailing_stop",
        trailingStopMaxDeviation="2000",
        trailingStopDeviationUnit="QUOTE_CURRENCY",
        triggerSignal="mark",
    )

    def trigger() -> Decimal:
        value: Decimal = futures.call("GET", "openorders")["openOrders"][0]["stopPrice"]
        return value

    first = trigger()
    emulator.set_price("PF_XBTUSD", "70000")
    followed = trigger()
    assert abs(first - 66020) <= 2
    assert abs(followed - 68000) <= 2
    emulator.set_price("PF_XBTUSD", "69000")
    assert trigger() == followed
    emulator.set_price("PF_XBTUSD", "67900")
    assert standing(futures, number) == [("FULLY_EXECUTED", None)]


def test_a_limit_price_relative_to_the_trigger(futures: FuturesAccount) -> None:
    more = {"limitPriceOffsetValue": "-50", "limitPriceOffsetUnit": "QUOTE_CURRENCY"}
    status = futures.order("sell", "0.1", None, orderType="stp", stopPrice="66000", **more)
    assert status["orderEvents"][0]["orderTrigger"]["limitPrice"] == 65950
