"""The emulator as its user sees it: started, stopped and steered from an ordinary thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import struct
import threading
import time
from collections import deque
from concurrent.futures import Future
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import uvicorn

from kraken.emulator import (
    spot_account,  # noqa: F401 - it registers handlers
    spot_earn,
    spot_funding,
    spot_funding_beta,
    spot_trading,  # noqa: F401
    spot_transparency,  # noqa: F401
    spot_ws_orders,  # noqa: F401
)
from kraken.emulator.app import App
from kraken.emulator.auth import Keys
from kraken.emulator.earn import Earn
from kraken.emulator.errors import Refusal
from kraken.emulator.exchange import Exchange
from kraken.emulator.faults import Faults
from kraken.emulator.funding import Funding
from kraken.emulator.futures import Futures
from kraken.emulator.handlers import bind
from kraken.emulator.instruments import Instruments, Pair
from kraken.emulator.limits import Limits, Window
from kraken.emulator.market import Market, volume_up_to
from kraken.emulator.rates import Rates
from kraken.emulator.records import order_row
from kraken.emulator.specs import load, specs_folder
from kraken.emulator.spot_earn import SpotEarn
from kraken.emulator.spot_feeds import Feeds
from kraken.emulator.spot_funding import SpotFunding
from kraken.emulator.spot_funding_beta import SpotFundingBeta
from kraken.emulator.spot_rest import HANDLERS, SpotRest
from kraken.emulator.spot_site import SpotSite
from kraken.emulator.spot_ws import Services, Session
from kraken.emulator.wire import SECOND, rounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from kraken.emulator.book import BookSide
    from kraken.emulator.handlers import Answer
    from kraken.emulator.orders import Event, Order, Side

T = TypeVar("T")

LOGGER = logging.getLogger(__name__)

HOST = "127.0.0.1"
PATIENCE = 10.0
"""Seconds that the server's thread may take for anything."""
_SECRETS = ("otp", "token")
REMEMBERED = 10_000
"""Requests that are remembered."""
_PULSE = 0.1
"""Most seconds between two looks at what is due."""


class Recorded(NamedTuple):
    """A request that arrived."""

    method: str
    """HTTP method, or ``WS``."""
    path: str
    """Path, or name of the WebSocket method."""
    arguments: Mapping[str, Any]
    """Arguments without secrets."""


class Subscribed(NamedTuple):
    """A subscription that is being served."""

    channel: str
    symbol: str | None
    options: Mapping[str, Any]


class Depth(NamedTuple):
    """A book as the exchange has it, best price first: prices in the quote asset, visible quantities in the base asset,
    both with the digits of the wire."""

    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]


class BookOrder(NamedTuple):
    """An order in a book."""

    order_id: str
    price: Decimal
    volume: Decimal
    """What the book shows of it, in the base asset."""


class Orders(NamedTuple):
    """The orders of a book in the sequence in which they would trade."""

    bids: list[BookOrder]
    asks: list[BookOrder]


class Subaccount(NamedTuple):
    """A subaccount of the emulated account."""

    number: str
    """What funds are moved to it with."""
    balances: Mapping[str, Decimal]
    """By Kraken's asset name; assets that it never had are not there."""


