"""The base of generated order book clients: books that are kept up to date and verified while they are read."""

from __future__ import annotations

import asyncio
import logging
import weakref
from abc import ABC, abstractmethod
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

from ..errors import InvalidRequest, KrakenError
from ..orderbook import BaseBook, SequencedBook
from .client import WebSocketClient, load, warn_of_experiment
from .events import BookInvalid, BookRestored
from .pacing import backoff
from .subscription import is_snapshot
from .tasks import begin

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from ..orderbook import ChecksumReport, SequenceReport
    from .pacing import Timing
    from .protocol import Channel
    from .session import Session
    from .subscription import Subscription

__all__ = ["BooksClient", "OrderBookClient", "SequencedBookClient"]

log = logging.getLogger("kraken.runtime.websocket")

B = TypeVar("B", bound=BaseBook[Any])

RECOVERY_BASE, RECOVERY_LIMIT = 0.5, 30.0
"""Bounds, in seconds, of the waits before a book that keeps failing is subscribed again; the first time is at once."""


class BooksClient(ABC, WebSocketClient, Generic[B]):
    """Keeps the order books of any number of symbols.

    A book is valid from its snapshot on. When an update does not fit, that symbol alone is emptied, marked invalid and
    subscribed anew; after a dropped connection all are invalid until their next snapshot. An old book is never shown.
    """

    book_channel: ClassVar[Channel]
    spellings: ClassVar[str] = ""

    def _keep_books(self, callback: Callable[..., Any] | None) -> None:
        """To be called by the constructor."""
        self._book_callback = callback
        self._notify = callback is not None or type(self).on_book_update is not BooksClient.on_book_update
        self._keeper: _Keeper[B] = _Keeper(self, self._notify)
        self._recoveries: set[asyncio.Task[None]] = set()

    @abstractmethod
    def _new_book(self, pair: str) -> B:
        """An empty book."""

    def _subscription(self, pairs: list[str]) -> dict[str, Any]:
        """What the books of these symbols are subscribed with."""
        return {self.book_channel.each: pairs}

    async def start(self) -> None:
        """Open the socket of the books; without it, it is opened when the first book is added.

        Raises:
            InvalidRequest: Such books need a key and this client has none.
            NotSent: A connection could not be made.
            KrakenError: The token could not be had.
        """
        self._require_key(self.book_channel.auth, self.book_channel.name)
        self._closed = False
        await self._session(self.book_channel.socket).open(pin=True)

    async def add_book(self, pairs: list[str]) -> None:
        """Subscribe to books and wait until the exchange has agreed. Those that are kept already are left alone.

        Args:
            pairs: The symbols. One that is called otherwise elsewhere may be given by that name, `XBT/USD` for `BTC/USD`.

        Raises:
            InvalidRequest: A parameter is not allowed, or such books need a key and this client has none.
            NotSent: No connection could be made.
            ExchangeError: A symbol is refused; the message names it.
            ReplyLost: An acknowledgement did not arrive in time.
        """
        channel, keeper = self.book_channel, self._keeper
        new = [pair for pair in dict.fromkeys(map(self._symbol, pairs)) if pair not in keeper.books]
        if not new:
            return
        self._require_key(channel.auth, channel.name)
        warn_of_experiment(channel, stacklevel=3)
        request = self._encode_parameters(channel.parameters, self._subscription(new))
        session = self._session(channel.socket)
        for pair in new:
            keeper.books[pair] = self._new_book(pair)
        session.attach(keeper, channel, request)
        try:
            await session.settle(keeper)
        except BaseException:
            self._discard(new)
            raise

    async def remove_book(self, pairs: list[str]) -> None:
        """Unsubscribe from books and forget them.

        Args:
            pairs: The symbols.
        """
        if kept := [pair for pair in map(self._symbol, pairs) if pair in self._keeper.books]:
            await self._session(self.book_channel.socket).ended(self._discard(kept))

    def book(self, symbol: str) -> B:
        """The book of a symbol. It stays the same object, is updated in place, and tells in `valid` whether it holds.

        Raises:
            InvalidRequest: The symbol was not added.
        """
        book = self._keeper.books.get(self._symbol(symbol))
        if book is None:
            raise InvalidRequest(f"no book of {symbol!r} is kept; add_book() adds it")
        return book

    def get(self, pair: str) -> dict[str, Any] | None:
        """The book of a symbol as a plain dict, or None when the symbol was not added.

        Returns:
            `bid` and `ask`, each from price text to quantity text and time, best first, and `valid`. Both sides are
            empty while the book is not valid.
        """
        book = self._keeper.books.get(self._symbol(pair))
        if book is None:
            return None
        sides = {"bid": book.bids(), "ask": book.asks()}
        tables = {
            side: {format(level.price, "f"): (format(level.qty, "f"), level.timestamp) for level in levels}
            for side, levels in sides.items()
        }
        return {**tables, "valid": book.valid}

    def updates(self, symbol: str) -> AsyncIterator[B]:
        """Iterate over a symbol's book, which is added if need be: it is given whenever it has changed and is valid.

        A slow reader misses states in between, never the newest. Iterating ends when the client is closed or the
        book is removed, and raises what ended the subscription otherwise.
        """
        return _Updates(self, self._symbol(symbol))

    async def on_book_update(self, pair: str, message: dict[str, Any]) -> None:
        """Called after each update of a book; to be overridden. The default calls the `callback`.

        Args:
            pair: The symbol.
            message: The exchange's message; when a checksum did not match, a dict with only `error`.
        """
        if self._book_callback is not None:
            result = self._book_callback(pair=pair, message=message)
            if hasattr(result, "__await__"):
                await result

    @staticmethod
    def get_first(values: tuple[Any, ...]) -> float:
        """The first of some values as a number, to sort levels by price."""
        return float(values[0])

    async def close(self) -> None:
        """Close the connection and forget all books; calling it again does nothing."""
        recoveries = list(self._recoveries)
        for task in recoveries:
            task.cancel()
        await asyncio.gather(*recoveries, return_exceptions=True)
        await super().close()

    @classmethod
    def _symbol(cls, pair: str) -> str:
        """A pair as the exchange's books call it, where its assets have other names elsewhere."""
        symbols: Mapping[str, str] = load(cls.spellings) if cls.spellings else {}
        return "/".join(symbols.get(part, part) for part in pair.split("/"))

    # ------------------------------------------------------------------ called by the keeper

    def _discard(self, pairs: list[str]) -> list[Subscription]:
        """Forget books and give their subscriptions back, without waiting."""
        self._keeper.forget(pairs)
        session = self._sessions.get(self.book_channel.socket)
        if session is None:
            return []
        return session.unwant(self._keeper, [s for s in session.owned(self._keeper) if s.value in pairs])

    def _updated(self, book: B, raw: bytes) -> None:
        self._dispatcher.put(self._deliver_update, book.symbol, raw)

    async def _deliver_update(self, pair: str, raw: bytes) -> None:
        from ..json import decode_plain

        await self.on_book_update(pair, decode_plain(raw))

    def _mismatch(self, report: ChecksumReport | SequenceReport, failures: int) -> None:
        """Withhold one book and get a new snapshot of it; the others go on."""
        self._emit(BookInvalid(report.symbol, report))
        if self._notify:
            self._dispatcher.put(self.on_book_update, report.symbol, {"error": f"{report}; subscribing anew"})
        self._recover_by(self._recover(report.symbol, failures))

    def _recover_by(self, recovery: Coroutine[Any, Any, None]) -> None:
        task = begin(recovery)
        self._recoveries.add(task)
        task.add_done_callback(self._recoveries.discard)

    async def _recover(self, symbol: str, failures: int) -> None:
        if failures > 1:
            wait = backoff(failures - 2, RECOVERY_BASE, RECOVERY_LIMIT, self._timing.random)
            await self._timing.sleep(wait)
        self._subscribe_anew(symbol)

    async def _expect_snapshot(self, symbol: str, still_awaited: Callable[[], bool]) -> None:
        """Other frames keep the watchdog quiet when the one that a book needs never comes."""
        await self._timing.sleep(self._timeout)
        if still_awaited():
            log.warning("%s: no snapshot within %g s; subscribing anew", symbol, self._timeout)
            self._subscribe_anew(symbol)

    def _subscribe_anew(self, symbol: str) -> None:
        session = self._sessions.get(self.book_channel.socket)
        if session is not None:
            for subscription in session.owned(self._keeper):
                if subscription.value == symbol:
                    session.refresh(subscription)


