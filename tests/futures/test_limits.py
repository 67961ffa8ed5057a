"""Kraken's budget of 500 within 10 seconds, and the pool of its history, kept on this side."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kraken.exceptions import KrakenApiLimitExceededError, LimitReached
from kraken.futures.limits import TIERS
from kraken.runtime.limits import CounterLimit, Limits, Tier, charge_of
from kraken.runtime.transport import Reply, Request

from ..specs import FOLDER, operations, read, rest_exchanges
from ..support import Clock, FakeTransport, FuturesOpener
from .replies import ORDER, refusal, reply, sent

SPEC = read(FOLDER / "futures" / "rest" / "limits.yaml")["x-kraken-tiers"]
DOCUMENTED: dict[str, tuple[str, float]] = {
    "get_order_status": ("derivatives", 1),
    "get_accounts": ("derivatives", 2),
    "get_open_positions": ("derivatives", 2),
    "get_open_orders": ("derivatives", 2),
    "get_leverage_setting": ("derivatives", 2),
    "get_pnl_currency_preference": ("derivatives", 2),
    "get_subaccount_trading_capability": ("derivatives", 2),
    "get_self_trade_strategy": ("derivatives", 2),
    "send_order": ("derivatives", 10),
    "edit_order": ("derivatives", 10),
    "cancel_order": ("derivatives", 10),
    "set_leverage_setting": ("derivatives", 10),
    "set_pnl_currency_preference": ("derivatives", 10),
    "transfer": ("derivatives", 10),
    "sub_account_transfer": ("derivatives", 10),
    "cancel_all_orders": ("derivatives", 25),
    "cancel_all_orders_after": ("derivatives", 25),
    "withdrawal": ("derivatives", 100),
    "get_unwind_queue": ("derivatives", 200),
    "get_execution_events": ("history", 1),
    "get_order_events": ("history", 1),
    "get_trigger_events": ("history", 1),
    "account_log_csv": ("history", 6),
}


def test_the_figures_are_those_of_the_specs() -> None:
    assert {
        name: {
            counter: {"maximum": each.maximum, "decay": each.decay, "window": each.window}
            for counter, each in tier.counters.items()
        }
        for name, tier in TIERS.items()
    } == {
        name: {counter: {"decay": 0, "window": 0, **each} for counter, each in tier.items()}
        for name, tier in SPEC.items()
    }


def test_documented_costs() -> None:
    known = {each.name: each for each in operations("futures").values()}
    assert {name: (known[name].counter, known[name].cost) for name in DOCUMENTED} == DOCUMENTED
    assert all(each.counter == "none" for each in known.values() if not each.auth)


@pytest.mark.parametrize(
    ("name", "values", "cost"),
    [
        ("send_batch_order", {"batchOrder": [1, 2, 3]}, 12),
        ("get_fills", {}, 2),
        ("get_fills", {"lastFillTime": "2026"}, 25),
        ("account_log", {}, 3),
        *[
            ("account_log", {"count": count}, cost)
            for count, cost in ((1, 1), (25, 1), (26, 2), (51, 3), (1001, 6), (5001, 10), (100000, 10))
        ],
    ],
)
def test_costs_that_depend_on_arguments(name: str, values: dict[str, Any], cost: float) -> None:
    (known,) = [each for each in operations("futures").values() if each.name == name]
    assert charge_of(known, values).cost == cost


class Exchange:
    """Refuses as soon as more than 500 was spent within 10 seconds."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.spent: list[tuple[float, float]] = []
        self.known = {f"{each.method} {each.path}": each for each in operations("futures").values()}
        self.refused = 0

    def __call__(self, request: Request) -> Reply:
        operation = self.known[f"{request.method} {request.target.partition('?')[0]}"]
        now = self.clock.seconds
        self.spent = [(moment, cost) for moment, cost in self.spent if moment > now - 10]
        if sum(cost for _, cost in self.spent) + operation.cost > 500:
            self.refused += 1
            return refusal("apiLimitExceeded")
        self.spent.append((now, operation.cost))
        return sent() if operation.danger == "trades" else reply(accounts={}, queue=[])


