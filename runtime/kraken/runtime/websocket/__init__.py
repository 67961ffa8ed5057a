"""WebSocket clients: what generated code stands on, and what it must supply.

A generated client is a subclass of `WebSocketClient` (`ParamsClient` with the interface of old, or `OrderBookClient`) with these class attributes:

==================  ===============================================================================================
`sockets`           name -> `Socket`: base address, path such as `/v2`, whether its requests carry a token
`channels`          name on the wire -> `Channel`; only the lenient `subscribe(params=...)` looks channels up by name
`methods`           name on the wire -> `Method`; only the lenient `send_message(...)` looks methods up by name
`dialect`           `Dialect`: how requests are worded, and how a message tells what it answers
`decoder`           `"module:name"` of `decode(raw: bytes) -> frame`, imported with the first connection
`encoder`           `"module:name"` of `encode(name, parameters) -> dict`, imported when parameters are first checked
`error_table`       `"module:name"` of an `ErrorTable`; its retry classes are heeded, save `fresh-nonce`
`connect_budget`    `ConnectBudget(attempts, seconds)`, shared by all clients of the process
`book_channel`      the `Channel` of order books (`OrderBookClient` only)
`book_type`         the class of its books, `OrderBook` or `Level3Book` (`OrderBookClient` only)
==================  ===============================================================================================

and these methods:

* one per channel that returns `self._stream(CHANNEL, {...})`, annotated `Stream[Item, Message]`;
* one per method that returns `await self._call(METHOD, {...})`, annotated with its result, or with a list of results
  where `replies_per` is set. Arguments that are None are not sent;
* `async def _fetch_token(self) -> tuple[str, float]`: a token and its lifetime in seconds;
* `def _rest_client(self) -> Any`: the REST client that tells what an `Account` missed; its groups and calls are those that
  the `Lookup`s name;
* `async def _release(self) -> None`, if something of its own must be closed; `close()` calls it last;
* `def _no_key(self, operation: str) -> KrakenError`, if a missing key shall be another error than `InvalidRequest`.

A frame has `channel` (None or absent in replies), usually `type` and `data` (one item or a list; without it, the frame
itself is the item), and a number where the channel names a field for it. A reply has `req_id`, `success`, `result`, `error`.
Other shapes are tolerated everywhere. Items are routed and kept apart by the fields in `Channel.key`.

Only the envelope is known here: `method`, `params`, `req_id`, `channel`, `token`, `subscribe`, `unsubscribe`. Every
other name of the exchange arrives through the constants.

How it is built: `client` is what users hold; `session` keeps one socket alive and makes the exchange's side agree with
the `subscription`s that are wanted; `connection` is the wire; `stream` is what users iterate over; `dispatch` calls
their handlers; `books` applies book frames; `account` keeps the state of an account, which `merging` puts together and `account_events` tells; `switch`
is the dead man's switch; `events` says what happened.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .protocol import Channel, Method, Policy, Socket

if TYPE_CHECKING:
    from .account import Account, DerivativesAccount
    from .books import OrderBookClient
    from .client import PartlyRefused, WebSocketClient
    from .lenient import ParamsClient
    from .pacing import ConnectBudget, Timing
    from .stream import SlowConsumer, Stream
    from .switch import DeadMansSwitch, SwitchStillOn

_LAZY = {
    "Account": ".account",
    "ConnectBudget": ".pacing",
    "DeadMansSwitch": ".switch",
    "DerivativesAccount": ".account",
    "OrderBookClient": ".books",
    "ParamsClient": ".lenient",
    "PartlyRefused": ".client",
    "SlowConsumer": ".stream",
    "Stream": ".stream",
    "SwitchStillOn": ".switch",
    "Timing": ".pacing",
    "WebSocketClient": ".client",
}
__all__ = [
    "Account",
    "Channel",
    "ConnectBudget",
    "DeadMansSwitch",
    "DerivativesAccount",
    "Method",
    "OrderBookClient",
    "ParamsClient",
    "PartlyRefused",
    "Policy",
    "SlowConsumer",
    "Socket",
    "Stream",
    "SwitchStillOn",
    "Timing",
    "WebSocketClient",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return __all__
