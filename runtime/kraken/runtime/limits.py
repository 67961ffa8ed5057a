"""Kraken's rate-limit counters, kept on this side so that they are not exceeded. Times are seconds of one clock."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

from .errors import Facts, LimitReached
from .operation import Operation

__all__ = ["Charge", "Counter", "CounterLimit", "Limits", "Tier", "charge_of", "new_orders"]

ANY = ""
"""The pair of orders about which nothing is known: what they cost is charged to every pair."""
ORDERS_REMEMBERED, SAME_REFERENCE = 10_000, 500
"""Ids, and orders that share one of them: user references need not differ."""
SLACK = 1.0
"""Seconds of decay that are left unused: requests may arrive closer together than they were sent."""
PER_PAIR = "trading"
"""The counter of which every pair has its own."""


class CounterLimit(NamedTuple):
    """One counter of a tier: it falls all the time, or gives each cost back some seconds after it arose."""

    maximum: float
    decay: float = 0.0
    """By how much the counter falls per second."""
    window: float = 0.0
    """After how many seconds each cost is given back, where it does not fall all the time."""


class Tier(NamedTuple):
    """The counters of one verification tier; a constant, generated from the spec."""

    counters: Mapping[str, CounterLimit]
    """By name."""
    open_orders: int = 0
    """How many orders may be open on a pair."""


class Charge(NamedTuple):
    """What one call adds to which counter."""

    counter: str
    cost: float
    """The fixed part."""
    ages: tuple[tuple[float, float], ...] = ()
    """Pairs of seconds and a cost that is added when the order is younger."""
    pair: str = ""
    orders: tuple[str, ...] = ()
    """Ids of the orders that are changed."""


def charge_of(operation: Operation[Any], values: Mapping[str, Any]) -> Charge:
    """What a call with these arguments costs."""
    listed = values.get(operation.per) if operation.per else None
    count = len(listed) if isinstance(listed, list) else 1
    cost = operation.base + _single_cost(operation, values) * count
    # Where an order takes the place of another, the first id is that of the other one.
    names = operation.order_ids[:1] if operation.placed else operation.order_ids
    ids = tuple(str(each) for name in names for each in _listed(values.get(name)))
    return Charge(operation.counter, cost, operation.ages, str(values.get("pair", "")), ids)


def _single_cost(operation: Operation[Any], values: Mapping[str, Any]) -> float:
    """The cost of a call, or of each element of a list; it may depend on an argument."""
    prices = operation.prices
    value = values.get(prices.parameter) if prices else None
    if prices is None or value is None:
        return operation.cost
    return next((cost for most, cost in prices.up_to if value <= most), prices.given)


def new_orders(operation: Operation[Any], values: Mapping[str, Any], result: Any) -> list[list[str]]:
    """The ids of each order that a call placed: Kraken's, which a lost reply (None) would have told, and the caller's."""
    *path, name = operation.placed
    rows = _listed(getattr(result, path[0], None)) if path else [result]
    asked = _listed(values.get(operation.per)) if operation.per else [values]
    own = (operation.client_order_id, *operation.client_order_id_unless)
    own = own if operation.client_order_id else operation.order_ids[1:]
    found = []
    for row, given in zip_longest(rows, asked):
        ids = _listed(getattr(row, name, None))
        if ids or row is None:
            ids = [*ids, *(_value(given, each) for each in own)]
            found.append([str(each) for each in ids if each is not None])
    return found


def _value(given: Any, name: str) -> Any:
    return given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


class Counter:
    """One counter, decaying."""

    def __init__(self, limit: CounterLimit, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._value = 0.0
        self._at = clock()

    @property
    def value(self) -> float:
        """What the counter stands at now; above the maximum while calls are waiting for their turn."""
        return self._value_at(self._clock())

    @property
    def maximum(self) -> float:
        """What the counter must not exceed."""
        return self._limit.maximum

    def wait(self, cost: float) -> float:
        """Seconds until a cost fits; what never does goes out when the counter stands at nothing."""
        too_much = self.value + cost - self._limit.maximum + SLACK * self._limit.decay
        return max(0.0, min(too_much, self.value)) / self._limit.decay

    def add(self, cost: float, wait: float = 0.0) -> None:
        """Charge a cost that arises in some seconds."""
        moment = self._clock() + wait
        self._value, self._at = self._value_at(moment) + cost, moment

    def _value_at(self, moment: float) -> float:
        return max(0.0, self._value - (moment - self._at) * self._limit.decay)

    def refused(self) -> None:
        """Kraken said that the limit is reached: somebody else uses the same counter. Count from the maximum."""
        self._value, self._at = max(self.value, self._limit.maximum), self._clock()


class WindowCounter(Counter):
    """One counter that gives each cost back when its time is over."""

    def __init__(self, limit: CounterLimit, clock: Callable[[], float]) -> None:
        super().__init__(limit, clock)
        self._costs: deque[tuple[float, float]] = deque()
        """When each cost is given back, in order, and how much it is."""

    def wait(self, cost: float) -> float:
        """Seconds until a cost fits; what never does goes out when the counter stands at nothing."""
        now = self._clock()
        value, until = self._value_at(now), now
        for until_then, given_back in self._costs:
            if value + cost <= self._limit.maximum:
                break
            value, until = value - given_back, until_then
        return until - now

    def add(self, cost: float, wait: float = 0.0) -> None:
        """Charge a cost that arises in some seconds."""
        self._costs.append((self._clock() + wait + self._limit.window + SLACK, cost))

    def _value_at(self, moment: float) -> float:
        while self._costs and self._costs[0][0] <= moment:
            self._costs.popleft()
        return sum(cost for _, cost in self._costs)

    def refused(self) -> None:
        """Kraken said that the limit is reached: somebody else uses the same counter. Count from the maximum."""
        if (missing := self._limit.maximum - self.value) > 0:
            self.add(missing)


def _counter(limit: CounterLimit, clock: Callable[[], float]) -> Counter:
    return (WindowCounter if limit.window else Counter)(limit, clock)


class _Order:
    """What is remembered of an order, under each of its ids."""

    def __init__(self, pair: str, since: float) -> None:
        self.pair = pair
        self.since = since
        """When it was placed, or last amended."""


class Limits:
    """All counters of one API key: those of the account, and the trading counter of each pair."""

    def __init__(self, tier: Tier, *, wait: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._tier = tier
        self._wait = wait
        self._clock = clock
        self._lock = threading.Lock()
        self.counters: Mapping[str, Counter] = {
            name: _counter(limit, clock) for name, limit in tier.counters.items() if name != PER_PAIR
        }
        """The counters of the account by name, such as that of private REST calls (`rest`)."""
        self._pairs: dict[str, Counter] = {}
        self._orders: OrderedDict[str, list[_Order]] = OrderedDict()

    @property
    def rest(self) -> Counter:
        """The counter of private REST calls, where the product has one."""
        return self.counters["rest"]

    def counts(self, operation: Operation[Any]) -> bool:
        """Whether a call is charged to one of these counters."""
        return operation.counter in self._tier.counters

    def trading(self, pair: str) -> Counter:
        """The trading counter of a pair, by the name that was used in the orders."""
        counter = self._pairs.get(pair)
        if counter is None:
            counter = self._pairs[pair] = _counter(self._tier.counters[PER_PAIR], self._clock)
            if ANY in self._pairs:
                counter.add(self._pairs[ANY].value)
        return counter

    def reserve(self, charge: Charge, operation: str) -> float:
        """Charge a call now, and return the seconds that it has to wait for its turn.

        Raises:
            LimitReached: It would have to wait, and this is not wanted; nothing is charged then.
        """
        with self._lock:
            charged = self._costs(charge)
            wait = max((counter.wait(cost) for counter, cost in charged), default=0.0)
            if wait and not self._wait:
                raise LimitReached(
                    f"Kraken's {charge.counter} limit is reached; it has room again in {wait:.1f} s",
                    Facts(operation, sent=False, hint='wait, or make the client with on_limit="wait"'),
                )
            for counter, cost in charged:
                counter.add(cost, wait)
            return wait

    def _costs(self, charge: Charge) -> list[tuple[Counter, float]]:
        """The counters that a call is charged to, and how much."""
        if charge.counter != PER_PAIR:
            return [(self.counters[charge.counter], charge.cost)] if charge.counter in self.counters else []
        known = self._known(charge)
        costs = {charge.pair or (known[0].pair if known else ANY): charge.cost}
        for order in known:
            costs[order.pair] = costs.get(order.pair, 0.0) + _by_age(charge.ages, self._clock() - order.since)
        # Of an unknown order the worst is assumed: that it is new, and of any pair.
        unknown = sum(name not in self._orders for name in charge.orders) * _by_age(charge.ages, 0.0)
        costs[charge.pair] = costs.get(charge.pair, 0.0) + unknown
        if anywhere := costs.get(ANY):
            costs |= {name: costs.get(name, 0.0) + anywhere for name in {*self._pairs, *costs} - {ANY}}
        return [(self.trading(name), cost) for name, cost in costs.items() if cost]

    def placed(self, pair: str, orders: Iterable[Iterable[str]]) -> None:
        """Remember orders by all their ids, for the cost of changing them while they are young."""
        with self._lock:
            for ids in orders:
                order = _Order(pair, self._clock())
                for name in ids:
                    self._orders.setdefault(name, []).append(order)
                    self._orders.move_to_end(name)
                    del self._orders[name][:-SAME_REFERENCE]
            while len(self._orders) > ORDERS_REMEMBERED:
                self._orders.popitem(last=False)

    def changed(self, charge: Charge) -> None:
        """Orders were amended: their age begins anew."""
        with self._lock:
            for order in self._known(charge):
                order.since = self._clock()

    def gone(self, charge: Charge) -> None:
        """Orders were cancelled: nothing that is done to them has a price any more."""
        with self._lock:
            for order in self._known(charge):
                order.since = float("-inf")

    def _known(self, charge: Charge) -> list[_Order]:
        return [order for name in charge.orders for order in self._orders.get(name, ())]

    def refused(self, charge: Charge) -> None:
        """Kraken refused a call because of its limit."""
        with self._lock:
            if charge.counter in self.counters:
                self.counters[charge.counter].refused()
            elif charge.counter == PER_PAIR:
                pairs = {charge.pair, *(order.pair for order in self._known(charge))} - {ANY}
                for name in pairs or {ANY, *self._pairs}:
                    self.trading(name).refused()

    def state(self) -> Mapping[str, tuple[float, float]]:
        """Every counter with its present value and its maximum; `trading` alone is for orders of an unknown pair."""
        with self._lock:
            pairs = {f"{PER_PAIR} {pair}".strip(): each for pair, each in self._pairs.items()}
            counters = {**self.counters, **pairs}
            return {name: (counter.value, counter.maximum) for name, counter in counters.items()}


def _by_age(ages: tuple[tuple[float, float], ...], age: float) -> float:
    return next((cost for below, cost in ages if age < below), 0.0)
