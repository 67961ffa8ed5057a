"""WebSocket v2: candles and single orders."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator

from .conftest import Account, Socket


class TextOrders:
    """Single orders kept as a client keeps them, with the texts of the wire: queues by time, as the guide says."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: dict[str, dict[str, dict[str, str]]] = {"bids": {}, "asks": {}}

    def apply(self, row: Any) -> None:
        for name, orders in self.sides.items():
            for each in row[name]:
                if each.get("event") == "delete":
                    orders.pop(each["order_id"], None)
                else:
                    assert (each.get("event") == "modify") is (each["order_id"] in orders), each
                    orders[each["order_id"]] = each
            kept = self.prices(name)[: self.depth]
            self.sides[name] = {key: each for key, each in orders.items() if each["limit_price"] in kept}

    def prices(self, name: str) -> list[str]:
        prices = {each["limit_price"] for each in self.sides[name].values()}
        return sorted(prices, key=Decimal, reverse=name == "bids")

    def queue(self, name: str, price: str) -> list[dict[str, str]]:
        orders = [each for each in self.sides[name].values() if each["limit_price"] == price]
        return sorted(orders, key=lambda each: each["timestamp"])

    def checksum(self) -> int:
        text = "".join(
            each[number].replace(".", "").lstrip("0")
            for name in ("asks", "bids")
            for price in self.prices(name)[:10]
            for each in self.queue(name, price)
            for number in ("limit_price", "order_qty")
        )
        return zlib.crc32(text.encode())


def frames_until_pong(socket: Socket, channel: str) -> list[Any]:
    """Frames of a channel with numbers as the texts that they are on the wire."""
    socket.ask("ping")
    found = []
    while (frame := json.loads(str(socket.connection.recv(5)), parse_float=str)).get("method") != "pong":
        if frame.get("channel") == channel:
            found.append(frame)
    return found


# ---------------------------------------------------------------------- single orders


@pytest.mark.parametrize("depth", [10, 100, 1000])
@pytest.mark.parametrize("symbol", ["BTC/USD", "SHIB/USD"])
def test_orders_have_right_checksums(
    emulator: Emulator, account: Account, level3: Socket, symbol: str, depth: int
) -> None:
    level3.ask("subscribe", channel="level3", symbol=[symbol], depth=depth)
    (snapshot,) = frames_until_pong(level3, "level3")
    assert snapshot["type"] == "snapshot"
    orders = TextOrders(depth)
    orders.apply(snapshot["data"][0])
    assert orders.checksum() == snapshot["data"][0]["checksum"]
    emulator.tick(120, symbol)
    emulator.trade_through(symbol, orders.prices("asks")[-1])
    emulator.set_price(symbol, orders.prices("bids")[7])
    updates = frames_until_pong(level3, "level3")
    for frame in updates:
        (row,) = frame["data"]
        assert (frame["type"], row["symbol"]) == ("update", symbol)
        assert row["bids"] or row["asks"]
        orders.apply(row)
        assert orders.checksum() == row["checksum"]
    assert len(updates) > 50
    (shown,) = account.public("Depth", pair=symbol, count=min(depth, 500)).values()
    for name in orders.sides:
        totals = [
            (price, sum(Decimal(each["order_qty"]) for each in orders.queue(name, price)))
            for price in orders.prices(name)
        ]
        assert totals[:500] == [(row[0], Decimal(row[1])) for row in shown[name]]


