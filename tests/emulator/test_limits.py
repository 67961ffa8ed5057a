"""Rate limits as Kraken enforces them, with a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from websockets.sync.client import connect

from kraken.emulator import Emulator
from kraken.emulator.limits import tiers_of
from kraken.emulator.specs import specs_folder

from .conftest import Account, Clock, Socket

TIERS = tiers_of(specs_folder())
REST = "EAPI:Rate limit exceeded"
TRADING = "EOrder:Rate limit exceeded"


@contextmanager
def account_of(tier: str, clock: Clock) -> Iterator[Account]:
    with Emulator(market_interval=None, clock=clock, tier=tier) as emulator:
        client = Account(emulator)
        with client.http:
            yield client


@pytest.fixture
def starter(clock: Clock) -> Iterator[Account]:
    with account_of("starter", clock) as client:
        yield client


def counter(account: Account, name: str = "XXBTZUSD") -> Decimal:
    return account.emulator.counters[name]


@pytest.mark.parametrize("tier", TIERS)
def test_the_counter_of_calls(clock: Clock, tier: str) -> None:
    facts: Any = TIERS[tier]["rest"]
    with account_of(tier, clock) as account:
        for _ in range(facts["maximum"]):
            account.call("Balance")
        assert account.refused("Balance") == REST
        clock.sleep(0.9 / facts["decay"])
        assert account.refused("Balance") == REST
        clock.sleep(0.1 / facts["decay"])
        account.call("Balance")
        assert account.refused("Balance") == REST
        clock.sleep(facts["maximum"] / facts["decay"] + 1)
        assert account.emulator.counters["rest"] == 0


def test_what_calls_cost(clock: Clock, starter: Account) -> None:
    starter.call("Ledgers")
    starter.call("TradesHistory")
    starter.call("OpenOrders")
    assert counter(starter, "rest") == 5
    starter.limit()
    starter.call("CancelAll")
    for _ in range(30):
        starter.public("Time")
    assert counter(starter, "rest") == 5
    clock.sleep(1)
    assert counter(starter, "rest") == Decimal("4.67")


@pytest.mark.parametrize("tier", TIERS)
def test_the_counter_of_orders(clock: Clock, tier: str) -> None:
    facts: Any = TIERS[tier]
    with account_of(tier, clock) as account:
        orders: list[str] = []
        for _ in range(facts["trading"]["maximum"]):
            if len(orders) == facts["open_orders"]:
                account.call("CancelAll")
                orders.clear()
            orders.append(account.limit())
        assert account.refused("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.01") == TRADING
        account.limit(pair="ETHUSD", price="2000")
        account.call("CancelAll")
        clock.sleep(1 / facts["trading"]["decay"])
        account.limit()
        assert account.refused("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.01") == TRADING


@pytest.mark.parametrize("tier", TIERS)
def test_the_number_of_open_orders(clock: Clock, tier: str) -> None:
    facts: Any = TIERS[tier]
    with account_of(tier, clock) as account:
        for _ in range(facts["open_orders"]):
            order = account.limit()
            clock.sleep(1)
        more = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
        assert account.refused("AddOrder", **more) == "EOrder:Orders limit exceeded"
        account.call("EditOrder", txid=order, pair="XBTUSD", price="60001")
        account.limit(pair="ETHUSD", price="2000")


@pytest.mark.parametrize(
    ("operation", "costs"),
    [
        ("CancelOrder", {0: 8, 4: 8, 5: 6, 10: 5, 15: 4, 44: 4, 45: 2, 90: 1, 299: 1, 300: 0}),
        ("AmendOrder", {0: 4, 5: 3, 10: 2, 15: 1, 300: 1}),
        ("EditOrder", {0: 7, 5: 6, 10: 5, 15: 3, 45: 2, 90: 1, 300: 1}),
    ],
)
def test_changing_young_orders_costs_more(
    clock: Clock, starter: Account, operation: str, costs: dict[int, int]
) -> None:
    more = {"AmendOrder": {"order_qty": "0.02"}, "EditOrder": {"pair": "XBTUSD", "volume": "0.02"}}
    for age, cost in costs.items():
        order = starter.limit()
        clock.sleep(age)
        before = counter(starter)
        starter.call(operation, txid=order, **more.get(operation, {}))
        assert counter(starter) - before == cost, age
        starter.call("CancelAll")
        clock.sleep(100)


def test_the_age_counts_from_the_last_amend(clock: Clock, starter: Account) -> None:
    order = starter.limit()
    clock.sleep(400)
    starter.call("AmendOrder", txid=order, order_qty="0.02")
    assert counter(starter) == 1
    starter.call("CancelOrder", txid=order)
    assert counter(starter) == 9


def test_batches(clock: Clock, starter: Account) -> None:
    order = {"type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
    reply = starter.reply("AddOrderBatch", as_json=True, pair="XBTUSD", orders=[order] * 5)
    assert counter(starter) == Decimal("2.5")
    names = [row["txid"] for row in reply["result"]["orders"]]
    other = starter.limit(pair="ETHUSD", price="2000")
    clock.sleep(20)
    starter.reply("CancelOrderBatch", as_json=True, orders=[*names, other])
    assert [counter(starter), counter(starter, "XETHZUSD")] == [20, 4]


def test_refused_orders_are_charged_and_refused_calls_are_not(starter: Account) -> None:
    usual = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "60000"}
    assert starter.refused("AddOrder", **usual, volume="900") == "EOrder:Insufficient funds"
    assert counter(starter) == 1
    for _ in range(59):
        starter.call("AddOrder", **usual, volume="0.01", validate="true")
    assert starter.refused("AddOrder", **usual, volume="0.01") == TRADING
    assert counter(starter) == 60


def test_what_costs_more_than_the_maximum_needs_an_empty_counter(clock: Clock, starter: Account) -> None:
    order = {"type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
    reply = starter.reply("AddOrderBatch", as_json=True, pair="XBTUSD", orders=[order] * 15)
    names = [row["txid"] for row in reply["result"]["orders"]]
    clock.sleep(7)
    assert counter(starter) == Decimal("0.5")
    assert starter.reply("CancelOrderBatch", as_json=True, orders=names)["error"] == [TRADING]
    clock.sleep(1)
    assert starter.reply("CancelOrderBatch", as_json=True, orders=names)["result"] == {"count": 15}
    assert counter(starter) == 90


def test_the_websocket_shares_the_counter(starter: Account) -> None:
    token = starter.call("GetWebSocketsToken")["token"]
    with connect(f"{starter.emulator.spot_ws_auth_url}/v2", compression=None) as connection:
        socket = Socket(connection, token)
        assert socket.result("subscribe", channel="executions")["maxratecount"] == 60
        for _ in range(20):
            starter.limit()
        order = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "order_qty": 0.01, "limit_price": 60000}
        name = socket.result("add_order", **order)["order_id"]
        assert counter(starter) == 21
        socket.result("amend_order", order_id=name, order_qty=0.02)
        assert counter(starter) == 25
        socket.result("cancel_order", order_id=[name])
        assert counter(starter) == 33
        for _ in range(27):
            socket.result("add_order", **order)
        assert socket.refused("add_order", **order) == TRADING
        assert starter.refused("CancelOrder", txid=next(iter(starter.call("OpenOrders")["open"]))) == TRADING


def test_without_a_tier_nothing_is_limited(timed: Account) -> None:
    for _ in range(300):
        timed.call("CancelOrder", txid=timed.limit())
    assert timed.emulator.counters == {}


def test_an_unknown_tier_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown tier 'vip'; known: starter, intermediate, pro"):
        Emulator(tier="vip")
