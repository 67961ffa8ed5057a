"""The token that private requests carry: fetched when needed, renewed before it expires."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["TokenSource"]

MARGIN = 60.0
"""Seconds before its end at which a token is no longer used for new requests."""


class TokenSource:
    """One cached token. Its value appears in no representation.

    Args:
        fetch: Asks the exchange for a token and tells for how many seconds it may be used.
        clock: Seconds, never going back.
    """

    def __init__(self, fetch: Callable[[], Awaitable[tuple[str, float]]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token = ""
        self._expires = 0.0
        self._fetching = asyncio.Lock()

    async def get(self) -> str:
        """The token; fetched first when there is none that lives long enough."""
        async with self._fetching:
            if not self._token or self._clock() >= self._expires:
                token, lifetime = await self._fetch()
                self._token, self._expires = token, self._clock() + max(lifetime - MARGIN, lifetime / 2)
            return self._token

    def discard(self) -> None:
        """Make the next `get` fetch a new token."""
        self._token = ""
