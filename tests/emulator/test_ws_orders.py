"""WebSocket v2: replacing orders, batches, and cancelling many at once, alike over REST."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.sync.client import connect

from kraken.emulator import Emulator

from .conftest import Account, Socket

ROW: dict[str, Any] = {"order_type": "limit", "side": "buy", "order_qty": 0.01, "limit_price": 60000}


def test_an_edited_order_is_a_new_one(emulator: Emulator, account: Account, private: Socket) -> None:
    old = account.limit(volume="0.02", userref="7", oflags="post")
    result = private.result("edit_order", order_id=old, symbol="BTC/USD", order_qty=0.05, limit_price=60001)
    assert result["original_order_id"] == old
    new = emulator.orders[result["order_id"]]
    assert (new["vol"], new["descr"]["price"], new["userref"]) == ("0.05000000", "60001.0", 0)
    assert emulator.orders[old]["status"] == "canceled"
    assert account.refused("EditOrder", txid=old, pair="XBTUSD") == "EOrder:Unknown order"


def test_an_edited_trigger(emulator: Emulator, account: Account, private: Socket) -> None:
    old = account.limit("sell", ordertype="stop-loss-limit", price="60000", price2="59900")
    result = private.result("edit_order", order_id=old, symbol="BTC/USD", triggers={"price": 61000})
    descr = emulator.orders[result["order_id"]]["descr"]
    assert (descr["price"], descr["price2"]) == ("61000.0", "59900.0")


def test_what_cannot_be_edited(emulator: Emulator, account: Account, private: Socket) -> None:
    named, plain = account.limit(cl_ord_id="a"), account.limit()
    for order, params, words in (
        (named, {}, "EOrder:Invalid order"),
        (plain, {"symbol": "ETH/USD"}, "EOrder:Unknown order"),
        (plain, {"symbol": "NO/PE"}, "EQuery:Unknown asset pair"),
        (plain, {"order_qty": 1000}, "EOrder:Insufficient funds"),
        (plain, {"limit_price": 90000, "post_only": True}, "EOrder:Post only order"),
        (plain, {"reduce_only": True}, "EOrder:Reduce only:No position exists"),
        ("OAAAAA-AAAAA-AAAAAA", {}, "EOrder:Unknown order"),
    ):
        assert private.refused("edit_order", **{"order_id": order, "symbol": "BTC/USD", **params}) == words
    assert private.result("edit_order", order_id=plain, symbol="BTC/USD", validate=True)["order_id"] == ""
    assert [emulator.orders[each]["status"] for each in (named, plain)] == ["open", "open"]


def test_a_batch_of_orders(emulator: Emulator, private: Socket) -> None:
    rows = [{**ROW, "cl_ord_id": "a"}, {**ROW, "order_qty": 1000, "order_userref": 7}, ROW]
    first, second, third = private.result("batch_add", symbol="BTC/USD", orders=rows)
    assert set(emulator.orders) == {first["order_id"], third["order_id"]}
    assert first["cl_ord_id"] == "a"
    assert second == {"order_userref": 7, "error": "EOrder:Insufficient funds"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"symbol": "NO/PE"}, "EQuery:Unknown asset pair"),
        ({"orders": [ROW]}, "EGeneral:Invalid arguments:orders"),
        ({"orders": [ROW] * 16}, "EGeneral:Invalid arguments:orders"),
        ({"orders": [ROW, {**ROW, "symbol": "BTC/USD"}]}, "EGeneral:Invalid arguments:orders"),
        ({"orders": [ROW, {"order_type": "market", "side": "buy"}]}, "EGeneral:Invalid arguments:orders"),
        ({"orders": [ROW, {**ROW, "limit_price": 60000.05}]}, "EOrder:Tick size check failed"),
        ({"deadline": "2020-01-01T00:00:00Z"}, "EService:Deadline elapsed"),
    ],
)
def test_one_wrong_order_refuses_the_batch(
    emulator: Emulator, private: Socket, change: dict[str, Any], words: str
) -> None:
    assert private.refused("batch_add", **{"symbol": "BTC/USD", "orders": [ROW, ROW], **change}) == words
    assert emulator.orders == {}


def test_a_batch_that_is_only_checked(emulator: Emulator, private: Socket) -> None:
    rows = private.result("batch_add", symbol="BTC/USD", orders=[ROW, ROW], validate=True)
    assert [row["order_id"] for row in rows] == ["", ""]
    assert emulator.orders == {}


def test_a_batch_of_cancels(emulator: Emulator, account: Account, private: Socket) -> None:
    one, other = account.limit(), account.limit()
    account.limit(userref="7")
    account.limit(userref="7")
    account.limit(cl_ord_id="a")
    assert private.result("batch_cancel", orders=[one, 7], cl_ord_id=["a"]) == {"count": 4}
    assert [each for each, row in emulator.orders.items() if row["status"] == "open"] == [other]
    assert private.result("batch_cancel", orders=[one, "8"]) == {"count": 0}
    assert private.refused("batch_cancel", orders=[other]) == "EGeneral:Invalid arguments:orders"
    assert private.refused("batch_cancel") == "EGeneral:Invalid arguments:orders"


def test_cancelling_everything(emulator: Emulator, account: Account, private: Socket) -> None:
    account.limit()
    account.limit(pair="ETHUSD", price="2000")
    assert private.result("cancel_all") == {"count": 2}
    assert private.result("cancel_all") == {"count": 0}


def test_the_dead_mans_switch() -> None:
    now = [1_800_000_000_000_000_000]
    with Emulator(market_interval=None, clock=lambda: now[0]) as emulator:
        account = Account(emulator)
        with account.http:
            order = account.limit()
            token = account.call("GetWebSocketsToken")["token"]
            with connect(f"{emulator.spot_ws_auth_url}/v2") as connection:
                socket = Socket(connection, token)
                socket.result("subscribe", channel="executions", snap_orders=False)
                armed = socket.result("cancel_all_orders_after", timeout=60)
                assert armed == {"currentTime": "2027-01-15T08:00:00Z", "triggerTime": "2027-01-15T08:01:00Z"}
                now[0] += 59 * 10**9
                assert account.call("OpenOrders")["open"].keys() == {order}
                assert socket.result("cancel_all_orders_after", timeout=0)["triggerTime"] == "0"
                now[0] += 9 * 10**9
                assert account.call("OpenOrders")["open"].keys() == {order}
                socket.result("cancel_all_orders_after", timeout=5)
                now[0] += 6 * 10**9
                assert account.call("OpenOrders")["open"] == {}
                assert socket.refused("cancel_all_orders_after", timeout=86400)


def test_limits_count_over_websocket_as_over_rest() -> None:
    with Emulator(market_interval=None, tier="starter") as emulator:
        account = Account(emulator)
        with account.http:
            token = account.call("GetWebSocketsToken")["token"]
            with connect(f"{emulator.spot_ws_auth_url}/v2") as connection:
                socket = Socket(connection, token)
                ids = [row["order_id"] for row in socket.result("batch_add", symbol="BTC/USD", orders=[ROW] * 15)]
                assert socket.result("batch_cancel", orders=ids[:6]) == {"count": 6}
                assert socket.refused("batch_cancel", orders=ids[6:]) == "EOrder:Rate limit exceeded"
                assert account.refused("CancelOrder", txid=ids[6]) == "EOrder:Rate limit exceeded"
