"""What happened to a connection or a stream, as values.

Handlers given to `on_event` and iterators from `events()` receive them in the order they happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..errors import KrakenError
    from ..orderbook import ChecksumReport, SequenceReport

__all__ = [
    "BookInvalid",
    "BookRestored",
    "Connecting",
    "Dropped",
    "Event",
    "Failed",
    "Gap",
    "Malformed",
    "Open",
    "Reopened",
    "Restored",
    "SequenceGap",
    "SubscriptionLost",
    "SwitchFired",
    "SwitchLeftOn",
    "SwitchNotRenewed",
    "Unexpected",
]


class Connecting(NamedTuple):
    """A connection attempt begins."""

    socket: str
    attempt: int
    """Counts from 1, and starts over once a connection has delivered data."""


class Open(NamedTuple):
    """A socket is open for the first time."""

    socket: str


class Dropped(NamedTuple):
    """A socket is gone; what its subscriptions say is not up to date until `Restored`."""

    socket: str
    code: int
    """The WebSocket close code; 1006 when the connection broke without one."""
    reason: str


class Reopened(NamedTuple):
    """A dropped socket is open again; its subscriptions are being made anew."""

    socket: str
    gap_seconds: float
    """From the drop until now. Nothing was received meanwhile."""


class Restored(NamedTuple):
    """Every subscription of a reopened socket has been answered."""

    socket: str
    gap_seconds: float
    """From the drop until now."""


class Failed(NamedTuple):
    """A socket is given up; its streams have raised `error`."""

    socket: str
    error: KrakenError


class Gap(NamedTuple):
    """A buffer was full and its oldest items were dropped."""

    channel: str
    """The channel; `handlers` for the queue that handlers are called from."""
    dropped: int
    """How many items are missing at this place."""


class SequenceGap(NamedTuple):
    """Frames are missing on a numbered channel. It is being subscribed anew, unless that would not bring them back: the
    documentation of such a channel says where they can be fetched.
    """

    channel: str
    expected: int
    received: int


class SubscriptionLost(NamedTuple):
    """A subscription that was live was refused when it was made anew."""

    channel: str
    value: Any
    """The symbol, or whatever else the subscription is one of; None when the channel is undivided."""
    error: KrakenError


class Malformed(NamedTuple):
    """A message could not be understood and was skipped."""

    socket: str
    raw: bytes

    def __repr__(self) -> str:
        """Without the message, in which there may be a secret."""
        return f"Malformed(socket={self.socket!r}, {len(self.raw)} bytes)"


class Unexpected(NamedTuple):
    """A message that nobody waits for: of a channel that this version does not know, or a reply to no open request.

    A reply that comes after its request was given up arrives here.
    """

    socket: str
    frame: Any
    """The message, decoded; numbers with a fraction are `Decimal`."""
    raw: bytes

    def __repr__(self) -> str:
        """Without the bytes of the message, in which there may be a secret."""
        return f"Unexpected(socket={self.socket!r}, frame={self.frame!r}, {len(self.raw)} bytes)"


class BookInvalid(NamedTuple):
    """An order book did not match its checksum, or missed a numbered frame; it is withheld and subscribed anew."""

    symbol: str
    report: ChecksumReport | SequenceReport


class BookRestored(NamedTuple):
    """An order book is right again after it had been withheld."""

    symbol: str


class SwitchNotRenewed(NamedTuple):
    """A dead man's switch could not be set anew. It is tried again and again; no further event until that succeeds."""

    trigger_time: str | None
    """When all orders will be cancelled unless it succeeds, as the exchange said."""
    remaining: float
    """Seconds until then."""
    error: KrakenError


class SwitchFired(NamedTuple):
    """A dead man's switch must have run out, because it could not be set anew: all orders are cancelled."""

    trigger_time: str | None
    """When that happened, as the exchange had announced."""


class SwitchLeftOn(NamedTuple):
    """A block with a dead man's switch ended with an exception: all orders will be cancelled when it runs out."""

    trigger_time: str | None
    """When that will be, as the exchange said."""


Event = (
    Connecting
    | Open
    | Dropped
    | Reopened
    | Restored
    | Failed
    | Gap
    | SequenceGap
    | SubscriptionLost
    | Malformed
    | Unexpected
    | BookInvalid
    | BookRestored
    | SwitchNotRenewed
    | SwitchFired
    | SwitchLeftOn
)
