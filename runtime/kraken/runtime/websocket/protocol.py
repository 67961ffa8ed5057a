"""The constants that generated code describes an exchange's WebSocket API with. Cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

__all__ = [
    "AccountFeeds",
    "BalanceFeed",
    "Channel",
    "DerivativesFeeds",
    "FillFeed",
    "Lookup",
    "MarginFeed",
    "Method",
    "OrderFeed",
    "Pace",
    "Policy",
    "PositionFeed",
    "RateCounter",
    "Socket",
    "Switch",
    "Taken",
]

Policy = Literal["keep-latest", "drop-oldest", "never-drop"]
"""What a full buffer does: keep the newest item of each key, drop the oldest with a `Gap`, or fail the stream."""


class Socket(NamedTuple):
    """One WebSocket address of the exchange."""

    url: str
    """Base address, such as `wss://host`; the client's `ws_url` or `auth_ws_url` takes its place."""
    path: str = ""
    """Appended to the base address, whether it is the default or the user's."""
    auth: bool = False
    """Whether requests on it carry a token. `auth_ws_url` replaces the address of these, `ws_url` of the others, and
    `socket_urls` that of one of them."""
    at_start: bool = True
    """Whether `start()` opens it; otherwise it is opened when it is first needed."""


class Pace(NamedTuple):
    """How fast a channel may be subscribed: each subscription has a cost, and only so much may be spent per second."""

    parameter: str
    """The parameter that the cost depends on."""
    costs: Mapping[str, int]
    """Cost of one subscription, by the parameter's value as text."""
    otherwise: int
    """Cost when the parameter is not given."""
    per_second: int

    def cost(self, parameters: Mapping[str, Any]) -> int:
        """What one subscription with these parameters costs."""
        return self.costs.get(str(parameters.get(self.parameter)), self.otherwise)


class RateCounter(NamedTuple):
    """Where a channel tells how a rate-limit counter stands."""

    maximum: str
    """The field of the acknowledgement that holds the counter's maximum."""
    value: str
    """The field of an item that holds its value."""
    pair: str
    """The field of an item that holds the pair whose counter it is."""


class Channel(NamedTuple):
    """One channel that can be subscribed, or that the exchange pushes on its own."""

    name: str
    """Its name on the wire."""
    socket: str
    """Key of the client's `sockets`."""
    auth: bool = False
    """Whether subscribing needs a token."""
    parameters: str = ""
    """What `encode_parameters` knows the subscription's parameters as."""
    each: str = ""
    """The list parameter of which every element is a subscription with an acknowledgement of its own."""
    shown_as: str = ""
    """The field of an item that shows that element, where it is not called like the parameter."""
    unsubscribe: tuple[str, ...] = ()
    """Parameters that name a subscription: repeated when unsubscribing, and alike in streams that share it."""
    policy: Policy = "drop-oldest"
    """What a full buffer does, unless a stream chooses otherwise."""
    key: tuple[str, ...] = ()
    """Fields of an item that tell independent sequences apart. Those that are parameters too also route items."""
    pushed: bool = False
    """Whether the exchange sends it unasked, so that there is nothing to subscribe."""
    sequence: str = ""
    """The field of a frame with a number that grows by one, if there is one; a hole makes the client subscribe anew."""
    first_number: int = 1
    """The number of the first frame of a subscription."""
    reports_gaps: bool = False
    """Whether such a hole is only reported: subscribing anew would not bring back what is missing."""
    experimental: str = ""
    """Which parts of it are taken over by analogy, in words; the first use warns."""
    pace: Pace | None = None
    """How fast it may be subscribed, where that is limited."""
    rate_counter: RateCounter | None = None
    """Where it tells how the trading counter stands, if it does."""


class Method(NamedTuple):
    """One request that is answered over the socket."""

    name: str
    """Its name on the wire."""
    socket: str
    """Key of the client's `sockets`."""
    reply: str = ""
    """The name that its reply carries."""
    auth: bool = False
    """Whether it needs a token."""
    parameters: str = ""
    """What `encode_parameters` knows its parameters as; empty for a method without any."""
    danger: str = ""
    """What it can change (`trades`, `cancels`, ...). A lost reply then leaves the state of orders unknown."""
    client_order_id: str = ""
    """The parameter that is filled with a fresh client order id before sending."""
    client_order_id_unless: tuple[str, ...] = ()
    """No client order id is made when one of these is given."""
    client_order_id_rows: str = ""
    """The list parameter of which every element gets a client order id."""
    client_order_id_where: tuple[str, str] = ("", "")
    """A field and the value that it has in those elements that get one."""
    order_ids: tuple[str, ...] = ()
    """Parameters that identify orders; errors carry them."""
    replies_per: tuple[str, ...] = ()
    """List parameters of which every element is answered by a reply of its own, all with the same `req_id`."""
    unwrap: bool = True
    """Whether the caller gets the `result` of the reply; otherwise the whole reply."""
    replaced_by: str = ""
    """What to use instead, for a deprecated method."""
    charged_as: str = ""
    """`module:name` of the REST operation that it is charged like; empty when it is not charged."""
    charged_arguments: tuple[tuple[str, str], ...] = ()
    """Own names of arguments, and what they are called there."""
    placed: tuple[str, ...] = ()
    """Where the result holds the ids of orders that it placed."""
    experimental: str = ""
    """Which parts of it are taken over by analogy, in words; the first use warns."""