def mixed(client: Any, count: int) -> None:
    choice = random.Random(7)
    for _ in range(count):
        kind = choice.randrange(10)
        if kind < 6:
            client.order_management.send_order(**ORDER)
        elif kind < 9:
            client.account_information.get_accounts()
        else:
            client.account_information.get_unwind_queue()


def test_mixed_calls_at_full_speed(opener: FuturesOpener) -> None:
    """The counters are on without being asked for: they are the same for all accounts."""
    clock = Clock()
    exchange = Exchange(clock)
    opener.sleep = clock.sleep
    started = clock.seconds
    client = opener(transport=FakeTransport(exchange), clock=lambda: clock.seconds, retries=0)
    mixed(client, 200)
    assert exchange.refused == 0
    assert clock.seconds > started + 50
    ignoring = opener(transport=FakeTransport(Exchange(clock)), on_limit="ignore", retries=0)
    assert ignoring.limits is None
    with pytest.raises(KrakenApiLimitExceededError):
        mixed(ignoring, 200)


def test_raising_instead_of_waiting(opener: FuturesOpener) -> None:
    clock = Clock()
    client = opener(transport=FakeTransport(sent()), clock=lambda: clock.seconds, on_limit="raise")
    for _ in range(50):
        client.order_management.send_order(**ORDER)
    with pytest.raises(LimitReached, match="derivatives limit is reached") as caught:
        client.order_management.send_order(**ORDER)
    assert caught.value.facts.sent is False
    assert client.limits is not None
    assert client.limits.state()["derivatives"] == (500, 500)
    clock.pass_(11)
    assert client.order_management.send_order(**ORDER)
    assert client.limits.state() == {"derivatives": (10, 500), "history": (0, 100)}


def test_the_history_has_a_pool_of_its_own(opener: FuturesOpener) -> None:
    clock = Clock()
    csv = Reply(200, {"content-type": "text/csv"}, b"a\n")
    client = opener(transport=FakeTransport(csv), clock=lambda: clock.seconds, on_limit="raise")
    for _ in range(16):
        client.account_history.account_log_csv()
    with pytest.raises(LimitReached, match="history limit is reached"):
        client.account_history.account_log_csv()
    clock.pass_(600)
    assert client.account_history.account_log_csv()


def test_somebody_else_uses_the_same_budget(opener: FuturesOpener) -> None:
    clock = Clock()
    transport = FakeTransport(refusal("apiLimitExceeded"), reply(accounts={}))
    client = opener(transport=transport, clock=lambda: clock.seconds, retries=0)
    with pytest.raises(KrakenApiLimitExceededError):
        client.account_information.get_accounts()
    client.account_information.get_accounts()
    assert opener.waits == [pytest.approx(11)]


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
def test_public_calls_cost_nothing(opener: FuturesOpener) -> None:
    for exchange in rest_exchanges("futures"):
        if not exchange.known.auth and not exchange.raises and exchange.number == 0:
            client = opener(transport=FakeTransport(exchange.reply), on_limit="raise")
            exchange.call(client)
            assert client.limits is not None
            assert client.limits.state() == {"derivatives": (0, 500), "history": (0, 100)}


def test_a_window_gives_back_what_is_over() -> None:
    """Costs that wait for their turn count from that turn on; what never fits goes out alone."""
    clock = Clock()
    tier = Tier({"derivatives": CounterLimit(10, window=4)})
    limits = Limits(tier, clock=lambda: clock.seconds)
    (known,) = [each for each in operations("futures").values() if each.name == "get_open_orders"]
    charge = charge_of(known, {})
    waits = []
    for cost in (6, 4, 3, 7, 50, 1):
        waits.append(limits.reserve(charge._replace(cost=cost), "x"))
    assert waits == [0, 0, 5, 5, 10, 15]
    assert limits.counters["derivatives"].maximum == 10
