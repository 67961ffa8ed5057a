"""Kraken's rate-limit counters, kept on this side so that they are not exceeded. Times are seconds of one clock."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .errors import Facts, KrakenError
from .operation import Operation

__all__ = ["Charge", "Counter", "CounterLimit", "LimitReached", "Limits", "Tier", "charge_of", "new_orders"]

ORDERS_REMEMBERED = 10_000


class CounterLimit(NamedTuple):
    """One counter of a tier."""

    maximum: float
    decay: float
    """By how much the counter falls per second."""


class Tier(NamedTuple):
    """The counters of one verification tier; a constant, generated from the spec."""

    rest: CounterLimit
    trading: CounterLimit
    open_orders: int


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
    ids = tuple(str(each) for name in operation.order_ids for each in _listed(values.get(name)))
    return Charge(operation.counter, operation.cost * count, operation.ages, str(values.get("pair", "")), ids)


def new_orders(operation: Operation[Any], values: Mapping[str, Any], result: Any) -> list[str]:
    """Ids by which orders that a call placed can be named later."""
    found = [result]
    for name in operation.placed:
        found = [item for each in found for item in _listed(getattr(each, name, None))]
    own = [values.get(name) for name in operation.order_ids]
    return [str(each) for each in [*found, *own] if isinstance(each, str | int)]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


class LimitReached(KrakenError):
    """A call would exceed one of Kraken's rate limits, and the client was told to raise instead of waiting."""

    category = "rate_limit"
    retryable = True


class Counter:
    """One decaying counter."""

    def __init__(self, limit: CounterLimit, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._value = 0.0
        self._at = clock()

    @property
    def value(self) -> float:
        """What the counter stands at now; above the maximum while calls are waiting for their turn."""
        return max(0.0, self._value - (self._clock() - self._at) * self._limit.decay)

    @property
    def maximum(self) -> float:
        """What the counter must not exceed."""
        return self._limit.maximum

    def wait(self, cost: float) -> float:
        """Seconds until a cost fits."""
        return max(0.0, self.value + cost - self._limit.maximum) / self._limit.decay

    def add(self, cost: float) -> None:
        """Charge a cost."""
        self._value, self._at = self.value + cost, self._clock()

    def refused(self) -> None:
        """Kraken said that the limit is reached: somebody else uses the same counter. Count from the maximum."""
        self._value, self._at = max(self.value, self._limit.maximum), self._clock()


class _Order:
    """What is remembered of an order, under each of its ids."""

    def __init__(self, pair: str, since: float) -> None:
        self.pair = pair
        self.since = since
        """When it was placed, or last amended."""


class Limits:
    """All counters of one API key: the REST counter, and the trading counter of each pair."""

    def __init__(self, tier: Tier, *, wait: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._tier = tier
        self._wait = wait
        self._clock = clock
        self._lock = threading.Lock()
        self.rest: Counter = Counter(tier.rest, clock)
        """The counter of private REST calls."""
        self._pairs: dict[str, Counter] = {}
        self._orders: OrderedDict[str, _Order] = OrderedDict()

    def trading(self, pair: str) -> Counter:
        """The trading counter of a pair, by the name that was used in the orders."""
        return self._pairs.setdefault(pair, Counter(self._tier.trading, self._clock))

    def reserve(self, charge: Charge, operation: str) -> float:
        """Charge a call now, and return the seconds that it has to wait for its turn.

        Raises:
            LimitReached: It would have to wait, and this is not wanted; nothing is charged then.
        """
        if charge.counter not in ("rest", "trading"):
            return 0.0
        with self._lock:
            charged = [(self.rest, charge.cost)] if charge.counter == "rest" else self._trading_costs(charge)
            wait = max((counter.wait(cost) for counter, cost in charged), default=0.0)
            if wait and not self._wait:
                raise LimitReached(
                    f"Kraken's {charge.counter} limit is reached; it has room again in {wait:.1f} s",
                    Facts(operation, sent=False, hint='wait, or make the client with on_limit="wait"'),
                )
            for counter, cost in charged:
                counter.add(cost)
            return wait

    def _trading_costs(self, charge: Charge) -> list[tuple[Counter, float]]:
        if not charge.ages:
            return [(self.trading(charge.pair), charge.cost)]
        costs: dict[str, float] = {charge.pair: charge.cost} if charge.cost else {}
        for order in charge.orders or ("",):
            # Of an unknown order the worst is assumed: that it is new.
            known = self._orders.get(order) or _Order(charge.pair, self._clock())
            costs[known.pair] = costs.get(known.pair, 0.0) + _by_age(charge.ages, self._clock() - known.since)
        return [(self.trading(name), cost) for name, cost in costs.items() if cost]

    def placed(self, pair: str, ids: Iterable[str]) -> None:
        """Remember orders, for the cost of changing them while they are young."""
        with self._lock:
            placed = _Order(pair, self._clock())
            for order in ids:
                self._orders[order] = placed
                self._orders.move_to_end(order)
            while len(self._orders) > ORDERS_REMEMBERED:
                self._orders.popitem(last=False)

    def changed(self, orders: Iterable[str]) -> None:
        """Orders were amended: their age counts from now."""
        with self._lock:
            for order in orders:
                if order in self._orders:
                    self._orders[order].since = self._clock()

    def refused(self, charge: Charge) -> None:
        """Kraken refused a call because of its limit."""
        with self._lock:
            if charge.counter == "rest":
                self.rest.refused()
            elif charge.counter == "trading":
                self.trading(charge.pair).refused()

    def state(self) -> Mapping[str, Any]:
        """Every counter with its present value and its maximum."""
        with self._lock:
            counters = {"rest": self.rest, **{f"trading {pair}": counter for pair, counter in self._pairs.items()}}
            return {name: (counter.value, counter.maximum) for name, counter in counters.items()}


def _by_age(ages: tuple[tuple[float, float], ...], age: float) -> float:
    return next((cost for below, cost in ages if age < below), 0.0)
