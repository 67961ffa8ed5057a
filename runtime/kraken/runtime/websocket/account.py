"""The state of an account, kept up to date from its streams: orders, balances, and every fill once.

Frames are applied in the reader, so that the state is as new as can be whatever its user does. What was missed while
there was no connection is found out afterwards: open orders and balances from the new snapshots, fills from the snapshot
and over REST, the end of orders that vanished over REST.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import msgspec

from ..errors import Facts, InvalidRequest, KrakenError, NotSent, ReplyLost
from .account_events import (
    AccountCurrent,
    AccountEvent,
    AccountEvents,
    AccountStale,
    BalanceChanged,
    BalancesChanged,
    DerivativesEvent,
    DerivativesEvents,
    EventBuffer,
    FillReported,
    OrderChanged,
    PositionChanged,
    Recovered,
    RecoveryFailed,
)
from .client import load
from .events import Malformed
from .merging import Balances, Fills, Margins, Orders, Positions, at_path, moment_of
from .pacing import backoff
from .subscription import field, is_snapshot
from .tasks import begin

if TYPE_CHECKING:
    from types import TracebackType

    from ..instruments import Instruments
    from .client import WebSocketClient
    from .merging import Change
    from .protocol import AccountFeeds, Channel, DerivativesFeeds, FillFeed, Lookup, OrderFeed, Taken
    from .session import Session
    from .subscription import Subscription

__all__ = [
    "Account",
    "AccountCurrent",
    "AccountEvent",
    "AccountEvents",
    "AccountStale",
    "BalanceChanged",
    "BalancesChanged",
    "DerivativesAccount",
    "DerivativesEvent",
    "DerivativesEvents",
    "FillReported",
    "KeptAccount",
    "OrderChanged",
    "PositionChanged",
    "Recovered",
    "RecoveryFailed",
]

log = logging.getLogger("kraken.runtime.websocket")

Order = TypeVar("Order")
Fill = TypeVar("Fill")
Balance = TypeVar("Balance")
Entry = TypeVar("Entry")
Margin = TypeVar("Margin")
Position = TypeVar("Position")
Events = TypeVar("Events", bound=EventBuffer[Any])

OVERLAP = timedelta(seconds=10)
"""How far before the last known fill the missed ones are looked for: not all are booked in the order of their times."""
TRIES = 12
"""How often something missed is asked for before it is given up."""
EPOCH = datetime.fromtimestamp(0, UTC)
KEYED = "@key"
"""Stands for the key under which a REST result has an entry."""
RECOVERY_BASE, RECOVERY_LIMIT = 0.5, 30.0
"""Bounds, in seconds, of the waits between those tries."""


class _Gap:
    """A time in which fills may have been missed."""

    __slots__ = ("is_bridged", "since")

    def __init__(self, since: datetime | None) -> None:
        self.since = since
        """When the last known fill was before it; None when there had been none."""
        self.is_bridged = True
        """Whether the snapshots after it went back to fills that were known."""


class KeptAccount(ABC, Generic[Order, Fill, Events]):
    """What the accounts of all products have in common: orders and fills, life, and how they recover from gaps.

    A subclass adds feeds to `_feeds`, which take what they tell, and says what belongs to the present state.
    """

    def __init__(
        self,
        client: WebSocketClient,
        orders: OrderFeed,
        fills: FillFeed,
        *,
        closed_orders: int,
        remembered_fills: int,
        buffer_size: int | None,
    ) -> None:
        size = client._buffer_size if buffer_size is None else buffer_size
        least = {
            "closed_orders": (closed_orders, 0),
            "remembered_fills": (remembered_fills, 1),
            "buffer_size": (size, 1),
        }
        for name, (value, lowest) in least.items():
            if value < lowest:
                raise InvalidRequest(f"{name}: {value} is not allowed; allowed: {lowest} or more")
        client._require_key(True, "account")
        self._client = client
        self._ordered, self._filled = orders, fills
        self._orders: Orders[Order] = Orders(orders, load(orders.state), closed_orders)
        self._fills = Fills(orders, fills, remembered_fills)
        self._order_feed = _Feed(orders.channel, orders.parameters, self._take_orders, self)
        self._fill_feed = self._order_feed
        if not fills.events:
            self._fill_feed = _Feed(fills.channel, fills.parameters, self._take_fills, self)
        self._feeds = list(dict.fromkeys([self._order_feed, self._fill_feed]))
        self._size = size
        self._events = self._buffer(size)
        self._listeners: weakref.WeakSet[Events] = weakref.WeakSet([self._events])
        self._opening = asyncio.Lock()
        self._is_open = False
        self._fresh = asyncio.Event()
        """Set while the state is current, and for good once the account has ended."""
        self._ended = False
        self._error: KrakenError | None = None
        self._missing: list[_Gap] = []
        """Those whose fills are being looked for."""
        self._lost: list[_Gap] = []
        """Those that have not ended."""
        self._recovery: asyncio.Task[None] | None = None
        self._instruments: Instruments | None = None

    # ------------------------------------------------------------------ what is known

    @property
    def current(self) -> bool:
        """Whether the state is up to date; False while the connection is down or a snapshot is awaited."""
        return all(feed.current for feed in self._feeds)

    @property
    def recovering(self) -> bool:
        """Whether it is still being found out what was missed during a gap."""
        return self._is_searching or bool(self._lost)

    @property
    def _is_searching(self) -> bool:
        return bool(self._missing or self._orders.vanished)

    @property
    def orders(self) -> Mapping[str, Order]:
        """The open orders by the exchange's id."""
        return MappingProxyType(self._orders.open)

    @property
    def closed_orders(self) -> Mapping[str, Order]:
        """The orders that ended last, by the exchange's id, oldest first.

        The status of one that ended during a gap is None until it is found out how.
        """
        return MappingProxyType(self._orders.closed)

    def order(self, name: str) -> Order | None:
        """An order, open or ended, as it stands; None when it is not known, or was forgotten.

        Args:
            name: The exchange's id of the order, or the client order id.
        """
        return self._orders.find(name)

    # ------------------------------------------------------------------ life

    async def open(self) -> Self:
        """Subscribe, and wait until the state is complete. Calling it again does nothing.

        Returns:
            The account itself.

        Raises:
            NotSent: No connection could be made.
            ExchangeError: The exchange refuses a subscription.
            ReplyLost: An acknowledgement or a snapshot did not arrive in time.
            InvalidRequest: The account was closed.
        """
        async with self._opening:
            if self._ended:
                raise InvalidRequest("this account is closed; account() gives a new one")
            if not self._is_open:
                try:
                    await self._open()
                except BaseException:
                    # Nothing is awaited here: a caller who was cancelled or timed out has waited long enough.
                    self._detach()
                    raise
                self._is_open = True
        return self

    async def _open(self) -> None:
        for feed in self._feeds:
            self._attach(feed)
        for feed in self._feeds:
            await self._session(feed).settle(feed)
        try:
            async with asyncio.timeout(self._client._timeout):
                await self.ready()
        except TimeoutError:
            raise ReplyLost("no snapshot of the account came in time", Facts(operation="account", sent=True)) from None

    def _attach(self, feed: _Feed) -> None:
        channel, session = feed.channel, self._session(feed)
        wanted = self._client._encode_parameters(channel.parameters, feed.parameters)
        session.attach(feed, channel, wanted)
        for subscription in session.owned(feed):
            if len(subscription.owners) > 1:
                # A stream of the same channel has it already; without a snapshot of our own nothing could be merged.
                subscription.parameters = {**subscription.parameters, **wanted}
                session.refresh(subscription)

    def _session(self, feed: _Feed) -> Session:
        return self._client._session(feed.channel.socket)

    def _detach(self) -> None:
        for feed in self._feeds:
            feed.begun = feed.current = False
            feed.expect_nothing()
            if session := self._client._sessions.get(feed.channel.socket):
                session.detach(feed)
        self._fresh.clear()

    async def aclose(self) -> None:
        """Unsubscribe and end all iterators; calling it again does nothing."""
        if not self._ended:
            self._finish(None)
            for feed in self._feeds:
                if session := self._client._sessions.get(feed.channel.socket):
                    await session.leave(feed)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def ready(self) -> None:
        """Wait until the state is current.

        Raises:
            KrakenError: The account has ended; it tells why.
        """
        await self._fresh.wait()
        if self._ended:
            raise self._error or NotSent("the account is closed", Facts(sent=False))

    # ------------------------------------------------------------------ events

    def __aiter__(self) -> Events:
        return self._events

    def updates(self, *, buffer_size: int | None = None) -> Events:
        """Another iterator over what happens, with a buffer of its own.

        Args:
            buffer_size: How many events may wait in it; as many as in that of the account when left out.

        Returns:
            The iterator. It begins with the state as it is now.

        Raises:
            InvalidRequest: `buffer_size` is below 1.
        """
        size = self._size if buffer_size is None else buffer_size
        if size < 1:
            raise InvalidRequest(f"buffer_size: {size} is not allowed; allowed: 1 or more")
        events = self._buffer(size)
        for event in self._present():
            events.put(event, spare=True)
        if self._ended:
            events.end(self._error)
        self._listeners.add(events)
        return events

    def _present(self) -> list[Any]:
        """The state as events."""
        orders = [OrderChanged(order, _told(order), True, False) for order in self._orders.open.values()]
        current = [AccountCurrent()] if self.current else []
        return [*orders, *self._held(), *current]

    @abstractmethod
    def _buffer(self, size: int) -> Events:
        """A new iterator."""

    @abstractmethod
    def _held(self) -> Iterator[Any]:
        """What there is besides orders, as events."""

    def _tell(self, event: Any, *, spare: bool = False) -> None:
        for listener in list(self._listeners):
            listener.put(event, spare=spare)

    # ------------------------------------------------------------------ what arrives

    def _take_orders(self, items: list[Any], is_snapshot: bool) -> None:
        if not is_snapshot:
            for item in items:
                change = self._orders.apply(item)
                self._tell_order(change, is_snapshot=False, missed=False)
                if self._fills.includes(item):
                    self._take_fill(item, change.state)
            return
        for change in self._orders.replace(item for item in items if not self._fills.includes(item)):
            self._tell_order(change, is_snapshot=True, missed=self._order_feed.begun)
        if self._fill_feed is self._order_feed:
            self._take_fills([item for item in items if self._fills.includes(item)], True)

    def _take_fills(self, fills: list[Any], is_snapshot: bool) -> None:
        if not is_snapshot:
            for fill in fills:
                self._take_fill(fill, self._order_of(fill))
        elif not self._fill_feed.begun:
            self._fills.begin(fills)
        else:
            is_bridged = not fills or any(self._fills.is_known(fill) for fill in fills)
            for gap in self._lost:
                gap.is_bridged &= is_bridged
            self._tell_late([(fill, None) for fill in fills])

    def _take_fill(self, fill: Any, order: Order | None) -> None:
        if self._fills.is_new(fill):
            self._tell(FillReported(fill, order, False))

    def _order_of(self, fill: Any) -> Order | None:
        return self._orders.find(getattr(fill, self._filled.order))

    def _tell_order(self, change: Change[Order], *, is_snapshot: bool, missed: bool) -> None:
        if change.state is not None and change.fields:
            event = OrderChanged(change.state, change.fields, is_snapshot, missed)
            self._tell(event, spare=is_snapshot and not missed)

    def _tell_late(self, fills: list[tuple[Any, Any]]) -> None:
        """Report those fills of a gap that are news, oldest first."""
        beginning = datetime.min.replace(tzinfo=UTC)
        for fill, found in sorted(fills, key=lambda each: self._fills.at(each[0]) or beginning):
            if self._fills.is_new(fill, late=True):
                self._tell(FillReported(fill, self._order_of(fill), True, found))

    # Called by the feeds.

    def _stale(self, feed: _Feed, reason: str) -> None:
        """Something that a feed should have told is missing."""
        if feed is self._fill_feed:
            self._lost.append(_Gap(self._fills.newest))
            self._fills.keep_all = True
        if self._fresh.is_set():
            self._fresh.clear()
            self._tell(AccountStale(reason))

    def _snapshot_taken(self) -> None:
        if self.current:
            self._fresh.set()
            self._tell(AccountCurrent(), spare=not self._is_open)
        told = self._order_feed.current and self._fill_feed.current
        if told and (self._lost or self._orders.vanished):
            self._missing += self._lost
            self._lost.clear()
            if self._recovery is None or self._recovery.done():
                self._recovery = begin(self._recover(), name="kraken account recovery")

    def _finish(self, error: KrakenError | None) -> None:
        if self._ended:
            return
        self._ended, self._error, self._is_open = True, error, False
        for feed in self._feeds:
            feed.current = False
            feed.expect_nothing()
        if self._recovery is not None:
            self._recovery.cancel()
        self._fresh.set()
        for listener in list(self._listeners):
            listener.end(error)

    # ------------------------------------------------------------------ what was missed

    async def _recover(self) -> None:
        """Find out what happened during gaps: all of it, or say what remains unknown."""
        while self._is_searching:
            gaps, vanished = list(self._missing), list(self._orders.vanished)
            error = await self._search()
            if error is not None:
                self._give_up(error, gaps, vanished)
        self._fills.keep_all = bool(self._lost)

    async def _search(self) -> KrakenError | None:
        """Try to find all that is missing; gives why it was not to be had."""
        for attempt in range(TRIES):
            try:
                while self._is_searching:
                    await self._find_fills()
                    await self._find_ends()
                self._tell(Recovered())
                return None
            except KrakenError as error:
                if not error.retryable or attempt + 1 == TRIES:
                    return error
                log.info("what happened to the account during a gap is not known yet: %s", error)
                timing = self._client._timing
                await timing.sleep(backoff(attempt, RECOVERY_BASE, RECOVERY_LIMIT, timing.random))
            except Exception as error:
                log.exception("an error in this package while looking for what happened to the account during a gap")
                failure = KrakenError(f"unexpected {type(error).__name__}", Facts(operation="account"))
                failure.__cause__ = error
                return failure
        raise AssertionError("unreachable")

    def _give_up(self, error: KrakenError, gaps: list[_Gap], vanished: list[str]) -> None:
        """Look no more for what was missing when the search began; what came in addition has tries of its own."""
        since = [gap.since for gap in gaps if gap in self._missing and not gap.is_bridged]
        self._missing = [gap for gap in self._missing if gap not in gaps]
        unknown = tuple(key for key in vanished if key in self._orders.vanished)
        for key in unknown:
            del self._orders.vanished[key]
        if since or unknown:
            log.warning("what happened to the account during a gap is not known: %s", error)
            self._tell(RecoveryFailed(error, bool(since), _earliest(since), unknown))
        else:
            log.info("the fills of a gap were in the snapshot; REST was asked in vain: %s", error)
            if not self._is_searching:
                self._tell(Recovered())

    async def _find_fills(self) -> None:
        asked = len(self._missing)
        if not asked:
            return
        since, lookup = _earliest([gap.since for gap in self._missing]), self._filled.missed
        beginning = None if since is None else since - OVERLAP
        arguments = dict(lookup.arguments)
        if beginning is not None and lookup.argument:
            arguments[lookup.argument] = int(beginning.timestamp()) * lookup.per_second
        kind = load(self._filled.item)
        event = {self._ordered.event: self._filled.events[0]} if self._filled.events else {}
        found = []
        async for key, row in _entries(lookup, self._lookup(lookup)(**arguments)):
            fill = kind(**event, **_translated(lookup, key, row))
            if not lookup.argument and self._is_before(fill, beginning):
                break
            if not self._fills.is_known(fill, late=True):
                found.append((msgspec.structs.replace(fill, **await self._symbols(lookup, row)), row))
        self._tell_late(found)
        del self._missing[:asked]

    def _is_before(self, fill: Any, beginning: datetime | None) -> bool:
        at = self._fills.at(fill)
        return at is not None and beginning is not None and at < beginning

    async def _symbols(self, lookup: Lookup, row: Any) -> dict[str, str]:
        """The pairs in a REST result, as the streams spell them."""
        found = {}
        for taken in lookup.fields:
            name = at_path(row, taken.source) if taken.is_pair else None
            if name is not None:
                if self._instruments is None:
                    self._instruments = await self._client._rest_client().instruments()
                try:
                    found[taken.name] = self._instruments.pair(name).symbol
                except InvalidRequest:  # not listed any more
                    found[taken.name] = name
        return found

    async def _find_ends(self) -> None:
        wanted = list(self._orders.vanished)
        for lookup in (self._ordered.ended, *self._ordered.further):
            async for key, row in self._ends(lookup, [each for each in wanted if each in self._orders.vanished]):
                change = self._orders.resolve(key, _translated(lookup, key, row))
                if change is not None:
                    self._tell_order(change, is_snapshot=False, missed=True)
                if not self._orders.vanished:
                    return
        if unknown := [key for key in wanted if key in self._orders.vanished]:
            # The exchange books the end of an order a little later than it takes it out of the snapshot.
            facts = Facts(operation=self._ordered.ended.call)
            raise ReplyLost(f"how these orders ended is not known: {', '.join(unknown)}", facts)

    async def _ends(self, lookup: Lookup, wanted: list[str]) -> AsyncIterator[tuple[str, Any]]:
        """What a call tells of these orders, and maybe of others; of the latest first where it does not take ids."""
        call, arguments = self._lookup(lookup), dict(lookup.arguments)
        if lookup.most:
            for start in range(0, len(wanted), lookup.most):
                rows = await call(**arguments, **{lookup.argument: wanted[start : start + lookup.most]})
                for each in rows.items():
                    yield each
            return
        orders = [self._orders.closed.get(each) for each in wanted]
        since = _earliest(
            [moment_of(getattr(each, self._ordered.time, None), self._ordered.per_second) for each in orders]
        )
        if since is not None:
            arguments[lookup.argument] = _number(since - OVERLAP, lookup.per_second)
        if wanted:
            async for each in _entries(lookup, call(**arguments)):
                yield each

    def _lookup(self, lookup: Lookup) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(getattr(self._client._rest_client(), lookup.group), lookup.call)
        return call


