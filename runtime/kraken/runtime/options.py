"""Options that every generated method takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .transport import Reply

__all__ = ["Options"]


class Options(NamedTuple):
    """Per-call options, the same for every method."""

    timeout: float | None = None
    """Seconds to wait for the connection, and for each part of the reply; the client's own when None."""
    extra: Mapping[str, Any] | None = None
    """Further parameters, by Kraken's name, for what this version does not know yet."""
    headers: Mapping[str, str] | None = None
    """Further HTTP headers."""
    on_reply: Callable[[Reply], None] | None = None
    """Called with the raw reply before it is decoded, also when it cannot be."""
    on_client_order_id: Callable[[str], None] | None = None
    """Called with each client order id that the client allocates, before the order is sent: keep it to find the order."""
