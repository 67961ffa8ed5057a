"""What is subscribed, who wants it, and what a reply says about it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import InvalidRequest, KrakenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .protocol import Channel
    from .session import Session

__all__ = [
    "Owner",
    "Sink",
    "Subscription",
    "addressee",
    "each_value",
    "field",
    "identity",
    "joined",
    "refusal",
    "require_alike",
]


class Owner(Protocol):
    """Somebody who wants subscriptions."""

    def acknowledged(self, subscription: Subscription, reply: Any) -> None:
        """The subscription is live; `reply` is the exchange's acknowledgement."""
        ...

    def refused(self, subscription: Subscription, error: KrakenError, remaining: int) -> None:
        """The exchange refuses it; the owner has `remaining` others."""
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
        self.live = False
        """Whether the exchange has acknowledged it on the present connection."""
        self.was_live = False
        """Whether it has been acknowledged on any connection."""
        self.stale = False
        """Whether it shall be unsubscribed and subscribed anew."""
        self.alone = False
        """Whether it is asked for in a request of its own, because a shared one failed without saying why."""
        self.tries = 0
        """How often it was not answered."""
        self.waits = 0
        """How often the exchange asked for patience."""
        self.renewed = False
        """Whether a fresh token has been tried."""
        self.error: KrakenError | None = None
        self.answered = asyncio.Event()
        """Set once it has been live or refused."""

    def request(self, values: list[Any]) -> dict[str, Any]:
        """The parameters of a subscribe request for these values."""
        each = {self.channel.each: values} if self.channel.each else {}
        return {"channel": self.channel.name, **each, **self.parameters}

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


def identity(channel: Channel, value: Any, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells a subscription from others."""
    return (channel.name, value, *(parameters.get(name) for name in channel.key if name != channel.each))


def require_alike(known: Subscription, parameters: Mapping[str, Any]) -> None:
    for name in known.channel.unsubscribe:
        if name != known.channel.each and known.parameters.get(name) != parameters.get(name):
            what = known.channel.name if known.value is None else f"{known.channel.name} {known.value}"
            raise InvalidRequest(
                f"{what} is subscribed already with {name}={known.parameters.get(name)!r}, so that"
                f" {name}={parameters.get(name)!r} is not possible on the same client; use a second client"
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
