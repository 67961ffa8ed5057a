"""Trouble on demand, beside the faults of single requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal, TypeVar

from kraken.emulator.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kraken.emulator.app import App
    from kraken.emulator.faults import Faults
    from kraken.emulator.feeds import Feeds
    from kraken.emulator.futures import Futures
    from kraken.emulator.instruments import Pair
    from kraken.emulator.spot import Spot
    from kraken.emulator.unified_ws import UnifiedServices

T = TypeVar("T")
Product = Literal["spot", "futures", "unified"]

SERVERS = ("public", "private", "level3", "futures", "unified_public", "unified_private")
"""Where WebSocket connections come in: the three of Spot, that of Derivatives v1, and the two of the Unified WebSocket."""


class Trouble(ABC):
    """What an emulator can be told to do wrong."""

    faults: Faults
    _app: App
    _feeds: Mapping[str, Feeds]
    _spot: Spot
    _futures: Futures
    _unified: UnifiedServices

    @abstractmethod
    def _call(self, function: Callable[[], T]) -> T:
        """Run ``function`` where nothing else touches the state."""

    @abstractmethod
    def _pair(self, name: str) -> Pair:
        """The pair of a name."""

    # ------------------------------------------------------------------ connections

    def drop_connections(self, server: str | None = None, *, code: int | None = None, reason: str = "") -> int:
        """End WebSocket connections.

        Args:
            server: one of ``SERVERS``; all when left out.
            code: Code of a closing handshake; without it they are reset.
            reason: Its reason.

        Returns:
            How many there were.
        """
        return self._each(server, lambda each: each.abort() if code is None else each.close(code, reason))

    def break_off(self, server: str | None = None) -> int:
        """End WebSocket connections in the middle of a frame.

        Args:
            server: one of ``SERVERS``; all when left out.

        Returns:
            How many there were.
        """
        return self._each(server, Connection.break_off)

    def push(self, frame: str | bytes, server: str | None = None) -> int:
        """Send a frame of one's own on WebSocket connections, silent ones too.

        Args:
            frame: A text frame, or bytes for a binary one. It need not make sense.
            server: one of ``SERVERS``; all when left out.

        Returns:
            How many connections there were.
        """
        return self._each(server, lambda each: each.send(frame))

    def _each(self, server: str | None, act: Callable[[Connection], None]) -> int:
        def each() -> int:
            sessions = [session for session in self._app.connections if server in (None, session.server)]
            for session in sessions:
                act(session)
            return len(sessions)

        return self._call(each)

    def silence(self, silent: bool = True) -> None:
        """Acknowledge requests and then send neither data nor heartbeats, on the connections open now and later.

        Args:
            silent: False lets data through again; what was withheld stays lost.
        """

        def hush() -> None:
            self._app.silent = silent
            for session in self._app.connections:
                session.silent = silent

        self._call(hush)

    # ------------------------------------------------------------------ credentials

    def expire_tokens(self) -> None:
        """End the life of all WebSocket tokens; connections and subscriptions stay."""
        self._call(self._spot.keys.expire_tokens)

    def expire_challenges(self) -> None:
        """Take back all challenges of Derivatives WebSocket v1; connections and subscriptions stay."""
        self._call(self._futures.keys.expire_challenges)

    # ------------------------------------------------------------------ frames

    def poison_checksum(self, symbol: str, times: int = 1) -> None:
        """Send a wrong checksum with the next book frames of a pair, of levels or of single orders.

        Args:
            symbol: The pair, in any spelling, or the contract, for the Unified WebSocket.
            times: With how many frames.

        Raises:
            ValueError: there is no such pair.
        """

        def poison() -> None:
            if symbol in self._futures.venue.contracts.all:
                self._unified.feeds.poisoned[symbol] += times
            else:
                self._spot.feeds.poisoned[self._pair(symbol).symbol] += times

        self._call(poison)

    def skip_sequence(self, contract: str, times: int = 1) -> None:
        """Leave out numbers before the next message of a contract's book on Derivatives WebSocket v1.

        Args:
            contract: The contract.
            times: How many numbers.

        Raises:
            ValueError: there is no such contract.
        """
        if contract not in self._futures.venue.contracts.all:
            raise ValueError(f"unknown contract {contract!r}")
        self._call(lambda: self._futures.feeds.skipping.update({contract: times}))

    def lose_frames(self, channel: str, times: int = 1, product: Product = "spot") -> None:
        """Let the next frames of a channel get lost: their numbers are used up, but nobody gets them.

        Args:
            channel: The channel or feed.
            times: How many frames.
            product: Whose.
        """
        self._call(lambda: self._feeds[product].losing.update({channel: times}))

    def warm_up_quotes(self, times: int = 1) -> None:
        """Refuse the next subscriptions to the channel ``quotes``, as right after a start of the service.

        Args:
            times: How many.
        """

        def warm_up() -> None:
            self._unified.feeds.warming = times

        self._call(warm_up)

    def overflow_positions(self, times: int = 1) -> None:
        """Let the next snapshots of the channel ``positions`` be too large for a message.

        Args:
            times: How many.
        """

        def overflow() -> None:
            self._unified.feeds.too_large = times

        self._call(overflow)

    def pad_instruments(self, size: int) -> None:
        """Make the list of instruments long with made-up pairs.

        Args:
            size: Bytes that it has at least; 0 leaves the made-up pairs out.
        """

        def pad() -> None:
            self._spot.feeds.padding = size

        self._call(pad)

    def heal(self) -> None:
        """Take back all trouble that was asked for and has not happened yet, and end the silence."""

        def clear() -> None:
            for feeds in self._feeds.values():
                feeds.heal()

        self.faults.clear()
        self.silence(False)
        self._call(clear)