class _Keeper(Generic[B]):
    """Applies the frames of the book channel, in the reader, so that books are always as new as can be."""

    def __init__(self, client: BooksClient[B], notify: bool) -> None:
        self.books: dict[str, B] = {}
        self._watchers: dict[str, weakref.WeakSet[_Updates[B]]] = {}
        self._client = weakref.proxy(client)
        self._symbol = attrgetter(client.book_channel.key[0])
        self._notify = notify
        self._failures: dict[str, int] = {}
        self._awaited: dict[str, object] = {}
        """What stands for the last acknowledgement of each symbol whose snapshot has not come."""

    def route(self, session: Session, fields: tuple[str, ...], wanted: frozenset[object]) -> None:
        """Every item is looked up by its symbol anyway."""

    def receive(self, frame: Any, raw: bytes) -> None:
        """Apply a frame."""
        is_whole = is_snapshot(frame)
        for item in getattr(frame, "data", None) or (frame,):
            book = self.books.get(self._symbol(item))
            if book is None:
                continue
            if is_whole:
                self._awaited.pop(book.symbol, None)
            report = book.apply(item, is_whole)
            if report is not None:
                failures = self._failures[book.symbol] = self._failures.get(book.symbol, 0) + 1
                self._client._mismatch(report, failures)
            elif book.valid:
                if self._failures and self._failures.pop(book.symbol, 0):
                    self._client._emit(BookRestored(book.symbol))
                if self._notify:
                    self._client._updated(book, raw)
                if self._watchers:
                    for watcher in self._watchers.get(book.symbol, ()):
                        watcher.changed.set()

    def acknowledged(self, subscription: Subscription, ack: Any) -> None:  # noqa: ARG002 - owners are told it
        """The snapshot follows, or is here already."""
        symbol, book = subscription.value, self.books.get(subscription.value)
        if book is not None and not book.valid:
            awaited = self._awaited[symbol] = object()
            expectation = self._client._expect_snapshot(symbol, lambda: self._awaited.get(symbol) is awaited)
            self._client._recover_by(expectation)

    def refused(self, subscription: Subscription, error: KrakenError) -> None:
        """No more updates will come for one symbol."""
        book = self.books.get(subscription.value)
        if book is not None:
            book.invalidate()
        self._end_watchers(subscription.value, error)

    def dropped_connection(self) -> None:
        """Nothing is known until the next snapshots."""
        self._awaited.clear()
        for book in self.books.values():
            book.invalidate()

    def fail(self, error: KrakenError) -> None:
        """No more updates will come."""
        self._finish(error)

    def end(self) -> None:
        """The client was closed."""
        self._finish(None)

    def forget(self, pairs: list[str]) -> None:
        """Drop books that are no longer kept; a session that failed may have done so before."""
        for pair in pairs:
            if (book := self.books.pop(pair, None)) is not None:
                book.invalidate()
            self._failures.pop(pair, None)
            self._awaited.pop(pair, None)
            self._end_watchers(pair, None)

    def _finish(self, error: KrakenError | None) -> None:
        for symbol in list(self._watchers):
            self._end_watchers(symbol, error)
        self.forget(list(self.books))

    def watch(self, watcher: _Updates[B]) -> None:
        """Wake an iterator whenever its book has changed and is valid."""
        self._watchers.setdefault(watcher.symbol, weakref.WeakSet()).add(watcher)

    def _end_watchers(self, symbol: str, error: KrakenError | None) -> None:
        for watcher in self._watchers.pop(symbol, ()):
            watcher.end(error)


