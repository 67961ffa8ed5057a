"""Kraken's rate limits: the counter of Spot's REST calls, a counter of orders for each pair, the pools of Futures. Figures
come from the specs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from kraken.emulator.errors import RateLimited, Refusal, Words
from kraken.emulator.specs import read
from kraken.emulator.wire import SECOND, ZERO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from kraken.emulator.handlers import Arguments
    from kraken.emulator.instruments import Pair
    from kraken.emulator.orders import Order

TOLERANCE = Decimal("0.001")
"""By how much a counter may be exceeded, and seconds by which an order may be too young: a client that waits exactly as
long as it has to may round the other way."""


class Cost(NamedTuple):
    """What a call adds to a counter."""

    counter: str
    fixed: Decimal
    """For the call, or for each order of a batch."""
    ages: tuple[tuple[Decimal, Decimal], ...]
    """Ages in seconds, and what is added for an order that is younger."""

    def of_order(self, age: int) -> Decimal:
        """What is added for an order of an age in nanoseconds."""
        seconds = age / Decimal(SECOND) + TOLERANCE
        return next((cost for limit, cost in self.ages if seconds < limit), ZERO)


@dataclass(slots=True)
class Counter:
    """A counter that falls with time."""

    maximum: Decimal
    decay: Decimal
    """By how much it falls per second."""
    value: Decimal = ZERO
    at: int = 0
    """When it had this value, in Unix nanoseconds."""

    def now(self, moment: int) -> Decimal:
        """What it stands at, at a moment in Unix nanoseconds."""
        return max(ZERO, self.value - self.decay * (moment - self.at) / SECOND)

    def fits(self, cost: Decimal, moment: int) -> bool:
        """Whether a cost can be added; what costs more than the maximum fits once the counter stands at nothing."""
        value = self.now(moment)
        return value + cost <= max(self.maximum, cost) + TOLERANCE

    def add(self, cost: Decimal, moment: int) -> None:
        """Add a cost."""
        self.value, self.at = self.now(moment) + cost, moment


class Window:
    """What may be spent within the last seconds.

    Args:
        maximum: How much.
        seconds: Length of the window. It is taken as a tenth shorter: messages that were sent far enough apart may
            arrive closer together.
    """

    def __init__(self, maximum: int, seconds: int) -> None:
        self._maximum = maximum
        self._length = seconds * SECOND * 9 // 10
        self._spent: deque[tuple[int, int]] = deque()

    def take(self, cost: int, moment: int) -> bool:
        """Spend ``cost`` at a moment in Unix nanoseconds, if that is allowed."""
        fits = self.spent(moment) + cost <= self._maximum
        if fits:
            self._spent.append((moment, cost))
        return fits

    def spent(self, moment: int) -> int:
        """What was spent within the last seconds."""
        while self._spent and moment - self._spent[0][0] >= self._length:
            self._spent.popleft()
        return sum(each for _, each in self._spent)


class Limits:
    """The counters of one account.

    Args:
        folder: The folder with the specs.
        tier: Name of the account's tier.
        clock: Unix time in nanoseconds.

    Raises:
        ValueError: there is no such tier.
    """

    def __init__(self, folder: Path, tier: str, clock: Callable[[], int]) -> None:
        tiers = tiers_of(folder)
        if tier not in tiers:
            raise ValueError(f"unknown tier {tier!r}; known: {', '.join(tiers)}")
        self._facts = tiers[tier]
        self._costs = costs_of(folder)
        self._clock = clock
        self._rest = self._counter("rest")
        self._trading: dict[str, Counter] = {}
        self.open_orders: int = self._facts["open_orders"]
        """Orders that may be open in a pair."""
        self.maximum: int = self._facts["trading"]["maximum"]
        """What the counter of a pair may reach."""

    def _counter(self, name: str) -> Counter:
        facts = self._facts[name]
        return Counter(_decimal(facts["maximum"]), _decimal(facts["decay"]))

    def admit(self, operation_id: str) -> None:
        """Charge a call to the counter of REST calls, where it belongs there.

        Args:
            operation_id: The operation.

        Raises:
            Refusal: the counter would exceed its maximum; nothing is charged then.
        """
        cost, moment = self._costs[operation_id], self._clock()
        if cost.counter == "rest":
            if not self._rest.fits(cost.fixed, moment):
                raise Refusal(Words.RATE_LIMIT)
            self._rest.add(cost.fixed, moment)

    def state(self) -> dict[str, Decimal]:
        """Where the counters stand now: ``rest``, and those of pairs by Kraken's pair name."""
        moment = self._clock()
        return {name: counter.now(moment) for name, counter in {"rest": self._rest, **self._trading}.items()}

    def count(self, pair: Pair) -> int:
        """Where the counter of a pair stands now, as the WebSocket tells it."""
        counter = self._trading.get(pair.name)
        return 0 if counter is None else int(counter.now(self._clock()))

    def charge(self, operation_id: str, pair: Pair, orders: Iterable[Order] = (), count: int = 1) -> None:
        """Charge a call to the counter of a pair.

        Args:
            operation_id: The operation.
            pair: The pair.
            orders: Orders of that pair that it changes.
            count: How many orders it places.

        Raises:
            Refusal: the counter would exceed its maximum; nothing is charged then.
        """
        cost, moment = self._costs[operation_id], self._clock()
        total = cost.fixed * count + sum((cost.of_order(moment - order.changed) for order in orders), ZERO)
        counter = self._trading.setdefault(pair.name, self._counter("trading"))
        if not counter.fits(total, moment):
            raise Refusal(Words.ORDER_RATE_LIMIT)
        counter.add(total, moment)


