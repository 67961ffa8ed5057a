"""What generated code stands on: one call for both colours, signing, errors, exact JSON, streams and order books.

Everything that users need from here is exported lazily, so that importing a client costs little.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .instruments import Instruments as Instruments
    from .instruments import split_balance as split_balance
    from .json import to_json as to_json
    from .options import Options as Options
    from .orderbook import OrderBook as OrderBook
    from .orderbook3 import Level3Book as Level3Book
    from .transport import AsyncTransport as AsyncTransport
    from .transport import Lost as Lost
    from .transport import Reply as Reply
    from .transport import Request as Request
    from .transport import Transport as Transport

_LAZY = {
    "AsyncTransport": ".transport",
    "Level3Book": ".orderbook3",
    "Lost": ".transport",
    "Instruments": ".instruments",
    "Options": ".options",
    "OrderBook": ".orderbook",
    "Reply": ".transport",
    "Request": ".transport",
    "Transport": ".transport",
    "split_balance": ".instruments",
    "to_json": ".json",
}
__all__ = [
    "AsyncTransport",
    "Instruments",
    "Level3Book",
    "Lost",
    "Options",
    "OrderBook",
    "Reply",
    "Request",
    "Transport",
    "split_balance",
    "to_json",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return __all__
