"""Kraken's rate-limit counters, kept on this side so that they are not exceeded. Times are seconds of one clock."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from . import checks
from .errors import ExchangeError, Facts, KrakenError, LimitReached
from .operation import Operation
from .product import Product

__all__ = ["Charge", "Counter", "CounterLimit", "Limits", "Tier", "charge_of", "limits_of", "new_orders"]

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
    return Charge(operation.counter, cost, operation.ages, str(values.get(operation.pair) or ANY), ids)


def _single_cost(operation: Operation[Any], values: Mapping[str, Any]) -> float:
    """The cost of a call, or of each element of a list; it may depend on an argument."""
    prices = operation.prices
    value = values.get(prices.parameter) if prices else None
    if prices is None or value is None:
        return operation.cost
    return next((cost for most, cost in prices.up_to if value <= most), prices.given)


def new_orders(
    operation: Operation[Any], values: Mapping[str, Any], result: Any, placed: Sequence[str] = ()
) -> list[list[str]]:
    """The ids of each order that a call placed: Kraken's, which a lost reply (None) would have told, and the caller's.

    Args:
        operation: The call.
        values: Its arguments.
        result: Its result.
        placed: Where the result holds Kraken's ids, when it is not the operation's own.
    """
    *path, name = placed or operation.placed
    rows = _listed(getattr(result, path[0], None)) if path else _listed(result) or [None]
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

    def change(self, limit: CounterLimit) -> None:
        """Count by another limit from now on."""
        self._value, self._at, self._limit = self.value, self._clock(), limit

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
    """All counters of one API key: those of the account, and the trading counter of each pair.

    Args:
        tier: How high the counters may stand, and how fast they fall.
        clock: Seconds, never going back.
        symbols: Names of assets with the name that they shall count as, so that all spellings of a pair are one.
        tiers: All tiers, to know the one that Kraken says it is.
    """

    def __init__(
        self,
        tier: Tier,
        *,
        clock: Callable[[], float] = time.monotonic,
        symbols: Mapping[str, str] = MappingProxyType({}),
        tiers: Iterable[Tier] = (),
    ) -> None:
        self._tier = tier
        self._tiers = tuple(tiers)
        self._clock = clock
        self._symbols = symbols
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()
        self.counters: Mapping[str, Counter] = {
            name: _counter(limit, clock) for name, limit in tier.counters.items() if name != PER_PAIR
        }
        """The counters of the account by name, such as that of private REST calls (`rest`)."""
        self._pairs: dict[str, Counter] = {}
        self._orders: OrderedDict[str, list[_Order]] = OrderedDict()

    def _name(self, pair: str) -> str:
        """A pair by the name that it was first called here."""
        return self._names.setdefault(one_spelling(pair, self._symbols), pair)

    @property
    def rest(self) -> Counter:
        """The counter of private REST calls, where the product has one."""
        return self.counters["rest"]

    def counts(self, operation: Operation[Any]) -> bool:
        """Whether a call is charged to one of these counters."""
        return operation.counter in self._tier.counters

    def trading(self, pair: str) -> Counter:
        """The trading counter of a pair, in any of its spellings."""
        pair = self._name(pair)
        counter = self._pairs.get(pair)
        if counter is None:
            counter = self._pairs[pair] = _counter(self._tier.counters[PER_PAIR], self._clock)
            if ANY in self._pairs:
                counter.add(self._pairs[ANY].value)
        return counter

    def reserve(self, charge: Charge, operation: str, *, wait: bool = True) -> float:
        """Charge a call now, and return the seconds that it has to wait for its turn.

        Args:
            charge: What the call costs.
            operation: Its name, for the error.
            wait: Whether it may wait.

        Raises:
            LimitReached: It would have to wait, and may not; nothing is charged then.
        """
        with self._lock:
            charged = self._costs(charge)
            seconds = max((counter.wait(cost) for counter, cost in charged), default=0.0)
            if seconds and not wait:
                raise LimitReached(
                    f"Kraken's {charge.counter} limit is reached; it has room again in {seconds:.1f} s",
                    Facts(operation, sent=False, hint='wait, or make the client with on_limit="wait"'),
                )
            for counter, cost in charged:
                counter.add(cost, seconds)
            return seconds

    def settle(
        self, operation: Operation[Any], values: Mapping[str, Any], outcome: object, placed: Sequence[str] = ()
    ) -> None:
        """Learn from what became of a call.

        Args:
            operation: The call.
            values: Its arguments.
            outcome: Its result, or its error.
            placed: Where the result holds the ids of new orders, when it is not the operation's own.
        """
        charge = charge_of(operation, values)
        if isinstance(outcome, ExchangeError):
            if outcome.category == "rate_limit":
                self.refused(charge)
            return
        known = None if isinstance(outcome, KrakenError) else outcome
        if operation.ages and not operation.placed and operation.danger != "cancels":
            self.changed(charge)
        elif operation.ages and known is not None:
            self.gone(charge)
        if operation.placed:
            self.placed(charge.pair, new_orders(operation, values, known, placed))

    def observe(self, pair: str, value: float) -> None:
        """Kraken has told where the trading counter of a pair stands; what is above is on its way, and stays."""
        with self._lock:
            counter = self.trading(pair)
            counter.add(max(0.0, value - counter.value))

    def learn_maximum(self, maximum: float) -> None:
        """Kraken has told how high trading counters may stand, and so which tier the account really has."""
        with self._lock:
            known = self._tier.counters[PER_PAIR]
            if maximum == known.maximum:
                return
            others = (tier.counters[PER_PAIR] for tier in self._tiers)
            limit = next((each for each in others if each.maximum == maximum), known._replace(maximum=maximum))
            self._tier = self._tier._replace(counters={**self._tier.counters, PER_PAIR: limit})
            for counter in self._pairs.values():
                counter.change(limit)

    def _costs(self, charge: Charge) -> list[tuple[Counter, float]]:
        """The counters that a call is charged to, and how much."""
        if charge.counter != PER_PAIR:
            return [(self.counters[charge.counter], charge.cost)] if charge.counter in self.counters else []
        known = self._known(charge)
        charge = charge._replace(pair=self._name(charge.pair))
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
                order = _Order(self._name(pair), self._clock())
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
                pairs = {self._name(charge.pair), *(order.pair for order in self._known(charge))} - {ANY}
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


def one_spelling(pair: str, symbols: Mapping[str, str]) -> str:
    """A pair's name such that its usual spellings give the same: `XXBTZUSD`, `XBTUSD`, `XBT/USD`, `BTC/USD`."""
    name = pair.upper()
    parts = name.split("/")
    if len(parts) == 1:
        cuts = [(name[:at], name[at:]) for at in range(1, len(name))]
        # Where both parts are known names, the cut is between them; else one of them may be.
        known = [cut for cut in cuts if cut[0] in symbols and cut[1] in symbols]
        known += [cut for cut in cuts if cut[0] in symbols or cut[1] in symbols]
        parts = list(known[0]) if known else [name]
    return "".join(symbols.get(part, part) for part in parts)