class Emulator:
    """A Kraken on localhost.

    Use it as a context manager, or call ``start`` and ``stop``. All methods may be called from any thread. What
    happened can still be asked for after it was stopped.

    Args:
        seed: The same seed gives the same keys, the same market and the same sequence of trades.
        market_interval: Seconds between two actions of the market; None lets it stand still until ``tick``.
        token_lifetime: Seconds that a WebSocket token can be used for.
        heartbeat_interval: Seconds of silence after which a heartbeat is sent.
        clock: Unix time in nanoseconds.
        port: Port of REST and the public WebSocket; 0 takes a free one.
        auth_port: Port of the authenticated WebSocket; 0 takes a free one.
        level3_port: Port of the WebSocket with single orders; 0 takes a free one.
        futures_port: Port of Futures REST; 0 takes a free one.
        specs: The folder with the specs; the package's own when left out.
        otp: The one-time password that private REST calls must have; None for a key that needs none.
        tier: The tier whose rate limits are enforced: ``starter``, ``intermediate`` or ``pro``; None for no limits, save
            that of subscribing to single orders, which always holds.
        futures_limits: Whether the rate limits of Futures are enforced, which has no tiers.
        connection_limit: Whether too many WebSocket handshakes are refused, as Kraken's specs say, and that for as
            long again.
        message_rate: Messages per second that a WebSocket connection may send; None for any number.

    Raises:
        ValueError: there is no such tier.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        market_interval: float | None = 0.05,
        token_lifetime: int = 900,
        heartbeat_interval: float = 1.0,
        clock: Callable[[], int] = time.time_ns,
        port: int = 0,
        auth_port: int = 0,
        level3_port: int = 0,
        futures_port: int = 0,
        specs: Path | None = None,
        otp: str | None = None,
        tier: str | None = None,
        connection_limit: bool = False,
        message_rate: int | None = None,
        futures_limits: bool = False,
    ) -> None:
        folder = specs or specs_folder()
        spot = load(folder, "spot")
        self._instruments = Instruments()
        self._keys = Keys(seed, clock, token_lifetime, otp)
        self._exchange = Exchange(self._instruments, clock, seed)
        self._limits = None if tier is None else Limits(folder, tier, clock)
        self._exchange.limits = self._limits
        self._rest = SpotRest(self._exchange, self._keys)
        self._feeds = Feeds(self._exchange)
        self._funding = Funding(self._exchange, seed)
        self._earn = Earn(self._exchange)
        self._futures = Futures(folder, self._exchange, clock, seed, limited=futures_limits)
        self._markets = (Market(self._exchange, seed), self._futures.market)
        self._requests: deque[Recorded] = deque(maxlen=REMEMBERED)
        self._interval = market_interval
        self._pulse = min(_PULSE, heartbeat_interval)
        self._ports = (port, auth_port, level3_port, futures_port)
        self._connection_ids = random.Random(f"connections {seed}")
        self._app: App
        self._server: uvicorn.Server
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._finish: asyncio.Event
        operations = [*spot.operations.values(), *self._futures.specs.operations.values()]
        self.faults = Faults([each.name for each in operations], spot.methods)
        """Faults that wait for their operation: ``emulator.faults.add("AddOrder", "accept-then-502")``."""
        self._services = Services(
            specs=spot,
            exchange=self._exchange,
            feeds=self._feeds,
            keys=self._keys,
            faults=self.faults,
            record=self._record,
            heartbeat=int(heartbeat_interval * SECOND),
            tier=tier,
            message_rate=message_rate,
        )
        server = spot.servers["public"]
        self._handshakes = Window(server.attempts, server.seconds) if connection_limit else None
        self._ban = server.seconds * SECOND
        self._banned_until = 0
        self.key = self._keys.key
        """The API key of the emulated account."""
        self.secret = self._keys.secret
        """Its secret, base64."""
        self.futures_key = self._futures.keys.key
        """The API key of the emulated Futures account."""
        self.futures_secret = self._futures.keys.secret
        """Its secret, base64."""
        self.spot_url = ""
        """Base URL of Spot REST, once started."""
        self.futures_url = ""
        """Base URL of Futures REST, once started."""
        self.spot_ws_url = ""
        """Base URL of the public Spot WebSocket, once started; a client appends ``/v2``."""
        self.spot_ws_auth_url = ""
        """Base URL of the authenticated Spot WebSocket, once started; a client appends ``/v2``."""
        self.spot_ws_level3_url = ""
        """Base URL of the Spot WebSocket with single orders, once started; a client appends ``/v2``."""

    def __repr__(self) -> str:
        return f"<Emulator {self.spot_url or 'not started'}>"

    # ------------------------------------------------------------------ life

    def start(self) -> Emulator:
        """Open the market and the ports; returns when both are ready.

        Raises:
            RuntimeError: it was started before, or the server did not come up.
            OSError: a port is taken.
        """
        if self._thread is not None:
            raise RuntimeError("an emulator can be started once")
        sockets = _listen(self._ports)
        public, private, level3, futures = (each.getsockname()[1] for each in sockets)
        self.spot_url = f"http://{HOST}:{public}"
        self.futures_url = f"http://{HOST}:{futures}"
        self.spot_ws_url = f"ws://{HOST}:{public}"
        self.spot_ws_auth_url = f"ws://{HOST}:{private}"
        self.spot_ws_level3_url = f"ws://{HOST}:{level3}"
        spot = SpotSite(self._services.specs, self._answers(), self._keys)
        self._app = App(
            self._services,
            {**dict.fromkeys((public, private, level3), spot), futures: self._futures.site},
            self._pass_time,
            {public: "public", private: "private", level3: "level3"},
            self._abort,
            lambda: self._connection_ids.getrandbits(64),
            self._banned,
        )
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(sockets, ready), name="kraken-emulator", daemon=True)
        self._thread.start()
        ready.result(PATIENCE)
        return self

    def _answers(self) -> dict[str, Answer]:
        """What answers each operation, behind the rate limits if there are any."""
        answers = {
            **bind(HANDLERS, self._rest),
            **bind(spot_funding.HANDLERS, SpotFunding(self._funding)),
            **bind(spot_earn.HANDLERS, SpotEarn(self._earn)),
            **spot_funding_beta.answers(SpotFundingBeta(self._funding, Rates(self._exchange))),
        }
        return answers if self._limits is None else self._limits.guarded(answers)

    def stop(self) -> None:
        """Reset all connections and close the ports. Does nothing when it is not running."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(self._finish.set)
        thread.join(PATIENCE)
        self._loop = None

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, sockets: list[socket.socket], ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(sockets, ready))
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)
        finally:
            for each in sockets:
                each.close()

    async def _serve(self, sockets: list[socket.socket], ready: Future[None]) -> None:
        self._finish = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        for market in self._markets:
            market.open()
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_keep_alive=60,
            server_header=False,
            date_header=False,
        )
        config.load()
        # The server's own main loop polls ten times a second and waits for clients when it ends; neither is wanted here.
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets)
        repeated = [asyncio.ensure_future(_repeat(self._pulse, self._pass_time))]
        if self._interval:
            repeated.append(asyncio.ensure_future(_repeat(self._interval, self._step)))
        ready.set_result(None)
        await self._finish.wait()
        for task in repeated:
            task.cancel()
        for server in self._server.servers:
            server.close()
        for transport in self._transports(lambda _client: True):
            _reset(transport)
        await asyncio.sleep(0)

    def _pass_time(self) -> None:
        self._exchange.pass_time()
        self._funding.pass_time()
        self._earn.pass_time()
        self._futures.venue.pass_time()
        for session in self._app.sessions:
            session.pass_time()

    def _step(self) -> None:
        for market in self._markets:
            market.step()

    def _banned(self) -> bool:
        if self._handshakes is None:
            return False
        now = self._exchange.now()
        if now >= self._banned_until and not self._handshakes.take(1, now):
            self._banned_until = now + self._ban
        return now < self._banned_until

    # ------------------------------------------------------------------ what happened

    @property
    def requests(self) -> list[Recorded]:
        """The requests that arrived, REST and WebSocket, oldest first, without secrets; the last 10,000 of them."""
        return self._call(lambda: list(self._requests))

    @property
    def subscriptions(self) -> list[Subscribed]:
        """All subscriptions that are being served, oldest first."""
        return self._call(
            lambda: [
                Subscribed(each.channel, None if each.pair is None else each.pair.symbol, dict(each.options))
                for each in self._feeds.subscriptions
            ]
        )

    @property
    def connections(self) -> int:
        """Number of open WebSocket connections."""
        return self._call(lambda: len(self._app.sessions))

    @property
    def orders(self) -> dict[str, dict[str, Any]]:
        """All orders of the account, open and closed, by id, in the form of QueryOrders."""
        return self._call(
            lambda: {each.id: order_row(each, trades=True) for each in self._exchange.user.orders.values()}
        )

    @property
    def balances(self) -> dict[str, Decimal]:
        """Balances of the account by Kraken's asset name."""
        return self._call(lambda: dict(self._exchange.user.balances))

    @property
    def counters(self) -> dict[str, Decimal]:
        """Where the rate counters stand now, if there are limits: ``rest``, those of pairs by Kraken's pair name, and
        ``derivatives`` and ``history`` of Futures."""
        limits = [each for each in (self._limits, self._futures.pools) if each is not None]
        return self._call(lambda: {name: value for each in limits for name, value in each.state().items()})

    @property
    def futures_orders(self) -> dict[str, dict[str, Any]]:
        """All Futures orders of the account, open and closed, by id: the ``order``, and its ``status``."""
        return self._call(self._futures.orders)

    @property
    def futures_balances(self) -> dict[str, dict[str, Decimal]]:
        """Balances of the Futures wallets, by name of the wallet and Kraken's asset name."""
        return self._call(self._futures.balances)

    @property
    def futures_positions(self) -> dict[str, Decimal]:
        """Sizes of the open Futures positions by contract, negative when short."""
        return self._call(self._futures.positions)

    @property
    def subaccounts(self) -> dict[str, Subaccount]:
        """Subaccounts by user name."""
        return self._call(
            lambda: {
                name: Subaccount(account.number, dict(account.balances))
                for name, account in self._rest.subaccounts.accounts.items()
            }
        )

    def book(self, pair: str, depth: int | None = None) -> Depth:
        """The book of a pair.

        Args:
            pair: The pair, in any spelling.
            depth: How many prices of each side; all when left out.

        Raises:
            ValueError: there is no such pair.
        """

        def look() -> Depth:
            book = self._exchange.books[self._pair(pair).name]
            return Depth(
                *([_exact(book.pair, *level) for level in side.levels(depth)] for side in (book.bids, book.asks))
            )

        return self._call(look)

    def book_orders(self, pair: str, depth: int | None = None) -> Orders:
        """The single orders in the book of a pair.

        Args:
            pair: The pair, in any spelling.
            depth: At how many prices of each side; at all when left out.

        Raises:
            ValueError: there is no such pair.
        """

        def look() -> Orders:
            book = self._exchange.books[self._pair(pair).name]
            return Orders(*(_orders(book.pair, side, depth) for side in (book.bids, book.asks)))

        return self._call(look)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have a function called with everything that happens on the exchange, before subscribers are told.

        Args:
            listener: Takes the event, in the server's thread. It may ask the emulator for its state.
        """
        self._call(lambda: self._exchange.listeners.insert(0, listener))

    # ------------------------------------------------------------------ the market

    def pass_time(self) -> None:
        """Do what is due by the clock: heartbeats, orders that expire, connections that nobody uses. It also happens by
        itself some times a second; a clock that is moved by hand makes this the way to have it done at once."""
        self._call(self._pass_time)

    def tick(self, times: int = 1, pair: str | None = None) -> None:
        """Let the market act.

        Args:
            times: How often.
            pair: Where, a pair in any spelling or a contract; anywhere on both markets when left out.

        Raises:
            ValueError: there is no such pair.
        """
        chosen = [(each, None) for each in self._markets] if pair is None else [self._place(pair)]

        def step() -> None:
            for market, where in chosen:
                for _ in range(times):
                    market.step(where)

        self._call(step)

    def fill(self, order: str, volume: Decimal | str | None = None) -> None:
        """Let the market trade against a resting order of the account; what stands before it in the book goes first.

        Args:
            order: The order's id or client order id.
            volume: How much of it, in the base asset or in contracts; all of it when left out.

        Raises:
            ValueError: there is no such resting order.
        """
        self._call(lambda: self._fill(order, None if volume is None else Decimal(volume)))

    def _fill(self, name: str, volume: Decimal | None) -> None:
        found = [
            (market, order)
            for market in self._markets
            for order in market.venue.user.open.values()
            if name in (order.id, order.asked.cl_ord_id)
        ]
        if not found or found[0][1].limit is None:
            raise ValueError(f"no resting order {name!r}")
        market, order = found[0]
        needed = volume_up_to(market.venue, order, order.remaining if volume is None else volume)
        assert order.limit is not None
        market.sweep(order.pair, _other(order.side), order.limit, needed)

    def trade_through(self, pair: str, price: Decimal | str) -> None:
        """Let the market trade with everything up to a price, resting orders of the account included.

        Args:
            pair: The pair, in any spelling, or the contract.
            price: Below the best bid the market sells down to it, above the best ask it buys up to it; in the quote
                asset.

        Raises:
            ValueError: there is no such pair, or nothing rests up to that price.
        """
        self._call(lambda: self._trade_through(pair, Decimal(price)))

    def _trade_through(self, name: str, price: Decimal) -> None:
        market, pair = self._place(name)
        book = market.venue.books[pair.name]
        sides: tuple[Side, Side] = ("sell", "buy")
        for side in sides:
            met: list[Order] = list(book.opposite(side).at_or_better(price))
            if met:
                market.sweep(pair, side, price, sum((order.remaining for order in met), Decimal(0)))
                return
        raise ValueError(f"no order of {pair.symbol} rests at {price} or better")

    def set_price(self, pair: str, price: Decimal | str) -> None:
        """Move the market: it quotes around another price, and trades with orders of the account in between.

        Args:
            pair: The pair, in any spelling, or the contract.
            price: The new middle, in the quote asset.

        Raises:
            ValueError: there is no such pair.
        """

        def move() -> None:
            market, where = self._place(pair)
            market.move(where, Decimal(price))

        self._call(move)

    def set_status(self, status: str) -> None:
        """Change the mode of the exchange and push it to all connections.

        Args:
            status: ``online``, ``limit_only``, ``post_only``, ``cancel_only`` or ``maintenance``.
        """

        def change() -> None:
            for market in self._markets:
                market.venue.set_status(status)
            for session in self._app.sessions:
                session.push_status()

        self._call(change)

    def _place(self, name: str) -> tuple[Market, Pair]:
        """The market on which a pair or a contract is traded."""
        contract = self._futures.venue.contracts.all.get(name.upper())
        return (self._markets[0], self._pair(name)) if contract is None else (self._markets[1], contract)

    def _pair(self, name: str) -> Pair:
        try:
            return self._instruments.pair(name)
        except Refusal:
            raise ValueError(f"unknown pair {name!r}") from None

    # ------------------------------------------------------------------ money from outside

    def deposit(
        self, asset: str, amount: Decimal | str, *, method: str | None = None, address: str | None = None
    ) -> str:
        """Let money arrive: a deposit begins, and is credited when it succeeds some seconds later.

        Args:
            asset: What arrives, in any spelling.
            amount: How much, with the fee of the method.
            method: Name of the deposit method; the asset's first one when left out.
            address: One of the account's deposit addresses; the newest one when left out.

        Returns:
            The id of the deposit.

        Raises:
            ValueError: there is no such asset, method or address, or the amount is below the method's minimum.
        """

        def begin() -> str:
            try:
                asked = self._funding.asset(asset)
                return self._funding.deposit(asked, Decimal(amount), method, address).id
            except Refusal as refusal:
                raise ValueError(str(refusal)) from None

        return self._call(begin)

    def settle_deposits(self) -> None:
        """Let all deposits succeed at once that have begun."""
        self._call(self._funding.settle_deposits)

    def settle_withdrawals(self) -> None:
        """Let all withdrawals be sent at once that were asked for."""
        self._call(self._funding.settle_withdrawals)

    # ------------------------------------------------------------------ trouble

    def drop_connections(self, server: str | None = None, *, code: int | None = None, reason: str = "") -> int:
        """End WebSocket connections.

        Args:
            server: ``public``, ``private`` or ``level3``; all when left out.
            code: Code of a closing handshake; without it they are reset.
            reason: Its reason.

        Returns:
            How many there were.
        """
        return self._each(server, lambda each: each.abort() if code is None else each.close(code, reason))

    def break_off(self, server: str | None = None) -> int:
        """End WebSocket connections in the middle of a frame.

        Args:
            server: ``public``, ``private`` or ``level3``; all when left out.

        Returns:
            How many there were.
        """
        return self._each(server, Session.break_off)

    def push(self, frame: str | bytes, server: str | None = None) -> int:
        """Send a frame of one's own on WebSocket connections, silent ones too.

        Args:
            frame: A text frame, or bytes for a binary one. It need not make sense.
            server: ``public``, ``private`` or ``level3``; all when left out.

        Returns:
            How many connections there were.
        """
        return self._each(server, lambda each: each.send(frame))

    def _each(self, server: str | None, act: Callable[[Session], None]) -> int:
        def each() -> int:
            sessions = [session for session in self._app.sessions if server in (None, session.server)]
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
            for session in self._app.sessions:
                session.silent = silent

        self._call(hush)

    def expire_tokens(self) -> None:
        """End the life of all WebSocket tokens; connections and subscriptions stay."""
        self._call(self._keys.expire_tokens)

    def poison_checksum(self, symbol: str, times: int = 1) -> None:
        """Send a wrong checksum with the next book frames of a pair, of levels or of single orders.

        Args:
            symbol: The pair, in any spelling.
            times: With how many frames.

        Raises:
            ValueError: there is no such pair.
        """
        self._call(lambda: self._feeds.poisoned.update({self._pair(symbol).symbol: times}))

    def lose_frames(self, channel: str, times: int = 1) -> None:
        """Let the next frames of a channel get lost: their numbers are used up, but nobody gets them.

        Args:
            channel: The channel.
            times: How many frames.
        """
        self._call(lambda: self._feeds.losing.update({channel: times}))

    def pad_instruments(self, size: int) -> None:
        """Make the list of instruments long with made-up pairs.

        Args:
            size: Bytes that it has at least; 0 leaves the made-up pairs out.
        """

        def pad() -> None:
            self._feeds.padding = size

        self._call(pad)

    def heal(self) -> None:
        """Take back all trouble that was asked for and has not happened yet, and end the silence."""

        def clear() -> None:
            self._feeds.poisoned.clear()
            self._feeds.losing.clear()

        self.faults.clear()
        self.silence(False)
        self._call(clear)

    # ------------------------------------------------------------------ plumbing

    def _call(self, function: Callable[[], T]) -> T:
        """Run ``function`` where nothing else touches the state: in the server's thread, while there is one."""
        loop = self._loop
        if self._thread is None:
            raise RuntimeError("the emulator is not running")
        if loop is None or threading.current_thread() is self._thread:
            return function()
        result: Future[T] = Future()

        def run() -> None:
            try:
                result.set_result(function())
            except BaseException as error:  # it belongs to the caller
                result.set_exception(error)

        loop.call_soon_threadsafe(run)
        return result.result(PATIENCE)

    def _record(self, method: str, path: str, arguments: Mapping[str, Any]) -> None:
        shown = {name: value for name, value in arguments.items() if name not in _SECRETS}
        self._requests.append(Recorded(method, path, shown))

    def _abort(self, client: tuple[str, int], last: bytes) -> None:
        for transport in self._transports(lambda peer: peer == client):
            if last:
                transport.write(last)
                transport.close()
            else:
                _reset(transport)

    def _transports(self, chosen: Callable[[tuple[str, int]], bool]) -> Iterator[asyncio.Transport]:
        for connection in list(self._server.server_state.connections):
            transport: asyncio.Transport = connection.transport
            peer = transport.get_extra_info("peername")
            if peer and chosen((peer[0], peer[1])):
                yield transport


def _reset(transport: asyncio.Transport) -> None:
    # Without lingering, closing sends a reset instead of an orderly end.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _repeat(seconds: float, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            act()
        except Exception:
            LOGGER.exception("the exchange stumbled")


def _exact(pair: Pair, price: Decimal, volume: Decimal) -> tuple[Decimal, Decimal]:
    return rounded(price, pair.pair_decimals), rounded(volume, pair.lot_decimals)


def _orders(pair: Pair, side: BookSide, depth: int | None) -> list[BookOrder]:
    return [
        BookOrder(order.id, *_exact(pair, order.limit, order.visible))
        for queue in islice(side.queues(), depth)
        for order in queue
        if order.limit is not None
    ]


def _listen(ports: tuple[int, ...]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for port in ports:
            # The protocol is named, or asyncio leaves Nagle's algorithm on and each answer takes 40 ms.
            sockets.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP))
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sockets[-1].bind((HOST, port))
    except OSError:
        for each in sockets:
            each.close()
        raise
    return sockets


def _other(side: Side) -> Side:
    return "sell" if side == "buy" else "buy"
