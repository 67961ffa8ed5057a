"""What private requests carry: a token that REST gives, or a signed challenge of the connection itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .dialect import Challenge

__all__ = ["ChallengeSource", "Credentials", "TokenSource"]

MARGIN = 60.0
"""Seconds before its end at which a token is no longer used for new requests."""


class Credentials(Protocol):
    """Where the parameters come from that private requests carry."""

    needs_connection: bool
    """Whether they are asked for over the connection that they belong to."""

    async def parameters(self, ask: Callable[[str, dict[str, Any]], Awaitable[Any]]) -> dict[str, Any]:
        """The parameters; got first when there are none that hold.

        Args:
            ask: Sends a request over the connection and gives its reply.
        """
        ...

    def discard(self) -> None:
        """Make the next `parameters` get new ones."""
        ...


class TokenSource:
    """One cached token. Its value appears in no representation.

    Args:
        fetch: Asks the exchange for a token and tells for how many seconds it may be used.
        clock: Seconds, never going back.
    """

    needs_connection = False

    def __init__(self, fetch: Callable[[], Awaitable[tuple[str, float]]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token = ""
        self._expires = 0.0
        self._fetching = asyncio.Lock()

    async def parameters(self, _ask: Callable[[str, dict[str, Any]], Awaitable[Any]]) -> dict[str, Any]:
        """The token; fetched first when there is none that lives long enough."""
        async with self._fetching:
            if not self._token or self._clock() >= self._expires:
                token, lifetime = await self._fetch()
                self._token, self._expires = token, self._clock() + max(lifetime - MARGIN, lifetime / 2)
            return {"token": self._token}

    def discard(self) -> None:
        """Make the next request fetch a new token."""
        self._token = ""


class ChallengeSource:
    """The signed challenge of a connection. Neither key nor signature appear in any representation.

    Args:
        key: The API key.
        sign: Signs a challenge with the key's secret.
        challenge: What the exchange calls things.
    """

    needs_connection = True

    def __init__(self, key: str, sign: Callable[[str], str], challenge: Challenge) -> None:
        self._key = key
        self._sign = sign
        self._challenge = challenge
        self._parameters: dict[str, Any] = {}
        self._asking = asyncio.Lock()

    async def parameters(self, ask: Callable[[str, dict[str, Any]], Awaitable[Any]]) -> dict[str, Any]:
        """Key, challenge and signature; the challenge is asked for first when there is none of this connection."""
        async with self._asking:
            if not self._parameters:
                words = self._challenge
                original: str = getattr(await ask(words.verb, {words.key: self._key}), words.reply)
                self._parameters = {words.key: self._key, words.original: original, words.signed: self._sign(original)}
            return self._parameters

    def discard(self) -> None:
        """Make the next request ask for a new challenge."""
        self._parameters = {}
