"""WebSocket."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .protocol import Channel, Method, Policy, Socket

if TYPE_CHECKING:
    from .client import PartlyRefused, WebSocketClient
    from .pacing import ConnectBudget, Timing
    from .stream import SlowConsumer, Stream

_LAZY = {
    "ConnectBudget": ".pacing",
    "PartlyRefused": ".client",
    "SlowConsumer": ".stream",
    "Stream": ".stream",
    "Timing": ".pacing",
    "WebSocketClient": ".client",
}
__all__ = [
    "Channel",
    "ConnectBudget",
    "Method",
    "PartlyRefused",
    "Policy",
    "SlowConsumer",
    "Socket",
    "Stream",
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
