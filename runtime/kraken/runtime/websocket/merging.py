"""The state of an account, put together from what streams tell of it. Pure: nothing here waits or sends.

`Orders`, `Balances`, `Margins` and `Positions` hold what is known, `Fills` remembers which ones have been seen. What the exchange calls things
arrives in the constants of `protocol`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import msgspec

from ..types import moment

if TYPE_CHECKING:
    from .protocol import BalanceFeed, FillFeed, MarginFeed, OrderFeed, PositionFeed

__all__ = ["Balances", "Change", "Fills", "Margins", "Orders", "Positions", "at_path", "merged", "moment_of"]

State = TypeVar("State")

_EXACT = Context(prec=1000)
"""The usual 28 digits would round what has more."""


class Change(NamedTuple, Generic[State]):
    """What an item did to one order or balance."""

    state: State | None
    """As it stands now; None when it is not there any more."""
    fields: frozenset[str]
    """Names of the fields that are not what they were."""


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Fields of a struct, with what stands there when the message did not have them."""
    return tuple((each.name, each.default) for each in msgspec.structs.fields(kind))


def _told(kind: type, item: Any) -> dict[str, Any]:
    """Those fields of a struct that an item has."""
    found = ((name, getattr(item, name, None), default) for name, default in _fields(kind))
    return {name: value for name, value, default in found if value is not None and value is not default}


def _over(old: Any, new: Any) -> Any:
    """A value with what a later one tells of it; objects and maps keep what the later one leaves out."""
    if isinstance(new, msgspec.Struct) and type(old) is type(new):
        values = _told(type(new), new)
        return msgspec.structs.replace(
            old, **{name: _over(getattr(old, name), value) for name, value in values.items()}
        )
    if isinstance(new, dict) and isinstance(old, dict):
        return old | {key: _over(old.get(key), value) for key, value in new.items()}
    return new


def merged(kind: type[State], old: State | None, item: Any) -> State:
    """A state with what an item tells; fields that the item does not have stay as they are.

    Args:
        kind: The struct of the state.
        old: The state so far; None when nothing is known.
        item: A struct with some of the state's fields, and any others.
    """
    told = _told(kind, item)
    if old is None:
        return kind(**told)
    replaced: State = msgspec.structs.replace(old, **{name: _over(getattr(old, name), told[name]) for name in told})  # type: ignore[type-var]
    return replaced


def _differing(old: Any, new: Any) -> frozenset[str]:
    """Fields in which two states of one kind differ; all that are told when there was none."""
    if old is None:
        return frozenset(_told(type(new), new))
    kind: Any = type(new)
    return frozenset(name for name, _ in _fields(kind) if getattr(old, name) != getattr(new, name))


def _paths(old: Any, new: Any, path: str = "") -> frozenset[str]:
    """Where two values of one form differ: fields and keys, joined by dots."""
    if isinstance(new, msgspec.Struct):
        values = {name: (getattr(old, name, None), getattr(new, name)) for name, _ in _fields(type(new))}
    elif isinstance(new, dict):
        known = old or {}
        values = {key: (known.get(key), new.get(key)) for key in known | new}
    else:
        return frozenset([path] if old != new else ())
    return frozenset().union(*(_paths(*each, f"{path}.{key}" if path else key) for key, each in values.items()))


def at_path(item: Any, path: str) -> Any:
    """A field, which may be inside of others: their names are joined by dots; None when it is not there."""
    for name in path.split("."):
        item = getattr(item, name, None)
    return item


def moment_of(value: Any, per_second: int = 0) -> datetime | None:
    """A time of a stream, to the microsecond; None when it is none.

    Args:
        value: The time.
        per_second: How many of its units make a second; 0 for text.
    """
    if per_second:
        return moment(value, per_second)
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None