_SHARED: WeakValueDictionary[tuple[object, ...], Limits] = WeakValueDictionary()
_SHARING = threading.Lock()


def limits_of(
    product: Product, url: str, key: str, tier: str | None, on_limit: str, clock: Callable[[], float]
) -> tuple[Limits | None, bool]:
    """The counters of an API key, the same for all clients of the process that use it, and whether calls may wait.

    Args:
        product: Whose tiers are meant.
        url: Base address of the REST API: an exchange of its own.
        key: The API key; without one the counters are the client's own.
        tier: Name of the tier; None for the product's only one, if it has just one.
        on_limit: `wait`, `raise`, or `ignore` to count nothing.
        clock: Seconds, never going back.

    Raises:
        InvalidRequest: There is no such tier, or no such choice.
    """
    if on_limit not in ("wait", "raise", "ignore"):
        raise checks.refused(f"on_limit: {on_limit!r} is not allowed; allowed: wait, raise, ignore")
    tier = tier or product.tier
    if tier is None or on_limit == "ignore":
        return None, True
    generated = import_module(f"kraken.{product.name}.limits")
    if tier not in generated.TIERS:
        raise checks.refused(f"tier: {tier!r} is unknown; allowed: {', '.join(generated.TIERS)}")
    identity = (product.name, url, key, tier, clock)
    with _SHARING:
        limits = _SHARED.get(identity) if key else None
        if limits is None:
            tiers = generated.TIERS
            limits = Limits(tiers[tier], clock=clock, symbols=generated.SYMBOLS, tiers=tiers.values())
            if key:
                _SHARED[identity] = limits
    return limits, on_limit == "wait"