class Account(
    KeptAccount[Order, Fill, AccountEvents[Order, Fill, Balance, Entry]], Generic[Order, Fill, Balance, Entry]
):
    """The orders and balances of an account as they are, and what happens to them.

    Use it in `async with`, or call `open` and `aclose`. `async for event in account` gives everything that happens from
    the opening on; `updates()` makes further iterators.

    After a dropped connection the state stays readable but `current` is False, until new snapshots have arrived. Then
    what was missed is reported, marked as `missed`: changed orders and balances, fills, and how orders ended that are
    open no more.
    """

    def __init__(self, client: WebSocketClient, feeds: AccountFeeds, **options: Any) -> None:
        super().__init__(client, feeds.orders, feeds.fills, **options)
        balances = feeds.balances
        self._balance_key = balances.key
        self._balances: Balances[Balance] = Balances(balances, load(balances.state), load(balances.part))
        self._balance_feed = _Feed(balances.channel, balances.parameters, self._take_balances, self)
        self._feeds.append(self._balance_feed)

    def __repr__(self) -> str:
        state = "current" if self.current else "not current"
        return f"<Account {state}: {len(self._orders.open)} open orders, {len(self._balances.held)} balances>"

    @property
    def balances(self) -> Mapping[str, Balance]:
        """What the account holds, by asset."""
        return MappingProxyType(self._balances.held)

    def _buffer(self, size: int) -> AccountEvents[Order, Fill, Balance, Entry]:
        return AccountEvents(self, size)

    def _held(self) -> Iterator[Any]:
        for asset, balance in self._balances.held.items():
            yield BalanceChanged(asset, balance, None, True, False)

    def _take_balances(self, items: list[Any], is_snapshot: bool) -> None:
        if not is_snapshot:
            for item in items:
                change = self._balances.apply(item)
                self._tell(BalanceChanged(getattr(item, self._balance_key), change.state, item, False, False))
            return
        is_first = not self._balance_feed.begun
        for asset, change in self._balances.replace(items).items():
            self._tell(BalanceChanged(asset, change.state, None, True, not is_first), spare=is_first)