class Orders(Generic[State]):
    """The orders of an account, and the last ones that have ended.

    Args:
        feed: What the exchange calls things.
        kind: The struct of an order.
        keep: How many ended orders are remembered.
    """

    def __init__(self, feed: OrderFeed, kind: type[State], keep: int) -> None:
        self.open: dict[str, State] = {}
        self.closed: dict[str, State] = {}
        """Those that ended last, oldest first. Their status is None while it is not known how."""
        self.vanished: dict[str, None] = {}
        """Ids of those that are open no more without anybody having said how they ended."""
        self._feed = feed
        self._kind = kind
        self._keep = keep
        self._own_ids: dict[str, str] = {}

    def find(self, name: str) -> State | None:
        """An order by the exchange's id or by the client's own."""
        return self._known(name) or self._known(self._own_ids.get(name, ""))

    def apply(self, item: Any) -> Change[State]:
        """Take one event of an order."""
        inside = at_path(item, self._feed.inside) if self._feed.inside else None
        parts = [item] if inside is None else [inside, item]
        key: str = next(filter(None, (getattr(part, self._feed.key) for part in parts)))
        old = self._known(key)
        new = functools.reduce(functools.partial(merged, self._kind), parts, old)
        assert new is not None
        self.vanished.pop(key, None)
        self._place(key, new)
        return Change(new, _differing(old, new))

    def replace(self, items: Iterable[Any]) -> list[Change[State]]:
        """Take a snapshot of all open orders; gives those that are new or not what they were.

        Those that were open and are not in it have ended; they go to `vanished`, and lose their status.
        """
        before = self.open
        shown = {getattr(item, self._feed.key): self._shown(item) for item in items}
        nothing = dict.fromkeys((self._feed.status, *self._feed.unknown))
        self.open = {}
        changes: list[Change[State]] = []
        for key, old in before.items():
            if key not in shown:
                self.vanished[key] = None
                lost: State = msgspec.structs.replace(old, **nothing)  # type: ignore[type-var]
                self._close(key, lost)
                changes.append(Change(lost, _differing(old, lost)))
        for key, new in shown.items():
            known = before.get(key) or self.closed.get(key)
            fields = _differing(known, new)
            # A snapshot has a word of its own for what happened last; that alone is no news.
            is_news = known is None or not fields <= {self._feed.event, self._feed.time}
            self.vanished.pop(key, None)
            self._place(key, new if known is None or is_news else known)
            if is_news:
                changes.append(Change(new, fields))
        return changes

    def resolve(self, key: str, told: Mapping[str, Any]) -> Change[State] | None:
        """Take what was found out about an order that had vanished; None if that does not say how it ended."""
        old = self.closed.get(key)
        if key not in self.vanished or old is None or told.get(self._feed.status) not in self._feed.closed:
            return None
        new: State = msgspec.structs.replace(old, **told)  # type: ignore[type-var]
        del self.vanished[key]
        self.closed[key] = new
        return Change(new, _differing(old, new))

    def _shown(self, item: Any) -> State:
        """An order as a snapshot has it."""
        order = merged(self._kind, None, item)
        if self._feed.open is None:
            return order
        told: State = msgspec.structs.replace(order, **{self._feed.status: self._feed.open})  # type: ignore[type-var]
        return told

    def _known(self, key: str) -> State | None:
        return self.open.get(key) or self.closed.get(key)

    def _place(self, key: str, order: State) -> None:
        own = getattr(order, self._feed.client_key)
        if own is not None:
            self._own_ids[own] = key
        if getattr(order, self._feed.status) in self._feed.closed:
            self.open.pop(key, None)
            self._close(key, order)
        else:
            self.closed.pop(key, None)
            self.open[key] = order

    def _close(self, key: str, order: State) -> None:
        self.closed.pop(key, None)
        self.closed[key] = order
        while len(self.closed) > self._keep:
            self._forget(next(iter(self.closed)))

    def _forget(self, key: str) -> None:
        own = getattr(self.closed.pop(key), self._feed.client_key)
        self.vanished.pop(key, None)
        if self._own_ids.get(own) == key:
            del self._own_ids[own]


class Fills:
    """Which fills have been seen.

    Args:
        orders: What the exchange calls things in the channel of orders.
        fills: And what it calls fills.
        keep: How many ids are remembered.
    """

    def __init__(self, orders: OrderFeed, fills: FillFeed, keep: int) -> None:
        self.newest: datetime | None = None
        """When the last fill was that is known of."""
        self.keep_all = False
        """Whether none may be forgotten for now, because those of a gap are still coming, older than others."""
        self._event = orders.event
        self._feed = fills
        self._keep = keep
        self._seen: dict[str, datetime | None] = {}
        self._horizon: datetime | None = None

    def includes(self, item: Any) -> bool:
        """Whether an item of the order channel is a fill; none is where fills have a channel of their own."""
        is_fill = bool(self._feed.events) and getattr(item, self._event) in self._feed.events
        return is_fill and getattr(item, self._feed.key) is not None

    def begin(self, fills: Iterable[Any]) -> None:
        """Take the last fills before the beginning: these, and all that are older than them, are not news."""
        for fill in fills:
            self.is_new(fill)
        self._horizon = min((at for at in self._seen.values() if at is not None), default=None)

    def is_known(self, fill: Any, *, late: bool = False) -> bool:
        """Whether a fill has been seen.

        Args:
            fill: The fill.
            late: Whether it is told after the event, so that it may be so old that its id has been forgotten.
        """
        at = self.at(fill) if late else None
        is_old = at is not None and self._horizon is not None and at <= self._horizon
        return getattr(fill, self._feed.key) in self._seen or is_old

    def is_new(self, fill: Any, *, late: bool = False) -> bool:
        """Whether a fill is seen for the first time; from now on it is known. Arguments are those of `is_known`."""
        if self.is_known(fill, late=late):
            return False
        at = self._seen[getattr(fill, self._feed.key)] = self.at(fill)
        self.newest = _later(self.newest, at)
        while len(self._seen) > self._keep and not self.keep_all:
            self._horizon = _later(self._horizon, self._seen.pop(next(iter(self._seen))))
        return True

    def at(self, fill: Any) -> datetime | None:
        """When a fill was."""
        return moment_of(getattr(fill, self._feed.time), self._feed.per_second)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each is not None), default=None)


