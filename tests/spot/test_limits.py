"""Rate limits: a client that counts is never refused while it is alone, on any tier and whatever it does."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kraken.emulator import Emulator
from kraken.exceptions import InvalidRequest, KrakenError, LimitReached, OrderStateUnknown
from kraken.runtime.limits import Charge, CounterLimit, Limits, Tier
from kraken.runtime.transport import Lost
from kraken.spot import SpotClient
from kraken.spot.limits import TIERS as GENERATED

from ..support import ORDER, Clock, FakeTransport, Opener, refusal, reply, without
from .counters import COSTS, PAIRS, TIERS, Exchange, mixed_calls

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")

ROW = without(["pair"], ORDER)


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Trader:
    """A client with limits, an exchange that enforces them, and one clock for both."""

    def __init__(self, opener: Opener, tier: str = "starter", **options: Any) -> None:
        self.clock = Clock()
        self.exchange = Exchange(tier, self.clock)
        self.waits: list[float] = []
        self.transport = FakeTransport(self.exchange)
        opener.sleep = self.sleep
        clock = options.pop("clock", lambda: self.clock.seconds)
        self.client = opener(transport=self.transport, tier=tier, clock=clock, **options)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.sleep(seconds)

    @property
    def state(self) -> dict[str, float]:
        """Where the counters of the client stand."""
        assert self.client.limits is not None
        return {name: value for name, (value, _) in self.client.limits.state().items()}


def test_the_figures_are_those_of_the_specs() -> None:
    assert {
        name: {
            **{counter: {"maximum": each.maximum, "decay": each.decay} for counter, each in tier.counters.items()},
            "open_orders": tier.open_orders,
        }
        for name, tier in GENERATED.items()
    } == TIERS


# ---------------------------------------------------------------------- never refused


@pytest.mark.parametrize("delay", [0.0, 0.05])
@pytest.mark.parametrize("tier", TIERS)
def test_mixed_calls_at_full_speed(opener: Opener, tier: str, delay: float) -> None:
    trader = Trader(opener, tier)
    trader.exchange.delay = delay
    mixed_calls(trader.client, 500, seed=1)
    assert (trader.exchange.answered, trader.exchange.refused) == (500, 0)
    # It is the limits that take the time, not the calls.
    assert sum(trader.waits) > 60


@pytest.mark.parametrize("tier", TIERS)
def test_without_counting_the_same_calls_are_refused(opener: Opener, tier: str) -> None:
    """The exchange of these tests does refuse."""
    trader = Trader(opener, tier)
    client = opener(transport=trader.transport)
    with pytest.raises(KrakenError, match="Rate limit exceeded"):
        mixed_calls(client, 500, seed=1)


@pytest.mark.parametrize("tier", TIERS)
def test_an_emulator_that_enforces_them_refuses_nothing(opener: Opener, tier: str) -> None:
    clock = Clock()
    with Emulator(market_interval=None, clock=clock, tier=tier) as emulator:
        opener.sleep = clock.sleep
        client = opener(emulator.key, emulator.secret, emulator.spot_url, tier=tier, clock=lambda: clock.seconds)
        mixed_calls(client, 500, seed=2)
        assert len(emulator.requests) == 500


CHARGES = st.lists(
    st.tuples(
        st.floats(0, 20).map(lambda pause: round(pause, 3)),
        st.integers(1, 6),
        st.floats(0, 0.99).map(lambda late: round(late, 3)),
    ),
    max_size=40,
)


@settings(max_examples=60)
@given(calls=CHARGES, decay=st.sampled_from([0.33, 0.5, 1.0]))
def test_many_at_once_and_late_by_less_than_a_second(calls: list[tuple[float, int, float]], decay: float) -> None:
    """Turns are given out ahead; what counts is when requests arrive, and some take longer than others."""
    clock = Clock()
    tier = Tier({"rest": CounterLimit(15, decay), "trading": CounterLimit(60, 1)}, 60)
    limits = Limits(tier, clock=lambda: clock.seconds)
    arrivals = []
    for pause, cost, late in calls:
        clock.sleep(pause)
        wait = limits.reserve(Charge("rest", cost), "x")
        arrivals.append((clock.seconds + wait + late, cost))
    value, before = 0.0, 0.0
    for moment, cost in sorted(arrivals):
        value = max(0.0, value - (moment - before) * decay) + cost
        before = moment
        assert value <= 15 + 1e-5


# ---------------------------------------------------------------------- what each call costs


def test_every_cost_of_the_rest_counter(opener: Opener) -> None:
    trader = Trader(opener)
    own = trader.client.account_data
    assert {"Ledgers": COSTS["Ledgers"]["cost"], "TradesHistory": COSTS["TradesHistory"]["cost"]} == {
        "Ledgers": 2,
        "TradesHistory": 2,
    }
    for call, name in (
        (own.get_account_balance, "Balance"),
        (own.get_ledgers, "Ledgers"),
        (own.get_trade_history, "TradesHistory"),
        (own.get_open_orders, "OpenOrders"),
    ):
        before = trader.state["rest"]
        call()
        assert trader.state["rest"] - before == pytest.approx(COSTS[name]["cost"], abs=1e-6)
    assert set(trader.state) == {"rest"}


def test_public_calls_are_not_counted(opener: Opener) -> None:
    trader = Trader(opener)
    trader.transport.outcomes = [reply({"unixtime": 1, "rfc1123": "x"})]
    for _ in range(50):
        trader.client.market_data.get_server_time()
    assert trader.state == {"rest": 0}
    assert trader.waits == []


Change = Callable[[SpotClient, str], Any]
CHANGES: dict[str, Change] = {
    "AmendOrder": lambda client, txid: client.trading.amend_order(txid=txid, limit_price="2.0"),
    "EditOrder": lambda client, txid: client.trading.edit_order(txid=txid, pair="XBTUSD", price="2.0", userref=9),
    "CancelOrder": lambda client, txid: client.trading.cancel_order(txid=txid),
    "CancelOrderBatch": lambda client, txid: client.trading.cancel_order_batch(orders=[txid]),
}
AGES = [(name, age) for name in CHANGES for age in (0, *(below for below, _ in COSTS[name]["ages"]), 10_000)]


@pytest.mark.parametrize(("name", "age"), AGES)
def test_every_age(opener: Opener, name: str, age: int) -> None:
    """At each limit the lower price counts, a moment before it the higher one."""
    costs = COSTS[name]
    for before in (0, 0.01) if age else (0,):
        trader = Trader(opener)
        (txid,) = trader.client.trading.add_order(**ORDER).txid or []
        trader.clock.sleep(age - before)
        start = trader.state["trading XBTUSD"]
        CHANGES[name](trader.client, txid)
        expected = costs["cost"] + next((cost for below, cost in costs["ages"] if age - before < below), 0)
        assert trader.state["trading XBTUSD"] - start == pytest.approx(expected, abs=1e-4)
        assert trader.exchange.refused == 0
        assert set(trader.state) == {"rest", "trading XBTUSD"}


def test_orders_and_batches(opener: Opener) -> None:
    trader = Trader(opener)
    trading = trader.client.trading
    trading.add_order(**ORDER, cl_ord_id="a")
    assert trader.state["trading XBTUSD"] == pytest.approx(1)
    trading.add_order_batch(pair="ETHUSD", orders=[{**ROW, "cl_ord_id": f"b{each}"} for each in range(7)])
    assert trader.state["trading ETHUSD"] == pytest.approx(3.5)
    assert trader.state["rest"] == 0
    # All in one batch, of two pairs: eight for each order that is younger than five seconds.
    trading.cancel_order_batch(cl_ord_ids=["a", "b0", "b1"])
    assert trader.state["trading XBTUSD"] == pytest.approx(1 + 8)
    assert trader.state["trading ETHUSD"] == pytest.approx(3.5 + 16)
    assert "trading" not in trader.state


def test_an_amend_makes_an_order_young_again(opener: Opener) -> None:
    trader = Trader(opener)
    trader.client.trading.add_order(**ORDER, cl_ord_id="a")
    trader.client.trading.add_order(**ORDER, cl_ord_id="b")
    trader.clock.sleep(400)
    trader.client.trading.amend_order(cl_ord_id="a", limit_price="2.0")
    assert trader.state["trading XBTUSD"] == pytest.approx(1)
    trader.client.trading.cancel_order_batch(cl_ord_ids=["a", "b"])
    assert trader.state["trading XBTUSD"] == pytest.approx(1 + 8)


def test_a_user_reference_stands_for_all_its_orders(opener: Opener) -> None:
    trader = Trader(opener)
    for _ in range(3):
        trader.client.trading.add_order(**ORDER, userref=7)
    trader.client.trading.cancel_order(txid=7)
    assert trader.state["trading XBTUSD"] == pytest.approx(3 + 3 * 8)
    trader.client.trading.add_order(**ORDER, userref=7)
    trader.client.trading.cancel_order(txid=7)
    assert trader.state["trading XBTUSD"] == pytest.approx(3 + 3 * 8 + 1 + 8)
    assert trader.exchange.refused == 0


def test_orders_of_which_nothing_is_known(opener: Opener) -> None:
    """They may be new, and of any pair: also of one that was not traded yet."""
    trader = Trader(opener)
    trader.client.trading.add_order(**ORDER)
    trader.client.trading.cancel_order(txid="OTHERS-AAAAA-AAAAAA")
    assert trader.state["trading XBTUSD"] == pytest.approx(1 + 8)
    trader.client.trading.add_order(**{**ORDER, "pair": "ETHUSD"})
    assert trader.state["trading ETHUSD"] == pytest.approx(8 + 1)


def test_an_order_whose_reply_was_lost_may_be_there(opener: Opener) -> None:
    trader = Trader(opener)
    trader.transport.outcomes = [Lost(True, OSError()), trader.exchange]
    with pytest.raises(OrderStateUnknown):
        trader.client.trading.add_order(**ORDER, cl_ord_id="mine")
    trader.client.trading.cancel_order(cl_ord_id="mine")
    assert trader.state["trading XBTUSD"] == pytest.approx(1 + 8)
    assert set(trader.state) == {"rest", "trading XBTUSD"}


def test_pairs_have_counters_of_their_own(opener: Opener) -> None:
    trader = Trader(opener)
    for _, pair in itertools.product(range(50), PAIRS):
        trader.client.trading.add_order(**{**ORDER, "pair": pair})
    assert trader.waits == []
    assert trader.client.limits is not None
    for pair in PAIRS:
        assert trader.client.limits.trading(pair).value == pytest.approx(50, abs=0.1)
        assert trader.client.limits.trading(pair).maximum == 60


# ---------------------------------------------------------------------- waiting, raising, and what Kraken says


def test_waiting_for_ones_turn(opener: Opener) -> None:
    """The seconds are those that the counter needs to fall, no more."""
    trader = Trader(opener)
    for _ in range(20):
        trader.client.account_data.get_account_balance()
    assert all(0 < wait <= 1 / 0.33 + 0.01 for wait in trader.waits)
    assert trader.state["rest"] <= 15
    assert 5 <= len(trader.waits) <= 7


def test_raising_instead(opener: Opener) -> None:
    trader = Trader(opener, on_limit="raise")
    with pytest.raises(LimitReached) as caught:
        repeat(trader.client.account_data.get_account_balance, 20)
    calls = trader.exchange.answered
    assert 13 <= calls <= 15
    assert str(caught.value).startswith("get_account_balance: Kraken's rest limit is reached; it has room again in ")
    assert caught.value.facts.sent is False
    assert caught.value.retryable
    assert isinstance(caught.value, KrakenError)
    assert trader.waits == []
    before = trader.state["rest"]
    with pytest.raises(LimitReached):
        trader.client.account_data.get_account_balance()
    assert trader.state["rest"] <= before  # nothing was charged
    trader.clock.sleep(4)
    trader.client.account_data.get_account_balance()
    # Orders have room of their own.
    trader.client.trading.add_order(**ORDER)
    with pytest.raises(LimitReached, match="add_order: Kraken's trading limit is reached"):
        repeat(lambda: trader.client.trading.add_order(**ORDER), 100)


def repeat(call: Callable[[], Any], times: int) -> None:
    for _ in range(times):
        call()


@pytest.mark.parametrize(
    ("call", "code", "counter"),
    [
        (lambda client: client.account_data.get_account_balance(), "EAPI:Rate limit exceeded", "rest"),
        (lambda client: client.account_data.retrieve_export(id="QXDM"), "EAPI:Rate limit exceeded", "rest"),
        (lambda client: client.trading.add_order(**ORDER), "EOrder:Rate limit exceeded", "trading XBTUSD"),
        (lambda client: client.trading.cancel_order(cl_ord_id="mine"), "EOrder:Rate limit exceeded", "trading XBTUSD"),
    ],
)
def test_somebody_else_uses_the_key(opener: Opener, call: Any, code: str, counter: str) -> None:
    """Kraken refuses although there is room by our count: from then on the counter stands at its maximum."""
    trader = Trader(opener, retries=0)
    trader.client.trading.add_order(**ORDER, cl_ord_id="mine")
    trader.transport.outcomes = [refusal(code)]
    with pytest.raises(KrakenError, match=code):
        call(trader.client)
    maximum = TIERS["starter"]["rest" if counter == "rest" else "trading"]["maximum"]
    assert trader.state[counter] == pytest.approx(maximum)
    others = {name: value for name, value in trader.state.items() if name != counter}
    assert all(value < 10 for value in others.values())


def test_a_refused_read_is_repeated_when_there_is_room(opener: Opener) -> None:
    trader = Trader(opener)
    trader.transport.outcomes = [refusal("EAPI:Rate limit exceeded"), trader.exchange]
    trader.client.account_data.get_account_balance()
    assert len(trader.transport.requests) == 2
    assert sum(trader.waits) > 1 / 0.33


def test_other_refusals_do_not_move_the_counters(opener: Opener) -> None:
    trader = Trader(opener, retries=0)
    trader.transport.outcomes = [refusal("EOrder:Insufficient funds"), refusal("EService:Unavailable")]
    for call in (lambda: trader.client.trading.add_order(**ORDER), trader.client.account_data.get_account_balance):
        with pytest.raises(KrakenError):
            call()
    assert trader.state == {"rest": pytest.approx(1), "trading XBTUSD": pytest.approx(1)}


def test_what_costs_more_than_there_is(opener: Opener) -> None:
    """Fifty young orders at once exceed every maximum: it goes out when the counter stands at nothing."""
    trader = Trader(opener)
    names = [f"o{number}" for number in range(15)]
    trader.client.trading.add_order_batch(pair="XBTUSD", orders=[{**ROW, "cl_ord_id": name} for name in names])
    trader.client.trading.cancel_order_batch(cl_ord_ids=names)
    assert trader.exchange.refused == 0
    assert 0 < sum(trader.waits) <= 7.6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tier": "gold"}, "tier: 'gold' is unknown; allowed: starter, intermediate, pro"),
        ({"tier": "pro", "on_limit": "hope"}, "on_limit: 'hope' is not allowed; allowed: wait, raise"),
    ],
)
def test_wrong_options(opener: Opener, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        opener(**options)


def test_without_a_tier_nothing_is_counted(opener: Opener) -> None:
    assert opener().limits is None