class DerivativesAccount(
    KeptAccount[Order, Fill, DerivativesEvents[Order, Fill, Margin, Position]], Generic[Order, Fill, Margin, Position]
):
    """The orders, positions and balances of an account as they are, and what happens to them.

    Use it in `async with`, or call `open` and `aclose`. `async for event in account` gives everything that happens from
    the opening on; `updates()` makes further iterators.

    After a dropped connection the state stays readable but `current` is False, until new snapshots have arrived. Then
    what was missed is reported, marked as `missed`: changed orders, positions and balances, fills, and how orders ended
    that are open no more.
    """

    def __init__(self, client: WebSocketClient, feeds: DerivativesFeeds, **options: Any) -> None:
        super().__init__(client, feeds.orders, feeds.fills, **options)
        positions, balances = feeds.positions, feeds.balances
        self._positions: Positions[Position] = Positions(positions)
        self._margins: Margins[Margin] = Margins(balances, load(balances.state))
        self._position_feed = _Feed(
            positions.channel, positions.parameters, self._take_positions, self, always_whole=True
        )
        self._balance_feed = _Feed(balances.channel, balances.parameters, self._take_balances, self)
        self._feeds += [self._position_feed, self._balance_feed]

    def __repr__(self) -> str:
        state = "current" if self.current else "not current"
        return f"<DerivativesAccount {state}: {len(self._orders.open)} open orders, {len(self.positions)} positions>"

    @property
    def positions(self) -> Mapping[str, Position]:
        """The open positions, by contract."""
        return MappingProxyType(self._positions.open)

    @property
    def balances(self) -> Margin:
        """What the account holds, and the figures of its margin. Before the account is opened there is nothing in it."""
        return self._margins.held

    def _buffer(self, size: int) -> DerivativesEvents[Order, Fill, Margin, Position]:
        return DerivativesEvents(self, size)

    def _held(self) -> Iterator[Any]:
        for name, position in self._positions.open.items():
            yield PositionChanged(name, position, _told(position), True, False)
        if told := self._margins.told:
            yield BalancesChanged(self._margins.held, told, True, False)

    def _take_positions(self, items: list[Any], is_snapshot: bool) -> None:
        missed = is_snapshot and self._position_feed.begun
        for name, change in self._positions.replace(items).items():
            event = PositionChanged(name, change.state, change.fields, is_snapshot, missed)
            self._tell(event, spare=is_snapshot and not missed)

    def _take_balances(self, items: list[Any], is_snapshot: bool) -> None:
        missed = is_snapshot and self._balance_feed.begun
        for item in items:
            change = self._margins.replace(item) if is_snapshot else self._margins.apply(item)
            if change.fields:
                event = BalancesChanged(self._margins.held, change.fields, is_snapshot, missed)
                self._tell(event, spare=is_snapshot and not missed)