def test_the_events_of_one_order(emulator: Emulator, account: Account, level3: Socket) -> None:
    level3.result("subscribe", channel="level3", symbol=["BTC/USD"], snapshot=False)

    def last() -> list[Any]:
        return [
            (row["event"], row["order_id"], row["limit_price"], row["order_qty"])
            for frame in frames_until_pong(level3, "level3")
            for row in frame["data"][0]["bids"]
        ]

    order = account.limit(price="68012.4", volume="0.02")
    assert last() == [("add", order, "68012.4", "0.02000000")]
    emulator.fill(order, "0.005")
    assert last() == [("modify", order, "68012.4", "0.01500000")]
    account.call("AmendOrder", txid=order, order_qty="0.03")
    assert last() == [("modify", order, "68012.4", "0.02500000")]
    account.call("AmendOrder", txid=order, order_qty="0.01")
    assert last() == [("modify", order, "68012.4", "0.00500000")]
    account.call("AmendOrder", txid=order, limit_price="68012.3")
    moved = last()
    assert [event[:3] for event in moved if event[1] == order] == [
        ("delete", order, "68012.4"),
        ("add", order, "68012.3"),
    ]
    assert [event[0] for event in moved] == ["delete", "add", "add"], "an order of the next price comes into the depth"
    account.call("CancelOrder", txid=order)
    assert last() == [("delete", order, "68012.3", "0.00500000")]


def test_an_order_that_grows_queues_behind_the_others(account: Account, level3: Socket) -> None:
    first, second = account.limit(price="68012.4"), account.limit(price="68012.4")
    level3.ask("subscribe", channel="level3", symbol=["BTC/USD"])
    orders = TextOrders(10)
    orders.apply(frames_until_pong(level3, "level3")[0]["data"][0])
    account.call("AmendOrder", txid=first, order_qty="0.02")
    (frame,) = frames_until_pong(level3, "level3")
    (event,) = frame["data"][0]["bids"]
    assert (event["event"], event["order_id"]) == ("modify", first)
    orders.apply(frame["data"][0])
    assert [each["order_id"] for each in orders.queue("bids", "68012.4")] == [second, first]
    assert orders.checksum() == frame["data"][0]["checksum"]


def test_an_iceberg_that_grows_unseen_loses_its_place(account: Account, level3: Socket) -> None:
    first = account.limit(price="68012.4", volume="0.10", ordertype="iceberg", displayvol="0.02")
    second = account.limit(price="68012.4")
    level3.ask("subscribe", channel="level3", symbol=["BTC/USD"])
    orders = TextOrders(10)
    orders.apply(frames_until_pong(level3, "level3")[0]["data"][0])
    account.call("AmendOrder", txid=first, order_qty="0.12")
    (frame,) = frames_until_pong(level3, "level3")
    assert [each["order_qty"] for each in frame["data"][0]["bids"]] == ["0.02000000"]
    orders.apply(frame["data"][0])
    assert [each["order_id"] for each in orders.queue("bids", "68012.4")] == [second, first]
    assert orders.checksum() == frame["data"][0]["checksum"]


def test_an_amend_that_is_refused_leaves_the_order_in_its_place(account: Account, level3: Socket) -> None:
    first, second = account.limit(price="68012.4"), account.limit(price="68012.4")
    assert "Insufficient" in account.refused("AmendOrder", txid=first, order_qty="1000")
    level3.ask("subscribe", channel="level3", symbol=["BTC/USD"])
    (snapshot,) = frames_until_pong(level3, "level3")
    assert [row["order_id"] for row in snapshot["data"][0]["bids"][:2]] == [first, second]
    orders = TextOrders(10)
    orders.apply(snapshot["data"][0])
    assert orders.checksum() == snapshot["data"][0]["checksum"]


def test_hidden_quantities_are_not_shown(account: Account, level3: Socket) -> None:
    level3.result("subscribe", channel="level3", symbol=["BTC/USD"], snapshot=False)
    account.limit(price="68012.4", volume="0.10", ordertype="iceberg", displayvol="0.02")
    account.limit(price="60000", volume="0.01", ordertype="stop-loss")
    (frame,) = frames_until_pong(level3, "level3")
    assert [row["order_qty"] for row in frame["data"][0]["bids"]] == ["0.02000000"]


