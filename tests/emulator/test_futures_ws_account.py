"""Derivatives WebSocket v1: the private feeds tell what Futures REST tells."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from kraken.emulator import Emulator

from .conftest import Clock
from .futures import FuturesAccount, FuturesSocket
from .test_futures_ws import XBT, checked

OPEN_ORDERS = ("open_orders", "open_orders_verbose")


class OpenOrders:
    """Open orders kept as a client keeps them."""

    def __init__(self, snapshot: Any) -> None:
        self.orders = {row["order_id"]: row for row in snapshot["orders"]}

    def apply(self, frame: Any) -> None:
        if frame["is_cancel"]:
            self.orders.pop(frame["order_id"], None)
        else:
            self.orders[frame["order"]["order_id"]] = frame["order"]

    def shown(self) -> dict[str, Any]:
        return {
            name: (row["instrument"], row["qty"], row["filled"], row.get("limit_price"), row["stop_price"] or None)
            for name, row in self.orders.items()
        }


def as_rest(futures: FuturesAccount) -> dict[str, Any]:
    return {
        row["order_id"]: (
            row["symbol"],
            row["unfilledSize"],
            row["filledSize"],
            row.get("limitPrice"),
            row.get("stopPrice"),
        )
        for row in futures.call("GET", "openorders")["openOrders"]
    }


# ---------------------------------------------------------------------- orders


@pytest.mark.parametrize("feed", OPEN_ORDERS)
def test_open_orders(futures: FuturesAccount, futures_private: FuturesSocket, feed: str) -> None:
    futures.placed(price="61000", cliOrdId="mine")
    kept = OpenOrders(checked(futures_private.subscribe(feed)))
    assert kept.shown() == as_rest(futures)
    other = futures.placed("sell", "0.4", "70000")
    futures.placed("sell", price=None, orderType="stp", stopPrice="60000", triggerSignal="mark")
    futures.placed("sell", price=None, orderType="take_profit", stopPrice="90000", size="0.2")
    futures.call("POST", "editorder", orderId=other, limitPrice="70100", size="0.3", qtyMode="ABSOLUTE")
    futures.emulator.fill(other, "0.1")
    futures.call("POST", "cancelorder", cliOrdId="mine")
    frames = [checked(frame) for frame in futures_private.so_far()]
    for frame in frames:
        kept.apply(frame)
    new = "new_placed_order_by_user"
    told = [new, new, new, "edited_by_user", "partial_fill", "cancelled_by_user"]
    assert [frame["reason"] for frame in frames] == told
    assert kept.shown() == as_rest(futures)
    assert len(kept.orders) == 3
    futures.emulator.fill(other)
    last = futures_private.next()
    assert last == {"feed": feed, "order_id": other, "is_cancel": True, "reason": "full_fill"}


def test_a_trailing_stop(futures: FuturesAccount, futures_private: FuturesSocket) -> None:
    futures_private.subscribe("open_orders")
    futures.placed("sell", price=None, orderType="trailing_stop", trailingStopMaxDeviation="5", size="0.2")
    order = checked(futures_private.next())["order"]
    assert (order["type"], order["direction"], order["triggerSignal"]) == ("trailing_stop", 1, "last")
    assert order["trailing_stop_options"] == {"max_deviation": 5, "unit": "percent"}
    assert "limit_price" not in order


def test_a_stop_becomes_another_order(futures: FuturesAccount, futures_private: FuturesSocket) -> None:
    futures_private.subscribe("open_orders")
    stop = futures.placed("sell", price="60000", orderType="stp", stopPrice="66000", triggerSignal="last")
    futures.emulator.set_price(XBT, "65000")
    futures.emulator.tick(60, XBT)
    frames = [checked(frame) for frame in futures_private.so_far()]
    assert [(frame["is_cancel"], frame["reason"]) for frame in frames][:3] == [
        (False, "new_placed_order_by_user"),
        (True, "stop_order_triggered"),
        (False, "limit_order_from_stop"),
    ]
    assert frames[0]["order"]["type"] == "stop"
    assert frames[0]["order"]["triggerSignal"] == "last"
    assert frames[2]["order"]["order_id"] == stop
    assert frames[-1]["reason"] == "full_fill"


@pytest.mark.parametrize(
    ("order", "reason", "feeds"),
    [
        ({"orderType": "post", "price": "70000"}, "post_order_failed_because_it_would_filled", OPEN_ORDERS[1:]),
        (
            {"orderType": "ioc", "price": "60000"},
            "ioc_order_failed_because_it_would_not_be_executed",
            OPEN_ORDERS,
        ),
        ({"orderType": "lmt", "price": "60000", "size": "0"}, None, ()),
    ],
)
def test_orders_that_never_came_to_be(
    futures: FuturesAccount, futures_private: FuturesSocket, order: dict[str, Any], reason: str, feeds: tuple[str, ...]
) -> None:
    for feed in OPEN_ORDERS:
        futures_private.subscribe(feed)
    status = futures.order(**order)
    assert status["status"] != "placed"
    frames = [checked(frame) for frame in futures_private.so_far()]
    assert [frame["feed"] for frame in frames] == list(feeds)
    for frame in frames:
        assert (frame["order_id"], frame["is_cancel"], frame["reason"]) == (status["order_id"], True, reason)


def test_a_reduce_only_order_shrinks_with_its_position(futures: FuturesAccount, futures_private: FuturesSocket) -> None:
    futures.placed(size="0.5", price=None)
    futures.placed("sell", "0.5", "70000", reduceOnly="true")
    kept = OpenOrders(futures_private.subscribe("open_orders"))
    futures.placed("sell", size="0.2", price=None)
    frames = [checked(frame) for frame in futures_private.so_far()]
    for frame in frames:
        kept.apply(frame)
    assert kept.shown() == as_rest(futures)
    assert [row[1] for row in kept.shown().values()] == [Decimal("0.3")]
    assert "would_not_reduce_position" in [frame["reason"] for frame in frames]


def test_the_dead_mans_switch(futures_timed: FuturesAccount, clock: Clock) -> None:
    emulator = futures_timed.emulator
    futures_timed.placed()
    futures_timed.call("POST", "cancelallordersafter", timeout="10")
    with connect(f"{emulator.futures_ws_url}/ws/v1") as connection:
        socket = FuturesSocket(connection, emulator)
        socket.next()
        socket.prove()
        socket.subscribe("open_orders")
        clock.sleep(11)
        emulator.pass_time()
        assert socket.next()["reason"] == "dead_man_switch"


# ---------------------------------------------------------------------- fills


def test_fills(futures: FuturesAccount, futures_private: FuturesSocket) -> None:
    futures.placed(size="0.1", price=None, cliOrdId="first")
    snapshot = checked(futures_private.subscribe("fills"))
    futures.placed("sell", "2.5", price=None)
    resting = futures.placed("buy", "0.2", "67000")
    futures.emulator.fill(resting)
    frames = [checked(frame) for frame in futures_private.so_far()]
    told = snapshot["fills"] + [fill for frame in frames for fill in frame["fills"]]
    assert [fill["seq"] for fill in told] == list(range(len(told)))
    assert told[0]["cli_ord_id"] == "first"
    rows = futures.call("GET", "fills")["fills"][::-1]
    names = {"fill_id": "fill_id", "instrument": "symbol", "price": "price", "qty": "size", "fill_type": "fillType"}
    assert [{name: fill[name] for name in names} for fill in told] == [
        {name: row[other] for name, other in names.items()} for row in rows
    ]
    assert told[-1]["remaining_order_qty"] == 0
    assert [fill["order_type"] for fill in (told[0], told[-1])] == ["market", "lmt"]
    fees = sum(fill["fee_paid"] for fill in told)
    assert fees == sum(row["fee"] or 0 for row in futures.history("account-log")["logs"] if row["asset"] == "usd")


def test_fills_of_some_contracts(futures: FuturesAccount, futures_private: FuturesSocket) -> None:
    futures.placed(size="0.1", price=None)
    asked = {"product_ids": ["PI_XBTUSD"]}
    assert checked(futures_private.subscribe("fills", **asked))["fills"] == []
    futures.placed(size="0.1", price=None)
    futures.placed(symbol="PI_XBTUSD", size="10", price=None)
    (frame,) = futures_private.so_far()
    assert [fill["instrument"] for fill in frame["fills"]] == ["PI_XBTUSD"]


# ---------------------------------------------------------------------- positions and balances


def test_open_positions(futures: FuturesAccount, futures_private: FuturesSocket) -> None:
    assert checked(futures_private.subscribe("open_positions"))["positions"] == []
    futures.placed(size="0.5", price=None)
    futures.placed("sell", symbol="PI_XBTUSD", size="1000", price=None)
    frames = [checked(frame) for frame in futures_private.so_far()]
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    rows = {row["instrument"]: row for row in frames[-1]["positions"]}
    assert {name: row["balance"] for name, row in rows.items()} == futures.emulator.futures_positions
    told = {row["symbol"]: row for row in futures.call("GET", "openpositions")["openPositions"]}
    assert {name: row["entry_price"] for name, row in rows.items()} == {
        name: row["price"] for name, row in told.items()
    }
    assert rows[XBT]["initial_margin"] == futures.flex["initialMargin"]
    assert rows[XBT]["maintenance_margin"] == futures.flex["maintenanceMargin"]
    assert rows[XBT]["pnl"] == futures.flex["pnl"]
    assert rows[XBT]["liquidation_threshold"] < rows[XBT]["mark_price"]
    assert rows["PI_XBTUSD"]["liquidation_threshold"] == 0 or rows["PI_XBTUSD"]["liquidation_threshold"] > 68000
    futures.placed("sell", size="0.5", price=None)
    last = futures_private.so_far()[-1]
    assert [row["instrument"] for row in last["positions"]] == ["PI_XBTUSD"]


def test_prices_move_positions(futures_timed: FuturesAccount, clock: Clock) -> None:
    emulator = futures_timed.emulator
    futures_timed.placed(size="0.5", price=None)
    with connect(f"{emulator.futures_ws_url}/ws/v1") as connection:
        socket = FuturesSocket(connection, emulator)
        socket.next()
        socket.prove()
        before = socket.subscribe("open_positions")
        emulator.set_price(XBT, "70000")
        assert socket.so_far() == []
        clock.sleep(1.1)
        emulator.pass_time()
        after = checked(socket.next())
        assert after["positions"][0]["pnl"] > before["positions"][0]["pnl"] + 900
        assert after["seq"] == before["seq"] + 1


def test_balances(futures: FuturesAccount, futures_private: FuturesSocket) -> None:
    state = checked(futures_private.subscribe("balances"))
    number = state["seq"]
    assert state["holding"] == {"USD": 10000, "XBT": Decimal("0.25"), "ETH": 5}
    futures.placed(size="0.5", price=None)
    futures.placed(size="0.1", price="60000")
    futures.placed(symbol="PI_XBTUSD", size="1000", price=None)
    futures.call("POST", "transfer", fromAccount="cash", toAccount="flex", unit="USD", amount="100")
    futures.emulator.pass_time()
    frames = [checked(frame) for frame in futures_private.so_far()]
    assert [frame["seq"] for frame in frames] == list(range(number + 1, number + 1 + len(frames)))
    assert "holding" not in frames[0]
    for frame in frames:
        state |= frame
    accounts = futures.call("GET", "accounts")["accounts"]
    assert state["holding"] == {name.upper(): amount for name, amount in accounts["cash"]["balances"].items()}
    flex, shown = accounts["flex"], state["flex_futures"]
    assert {name: row["quantity"] for name, row in shown["currencies"].items()} == {
        name: row["quantity"] for name, row in flex["currencies"].items()
    }
    names = {
        "balance_value": "balanceValue",
        "portfolio_value": "portfolioValue",
        "collateral_value": "collateralValue",
        "initial_margin": "initialMarginWithOrders",
        "initial_margin_without_orders": "initialMargin",
        "maintenance_margin": "maintenanceMargin",
        "available_margin": "availableMargin",
        "margin_equity": "marginEquity",
        "pnl": "pnl",
    }
    assert {name: shown[name] for name in names} == {name: flex[other] for name, other in names.items()}
    wallet, single = accounts["fi_xbtusd"], state["futures"]["F-XBT:USD"]
    assert (single["balance"], single["pnl"]) == (wallet["balances"]["xbt"], wallet["auxiliary"]["pnl"])
    assert (single["available"], single["maintenance_margin"]) == (
        wallet["auxiliary"]["af"],
        wallet["marginRequirements"]["mm"],
    )


def test_the_account_log(futures: FuturesAccount, futures_private: FuturesSocket) -> None:
    futures.placed(size="0.5", price=None)
    snapshot = checked(futures_private.subscribe("account_log"))
    futures.placed("sell", size="0.7", price=None)
    futures.call("POST", "transfer", fromAccount="cash", toAccount="flex", unit="USD", amount="100")
    entries = snapshot["logs"][::-1] + [checked(frame)["new_entry"] for frame in futures_private.so_far()]
    rows = futures.history("account-log", sort="asc")["logs"]
    names = ("id", "date", "asset", "info", "booking_uid", "margin_account", "old_balance", "new_balance")
    assert [[entry[name] for name in names] for entry in entries] == [[row[name] for name in names] for row in rows]
    assert [entry["id"] for entry in entries] == list(range(1, len(rows) + 1))
    assert entries[-1]["execution"]
    assert entries[-1]["trade_price"] == 0


def test_notifications(emulator: Emulator, futures_private: FuturesSocket) -> None:
    assert checked(futures_private.subscribe("notifications_auth"))["notifications"] == []
    emulator.notify("Trading stops for ten minutes.", "maintenance", "high")
    (notice,) = checked(futures_private.next())["notifications"]
    assert (notice["id"], notice["type"], notice["priority"]) == (1, "maintenance", "high")


def test_the_older_form_of_balances(futures: FuturesAccount, futures_private: FuturesSocket) -> None:
    frame = checked(futures_private.subscribe("account_balances_and_margins"))
    accounts = futures.call("GET", "accounts")["accounts"]
    told = {row["name"]: row["balance"] for row in frame["margin_accounts"]}
    assert told == {**accounts["cash"]["balances"], "f-xbt:usd": accounts["fi_xbtusd"]["balances"]["xbt"]}


# ---------------------------------------------------------------------- trouble


def test_connections_end(emulator: Emulator, futures_ws: FuturesSocket) -> None:
    assert emulator.drop_connections("public") == 0
    assert emulator.drop_connections("futures", code=1012, reason="restart") == 1
    with pytest.raises(ConnectionClosed) as caught:
        futures_ws.next()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1012, "restart")
    with connect(f"{emulator.futures_ws_url}/ws/v1") as connection:
        connection.recv()
        assert emulator.drop_connections(server="futures") == 1
        with pytest.raises(ConnectionClosed) as reset:
            connection.recv()
        assert reset.value.rcvd is None


def test_a_number_is_left_out(emulator: Emulator, futures_ws: FuturesSocket) -> None:
    number = futures_ws.subscribe("book", XBT)["seq"]
    emulator.skip_sequence(XBT, 3)
    emulator.tick(20, XBT)
    numbers = [frame["seq"] for frame in futures_ws.so_far()]
    assert numbers == list(range(number + 4, number + 4 + len(numbers)))
    with pytest.raises(ValueError, match="unknown contract"):
        emulator.skip_sequence("PF_NOPE")


def test_lost_frames(emulator: Emulator, futures_ws: FuturesSocket) -> None:
    number = futures_ws.subscribe("book", XBT)["seq"]
    emulator.lose_frames("book", 2, "futures")
    emulator.tick(20, XBT)
    assert futures_ws.so_far()[0]["seq"] == number + 3
    emulator.lose_frames("book", 1000, "futures")
    emulator.heal()
    emulator.tick(20, XBT)
    assert futures_ws.so_far()


def test_silence(emulator: Emulator, futures_ws: FuturesSocket) -> None:
    futures_ws.subscribe("trade", XBT)
    emulator.silence()
    emulator.tick(60, XBT)
    assert futures_ws.so_far() == []
    assert futures_ws.reply(event="subscribe", feed="heartbeat")["event"] == "subscribed"


def test_frames_of_all_kinds(emulator: Emulator, futures_ws: FuturesSocket) -> None:
    assert emulator.push('{"feed":"book","product_id', "futures") == 1
    assert futures_ws.connection.recv(5) == '{"feed":"book","product_id'
    emulator.break_off("futures")
    with pytest.raises(ConnectionClosed):
        futures_ws.next()


def test_faults_of_requests(emulator: Emulator, futures_ws: FuturesSocket) -> None:
    emulator.faults.add("challenge", "hang-before")
    futures_ws.ask(event="challenge", api_key="somebody")
    assert futures_ws.so_far() == []
    emulator.faults.add("subscribe", "accept-then-repeat")
    futures_ws.ask(event="subscribe", feed="trade", product_ids=[XBT])
    first, second, _snapshot = futures_ws.so_far()
    assert first == second
    emulator.faults.add("connect", "html")
    for path in ("/ws/v1", "/v2"):
        with pytest.raises(InvalidStatus), connect(f"{emulator.futures_ws_url}{path}"):
            pass


def test_a_connection_without_pings_ends(clock: Clock) -> None:
    with Emulator(market_interval=None, clock=clock) as emulator:
        with connect(f"{emulator.futures_ws_url}/ws/v1", ping_interval=None) as connection:
            connection.recv()
            clock.sleep(50)
            connection.ping().wait(5)
            clock.sleep(50)
            emulator.pass_time()
            assert emulator.connections == 1
            clock.sleep(11)
            emulator.pass_time()
            with pytest.raises(ConnectionClosed):
                connection.recv(5)


def test_limits(clock: Clock) -> None:
    with Emulator(market_interval=None, clock=clock, futures_limits=True) as emulator, contextlib.ExitStack() as open_:
        url = f"{emulator.futures_ws_url}/ws/v1"
        sockets = [open_.enter_context(connect(url)) for _ in range(100)]
        with pytest.raises(InvalidStatus) as caught, connect(url):
            pass
        assert caught.value.response.status_code == 429
        socket = FuturesSocket(sockets[0], emulator)
        socket.next()
        for _ in range(100):
            assert socket.reply(event="unsubscribe", feed="heartbeat")["event"] == "unsubscribed_failed"
        answer = socket.reply(event="unsubscribe", feed="heartbeat")
        assert answer == {"event": "alert", "message": "Rate limit exceeded"}
        clock.sleep(1)
        assert socket.reply(event="unsubscribe", feed="heartbeat")["event"] == "unsubscribed_failed"
