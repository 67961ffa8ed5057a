"""Money that is put to work: strategies, what is allocated to them, and what that earns."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.rates import Rates
from kraken.emulator.specs import read
from kraken.emulator.wire import SECOND, WIDE, ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kraken.emulator.exchange import Exchange
    from kraken.emulator.instruments import Asset

SEED = Path(__file__).with_name("earn.yaml")
YEAR = 365 * 86_400 * SECOND

Kind = Literal["allocate", "deallocate"]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to earn a yield."""

    id: str
    asset: Asset
    held: Asset
    """What the asset is called while it is allocated."""
    lock: Mapping[str, Any]
    """How the funds are held, as shown."""
    apr: tuple[str, str]
    """Per cent a year, at least and at most."""
    minimum: Decimal | None
    """Least amount of a request, in dollars."""
    cap: Decimal | None
    """What one user can allocate."""
    room: Decimal | None
    """What it takes from all users together."""
    auto_compound: Mapping[str, Any]
    source: str
    restrictions: tuple[str, ...]
    """Why the account cannot allocate to it."""
    closed: bool
    """Whether nothing can be allocated or taken back by request."""

    @property
    def rate(self) -> Decimal:
        """What it yields, per nanosecond."""
        return (Decimal(self.apr[0]) + Decimal(self.apr[1])) / 200 / YEAR

    @property
    def compounds(self) -> bool:
        """Whether rewards are allocated again."""
        return self.auto_compound["type"] == "enabled" or bool(self.auto_compound.get("default", False))

    def seconds(self, period: str) -> int:
        """A period of the lock, in seconds."""
        found: int = self.lock.get(period, 0)
        return found


@dataclass(slots=True)
class Request:
    """An allocation or a deallocation that was taken on."""

    kind: Kind
    amount: Decimal
    due: int
    """When it is done, in Unix nanoseconds."""


@dataclass(slots=True)
class Part:
    """An amount that moves on at some time."""

    amount: Decimal
    created: int
    """Unix nanoseconds."""
    expires: int


@dataclass(slots=True)
class Holding:
    """What the account has in a strategy."""

    strategy: Strategy
    since: int
    """Up to when rewards are counted, in Unix nanoseconds."""
    period_start: int
    allocated: Decimal = ZERO
    """What neither bonds nor unbonds."""
    bonding: list[Part] = field(default_factory=list)
    unbonding: list[Part] = field(default_factory=list)
    accumulated: Decimal = ZERO
    """Rewards of the current period, not rounded."""
    rewarded: Decimal = ZERO
    """Rewards that were paid."""
    request: Request | None = None
    failures: dict[Kind, Words] = field(default_factory=dict)
    """Why the last request of a kind was not done."""

    @property
    def total(self) -> Decimal:
        """All that is in the strategy."""
        return self.allocated + _sum(self.bonding) + _sum(self.unbonding)

    @property
    def period_end(self) -> int:
        """When rewards are paid next."""
        return self.period_start + self.strategy.seconds("payout_frequency") * SECOND

    def reward(self, until: int) -> Decimal:
        """What it earns from the time up to which rewards are counted, if nothing changes."""
        earning = self.allocated
        earning += _sum(self.bonding) if self.strategy.lock.get("bonding_rewards") else ZERO
        earning += _sum(self.unbonding) if self.strategy.lock.get("unbonding_rewards") else ZERO
        return WIDE.multiply(WIDE.multiply(earning, self.strategy.rate), Decimal(until - self.since))

    def next_event(self) -> int:
        """When something happens to it next."""
        moments = [part.expires for part in (*self.bonding, *self.unbonding)]
        if self.request is not None:
            moments.append(self.request.due)
        return min([*moments, self.period_end])


