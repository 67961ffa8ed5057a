"""A market as it is being followed: what its streams have told so far, and what is known about the connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any, NamedTuple, Self

from kraken.runtime.errors import KrakenError
from kraken.runtime.orderbook import BaseBook, ChecksumReport
from kraken.runtime.websocket.events import (
    BookInvalid,
    BookRestored,
    Connecting,
    Dropped,
    Event,
    Failed,
    Open,
    Reopened,
    Restored,
)

from .candles import MINUTE, Candle, candles_of, request, traded
from .session import Session

__all__ = ["Link", "Market", "Trade"]

KEPT_TRADES = 200
KEPT_CANDLES = 720
REFRESH = 60.0
"""Seconds after which past candles are asked for anew: what was added up from trades is compared with the exchange."""


class Trade(NamedTuple):
    """One trade."""

    time: datetime
    number: int
    side: str
    price: Decimal
    qty: Decimal


class Link:
    """What is known about one connection."""

    def __init__(self) -> None:
        self.is_live = False
        self.told = "connecting"
        """What is happening, while it is not live."""
        self.since = datetime.now(UTC)
        """When it was lost, or when the first attempt was made."""
        self.reason = ""
        """Why it was lost."""
        self.attempt = 1
        """How often it has been tried to get it back."""

    def take(self, event: Event) -> None:
        """Take over what an event says."""
        match event:
            case Connecting(attempt=attempt):
                self.attempt = attempt
            case Open() | Restored():
                self.is_live, self.reason = True, ""
            case Dropped(code=code, reason=reason):
                self.is_live, self.told, self.since = False, "reconnecting", datetime.now(UTC)
                self.reason = f"{code} {reason}".strip()
            case Reopened():
                self.told = "subscribing anew"
            case Failed(error=error):
                self.is_live, self.told, self.reason = False, "given up", str(error)
            case _:
                pass


class Market:
    """Follows one market. Use it in an `async with` block; whatever arrives is called out through `on_change`."""

    def __init__(self, session: Session, product: str, pair: str, *, interval: int, depth: int | None) -> None:
        """Make it; nothing is connected yet.

        Args:
            session: Makes the clients.
            product: `spot` or `futures`.
            pair: The pair or contract.
            interval: Length of a candle in minutes.
            depth: Levels on each side of the book; None where books are whole.
        """
        self._session = session
        self.product = product
        self.pair = pair
        self.interval = interval
        self.depth = depth
        self.book: BaseBook[Any] | None = None
        """The book; only what is `valid` may be shown."""
        self.mismatches = 0
        """How often a book was withheld because it did not fit."""
        self.fault = ""
        """Why the book is withheld at present."""
        self.ticker: Any = None
        self.ended: Exception | None = None
        """What has ended one of the streams for good; nothing that is shown is kept up to date any more."""
        self.history_fault = ""
        """Why there are no past candles."""
        self.links = {"book": Link(), "feeds": Link()}
        self.on_change: Callable[[], None] = lambda: None
        self._verified_before = 0
        self._trades: dict[Any, Trade] = {}
        self._past: dict[int, Candle] = {}
        self._live: dict[int, Candle] = {}
        self._stale = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def trades(self) -> list[Trade]:
        """The newest trades, the newest first."""
        return sorted(self._trades.values(), key=lambda trade: (trade.time, trade.number), reverse=True)

    @property
    def candles(self) -> list[Candle]:
        """The candles, oldest first."""
        return sorted({**self._past, **self._live}.values())

    @property
    def verified(self) -> int:
        """How many messages of the book were proved right."""
        return self._verified_before + (self.book.verified if self.book else 0)

    @property
    def lost_link(self) -> Link | None:
        """A connection that is not there."""
        return next((link for link in self.links.values() if not link.is_live), None)

    # ------------------------------------------------------------------ life

    async def __aenter__(self) -> Self:
        self._feeds = self._session.sockets(self.product, signed=False)
        # Before it is opened: the connection may be there before the next line is reached.
        self._feeds.on_event(lambda event: self._happened("feeds", event))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._feeds)
            self._rest = await stack.enter_async_context(_rest_client(self._session, self.product))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stop(*self._tasks)
        await self._stack.aclose()

    def start(self) -> None:
        """Begin to follow it."""
        self._follow("book", self._follow_book())
        self._follow("ticker", self._follow_ticker())
        self._follow("trades", self._follow_trades())
        self._follow_candles()

    async def set_depth(self, depth: int) -> None:
        """Follow a book of another depth; until its snapshot there is none."""
        await self._stop("book")
        self.depth = depth
        self._follow("book", self._follow_book())
        self.on_change()

    async def set_interval(self, minutes: int) -> None:
        """Follow candles of another length."""
        await self._stop("history", "candles")
        self.interval = minutes
        self._past, self._live = {}, {}
        self._follow_candles()
        self.on_change()

    def _follow(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks[name] = asyncio.create_task(self._guarded(work))

    def _follow_candles(self) -> None:
        self._follow("history", self._follow_history())
        if self.product == "spot":
            self._follow("candles", self._follow_ohlc())

    async def _stop(self, *names: str) -> None:
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self.ended = error
            self.on_change()

    def _happened(self, name: str, event: Event) -> None:
        self.links[name].take(event)
        match event:
            case BookInvalid(report=report):
                self.mismatches += 1
                numbers = (
                    f"{report.computed} computed" if isinstance(report, ChecksumReport) else f"{report.received} came"
                )
                self.fault = f"{numbers}, {report.expected} expected"
            case BookRestored():
                self.fault = ""
            case Dropped() if name == "feeds":
                self._live = {}
            case Restored() if name == "feeds":
                self._stale.set()
            case _:
                pass
        self.on_change()

    # ------------------------------------------------------------------ streams

    async def _follow_book(self) -> None:
        options = {} if self.depth is None else {"depth": self.depth}
        self.links["book"] = Link()
        self.fault = ""
        client = self._session.sockets(self.product, signed=False, kind="OrderBookClient", **options)
        client.on_event(lambda event: self._happened("book", event))
        async with client:
            try:
                await client.add_book([self.pair])
                self.book = client.book(self.pair)
                async for _ in client.updates(self.pair):
                    self.on_change()
            finally:
                self._verified_before, self.book = self.verified, None

    async def _follow_ticker(self) -> None:
        async for ticker in self._feeds.ticker(**self._symbols()):
            self.ticker = ticker
            self.on_change()

    async def _follow_trades(self) -> None:
        options = {"snapshot": True} if self.product == "spot" else {}
        stream: AsyncIterator[Any] = self._feeds.trade(**self._symbols(), **options)
        async for item in stream:
            self._traded(item)

    def _traded(self, item: Any) -> None:
        if self.product == "spot":
            key = number = item.trade_id
            time = _moment(item.timestamp)
        else:
            key, number = item.uid, item.seq or 0
            time = datetime.fromtimestamp((item.time or 0) / 1000, UTC)
        is_new = key not in self._trades
        self._trades[key] = trade = Trade(time, number, item.side, item.price, item.qty)
        if self.product == "futures" and is_new:
            self._add_to_candle(trade)
        for old in sorted(self._trades, key=lambda each: self._trades[each][:2])[:-KEPT_TRADES]:
            del self._trades[old]
        self.on_change()

    def _add_to_candle(self, trade: Trade) -> None:
        """Futures has no stream of candles; their lengths count from the last one that it told."""
        if not self._past:
            return
        newest, length = max(self._past), self.interval * MINUTE
        begin = newest + (int(trade.time.timestamp()) - newest) // length * length
        if begin >= newest:
            before = self._live.get(begin) or self._past.get(begin)
            self._live[begin] = traded(before, begin, trade.price, trade.qty)

    async def _follow_ohlc(self) -> None:
        async for item in self._feeds.ohlc(**self._symbols(), interval=self.interval):
            if item.interval_begin is not None and item.open is not None:
                begin = int(_moment(item.interval_begin).timestamp())
                self._live[begin] = Candle(begin, item.open, item.high, item.low, item.close, item.volume)
                self.on_change()

    async def _follow_history(self) -> None:
        while True:
            self._stale.clear()
            try:
                result = await request(self._rest, self.product, self.pair, self.interval, KEPT_CANDLES)
            except KrakenError as error:
                self.history_fault = str(error)
            else:
                self.history_fault = ""
                self._past = _by_begin(candles_of(self.product, result))
                if self.product == "futures":
                    self._live = {}
            self.on_change()
            with suppress(TimeoutError):
                async with asyncio.timeout(REFRESH):
                    await self._stale.wait()

    def _symbols(self) -> dict[str, list[str]]:
        return {"product_ids" if self.product == "futures" else "symbol": [self.pair]}


def _by_begin(candles: Iterable[Candle]) -> dict[int, Candle]:
    return {candle.begin: candle for candle in candles}


def _moment(text: str) -> datetime:
    """A time of the wire, to the second; its fraction has more digits than `datetime` keeps."""
    return datetime.fromisoformat(f"{text[:19]}+00:00")


def _rest_client(session: Session, product: str) -> Any:
    """An asynchronous client for past candles."""
    settings = session.settings
    options: dict[str, Any] = {"timeout": settings.timeout}
    if emulator := session.emulator:
        options["url"] = emulator.futures_url if product == "futures" else emulator.spot_url
    elif settings.sandbox:
        options["sandbox"] = True
    client = getattr(import_module(f"kraken.{product}"), f"{product.title()}AsyncClient")
    return client(**options)
