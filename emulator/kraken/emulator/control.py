"""The emulator as its user sees it: started, stopped and steered from an ordinary thread."""

from __future__ import annotations

import random
import time
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from kraken.emulator.app import App
from kraken.emulator.doors import FUTURES, futures_doors, spot_doors, unified_doors
from kraken.emulator.errors import Refusal
from kraken.emulator.faults import Faults
from kraken.emulator.futures import Futures
from kraken.emulator.market import Market, volume_up_to
from kraken.emulator.server import HOST, Server
from kraken.emulator.specs import specs_folder
from kraken.emulator.spot import Spot
from kraken.emulator.trouble import Trouble
from kraken.emulator.views import Depth, Orders, Recorded, Subaccount, Subscribed, depth_of, orders_of, subscribed
from kraken.emulator.wire import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from kraken.emulator.book import Book
    from kraken.emulator.connection import Common
    from kraken.emulator.feeds import Feeds
    from kraken.emulator.instruments import Pair
    from kraken.emulator.orders import Event, Order, Side

T = TypeVar("T")

_SECRETS = ("otp", "token")
REMEMBERED = 10_000
"""Requests that are remembered."""
_PULSE = 0.1
"""Most seconds between two looks at what is due."""


class Emulator(Trouble):
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
        futures_port: Port of Futures REST and Derivatives WebSocket v1; 0 takes a free one.
        unified_port: Port of the Unified WebSocket; 0 takes a free one.
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
        unified_port: int = 0,
        specs: Path | None = None,
        otp: str | None = None,
        tier: str | None = None,
        connection_limit: bool = False,
        message_rate: int | None = None,
        futures_limits: bool = False,
    ) -> None:
        folder = specs or specs_folder()
        self._spot = Spot(
            folder,
            clock,
            seed,
            token_lifetime=token_lifetime,
            otp=otp,
            tier=tier,
            connection_limit=connection_limit,
        )
        self._futures = Futures(folder, self._spot.exchange, clock, seed, limited=futures_limits)
        self._markets = (self._spot.market, self._futures.market)
        self._requests: deque[Recorded] = deque(maxlen=REMEMBERED)
        self._interval = market_interval
        self._pulse = min(_PULSE, heartbeat_interval)
        self._ports = (port, auth_port, level3_port, futures_port, unified_port)
        self._connection_ids = random.Random(f"connections {seed}")
        self._server: Server | None = None
        products = (self._spot.specs, self._futures.specs)
        self.faults = Faults(
            [operation.name for specs in products for operation in specs.operations.values()],
            [method for specs in products for method in specs.methods],
        )
        """Faults that wait for their operation: ``emulator.faults.add("AddOrder", "accept-then-502")``."""
        heartbeat = int(heartbeat_interval * SECOND)
        common: Common = {"faults": self.faults, "record": self._record, "heartbeat": heartbeat}
        self._services = self._spot.services(common, message_rate)
        self._futures_services = self._futures.services(common)
        self._unified = self._futures.unified(folder, self._spot, common, message_rate)
        self._feeds: Mapping[str, Feeds] = {
            "spot": self._spot.feeds,
            "futures": self._futures.feeds,
            "unified": self._unified.feeds,
        }
        self.key = self._spot.keys.key
        """The API key of the emulated account."""
        self.secret = self._spot.keys.secret
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
        self.futures_ws_url = ""
        """Base URL of Derivatives WebSocket v1, once started; a client appends ``/ws/v1``."""
        self.unified_ws_url = ""
        """Base URL of the Unified WebSocket, once started; a client appends ``/v2/public`` or ``/v2/private``."""

    def __repr__(self) -> str:
        return f"<Emulator {self.spot_url or 'not started'}>"

    # ------------------------------------------------------------------ life

    def start(self) -> Emulator:
        """Open the market and the ports; returns when both are ready.

        Raises:
            RuntimeError: it was started before, or the server did not come up.
            OSError: a port is taken.
        """
        if self._server is not None:
            raise RuntimeError("an emulator can be started once")
        self._server = server = Server(self._ports)
        public, private, level3, futures, unified = server.ports
        spot = {"public": public, "private": private, "level3": level3}
        self.spot_url = f"http://{HOST}:{public}"
        self.futures_url = f"http://{HOST}:{futures}"
        self.spot_ws_url = f"ws://{HOST}:{public}"
        self.spot_ws_auth_url = f"ws://{HOST}:{private}"
        self.spot_ws_level3_url = f"ws://{HOST}:{level3}"
        self.futures_ws_url = f"ws://{HOST}:{futures}"
        self.unified_ws_url = f"ws://{HOST}:{unified}"
        self._app = App(
            self._services,
            {**dict.fromkeys((*spot.values(), unified), self._spot.site), futures: self._futures.site},
            self._pass_time,
            {
                **spot_doors(self._services, spot, self._spot.banned),
                **futures_doors(self._futures_services, futures, self._futures_full),
                **unified_doors(self._unified, unified, self._spot.banned),
            },
            server.abort,
            lambda: self._connection_ids.getrandbits(64),
        )
        repeated: list[tuple[float, Callable[[], None]]] = [(self._pulse, self._pass_time)]
        if self._interval:
            repeated.append((self._interval, self._step))
        server.start(self._app, self._open, repeated)
        return self

    def stop(self) -> None:
        """Reset all connections and close the ports. Does nothing when it is not running."""
        if self._server is not None:
            self._server.stop()

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _open(self) -> None:
        for market in self._markets:
            market.open()

    def _pass_time(self) -> None:
        self._spot.pass_time()
        self._futures.venue.pass_time()
        for feeds in self._feeds.values():
            feeds.pass_time()
        for connection in self._app.connections:
            connection.pass_time()

    def _futures_full(self) -> bool:
        return self._futures.full(sum(each.server == FUTURES for each in self._app.connections))

    def _step(self) -> None:
        for market in self._markets:
            market.step()

    # ------------------------------------------------------------------ what happened

    @property
    def requests(self) -> list[Recorded]:
        """The requests that arrived, REST and WebSocket, oldest first, without secrets; the last 10,000 of them."""
        return self._call(lambda: list(self._requests))

    @property
    def subscriptions(self) -> list[Subscribed]:
        """All subscriptions that are being served, those of one product after another and each oldest first."""
        return self._call(lambda: [each for feeds in self._feeds.values() for each in subscribed(feeds)])

    @property
    def connections(self) -> int:
        """Number of open WebSocket connections."""
        return self._call(lambda: len(self._app.connections))

    @property
    def orders(self) -> dict[str, dict[str, Any]]:
        """All orders of the account, open and closed, by id, in the form of QueryOrders."""
        return self._call(self._spot.orders)

    @property
    def balances(self) -> dict[str, Decimal]:
        """Balances of the account by Kraken's asset name."""
        return self._call(self._spot.balances)

    @property
    def counters(self) -> dict[str, Decimal]:
        """Where the rate counters stand now, if there are limits: ``rest``, those of pairs by Kraken's pair name, and
        ``derivatives`` and ``history`` of Futures."""
        limits = [each for each in (self._spot.limits, self._futures.pools) if each is not None]
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
        return self._call(self._spot.subaccounts)

    def book(self, pair: str, depth: int | None = None) -> Depth:
        """The book of a pair.

        Args:
            pair: The pair, in any spelling, or the contract.
            depth: How many prices of each side; all when left out.

        Raises:
            ValueError: there is no such pair.
        """
        return self._call(lambda: depth_of(self._book(pair), depth))

    def book_orders(self, pair: str, depth: int | None = None) -> Orders:
        """The single orders in the book of a pair.

        Args:
            pair: The pair, in any spelling, or the contract.
            depth: At how many prices of each side; at all when left out.

        Raises:
            ValueError: there is no such pair.
        """
        return self._call(lambda: orders_of(self._book(pair), depth))

    def _book(self, name: str) -> Book:
        market, pair = self._place(name)
        return market.venue.books[pair.name]

    def listen(self, listener: Callable[[Event], None], product: Literal["spot", "futures"] = "spot") -> None:
        """Have a function called with everything that happens on an exchange, before subscribers are told.

        Args:
            listener: Takes the event, in the server's thread. It may ask the emulator for its state.
            product: Which exchange.
        """
        venue = self._markets[product == "futures"].venue
        self._call(lambda: venue.listeners.insert(0, listener))

    # ------------------------------------------------------------------ the market

    def pass_time(self, move: Callable[[], object] | None = None) -> None:
        """Do what is due by the clock: heartbeats, orders that expire, connections that nobody uses. It also happens by
        itself some times a second; a clock that is moved by hand makes this the way to have it done at once.

        Args:
            move: Moves that clock first, where nothing happens at the same time.
        """

        def act() -> None:
            if move is not None:
                move()
            self._pass_time()

        self._call(act)

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
            for session in self._app.connections:
                session.push_status()

        self._call(change)

    def notify(self, note: str, kind: str = "general", priority: str = "low") -> None:
        """Announce something in the feed ``notifications_auth`` of Derivatives WebSocket v1, effective at once.

        Args:
            note: The text.
            kind: ``market``, ``general``, ``new_feature``, ``bug_fix``, ``maintenance`` or ``settlement``.
            priority: ``low``, ``medium`` or ``high``.
        """
        self._call(lambda: self._futures.feeds.notify(note, kind, priority))

    def _place(self, name: str) -> tuple[Market, Pair]:
        """The market on which a pair or a contract is traded."""
        contract = self._futures.venue.contracts.all.get(name.upper())
        return (self._markets[0], self._pair(name)) if contract is None else (self._markets[1], contract)

    def _pair(self, name: str) -> Pair:
        try:
            return self._spot.instruments.pair(name)
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
                asked = self._spot.funding.asset(asset)
                return self._spot.funding.deposit(asked, Decimal(amount), method, address).id
            except Refusal as refusal:
                raise ValueError(str(refusal)) from None

        return self._call(begin)

    def settle_deposits(self) -> None:
        """Let all deposits succeed at once that have begun."""
        self._call(self._spot.funding.settle_deposits)

    def settle_withdrawals(self) -> None:
        """Let all withdrawals be sent at once that were asked for."""
        self._call(self._spot.funding.settle_withdrawals)

    # ------------------------------------------------------------------ plumbing

    def _call(self, function: Callable[[], T]) -> T:
        """Run ``function`` where nothing else touches the state: in the server's thread, while there is one."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        return self._server.call(function)

    def _record(self, method: str, path: str, arguments: Mapping[str, Any]) -> None:
        shown = {name: value for name, value in arguments.items() if name not in _SECRETS}
        self._requests.append(Recorded(method, path, shown))


def _other(side: Side) -> Side:
    return "sell" if side == "buy" else "buy"
