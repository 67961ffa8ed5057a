"""Batches, edits, timers and conditional close orders, over REST and as the WebSocket tells of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator

from .conftest import Account, Clock, Socket
from .schemas import MESSAGES, RESULTS, check

DAY = 86_400


def batch(account: Account, *orders: dict[str, Any], **more: Any) -> Any:
    usual = {"type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
    given = [{**usual, **each} for each in orders]
    return account.reply("AddOrderBatch", as_json=True, pair="XBTUSD", orders=given, **more)


def events(socket: Socket) -> list[tuple[str, str]]:
    """What has happened to orders since the last look."""
    frames = socket.next_after_ping()
    for frame in frames:
        if "channel" in frame:
            check(MESSAGES[f"{frame['channel'].title()}Message"], frame)
    rows = [row for frame in frames if frame.get("channel") == "executions" for row in frame["data"]]
    return [(row["exec_type"], row["order_id"]) for row in rows]


@pytest.fixture
def executions(private: Socket) -> Socket:
    private.result("subscribe", channel="executions", snap_orders=False)
    private.next_after_ping()
    return private


# ---------------------------------------------------------------------- batches of orders


def test_rows_of_a_batch_stand_in_their_order(account: Account) -> None:
    close = {"ordertype": "stop-loss-limit", "price": "55000", "price2": "54900"}
    reply = batch(
        account,
        {"cl_ord_id": "first", "oflags": "post,fciq", "close": close},
        {"volume": "900", "cl_ord_id": "second"},
        {"type": "sell", "price": "90000", "userref": 5},
        {"cl_ord_id": "first"},
    )
    check(RESULTS["addOrderBatch"], reply["result"])
    rows = reply["result"]["orders"]
    assert [row.get("error") for row in rows] == [
        None,
        "EOrder:Insufficient funds",
        None,
        "EGeneral:Invalid arguments:cl_ord_id",
    ]
    assert rows[0]["close"] == "close position @ stop loss 55000.0 -> limit 54900.0"
    assert rows[1]["descr"] == {"order": "buy 900.00000000 XBTUSD @ limit 60000.0"}
    opened = account.call("OpenOrders")["open"]
    assert set(opened) == {rows[0]["txid"], rows[2]["txid"]}
    assert opened[rows[0]["txid"]]["oflags"] == "post,fciq"
    assert opened[rows[0]["txid"]]["descr"]["close"] == rows[0]["close"]
    assert opened[rows[2]["txid"]]["userref"] == 5


def test_an_order_that_breaks_a_rule_refuses_the_whole_batch(account: Account) -> None:
    assert batch(account, {}, {"price": "60000.05"})["error"] == ["EOrder:Tick size check failed"]
    assert batch(account, {}, {"volume": "0.00001"})["error"] == ["EOrder:Order minimum not met"]
    assert batch(account, {}, {"ordertype": "stop-loss-limit"})["error"] == ["EGeneral:Invalid arguments:price2"]
    assert batch(account, {})["error"] == ["EGeneral:Invalid arguments:orders"]
    assert batch(account, {}, {"ordertype": "nope"})["error"] == ["EGeneral:Invalid arguments:orders"]
    assert account.call("OpenOrders") == {"open": {}}


def test_a_batch_that_is_only_checked(account: Account) -> None:
    rows = batch(account, {}, {"volume": "900"}, validate=True)["result"]["orders"]
    assert [list(row) for row in rows] == [["descr"], ["descr", "error"]]
    assert account.call("OpenOrders") == {"open": {}}


# ---------------------------------------------------------------------- cancelling


def test_a_batch_of_cancels(account: Account, executions: Socket) -> None:
    orders = [account.limit(userref="7"), account.limit(userref="7"), account.limit(cl_ord_id="mine"), account.limit()]
    executions.next_after_ping()
    reply = account.reply(
        "CancelOrderBatch", as_json=True, orders=[orders[3], 7, orders[0], "ONOPE"], cl_ord_ids=["mine", "theirs"]
    )
    check(RESULTS["cancelOrderBatch"], reply["result"])
    assert reply["result"] == {"count": 4}
    assert sorted(events(executions)) == sorted(("canceled", order) for order in orders)
    assert account.reply("CancelOrderBatch", as_json=True, orders=orders)["result"] == {"count": 0}
    many = account.reply("CancelOrderBatch", as_json=True, orders=orders * 10, cl_ord_ids=["a"] * 11)
    assert many["error"] == ["EGeneral:Invalid arguments:orders"]


def test_all_orders_are_cancelled(account: Account, executions: Socket) -> None:
    orders = [account.limit(), account.limit(pair="DOTUSD", volume="10", price="5"), account.limit(starttm="+60")]
    executions.next_after_ping()
    result = account.call("CancelAll")
    check(RESULTS["cancelAllOrders"], result)
    assert result == {"count": 3}
    assert events(executions) == [("canceled", order) for order in orders]
    assert account.call("CancelAll") == {"count": 0}


def test_the_timer_cancels_all_orders_once(clock: Clock, timed: Account) -> None:
    order = timed.limit()
    result = timed.call("CancelAllOrdersAfter", timeout="60")
    check(RESULTS["cancelAllOrdersAfter"], result)
    assert result == {"currentTime": "2027-01-15T08:00:00Z", "triggerTime": "2027-01-15T08:01:00Z"}
    clock.sleep(59)
    timed.call("CancelAllOrdersAfter", timeout="60")
    clock.sleep(59)
    assert list(timed.call("OpenOrders")["open"]) == [order]
    clock.sleep(2)
    assert timed.call("OpenOrders")["open"] == {}
    assert timed.call("QueryOrders", txid=order)[order]["status"] == "canceled"
    later = timed.limit()
    clock.sleep(DAY)
    assert list(timed.call("OpenOrders")["open"]) == [later]


def test_the_timer_is_switched_off(clock: Clock, timed: Account) -> None:
    order = timed.limit()
    timed.call("CancelAllOrdersAfter", timeout="60")
    assert timed.call("CancelAllOrdersAfter", timeout="0")["triggerTime"] == "0"
    clock.sleep(61)
    assert list(timed.call("OpenOrders")["open"]) == [order]


# ---------------------------------------------------------------------- edits


def test_an_edited_order_is_another_one(account: Account, executions: Socket) -> None:
    old = account.limit(volume="0.5", price="60000", userref="7", oflags="post")
    account.emulator.fill(old, "0.1")
    executions.next_after_ping()
    result = account.call("EditOrder", txid="7", pair="BTC/USD", volume="0.4", price="60001", userref="8")
    check(RESULTS["editOrder"], result)
    new = result["txid"]
    assert events(executions) == [("canceled", old), ("pending_new", new), ("new", new)]
    assert result == {
        "status": "ok",
        "txid": new,
        "originaltxid": old,
        "volume": "0.30000000",
        "price": "60001.0",
        "orders_cancelled": 1,
        "descr": {"order": "buy 0.30000000 XBTUSD @ limit 60001.0"},
        "olduserref": 7,
        "newuserref": 8,
    }
    rows = account.call("QueryOrders", txid=f"{old},{new}", trades="true")
    check(RESULTS["getOrdersInfo"], rows)
    assert (rows[old]["status"], len(rows[old]["trades"])) == ("canceled", 1)
    assert (rows[new]["status"], rows[new]["link_id"], rows[new]["oflags"]) == ("open", old, "fciq")


def test_an_edit_needs_only_the_difference_in_money(account: Account) -> None:
    order = account.limit(volume="4", price="60000")
    assert account.refused("EditOrder", txid=order, pair="XBTUSD", volume="4.2") == "EOrder:Insufficient funds"
    checked = account.call("EditOrder", txid=order, pair="XBTUSD", volume="4.1", validate="true")
    check(RESULTS["editOrder"], checked)
    assert ("txid" not in checked, checked["orders_cancelled"]) == (True, 0)
    assert list(account.call("OpenOrders")["open"]) == [order]
    account.call("EditOrder", txid=order, pair="XBTUSD", volume="4.1")


def test_orders_that_cannot_be_edited(account: Account) -> None:
    filled = account.limit(volume="0.2")
    account.emulator.fill(filled, "0.1")
    named = account.limit(cl_ord_id="mine")
    closing = account.limit(**{"close[ordertype]": "limit", "close[price]": "90000"})
    for order, volume in ((named, "1"), (closing, "1"), (filled, "0.1")):
        refused = account.refused("EditOrder", txid=order, pair="XBTUSD", volume=volume)
        assert refused == "EOrder:Invalid order"
    assert account.refused("EditOrder", txid=filled, pair="ETHUSD") == "EOrder:Unknown order"
    assert account.refused("EditOrder", txid="ONOPE", pair="XBTUSD") == "EOrder:Unknown order"
    crossing = account.refused("EditOrder", txid=filled, pair="XBTUSD", price="90000", oflags="post")
    assert crossing == "EOrder:Post only order"
    assert len(account.call("OpenOrders")["open"]) == 3


# ---------------------------------------------------------------------- conditional close orders


def test_each_fill_brings_its_close_order(account: Account, executions: Socket) -> None:
    order = account.limit(volume="0.5", userref="9", **{"close[ordertype]": "limit", "close[price]": "90000"})
    account.emulator.fill(order, "0.2")
    account.emulator.fill(order)
    closing = [each for each in account.call("OpenOrders")["open"].values() if each["refid"] == order]
    assert [each["vol"] for each in closing] == ["0.30000000", "0.20000000"]
    assert {each["descr"]["order"].partition(" @")[2] for each in closing} == {" limit 90000.0"}
    assert {each["userref"] for each in closing} == {9}
    check(RESULTS["getOpenOrders"], account.call("OpenOrders"))
    kinds = [kind for kind, _ in events(executions)]
    assert kinds == ["pending_new", "new", *["trade", "pending_new", "new"], *["trade", "filled", "pending_new", "new"]]


def test_a_close_order_over_the_websocket(emulator: Emulator, account: Account, executions: Socket) -> None:
    order = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "order_qty": 0.01, "limit_price": 60000}
    conditional = {"order_type": "stop-loss-limit", "trigger_price": 1, "trigger_price_type": "pct", "limit_price": 500}
    executions.ask("add_order", **order, conditional=conditional)
    (_, first), *others = events(executions)
    assert others == [("new", first)]
    emulator.fill(first)
    (closing,) = account.call("OpenOrders")["open"].values()
    assert (closing["refid"], closing["limitprice"], closing["descr"]["type"]) == (first, "500.0", "sell")
    assert Decimal(closing["stopprice"]) > 60000
    refused = executions.refused("add_order", **order, conditional={"order_type": "stop-loss"})
    assert refused == "EGeneral:Invalid arguments:triggers"


# ---------------------------------------------------------------------- transparency


def test_the_regulators_book_is_the_book(account: Account) -> None:
    account.limit(price="60000")
    data = account.public("PreTrade", symbol="BTC/USD")
    check(RESULTS["getPreTradeData"], data)
    book = account.public("Depth", pair="XBTUSD", count=10)["XXBTZUSD"]
    for side in ("bids", "asks"):
        shown = [(Decimal(each["price"]), Decimal(each["qty"])) for each in data[side]]
        assert shown == [(Decimal(price), Decimal(volume)) for price, volume, _ in book[side]]
    assert (data["base_asset"], data["quote_notation"]) == ("XBT", "MONE")
    assert account.public("PreTrade", symbol="ETH/BTC")["quote_notation"] == "UNIT"


def test_the_regulators_trades_can_be_followed(account: Account) -> None:
    account.emulator.tick(200)
    every = account.public("PostTrade")
    check(RESULTS["getPostTradeData"], every)
    assert every["count"] == len(every["trades"]) > 900
    of_pair = account.public("PostTrade", symbol="BTC/USD")["trades"]
    followed: list[Any] = []
    last = of_pair[0]["trade_ts"]
    while (part := account.public("PostTrade", symbol="BTC/USD", from_ts=last, count=20))["trades"]:
        followed += part["trades"]
        last = part["last_ts"]
    assert followed == of_pair[1:]
    assert len({each["trade_id"] for each in every["trades"]}) == every["count"]
    until = account.public("PostTrade", symbol="BTC/USD", to_ts=of_pair[9]["trade_ts"])["trades"]
    assert until == of_pair[:10]
    public = account.public("Trades", pair="XBTUSD")["XXBTZUSD"]
    assert [(each["price"], each["quantity"]) for each in of_pair] == [(row[0], row[1]) for row in public]
