"""What the state of an account tells, and the iterator that gives it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeAlias, TypeVar

from ..errors import Facts, InvalidRequest, KrakenError
from .stream import SlowConsumer

if TYPE_CHECKING:
    from .account import KeptAccount

__all__ = [
    "AccountCurrent",
    "AccountEvent",
    "AccountEvents",
    "AccountStale",
    "BalanceChanged",
    "BalancesChanged",
    "DerivativesEvent",
    "DerivativesEvents",
    "FillReported",
    "OrderChanged",
    "PositionChanged",
    "Recovered",
    "RecoveryFailed",
]

Order = TypeVar("Order")
Fill = TypeVar("Fill")
Balance = TypeVar("Balance")
Entry = TypeVar("Entry")
Balances = TypeVar("Balances")
Position = TypeVar("Position")
Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class OrderChanged(Generic[Order]):
    """An order is new, or not what it was."""

    order: Order
    """As it stands now."""
    changed: frozenset[str]
    """Names of the fields that changed; for a new order all that are known."""
    is_snapshot: bool
    """Whether a snapshot told it, not an update."""
    missed: bool
    """Whether it happened while nothing could be received, so that it is told late."""


@dataclass(frozen=True, slots=True)
class FillReported(Generic[Fill, Order]):
    """An order of the account traded. Each fill is reported once."""

    fill: Fill
    """The event of the fill; one that was found over REST has the fields that REST tells."""
    order: Order | None
    """The order as it stands now, if it is known."""
    missed: bool
    """Whether it happened while nothing could be received, so that it is told late."""
    found: Any = None
    """What REST says about it, where that is the source: it has the fee, for instance."""


@dataclass(frozen=True, slots=True)
class BalanceChanged(Generic[Balance, Entry]):
    """A balance is new, or not what it was."""

    asset: str
    balance: Balance | None
    """As it stands now; None when a new snapshot does not list the asset any more."""
    entry: Entry | None
    """The ledger entry that changed it; None when a snapshot told it."""
    is_snapshot: bool
    """Whether a snapshot told it, not an update."""
    missed: bool
    """Whether it happened while nothing could be received, so that it is told late."""


@dataclass(frozen=True, slots=True)
class BalancesChanged(Generic[Balances]):
    """Balances are not what they were, where the exchange tells all of them as one."""

    balances: Balances
    """All of them as they stand now."""
    changed: frozenset[str]
    """What changed: names of fields, and below them keys and fields, joined by dots."""
    is_snapshot: bool
    """Whether a snapshot told it, not an update."""
    missed: bool
    """Whether it happened while nothing could be received, so that it is told late."""


@dataclass(frozen=True, slots=True)
class PositionChanged(Generic[Position]):
    """A position is new, or not what it was."""

    instrument: str
    position: Position | None
    """As it stands now; None when it is closed."""
    changed: frozenset[str]
    """Names of the fields that changed; for a new position all that are known, for a closed one none."""
    is_snapshot: bool
    """Whether the first list after a connection was made told it."""
    missed: bool
    """Whether it happened while nothing could be received, so that it is told late."""


class AccountStale(NamedTuple):
    """From now on the state may be out of date: the connection is gone, or something was lost on it."""

    reason: str


class AccountCurrent(NamedTuple):
    """The state is up to date: all snapshots have arrived."""


class Recovered(NamedTuple):
    """All that was missed while nothing could be received has been reported."""


class RecoveryFailed(NamedTuple):
    """Some of what was missed could not be found out; it is not tried again."""

    error: KrakenError
    fills: bool
    """Whether fills may be missing, of the time before the last `AccountCurrent`."""
    since: datetime | None
    """When the last fill was before those; None when there had been none."""
    orders: tuple[str, ...]
    """Ids of orders that are open no more, of which it is not known how they ended."""


AccountEvent: TypeAlias = (
    OrderChanged[Order]
    | FillReported[Fill, Order]
    | BalanceChanged[Balance, Entry]
    | AccountStale
    | AccountCurrent
    | Recovered
    | RecoveryFailed
)
"""What an account tells."""

DerivativesEvent: TypeAlias = (
    OrderChanged[Order]
    | FillReported[Fill, Order]
    | BalancesChanged[Balances]
    | PositionChanged[Position]
    | AccountStale
    | AccountCurrent
    | Recovered
    | RecoveryFailed
)
"""What an account with positions tells."""


class EventBuffer(Generic[Event]):
    """An iterator over what happens to an account, with a bounded buffer of its own.

    It begins with the state: everything that is known as a snapshot. When its reader is too slow and the buffer is
    full, `SlowConsumer` is raised after what is in the buffer; iterating on begins with the state again.
    """

    def __init__(self, account: KeptAccount[Any, Any, Any], size: int) -> None:
        self._account = account
        self._size = size
        self._spare = 0
        self._events: deque[Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._overflowed = False
        self._ended = False
        self._error: KrakenError | None = None

    def put(self, event: Event, *, spare: bool = False) -> None:
        """Take an event.

        Args:
            event: The event.
            spare: Whether it has room beside the buffer, because it belongs to the state at the beginning.
        """
        self._spare += spare
        if self._overflowed or len(self._events) >= self._size + self._spare:
            self._overflowed = True
        else:
            self._events.append(event)
        self._wake()

    def end(self, error: KrakenError | None) -> None:
        """No more will come."""
        if not self._ended:
            self._ended, self._error = True, error
            self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._overflowed:
                self._begin_again()
                hint = "read the events faster, or give them a larger buffer"
                raise SlowConsumer(f"{self._size} events waited to be read and none may be dropped", Facts(hint=hint))
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            if self._account._is_open:
                await self._wait()
            else:
                await self._account.open()
        self._spare = max(0, self._spare - 1)
        return self._events.popleft()

    def _begin_again(self) -> None:
        self._overflowed = False
        for event in self._account._present():
            self.put(event, spare=True)

    async def _wait(self) -> None:
        if self._waiter is not None:
            raise InvalidRequest("two tasks read the same events; give each its own with updates()")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class AccountEvents(EventBuffer[AccountEvent[Order, Fill, Balance, Entry]], Generic[Order, Fill, Balance, Entry]):
    """The iterator of an account that has orders and balances."""


class DerivativesEvents(
    EventBuffer[DerivativesEvent[Order, Fill, Balances, Position]], Generic[Order, Fill, Balances, Position]
):
    """The iterator of an account that has positions too."""
