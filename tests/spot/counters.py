"""Kraken's rate limits as the specs state them, counted by exact arithmetic of the tests' own."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qs

from kraken.runtime import Reply
from kraken.runtime.transport import Request
from kraken.spot import SpotClient

from ..specs import FOLDER, read
from ..support import Clock, reply

TIERS: dict[str, Any] = read(FOLDER / "spot" / "rest" / "limits.yaml")["x-kraken-tiers"]
COSTS: dict[str, Any] = {
    path.rpartition("/")[2]: facts["x-kraken-cost"]
    for file in sorted(FOLDER.glob("spot/rest/*.yaml"))
    for path, item in (read(file).get("paths") or {}).items()
    for facts in item.values()
}
PAIRS = ("XBTUSD", "ETHUSD", "DOTUSD")


class Counter:
    """One counter; a cost that would exceed the maximum is refused and not counted."""

    def __init__(self, facts: Any) -> None:
        self.maximum, self.decay = Fraction(str(facts["maximum"])), Fraction(str(facts["decay"]))
        self.value, self.at = Fraction(0), 0

    def now(self, moment: int) -> Fraction:
        return max(Fraction(0), self.value - self.decay * (moment - self.at) / 10**9)

    def charge(self, cost: Fraction, moment: int) -> bool:
        value = self.now(moment) + cost
        # What costs more than all that there is goes through when nothing else does.
        if value > self.maximum and self.now(moment) > 0:
            return False
        self.value, self.at = value, moment
        return True


class Order:
    """An open order, under all its ids."""

    def __init__(self, pair: str, moment: int, *ids: Any) -> None:
        self.pair, self.moment = pair, moment
        self.ids = {str(each) for each in ids if each is not None}


class Exchange:
    """Answers requests as a Kraken does that looks at nothing but its counters."""

    def __init__(self, tier: str, clock: Clock) -> None:
        self.clock = clock
        self.rest = Counter(TIERS[tier]["rest"])
        self.pairs = {pair: Counter(TIERS[tier]["trading"]) for pair in PAIRS}
        self.orders: list[Order] = []
        self.answered = self.refused = self.placed = 0
        self.delay = 0.0
        """Seconds until a request arrives."""

    def __call__(self, request: Request) -> Reply:
        self.clock.sleep(self.delay)
        name = request.target.partition("?")[0].rpartition("/")[2]
        text = request.body.decode()
        arguments = json.loads(text) if text.startswith("{") else {k: v[0] for k, v in parse_qs(text).items()}
        result, code = getattr(self, name, self.read)(COSTS[name], arguments)
        self.answered += 1
        self.refused += bool(code)
        return reply(result, *([code] if code else []))

    def read(self, cost: Any, arguments: Any) -> tuple[Any, str]:
        fits = self.rest.charge(Fraction(str(cost["cost"])), self.clock.now)
        return {"ledger": {}, "trades": {}, "open": {}, "count": 0}, "" if fits else "EAPI:Rate limit exceeded"

    def Balance(self, cost: Any, arguments: Any) -> tuple[Any, str]:  # noqa: N802
        return {}, self.read(cost, arguments)[1]

    def trade(self, cost: Any, pair: str, orders: list[Order], count: int = 1) -> str:
        """Charge a call to the counter of each pair that it is about."""
        costs = {pair: Fraction(str(cost["cost"])) * count} if pair else {}
        for order in orders:
            fixed = Fraction(str(cost["cost"])) if not pair else Fraction(0)
            age = Fraction(self.clock.now - order.moment, 10**9)
            by_age = next((Fraction(str(each)) for below, each in cost["ages"] if age < below), Fraction(0))
            costs[order.pair] = costs.get(order.pair, Fraction(0)) + fixed + by_age
        fits = [self.pairs[name].charge(each, self.clock.now) for name, each in costs.items()]
        return "" if all(fits) else "EOrder:Rate limit exceeded"

    def known(self, *ids: Any) -> list[Order]:
        wanted = {str(each) for each in ids if each is not None}
        return [order for order in self.orders if order.ids & wanted]

    def place(self, pair: str, *ids: Any) -> str:
        self.placed += 1
        txid = f"O{self.placed:05}-AAAAA-AAAAAA"
        self.orders.append(Order(pair, self.clock.now, txid, *ids))
        return txid

    def AddOrder(self, cost: Any, arguments: Any) -> tuple[Any, str]:  # noqa: N802
        if code := self.trade(cost, arguments["pair"], []):
            return None, code
        ids = arguments.get("cl_ord_id"), arguments.get("userref")
        return {"descr": {"order": "x"}, "txid": [self.place(arguments["pair"], *ids)]}, ""

    def AddOrderBatch(self, cost: Any, arguments: Any) -> tuple[Any, str]:  # noqa: N802
        pair, rows = arguments["pair"], arguments["orders"]
        if code := self.trade(cost, pair, [], len(rows)):
            return None, code
        return {"orders": [{"txid": self.place(pair, row.get("cl_ord_id"), row.get("userref"))} for row in rows]}, ""

    def AmendOrder(self, cost: Any, arguments: Any) -> tuple[Any, str]:  # noqa: N802
        orders = self.known(arguments.get("txid"), arguments.get("cl_ord_id"))
        if code := self.trade(cost, "", orders):
            return None, code
        for order in orders:
            order.moment = self.clock.now
        return {"amend_id": "TAAAAA-AAAAA-AAAAAA"}, ""

    def EditOrder(self, cost: Any, arguments: Any) -> tuple[Any, str]:  # noqa: N802
        orders = self.known(arguments["txid"])
        if code := self.trade(cost, arguments["pair"], orders):
            return None, code
        self.orders = [order for order in self.orders if order not in orders]
        txid = self.place(arguments["pair"], arguments.get("userref"))
        return {"descr": {"order": "x"}, "txid": txid, "originaltxid": arguments["txid"], "status": "ok"}, ""

    def cancel(self, cost: Any, orders: list[Order]) -> tuple[Any, str]:
        code = self.trade(cost, "", orders)
        if not code:
            self.orders = [order for order in self.orders if order not in orders]
        return {"count": len(orders)}, code

    def CancelOrder(self, cost: Any, arguments: Any) -> tuple[Any, str]:  # noqa: N802
        return self.cancel(cost, self.known(arguments.get("txid"), arguments.get("cl_ord_id")))

    def CancelOrderBatch(self, cost: Any, arguments: Any) -> tuple[Any, str]:  # noqa: N802
        return self.cancel(cost, self.known(*arguments.get("orders", []), *arguments.get("cl_ord_ids", [])))


def mixed_calls(client: SpotClient, count: int, seed: int) -> None:
    """So many calls of all kinds at full speed: reads, and a market maker that changes its mind all the time."""
    chance = random.Random(seed)
    mine: list[str] = []
    trading, own = client.trading, client.account_data
    order: Any = {"type": "buy", "ordertype": "limit", "volume": "1", "price": "1.0"}

    def add() -> None:
        mine.append(f"own-{chance.getrandbits(40)}")
        trading.add_order(pair=chance.choice(PAIRS), **order, cl_ord_id=mine[-1])

    def add_batch() -> None:
        names = [f"own-{chance.getrandbits(40)}" for _ in range(chance.randint(2, 15))]
        trading.add_order_batch(pair=chance.choice(PAIRS), orders=[{**order, "cl_ord_id": name} for name in names])
        mine.extend(names)

    def amend() -> None:
        trading.amend_order(cl_ord_id=chance.choice(mine[-5:]), limit_price="2.0")

    def cancel() -> None:
        trading.cancel_order(cl_ord_id=mine.pop(chance.randrange(len(mine))))

    def cancel_batch() -> None:
        names = [mine.pop() for _ in range(min(len(mine), chance.randint(1, 6)))]
        trading.cancel_order_batch(cl_ord_ids=names)

    reads: list[Callable[[], Any]] = [
        own.get_account_balance,
        own.get_open_orders,
        own.get_ledgers,
        own.get_trade_history,
    ]
    for _ in range(count):
        calls: list[Callable[[], Any]] = [*reads, add, add, add_batch]
        calls = [*calls, amend, cancel, cancel, cancel_batch] if mine else calls
        chance.choice(calls if len(mine) < 40 else [cancel, cancel_batch])()