class _Updates(Generic[B]):
    """An iterator over the states of one book."""

    def __init__(self, client: BooksClient[B], symbol: str) -> None:
        self.symbol = symbol
        self.changed = asyncio.Event()
        self._client = client
        self._begun = False
        self._ended = False
        self._error: KrakenError | None = None

    def end(self, error: KrakenError | None) -> None:
        """Nothing more will come."""
        if not self._ended:
            self._ended, self._error = True, error
            self.changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> B:
        if not self._begun:
            self._client._keeper.watch(self)
            await self._client.add_book([self.symbol])
            self._begun = True
            if self._client.book(self.symbol).valid:
                self.changed.set()
        while True:
            await self.changed.wait()
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self.changed.clear()
            book = self._client.book(self.symbol)
            if book.valid:
                return book


class OrderBookClient(BooksClient[B]):
    """Keeps order books, all of one depth, and verifies them by their checksums."""

    book_type: ClassVar[type[BaseBook[Any]]]

    def __init__(
        self,
        depth: int = 10,
        callback: Callable[..., Any] | None = None,
        *,
        key: str = "",
        secret: str = "",
        precision: Mapping[str, tuple[int, int]] | None = None,
        verify_checksums: bool = True,
        rest_url: str | None = None,
        ws_url: str | None = None,
        auth_ws_url: str | None = None,
        socket_urls: Mapping[str, str] | None = None,
        proxy: str | None = None,
        verify: ssl.SSLContext | bool = True,
        timeout: float = 10.0,
        silence_timeout: float | None = 10.0,
        buffer_size: int = 10_000,
        max_size: int = 64 * 2**20,
        timing: Timing | None = None,
    ) -> None:
        """Make a client.

        Args:
            depth: Levels on each side of a book; the exchange has a list of depths that it allows.
            callback: Function or coroutine function, called with `pair` and `message` after each update.
            key: API key, where the exchange shows such books only with one.
            secret: The key's secret, base64 text as the exchange shows it.
            precision: Decimals of price and quantity by symbol, for a source that drops trailing zeros.
            verify_checksums: Whether every update is verified.
            rest_url: Base address of the REST API, from which a token comes where one is needed.
            ws_url: Base address of the public sockets, without the version.
            auth_ws_url: Base address of the sockets whose requests carry a token, without the version.
            socket_urls: Base addresses of single sockets by their names in `sockets`; they go before the other two.
            proxy: Address of a proxy; that of the environment when left out.
            verify: False switches the check of TLS certificates off; or a TLS context of your own.
            timeout: Seconds to wait for a connection, and for the reply to a request.
            silence_timeout: Seconds without any message after which the connection is questioned; None never does.
            buffer_size: How many calls of the callback may wait.
            max_size: Largest message that is accepted, in bytes.
            timing: Clock, sleep and random numbers, for tests.

        Raises:
            CredentialsError: Key or secret cannot be used.
            InvalidRequest: An option is not allowed.
        """
        super().__init__(
            key,
            secret,
            rest_url=rest_url,
            ws_url=ws_url,
            auth_ws_url=auth_ws_url,
            socket_urls=socket_urls,
            proxy=proxy,
            verify=verify,
            timeout=timeout,
            silence_timeout=silence_timeout,
            buffer_size=buffer_size,
            max_size=max_size,
            timing=timing,
        )
        if depth < 1:
            raise InvalidRequest(f"depth: {depth} is not allowed; a book keeps at least 1 level")
        self._depth = depth
        self._book_parameters: dict[str, Any] = {}
        """What a generated client wants its books subscribed with, besides the symbols and the depth."""
        self._precision = {self._symbol(pair): digits for pair, digits in (precision or {}).items()}
        self._verify_checksums = verify_checksums
        self._keep_books(callback)

    @property
    def depth(self) -> int:
        """Levels on each side of a book."""
        return self._depth

    def _subscription(self, pairs: list[str]) -> dict[str, Any]:
        return {**self._book_parameters, **super()._subscription(pairs), "depth": self._depth}

    def _new_book(self, pair: str) -> B:
        price, qty = self._precision.get(pair, (None, None))
        book = self.book_type(
            pair, self._depth, price_precision=price, qty_precision=qty, verify=self._verify_checksums
        )
        return cast("B", book)


class SequencedBookClient(BooksClient[SequencedBook]):
    """Keeps whole order books, whose updates are numbered."""

    def _new_book(self, pair: str) -> SequencedBook:
        return SequencedBook(pair)