async def _entries(lookup: Lookup, pages: AsyncIterator[Any]) -> AsyncIterator[tuple[str, Any]]:
    """What an iterator over a REST result gives, by key."""
    async for each in pages:
        yield each if lookup.key == KEYED else (at_path(each, lookup.key), each)


def _translated(lookup: Lookup, key: str, row: Any) -> dict[str, Any]:
    """What an entry of a REST result tells, in the words of the stream; without names of pairs."""
    values = {
        taken.name: _in_words(taken, key if taken.source == KEYED else at_path(row, taken.source))
        for taken in lookup.fields
        if not taken.is_pair
    }
    return {**lookup.told, **{name: value for name, value in values.items() if value is not None}}


def _in_words(taken: Taken, value: Any) -> Any:
    if value is None:
        return None
    if taken.values is not None:
        return taken.values.get(str(value).lower())
    if not taken.per_second and not taken.told_per_second:
        return value
    at = moment_of(value, taken.per_second)
    if at is None:
        return None
    if taken.told_per_second:
        return _number(at, taken.told_per_second)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _number(at: datetime, per_second: int) -> int:
    """A moment in units of which so many make a second."""
    return (at - EPOCH) // timedelta(microseconds=1) * per_second // 1_000_000


def _earliest(moments: list[datetime | None]) -> datetime | None:
    """The first of some moments; None stands for the beginning."""
    return None if None in moments else min((each for each in moments if each is not None), default=None)