def test_a_poisoned_checksum_is_wrong_once(emulator: Emulator, account: Account, level3: Socket) -> None:
    level3.ask("subscribe", channel="level3", symbol=["BTC/USD"])
    orders = TextOrders(10)
    orders.apply(frames_until_pong(level3, "level3")[0]["data"][0])
    emulator.poison_checksum("BTC/USD")
    account.limit(price="68012.4")
    account.limit(price="68012.5")
    right = []
    for frame in frames_until_pong(level3, "level3"):
        orders.apply(frame["data"][0])
        right.append(orders.checksum() == frame["data"][0]["checksum"])
    assert right == [False, True]


def test_single_orders_need_a_token_and_their_own_server(level3: Socket, private: Socket, public: Socket) -> None:
    wanted: dict[str, Any] = {"channel": "level3", "symbol": ["BTC/USD"]}
    assert level3.refused("subscribe", **wanted, token="x") == "EAPI:Invalid token"
    assert level3.refused("subscribe", **wanted, depth=25) == "Subscription depth not supported"
    assert level3.result("subscribe", **wanted) == {
        "channel": "level3",
        "symbol": "BTC/USD",
        "depth": 10,
        "snapshot": True,
    }
    assert level3.refused("subscribe", **wanted, depth=100) == "Already subscribed"
    assert level3.result("unsubscribe", **wanted) == {"channel": "level3", "symbol": "BTC/USD"}
    assert level3.refused("subscribe", channel="balances") == "Subscription name invalid"
    assert level3.refused("cancel_all") == "Event(s) not found"
    for socket in (public, private):
        assert socket.refused("subscribe", **wanted) == "Subscription name invalid"


# ---------------------------------------------------------------------- candles


def test_candles(emulator: Emulator, account: Account, public: Socket) -> None:
    number = public.ask("subscribe", channel="ohlc", symbol=["BTC/USD"], interval=5)
    granted = public.until(req_id=number)["result"]
    assert granted == {"channel": "ohlc", "symbol": "BTC/USD", "interval": 5, "snapshot": True}
    snapshot = public.until(channel="ohlc")
    rest = account.public("OHLC", pair="XBTUSD", interval=5)["XXBTZUSD"]
    shown = [
        (row["open"], row["high"], row["low"], row["close"], row["volume"], row["trades"]) for row in snapshot["data"]
    ]
    traded = [each for each in rest if each[7]]
    assert shown == [(*(Decimal(text) for text in (*each[1:5], each[6])), each[7]) for each in traded]
    (ask,) = account.public("Depth", pair="XBTUSD", count=1)["XXBTZUSD"]["asks"]
    emulator.trade_through("BTC/USD", ask[0])
    update = public.until(channel="ohlc")
    (row,) = update["data"]
    assert (update["type"], row["interval"], row["close"]) == ("update", 5, Decimal(ask[0]))
    assert row["interval_begin"] < update["timestamp"] < row["timestamp"]
    assert row["low"] <= row["vwap"] <= row["high"]


def test_candles_of_several_lengths_are_several_subscriptions(emulator: Emulator, public: Socket) -> None:
    for interval in (1, 60):
        public.result("subscribe", channel="ohlc", symbol=["BTC/USD"], interval=interval, snapshot=False)
    assert public.refused("subscribe", channel="ohlc", symbol=["BTC/USD"], interval=60) == "Already subscribed"
    emulator.trade_through("BTC/USD", "68012.3")
    frames = [each for each in public.next_after_ping() if each.get("channel") == "ohlc"]
    assert {each["data"][0]["interval"] for each in frames} == {1, 60}
    assert public.refused("unsubscribe", channel="ohlc", symbol=["BTC/USD"], interval=5) == "Symbol(s) not found"
    public.result("unsubscribe", channel="ohlc", symbol=["BTC/USD"], interval=1)
    assert [each.options["interval"] for each in emulator.subscriptions] == [60]


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ({"interval": 7}, "Subscription ohlc interval not supported"),
        ({"interval": "5"}, "Subscription ohlc interval must be an integer"),
        ({}, "Subscription ohlc requires interval"),
    ],
)
def test_refused_candles(public: Socket, interval: dict[str, Any], words: str) -> None:
    assert public.refused("subscribe", channel="ohlc", symbol=["BTC/USD"], **interval) == words