class Earn:
    """Strategies and holdings of the account.

    Args:
        exchange: Whose user the account belongs to.
        path: A file like ``earn.yaml``.
    """

    def __init__(self, exchange: Exchange, path: Path = SEED) -> None:
        facts: Mapping[str, Any] = read(path)
        self.exchange = exchange
        self.rates = Rates(exchange)
        self._delay = facts["delay"] * SECOND
        self.strategies = {each["id"]: self._strategy(each) for each in facts["strategies"]}
        """By id."""
        self.holdings: dict[str, Holding] = {}
        """By id of the strategy; those that were ever used."""

    def _strategy(self, facts: Mapping[str, Any]) -> Strategy:
        asset = self.exchange.instruments.assets[facts["asset"]]

        def amount(name: str) -> Decimal | None:
            return rounded(Decimal(facts[name]), asset.decimals) if name in facts else None

        return Strategy(
            id=facts["id"],
            asset=asset,
            held=self.exchange.instruments.earning(asset),
            lock=facts["lock"],
            apr=(facts["apr"][0], facts["apr"][1]),
            minimum=Decimal(facts["minimum"]) if "minimum" in facts else None,
            cap=amount("cap"),
            room=amount("room"),
            auto_compound=facts["auto_compound"],
            source=facts["source"],
            restrictions=tuple(facts.get("restrictions", ())),
            closed=facts.get("closed", False),
        )

    # ------------------------------------------------------------------ requests

    def strategy(self, strategy_id: str) -> Strategy:
        """The strategy with an id.

        Raises:
            Refusal: there is no such strategy.
        """
        if strategy_id not in self.strategies:
            raise Refusal(Words.UNKNOWN_STRATEGY)
        return self.strategies[strategy_id]

    def ask(self, kind: Kind, strategy_id: str, amount: Decimal) -> None:
        """Take a request on; whether there are funds for it turns out when it is done.

        Args:
            kind: Whether to allocate or to take back.
            strategy_id: The strategy.
            amount: How much, in its asset.

        Raises:
            Refusal: the strategy is unknown, busy or closed, or the amount is not allowed.
        """
        strategy = self.strategy(strategy_id)
        if strategy.closed:
            raise Refusal(Words.UNKNOWN_STRATEGY)
        if amount <= 0 or amount != rounded(amount, strategy.asset.decimals):
            raise InvalidArgument("amount")
        holding = self.holdings.get(strategy_id)
        if holding is not None and holding.request is not None:
            raise Refusal(Words.EARN_BUSY)
        dollars = self.exchange.instruments.asset("USD")
        if strategy.minimum is not None and self.rates.worth(amount, strategy.asset, dollars) < strategy.minimum:
            raise Refusal(Words.EARN_MINIMUM)
        if kind == "allocate":
            _check_room(strategy, amount + (ZERO if holding is None else holding.total))
        now = self.exchange.now()
        if holding is None:
            holding = self.holdings[strategy_id] = Holding(strategy, since=now, period_start=now)
        holding.failures.pop(kind, None)
        holding.request = Request(kind, rounded(amount, strategy.asset.decimals), now + self._delay)

    def pending(self, kind: Kind, strategy_id: str) -> bool:
        """Whether the last request of a kind is still worked on.

        Raises:
            Refusal: the strategy is unknown, or the request failed.
        """
        self.strategy(strategy_id)
        holding = self.holdings.get(strategy_id)
        if holding is None:
            return False
        if kind in holding.failures:
            raise Refusal(holding.failures[kind])
        return holding.request is not None and holding.request.kind == kind

    # ------------------------------------------------------------------ time

    def pass_time(self) -> None:
        """Do what is due, in the order in which it is due."""
        now = self.exchange.now()
        for holding in self.holdings.values():
            while (moment := holding.next_event()) <= now:
                self._count_rewards(holding, moment)
                self._do_request(holding, moment)
                self._move_on(holding, moment)
                self._pay(holding, moment)

    def _count_rewards(self, holding: Holding, until: int) -> None:
        holding.accumulated += holding.reward(until)
        holding.since = until

    def _do_request(self, holding: Holding, moment: int) -> None:
        request = holding.request
        if request is None or request.due > moment:
            return
        holding.request = None
        available = (
            self.exchange.user.available(holding.strategy.asset) if request.kind == "allocate" else holding.allocated
        )
        if request.amount > available:
            holding.failures[request.kind] = Words.EARN_FUNDS
        elif request.kind == "allocate":
            self._allocate(holding, request.amount, moment)
        else:
            self._deallocate(holding, request.amount, moment)

    def _allocate(self, holding: Holding, amount: Decimal, moment: int) -> None:
        strategy, ledger = holding.strategy, self.exchange.user.ledger
        entry = ledger.add("transfer", strategy.asset, -amount, subtype="spottostaking")
        ledger.add("transfer", strategy.held, amount, subtype="stakingfromspot", refid=entry.reference)
        period = strategy.seconds("bonding_period")
        if period:
            holding.bonding.append(Part(amount, moment, moment + period * SECOND))
        else:
            holding.allocated += amount

    def _deallocate(self, holding: Holding, amount: Decimal, moment: int) -> None:
        holding.allocated -= amount
        period = holding.strategy.seconds("unbonding_period")
        if period:
            holding.unbonding.append(Part(amount, moment, moment + period * SECOND))
        else:
            self._give_back(holding, amount)

    def _give_back(self, holding: Holding, amount: Decimal) -> None:
        strategy, ledger = holding.strategy, self.exchange.user.ledger
        entry = ledger.add("transfer", strategy.held, -amount, subtype="stakingtospot")
        ledger.add("transfer", strategy.asset, amount, subtype="spotfromstaking", refid=entry.reference)

    def _move_on(self, holding: Holding, moment: int) -> None:
        """End bonding and unbonding where it is time."""
        bonded = [part for part in holding.bonding if part.expires <= moment]
        holding.bonding = [part for part in holding.bonding if part.expires > moment]
        holding.allocated += _sum(bonded)
        unbonded = [part for part in holding.unbonding if part.expires <= moment]
        holding.unbonding = [part for part in holding.unbonding if part.expires > moment]
        for part in unbonded:
            self._give_back(holding, part.amount)

    def _pay(self, holding: Holding, moment: int) -> None:
        """Pay the rewards of a period that has ended."""
        if moment < holding.period_end:
            return
        strategy = holding.strategy
        reward = rounded(holding.accumulated, strategy.asset.decimals)
        holding.period_start, holding.accumulated = holding.period_end, ZERO
        if reward:
            holding.rewarded += reward
            self.exchange.user.ledger.add("staking", strategy.held if strategy.compounds else strategy.asset, reward)
            holding.allocated += reward if strategy.compounds else ZERO


def _check_room(strategy: Strategy, total: Decimal) -> None:
    if strategy.restrictions:
        raise Refusal(Words.EARN_TIER)
    if strategy.cap is not None and total > strategy.cap:
        raise Refusal(Words.EARN_USER_LIMIT)
    if strategy.room is not None and total > strategy.room:
        raise Refusal(Words.EARN_STRATEGY_LIMIT)


def _sum(parts: list[Part]) -> Decimal:
    return sum((part.amount for part in parts), ZERO)