def _told(state: Any) -> frozenset[str]:
    return frozenset(name for name in state.__struct_fields__ if getattr(state, name) is not None)


class _Feed:
    """One channel of an account: it hands on what frames hold, and notices when one is missing."""

    def __init__(
        self,
        channel: Channel,
        parameters: Mapping[str, Any],
        take: Callable[[list[Any], bool], None],
        account: KeptAccount[Any, Any, Any],
        *,
        always_whole: bool = False,
    ) -> None:
        self.channel = channel
        self.parameters = parameters
        self._always_whole = always_whole
        """Whether every frame tells the whole state, so that none can be missed."""
        self.begun = False
        """Whether a snapshot has been taken."""
        self.current = False
        """Whether nothing was missed since the last one."""
        self._take = take
        self._account = account
        self._last: Any = None
        self._session: Session | None = None
        self._expectation: asyncio.Task[None] | None = None
        """Waits for the snapshot that follows an acknowledgement."""

    def route(
        self,
        session: Session,
        fields: tuple[str, ...],  # noqa: ARG002
        wanted: frozenset[object],  # noqa: ARG002
    ) -> None:
        """Belong to a session. Every item is the account's own."""
        self._session = session

    def receive(self, frame: Any, raw: bytes) -> None:
        """Take a frame. Before the first snapshot there is nothing that it could change."""
        is_beginning = not self.current if self._always_whole else is_snapshot(frame)
        if not (self.begun or is_beginning):
            return
        if not self._always_whole:
            number = field(frame, self.channel.sequence) if self.channel.sequence else None
            if is_beginning:
                self._lose(f"{self.channel.name} was subscribed anew")
            elif None not in (self._last, number) and number != self._last + 1:
                self._lose(f"a frame of {self.channel.name} is missing")  # the session subscribes anew
            self._last = number
        data = field(frame, "data")
        if is_beginning:
            self.expect_nothing()
        try:
            self._take([frame] if data is None else data, is_beginning)
        except Exception:
            self._give_up_on(raw)
            return
        if is_beginning:
            self.begun = self.current = True
            self._account._snapshot_taken()

    def _give_up_on(self, raw: bytes) -> None:
        """Ask for a new snapshot because of a frame; but not again and again, if that is what cannot be understood."""
        session = self._session
        assert session is not None
        log.warning("a frame of %s with %d bytes could not be applied", self.channel.name, len(raw), exc_info=True)
        self._account._client._emit(Malformed(session.name, raw))
        if self.current:
            for subscription in session.owned(self):
                session.refresh(subscription)
        self._lose(f"a frame of {self.channel.name} could not be applied")

    def _lose(self, reason: str) -> None:
        if self.current:
            self.current = False
            self._account._stale(self, reason)

    def acknowledged(self, subscription: Subscription, ack: Any) -> None:  # noqa: ARG002 - owners are told it
        """The snapshot follows, or is here already."""
        self.expect_nothing()
        if not self.current:
            self._expectation = begin(self._expect_snapshot(subscription))

    async def _expect_snapshot(self, subscription: Subscription) -> None:
        """Other frames keep the watchdog quiet when the one that is needed never comes."""
        client = self._account._client
        await client._timing.sleep(client._timeout)
        log.warning("%s: no snapshot within %g s; subscribing anew", self.channel.name, client._timeout)
        if self._session is not None:
            self._session.refresh(subscription)

    def expect_nothing(self) -> None:
        """A snapshot has come, or will not."""
        if self._expectation is not None:
            self._expectation.cancel()
            self._expectation = None

    def refused(self, subscription: Subscription, error: KrakenError) -> None:  # noqa: ARG002
        """No more will come."""
        if self.begun:
            self._account._finish(error)

    def dropped_connection(self) -> None:
        """What happens until the next snapshot is not told."""
        self.expect_nothing()
        self._lose("the connection was lost")

    def fail(self, error: KrakenError) -> None:
        """The session has given up."""
        self._account._finish(error)

    def end(self) -> None:
        """The client was closed."""
        self._account._finish(None)