class Balances(Generic[State]):
    """What an account holds, by asset.

    Args:
        feed: What the exchange calls things.
        kind: The struct of a balance.
        part: The struct of what one wallet holds.
    """

    def __init__(self, feed: BalanceFeed, kind: type[State], part: type) -> None:
        self.held: dict[str, State] = {}
        self._feed = feed
        self._kind = kind
        self._part = part

    def apply(self, item: Any) -> Change[State]:
        """Take one change of a wallet; the total follows from the wallets."""
        feed = self._feed
        key = getattr(item, feed.key)
        old = self.held.get(key)
        new = merged(self._kind, old, item)
        if getattr(item, feed.amount) is not None:
            wallets = self._with(getattr(old, feed.wallets, None) or (), item)
            amounts: list[Decimal] = [getattr(wallet, feed.amount) for wallet in wallets]
            total = functools.reduce(_EXACT.add, amounts)
            new = msgspec.structs.replace(new, **{feed.wallets: wallets, feed.amount: total})  # type: ignore[type-var]
        self.held[key] = new
        return Change(new, _differing(old, new))

    def replace(self, items: Iterable[Any]) -> dict[str, Change[State]]:
        """Take a snapshot of all balances; gives those that are not what they were, by asset."""
        before = self.held
        self.held = {getattr(item, self._feed.key): merged(self._kind, None, item) for item in items}
        gone: dict[str, Change[State]] = {
            key: Change(None, frozenset([self._feed.amount])) for key in before if key not in self.held
        }
        changes = {key: Change(new, _differing(before.get(key), new)) for key, new in self.held.items()}
        return gone | {key: change for key, change in changes.items() if change.fields}

    def _with(self, wallets: Iterable[Any], item: Any) -> list[Any]:
        """The wallets with what one of them holds after a change."""
        name = {own: getattr(item, told) for own, told in self._feed.wallet}
        changed = self._part(**name, **{self._feed.amount: getattr(item, self._feed.amount)})
        kept = [(wallet, all(getattr(wallet, own) == value for own, value in name.items())) for wallet in wallets]
        others = [changed if is_it else wallet for wallet, is_it in kept]
        return others if any(is_it for _, is_it in kept) else [*others, changed]


class Margins(Generic[State]):
    """All that an account holds, where the exchange tells it as one.

    Args:
        feed: What the exchange calls things.
        kind: The struct of it.
    """

    def __init__(self, feed: MarginFeed, kind: type[State]) -> None:
        self._kind = kind
        self._nothing = kind(**{name: {} for name in feed.maps})
        self.held = self._nothing

    @property
    def told(self) -> frozenset[str]:
        """Where anything is known."""
        return _paths(self._nothing, self.held)

    def apply(self, item: Any) -> Change[State]:
        """Take what changed; gives where the state is not what it was."""
        return self._become(merged(self._kind, self.held, item))

    def replace(self, item: Any) -> Change[State]:
        """Take a snapshot; gives where the state is not what it was."""
        return self._become(merged(self._kind, self._nothing, item))

    def _become(self, new: State) -> Change[State]:
        old, self.held = self.held, new
        return Change(new, _paths(old, new))


class Positions(Generic[State]):
    """The open positions of an account, by contract.

    Args:
        feed: What the exchange calls things.
    """

    def __init__(self, feed: PositionFeed) -> None:
        self.open: dict[str, State] = {}
        self._key = feed.key

    def replace(self, items: Iterable[State]) -> dict[str, Change[State]]:
        """Take all positions; gives those that are closed, new or not what they were, by contract."""
        before, self.open = self.open, {getattr(item, self._key): item for item in items}
        gone: dict[str, Change[State]] = {key: Change(None, frozenset()) for key in before if key not in self.open}
        changes = {key: Change(new, _differing(before.get(key), new)) for key, new in self.open.items()}
        return gone | {key: change for key, change in changes.items() if change.fields}
