"""What is subscribed, who wants it, and what a reply says about it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import InvalidRequest, KrakenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .protocol import Channel
    from .session import Session

__all__ = [
    "Owner",
    "Sink",
    "Subscription",
    "addressee",
    "each_value",
    "field",
    "is_snapshot",
    "joined",
    "refusal",
    "require_compatible",
]


class Owner(Protocol):
    """Somebody who wants subscriptions."""

    def acknowledged(self, subscription: Subscription, ack: Any) -> None:
        """The subscription is live; `ack` is the result of the exchange's acknowledgement."""
        ...

    def refused(self, subscription: Subscription, error: KrakenError) -> None:
        """The exchange refuses it; it is no longer among the owner's."""
        ...

    def dropped_connection(self) -> None:
        """The connection is gone and will be made anew."""
        ...

    def fail(self, error: KrakenError) -> None:
        """The session has given up."""
        ...

    def end(self) -> None:
        """The client was closed."""
        ...


class Sink(Owner, Protocol):
    """An owner that takes the frames of its channel."""

    def route(self, session: Session, fields: tuple[str, ...], wanted: frozenset[object]) -> None:
        """Who sends the frames, and which items are its own: those where `fields` have one of the `wanted` values."""
        ...

    def receive(self, frame: Any, raw: bytes) -> None:
        """Take a frame. Must neither block nor raise."""
        ...


class Subscription:
    """One thing that is subscribed, or shall be: a channel, for one symbol where the channel has symbols."""

    __slots__ = (
        "ack",
        "alone",
        "answered",
        "channel",
        "error",
        "live",
        "owners",
        "parameters",
        "renewed",
        "req_id",
        "stale",
        "tries",
        "value",
        "waits",
        "was_live",
    )

    def __init__(self, channel: Channel, value: Any, parameters: Mapping[str, Any]) -> None:
        self.channel = channel
        self.value = value
        """The element of the channel's list parameter; None where it has none."""
        self.parameters = parameters
        """The request's parameters without that list parameter and without a token."""
        self.owners: list[Owner] = []
        self.req_id: int | None = None
        """The id that a user chose for its requests."""
        self.ack: Any = None
        """The result of its last acknowledgement."""
        self.live = False
        """Whether the exchange has acknowledged it on the present connection."""
        self.was_live = False
        """Whether it has been acknowledged on any connection."""
        self.stale = False
        """Whether it shall be unsubscribed and subscribed anew."""
        self.alone = False
        """Whether it is asked for in a request of its own, because a shared one failed without saying why."""
        self.tries = 0
        """How often it was not answered, or had to be ended before it could begin."""
        self.waits = 0
        """How often the exchange asked for patience."""
        self.renewed = False
        """Whether a fresh token has been tried."""
        self.error: KrakenError | None = None
        self.answered = asyncio.Event()
        """Set once it has been live or refused."""

    def request(self, values: list[Any]) -> dict[str, Any]:
        """The parameters of a subscribe request for these values."""
        each = {self.channel.each: values} if self.channel.each and values != [None] else {}
        return {"channel": self.channel.name, **each, **self.parameters}

    def key(self) -> tuple[Any, ...]:
        """What its items show: subscriptions with the same key cannot be told apart when items arrive."""
        shown = (name for name in self.channel.key if name != self.channel.each)
        return self.channel.name, self.value, *(repr(self.parameters.get(name)) for name in shown)

    def identity(self) -> tuple[Any, ...]:
        """What the exchange knows it as: subscriptions with the same identity are one."""
        return *self.key(), *(repr(self.parameters.get(name)) for name in self.channel.unsubscribe)

    def shape(self) -> tuple[Any, ...]:
        """What subscriptions that fit into one request have in common."""
        return self.channel, self.parameters, self.req_id

    def farewell(self, values: list[Any]) -> dict[str, Any]:
        """The parameters of an unsubscribe request for these values."""
        request = self.request(values)
        return {name: request[name] for name in ("channel", *self.channel.unsubscribe) if name in request}


def field(holder: Any, name: str) -> Any:
    """A field of a struct or of a plain object; None when it is not there."""
    return holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)


def is_snapshot(frame: Any) -> bool:
    """Whether a frame tells a whole state, not what changed: its kind says so, or its `type`."""
    known = getattr(frame, "snapshot", None)
    return known if isinstance(known, bool) else field(frame, "type") == "snapshot"


def refusal(reply: Any) -> str | None:
    """The exchange's words when a reply is a refusal. Some replies have no `success` at all."""
    error = field(reply, "error")
    if error or field(reply, "success") is False:
        return str(error or "refused without a reason")
    return None


def each_value(channel: Channel, parameters: Mapping[str, Any]) -> list[Any]:
    """What the parameters subscribe, one by one."""
    values = parameters.get(channel.each) if channel.each else None
    if values is None:
        return [None]
    return list(dict.fromkeys(values)) if isinstance(values, (list, tuple)) else [values]


def require_compatible(held: Iterable[Subscription], wanted: Iterable[Subscription]) -> None:
    """Refuse what cannot be told apart on the wire from a subscription that somebody holds.

    Raises:
        InvalidRequest: Two subscriptions of one symbol differ in a parameter that their items do not show.
    """
    taken = {subscription.key(): subscription for subscription in held if subscription.owners}
    for subscription in wanted:
        known = taken.get(subscription.key())
        if known is None or known.identity() == subscription.identity():
            continue
        channel = known.channel
        names = [n for n in channel.unsubscribe if known.parameters.get(n) != subscription.parameters.get(n)]
        what = channel.name if known.value is None else f"{channel.name} {known.value}"
        present = ", ".join(f"{name}={known.parameters.get(name)!r}" for name in names)
        raise InvalidRequest(
            f"{what} is subscribed already with {present}; one client can have it only once, so use that or a second client"
        )


def joined(values: list[Any]) -> object:
    """Values the way `attrgetter` reads them from an item."""
    return values[0] if len(values) == 1 else tuple(values)


def addressee(reply: Any, subscriptions: list[Subscription]) -> Subscription | None:
    """Which of these a reply is about; None when it does not say, or speaks of another."""
    if len(subscriptions) == 1:
        return subscriptions[0]
    each = subscriptions[0].channel.each if subscriptions else ""
    named = field(field(reply, "result"), each) or field(reply, each)
    if named is None and (words := refusal(reply)):
        mentioned = [s for s in subscriptions if str(s.value) in words]
        return mentioned[0] if len(mentioned) == 1 else None
    return next((s for s in subscriptions if s.value == named), None)