class Taken(NamedTuple):
    """Where a REST result has what a stream's item has in a field."""

    name: str
    """The item's field."""
    source: str
    """The field of the result's entry, inside of others after a dot; `@key` for the key that the entry stands under."""
    values: Mapping[str, Any] | None = None
    """The item's words for the result's, which are compared as lower-case text; others count as not told."""
    per_second: int = 0
    """For a moment: how many of the result's units make a second; 0 for text."""
    told_per_second: int = 0
    """For a moment: how many of the item's units make a second; 0 for text."""
    is_pair: bool = False
    """Whether it is the name of a pair, which REST spells otherwise than streams."""


class Lookup(NamedTuple):
    """A REST call that tells what a stream did not."""

    group: str
    """The client's attribute."""
    call: str
    """The group's method. Its result, or the iterator that it gives, has entries."""
    argument: str
    """The argument that says what is wanted; empty where there is none, and everything comes, the newest first."""
    fields: tuple[Taken, ...]
    arguments: Mapping[str, Any] = {}
    """Further arguments."""
    most: int = 0
    """How many the argument takes at once, where it is a list; 0 where it is a moment."""
    per_second: int = 1
    """How many of the argument's units make a second, where it is a moment."""
    key: str = "@key"
    """The field of an entry that says which one it is; `@key` where the entries stand under their keys."""
    told: Mapping[str, Any] = {}
    """What each entry tells by being there: the item's fields and their values."""


class OrderFeed(NamedTuple):
    """The channel that tells what happens to orders, each first whole and then by what changed."""

    channel: Channel
    parameters: Mapping[str, Any]
    """What it must be subscribed with, so that it begins with all open orders, and the last fills if it has such."""
    state: str
    """`"module:class"` of an order as it stands: the fields of an item that are not about one fill alone."""
    key: str
    """Field with the exchange's id of the order."""
    client_key: str
    """Field with the client's own."""
    status: str
    """Field that tells how the order stands."""
    closed: tuple[Any, ...]
    """Its values for an order that has ended."""
    event: str
    """Field that says what happened last."""
    time: str
    """Field with the moment of the event."""
    ended: Lookup
    """How orders ended that vanished meanwhile."""
    further: tuple[Lookup, ...] = ()
    """And how those ended of which that says nothing."""
    per_second: int = 0
    """How many units of the moment make a second; 0 for text."""
    inside: str = ""
    """The field of an update that holds the order, where that does not stand in the update itself."""
    open: Any = None
    """The status of the orders in a snapshot, where that does not tell it."""
    unknown: tuple[str, ...] = ()
    """Fields that say nothing of an order of which it is not known how it ended, besides the status."""


class FillFeed(NamedTuple):
    """The channel that tells fills: their own, or that of orders, where some items are fills."""

    channel: Channel
    parameters: Mapping[str, Any]
    """What it must be subscribed with, so that it begins with the last fills."""
    item: str
    """`"module:class"` of its items."""
    key: str
    """Field with the id of the fill."""
    order: str
    """Field with the exchange's id of the order."""
    time: str
    """Field with the moment of the fill."""
    missed: Lookup
    """The fills since a moment."""
    per_second: int = 0
    """How many units of the moment make a second; 0 for text."""
    events: tuple[str, ...] = ()
    """Where it is the channel of orders: what happened when an order was filled; the first is what `missed` finds."""


class BalanceFeed(NamedTuple):
    """The channel that tells balances: all of them with their wallets, then what one wallet holds after a change."""

    channel: Channel
    parameters: Mapping[str, Any]
    """What it must be subscribed with, so that it begins with all balances."""
    state: str
    """`"module:class"` of a balance as it stands."""
    part: str
    """`"module:class"` of what one wallet holds."""
    key: str
    """Field with the asset."""
    amount: str
    """Field with the amount: the total in a snapshot and in the state, that of the wallet in a change and in a wallet."""
    wallets: str
    """Field with the wallets, of a snapshot and of the state."""
    wallet: tuple[tuple[str, str], ...]
    """What names a wallet: pairs of the wallet's field and that of a change."""


class AccountFeeds(NamedTuple):
    """What the state of an account is put together from."""

    orders: OrderFeed
    fills: FillFeed
    balances: BalanceFeed


class MarginFeed(NamedTuple):
    """The channel that tells all balances as one: first whole, then the parts that changed, maps key by key."""

    channel: Channel
    parameters: Mapping[str, Any]
    """What it must be subscribed with, so that it begins with a snapshot."""
    state: str
    """`"module:class"` of the balances as they stand."""
    maps: tuple[str, ...]
    """Its fields that are maps, empty until something is told of them."""


class PositionFeed(NamedTuple):
    """The channel of which every frame lists all open positions."""

    channel: Channel
    parameters: Mapping[str, Any]
    """What it must be subscribed with."""
    key: str
    """Field with the contract."""


class DerivativesFeeds(NamedTuple):
    """What the state of an account with positions is put together from."""

    orders: OrderFeed
    fills: FillFeed
    balances: MarginFeed
    positions: PositionFeed


class Switch(NamedTuple):
    """A method that has all orders cancelled unless it is called again in time."""

    method: Method
    argument: str
    """The parameter that takes the seconds, 0 to switch it off."""
    moment: str
    """The result's field that says when the orders will be cancelled."""