class Pools:
    """The two pools of a Futures account: what private calls under ``/derivatives`` and what its history may cost.

    Args:
        folder: The folder with the specs.
        clock: Unix time in nanoseconds.
    """

    def __init__(self, folder: Path, clock: Callable[[], int]) -> None:
        (tier,) = tiers_of(folder, "futures").values()
        self._costs = dict(_priced(folder, "futures"))
        self._clock = clock
        self._derivatives = Window(tier["derivatives"]["maximum"], tier["derivatives"]["window"])
        self._history = Counter(_decimal(tier["history"]["maximum"]), _decimal(tier["history"]["decay"]))

    def charge(self, operation_id: str, arguments: Arguments) -> None:
        """Charge a call.

        Args:
            operation_id: The operation.
            arguments: Its arguments.

        Raises:
            RateLimited: there is not enough left; nothing is charged then.
        """
        facts, moment = self._costs[operation_id], self._clock()
        cost = _price(facts, arguments)
        if facts["counter"] == "derivatives" and not self._derivatives.take(cost, moment):
            raise RateLimited(1)
        if facts["counter"] == "history":
            if not self._history.fits(Decimal(cost), moment):
                over = self._history.now(moment) + cost - self._history.maximum
                raise RateLimited(int(over / self._history.decay) + 1)
            self._history.add(Decimal(cost), moment)

    def state(self) -> dict[str, Decimal]:
        """What is spent now: of ``derivatives`` and of ``history``."""
        moment = self._clock()
        return {"derivatives": Decimal(self._derivatives.spent(moment)), "history": self._history.now(moment)}


def _price(facts: Mapping[str, Any], arguments: Arguments) -> int:
    """What a Futures call costs with its arguments."""
    cost: int = facts["cost"]
    value = arguments.get(facts.get("parameter", ""))
    if value is not None:
        cost = facts.get("given", cost)
        cost = next((each for limit, each in facts.get("up_to", ()) if value <= limit), cost)
    if "per" in facts:
        cost = facts.get("base", 0) + cost * len(_listed(arguments, facts["per"]))
    return cost


def _listed(arguments: Arguments, name: str) -> list[Any]:
    """A list among the arguments, or among the members of one that is an object."""
    places = [arguments, *(value for value in arguments.values() if isinstance(value, dict))]
    return next((place[name] for place in places if name in place), [])


def tiers_of(folder: Path, product: str = "spot") -> Mapping[str, Mapping[str, Any]]:
    """The tiers in the specs of a product, by name."""
    tiers: Mapping[str, Mapping[str, Any]] = read(folder / product / "rest" / "limits.yaml")["x-kraken-tiers"]
    return tiers


def costs_of(folder: Path) -> dict[str, Cost]:
    """What each Spot operation in the specs costs, by its id."""
    return {name: _cost(facts) for name, facts in _priced(folder, "spot")}


def _priced(folder: Path, product: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The operations of a product, and what the specs say about their cost."""
    for path in sorted((folder / product / "rest").glob("*.yaml")):
        for item in read(path).get("paths", {}).values():
            for facts in item.values():
                yield facts["operationId"], facts["x-kraken-cost"]


def _cost(facts: Mapping[str, Any]) -> Cost:
    ages = tuple((_decimal(seconds), _decimal(cost)) for seconds, cost in facts.get("ages", ()))
    return Cost(facts["counter"], _decimal(facts.get("cost", 0)), ages)


def _decimal(number: float) -> Decimal:
    return Decimal(str(number))
