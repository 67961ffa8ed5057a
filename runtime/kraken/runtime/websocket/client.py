"""The base of generated WebSocket clients."""

from __future__ import annotations

import asyncio
import logging
import warnings
import weakref
from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from .._version import __version__
from ..errors import ErrorTable, ExchangeError, ExperimentalWarning, Facts, InvalidRequest, KrakenError
from ..order_ids import with_client_order_ids
from .credentials import ChallengeSource, TokenSource
from .dialect import NUMBERED, Dialect
from .dispatch import Dispatcher
from .events import Event, Gap
from .pacing import ConnectBudget, Timing
from .protocol import Channel, Method, Socket
from .session import Backing, Counts, Session, SessionOptions
from .stream import Stream
from .subscription import field, refusal

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Mapping
    from types import TracebackType
    from typing import Self

    from ..limits import Limits
    from .credentials import Credentials
    from .subscription import Subscription

__all__ = ["PartlyRefused", "WebSocketClient", "load", "warn_of_experiment"]

log = logging.getLogger("kraken.runtime.websocket")

EVENTS_KEPT = 1000
"""How many events may wait for an iterator of `events()` or for handlers; the oldest are dropped."""


class PartlyRefused(ExchangeError):
    """A request that is answered once per order was refused for some of them.

    Args:
        message: What was refused.
        facts: Details of the request.
        results: What the exchange did carry out.
        errors: One error for each order that was refused.
    """

    def __init__(
        self,
        message: str = "",
        facts: Facts = Facts(),
        results: tuple[Any, ...] = (),
        errors: tuple[KrakenError, ...] = (),
    ) -> None:
        super().__init__(message, facts)
        self.args = (message, facts, results, errors)
        self.results = results
        self.errors = errors


class WebSocketClient:
    """A client of one exchange's WebSocket API. Nothing is opened before it is needed.

    All sockets, streams and handlers of a client belong to the event loop that it was first used in.
    """

    sockets: ClassVar[Mapping[str, Socket]] = {}
    channels: ClassVar[Mapping[str, Channel]] = {}
    methods: ClassVar[Mapping[str, Method]] = {}
    dialect: ClassVar[Dialect] = NUMBERED
    decoder: ClassVar[str] = ""
    encoder: ClassVar[str] = ""
    error_table: ClassVar[str] = "kraken.exceptions:TABLE"
    connect_budget: ClassVar[ConnectBudget] = ConnectBudget(150, 600.0)
    product: ClassVar[str] = ""

    def __init__(
        self,
        key: str = "",
        secret: str = "",
        callback: Callable[[dict[str, Any]], Any] | None = None,
        *,
        no_public: bool = False,
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
        tier: str | None = None,
        on_limit: str = "wait",
        timing: Timing | None = None,
    ) -> None:
        """Make a client.

        Args:
            key: API key; leave it and the secret out for public data only.
            secret: The key's secret, base64 text as the exchange shows it.
            callback: Function or coroutine function that is called with every message as a plain dict.
            no_public: Do not open the public sockets in `start()`.
            rest_url: Base address of the REST API, from which the token comes.
            ws_url: Base address of the public sockets, without the version.
            auth_ws_url: Base address of the sockets whose requests carry a token, without the version.
            socket_urls: Base addresses of single sockets by their names in `sockets`; they go before the other two.
            proxy: Address of a proxy for all connections; that of the environment when left out.
            verify: False switches the check of TLS certificates off; or a TLS context of your own.
            timeout: Seconds to wait for a connection, and for the reply to a request.
            silence_timeout: Seconds without any message after which the exchange is asked for a sign of life, and the
                connection is made anew if none comes. None never asks.
            buffer_size: How many items may wait in a stream, and how many calls of handlers.
            max_size: Largest message that is accepted, in bytes.
            tier: The account's verification tier (`starter`, `intermediate`, `pro`): Kraken's limit on trading is then
                counted, together with all other clients of this key and tier in the process. Nothing is counted when
                left out.
            on_limit: `wait` for room at the limit, or `raise` `LimitReached`.
            timing: Clock, sleep and random numbers, for tests.

        Raises:
            CredentialsError: Key or secret cannot be used.
            InvalidRequest: An option is not allowed.
        """
        if key or secret:
            from ..signing import decode_secret

            decode_secret(key, secret)
        for name, value in (("timeout", timeout), ("buffer_size", buffer_size), ("max_size", max_size)):
            if value <= 0:
                raise InvalidRequest(f"{name}: {value} is not allowed; it must be above 0")
        self._key, self._secret = key, secret
        self._callback = callback
        self._no_public = no_public
        self._rest_url = rest_url
        self._ws_url = ws_url
        self._auth_ws_url = auth_ws_url
        self._socket_urls = dict(socket_urls or {})
        for name in self._socket_urls:
            if name not in self.sockets:
                raise InvalidRequest(f"socket_urls: {name!r} is not allowed; allowed: {', '.join(self.sockets)}")
        self._proxy = proxy
        self._verify = verify
        self._timeout = timeout
        self._silence = silence_timeout
        self._buffer_size = buffer_size
        self._max_size = max_size
        self._timing = timing or Timing()
        self._budget = self.connect_budget if timing is None else ConnectBudget(150, 600.0)
        self._limits: Limits | None = None
        self._may_wait = True
        if tier is not None:
            from ..checks import base_url
            from ..limits import limits_of

            product = load(self.product)
            url = base_url(rest_url or product.url)
            self._limits, self._may_wait = limits_of(product, url, key, tier, on_limit, self._timing.clock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sessions: dict[str, Session] = {}
        self._dispatcher = Dispatcher(
            buffer_size, self._timing.clock, lambda dropped: self._emit(Gap("handlers", dropped))
        )
        self._handlers: dict[str, list[Callable[[Any], Any]]] = {}
        self._event_handlers: list[Callable[[Event], Any]] = []
        self._listeners: weakref.WeakSet[_Events] = weakref.WeakSet()
        self._plain = callback is not None or type(self).on_message is not WebSocketClient.on_message
        self._lenient = _Lenient()
        """Who wants what was subscribed through the interface of old."""
        self._closed = False

    def __repr__(self) -> str:
        states = ", ".join(f"{name} {session.state}" for name, session in self._sessions.items())
        return f"<{type(self).__name__} {'with a key' if self._key else 'public only'}{': ' if states else ''}{states}>"

    # ------------------------------------------------------------------ for generated code

    def _stream(self, channel: Channel, parameters: Mapping[str, Any]) -> Stream[Any, Any]:
        """A stream of a channel; parameters that are None are not sent. Nothing is subscribed yet.

        Raises:
            InvalidRequest: A parameter is not allowed, or the channel needs a key and this client has none.
        """
        self._require_key(channel.auth, channel.name)
        warn_of_experiment(channel, stacklevel=4)
        encoded = self._encode_parameters(channel.parameters, parameters)
        return Stream(channel, encoded, lambda: self._session(channel.socket), self._emit, self._buffer_size)

    async def _call(self, method: Method, parameters: Mapping[str, Any], timeout: float | None = None) -> Any:
        """Send a request and return its result: a list of results where each order is answered by itself.

        Args:
            method: What to ask for.
            parameters: By the exchange's names; those that are None are not sent.
            timeout: Seconds to wait for the reply; None for the client's own.

        Raises:
            InvalidRequest: A parameter is not allowed. Nothing was sent.
            NotSent: There is no connection. Nothing was sent.
            ExchangeError: The exchange refused.
            PartlyRefused: It refused for some of several orders; the others were carried out.
            LimitReached: Kraken's rate limit leaves no room, and the client was made with `on_limit="raise"`.
            OrderStateUnknown: The reply to a request that changes something was lost. It is not sent again.
            ReplyLost: The reply to any other request was lost.
        """
        self._require_key(method.auth, method.name)
        if method.replaced_by:
            message = f"{method.name} is deprecated; use {method.replaced_by}"
            warnings.warn(message, DeprecationWarning, stacklevel=3)
        warn_of_experiment(method, stacklevel=4)
        encoded = self._encode_parameters(method.parameters, with_client_order_ids(method, parameters))
        ids = {name: encoded[name] for name in method.order_ids if name in encoded}
        own_id = encoded.get(method.client_order_id) if method.client_order_id else None
        facts = Facts(method.name, cl_ord_id=own_id, ids=ids)
        session = self._session(method.socket)
        if self._limits is None or not method.charged_as:
            return self._results(method, await session.call(method, encoded, facts, timeout), facts._replace(sent=True))
        from ..limits import charge_of

        own_names = dict(method.charged_arguments)
        charged = load(method.charged_as), {own_names.get(name, name): value for name, value in encoded.items()}
        seconds = self._limits.reserve(charge_of(*charged), method.name, wait=self._may_wait)
        if seconds:
            await self._timing.sleep(seconds)
        try:
            replies = await session.call(method, encoded, facts, timeout)
            result = self._results(method, replies, facts._replace(sent=True))
        except KrakenError as error:
            self._limits.settle(*charged, error, method.placed)
            raise
        self._limits.settle(*charged, result, method.placed)
        return result

    def _results(self, method: Method, replies: list[Any], facts: Facts) -> Any:
        results: list[Any] = []
        errors: list[KrakenError] = []
        table = self._errors()
        for reply in replies:
            words = refusal(reply)
            if words is not None:
                errors.append(table.error(words, facts))
            else:
                results.append(field(reply, "result") if method.unwrap else reply)
        if errors and len(replies) == 1:
            raise errors[0]
        if errors:
            words = "; ".join(dict.fromkeys(error.code for error in errors))
            message = f"{len(errors)} of {len(replies)} were refused: {words}"
            raise PartlyRefused(message, facts._replace(code=errors[0].code), tuple(results), tuple(errors))
        return results if method.replies_per else results[0]

    def _encode_parameters(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Check parameters against the model of that name and make them ready for JSON."""
        given = {key: value for key, value in parameters.items() if value is not None}
        if not name:
            return given
        encoded: dict[str, Any] = load(self.encoder)(name, given)
        return encoded

    async def _fetch_token(self) -> tuple[str, float]:
        """Ask the exchange for a token; returns it with its lifetime in seconds."""
        raise NotImplementedError

    def _rest_client(self) -> Any:
        """The client for the exchange's REST API."""
        raise NotImplementedError

    async def _release(self) -> None:
        """Close what a subclass has opened; called by `close()`."""

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Open the sockets: the public ones unless `no_public`, and those for private data if there is a key.

        Without it, each socket is opened when it is first needed.

        Raises:
            NotSent: A connection could not be made.
            KrakenError: The token could not be had.
        """
        self._closed = False
        wanted = [
            name
            for name, socket in self.sockets.items()
            if socket.at_start and (bool(self._key) if socket.auth else not self._no_public)
        ]
        await asyncio.gather(*(self._session(name).open(pin=True) for name in wanted))

    async def close(self) -> None:
        """Close all sockets and end all streams; calling it again does nothing."""
        self._closed = True
        self._bind()
        await asyncio.gather(*(session.close() for session in self._sessions.values()))
        self._sessions.clear()
        await self._dispatcher.close()
        for listener in list(self._listeners):
            listener.end()
        await self._release()

    async def __aenter__(self) -> Self:
        self._bind()
        self._closed = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @classmethod
    def preload(cls) -> None:
        """Import now what would be imported with the first connection and the first message."""
        import_module("kraken.runtime.websocket.connection")
        for dotted in (cls.decoder, cls.encoder, cls.error_table):
            if dotted:
                load(dotted)

    @property
    def exception_occur(self) -> bool:
        """Whether a connection was given up because of an error."""
        return any(session.failure is not None for session in self._sessions.values())

    @property
    def is_auth(self) -> bool:
        """Whether this client has credentials."""
        return bool(self._key)

    @property
    def limits(self) -> Limits | None:
        """The rate-limit counters as they stand; None when the client was made without a tier."""
        return self._limits

    @property
    def counts(self) -> dict[str, Counts]:
        """What the sockets have brought so far, by the sockets' names; a socket that was never needed is left out."""
        return {name: session.counts for name, session in self._sessions.items()}

    # ------------------------------------------------------------------ events and handlers

    def on(self, channel: str, handler: Callable[[Any], Any]) -> None:
        """Have a handler called with each typed message of a channel; it subscribes nothing by itself.

        Handlers are called one after the other in a task of their own and may be coroutine functions. One that takes
        longer than 50 ms is named in a warning; when too many calls wait, the oldest are dropped with a `Gap`.

        Args:
            channel: Name of the channel on the wire.
            handler: Takes the message.
        """
        self._handlers.setdefault(channel, []).append(handler)
        self._retap()

    def on_event(self, handler: Callable[[Event], Any]) -> None:
        """Have a handler called with everything that happens to connections, see `kraken.runtime.websocket.events`."""
        self._event_handlers.append(handler)

    def events(self) -> AsyncIterator[Event]:
        """Iterate over everything that happens to connections from now on, until the client is closed."""
        listener = _Events()
        self._listeners.add(listener)
        return listener

    async def on_message(self, message: dict[str, Any]) -> None:
        """Called with every message as a plain dict; to be overridden. The default calls the `callback`."""
        if self._callback is not None:
            result = self._callback(message)
            if hasattr(result, "__await__"):
                await result

    def _emit(self, event: Event) -> None:
        log.debug("%s", event)
        for listener in self._listeners:
            listener.put(event)
        for handler in self._event_handlers:
            self._dispatcher.put(handler, event, spare=EVENTS_KEPT)

    def _tap(self, channel: str | None, frame: Any, raw: bytes) -> None:
        for handler in self._handlers.get(channel or "", ()):
            self._dispatcher.put(handler, frame)
        if self._plain:
            self._dispatcher.put(self._deliver_plain, raw)

    async def _deliver_plain(self, raw: bytes) -> None:
        from ..json import decode_plain

        await self.on_message(decode_plain(raw))

    def _retap(self) -> None:
        tap = self._tap if self._plain or self._handlers else None
        for session in self._sessions.values():
            session.tap = tap

    # ------------------------------------------------------------------ sessions

    def _session(self, name: str) -> Session:
        """The session of a socket, made now if need be."""
        self._bind()
        if self._closed:
            raise InvalidRequest("this client is closed; start() opens it again")
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = self._new_session(name)
            self._retap()
        return session

    def _new_session(self, name: str) -> Session:
        from .connection import WireOptions

        socket = self.sockets[name]
        base = self._socket_urls.get(name) or (self._auth_ws_url if socket.auth else self._ws_url) or socket.url
        wire = WireOptions(
            timeout=self._timeout,
            max_size=self._max_size,
            proxy=self._proxy,
            verify=self._verify,
            user_agent=f"kraken-typed-sdk/{__version__}",
        )
        backing = Backing(
            emit=self._emit,
            decode=load(self.decoder),
            channels=self.channels,
            errors=self._errors(),
            budget=self._budget,
            timing=self._timing,
            wire=wire,
            options=SessionOptions(reply_timeout=self._timeout, silence=self._silence),
            dialect=self.dialect,
            limits=self._limits,
        )
        return Session(name, base.rstrip("/") + socket.path, backing, self._credentials(socket))

    def _credentials(self, socket: Socket) -> Credentials | None:
        """Where those of private requests on a socket come from."""
        if not socket.auth:
            return None
        if self.dialect.challenge is not None:
            return ChallengeSource(self._key, self._sign, self.dialect.challenge)
        return TokenSource(self._fetch_token, self._timing.clock)

    def _sign(self, challenge: str) -> str:
        """The signature of a challenge."""
        raise NotImplementedError

    def _bind(self) -> None:
        """Belong to the running event loop, or refuse it when the client belongs to another."""
        loop = asyncio.get_running_loop()
        if self._loop is None or (self._loop.is_closed() and not self._sessions):
            self._loop = loop
        elif self._loop is not loop:
            raise InvalidRequest(
                f"this client belongs to another event loop ({self._loop!r}) than the one that runs now ({loop!r});"
                " make and use a client within one asyncio.run()"
            )

    def _require_key(self, auth: bool, operation: str) -> None:
        if auth and not self._key:
            raise self._no_key(operation)

    def _no_key(self, operation: str) -> KrakenError:
        """What is raised when a request needs credentials and the client has none."""
        return InvalidRequest("this needs an API key", Facts(operation=operation, sent=False))

    def _errors(self) -> ErrorTable:
        table: ErrorTable = load(self.error_table)
        return table


class _Lenient:
    """Who wants the subscriptions that are made with `subscribe(...)`."""

    def acknowledged(self, subscription: Subscription, ack: Any) -> None:
        """Its acknowledgement reaches the user as a message."""

    def refused(self, subscription: Subscription, error: KrakenError) -> None:
        """Its refusal reaches the user as a message."""

    def dropped_connection(self) -> None:
        """The session subscribes anew."""

    def fail(self, error: KrakenError) -> None:
        """`exception_occur` tells."""

    def end(self) -> None:
        """Nothing is left to do."""


class _Events:
    """An iterator over events, with a bounded buffer of its own."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._wake = asyncio.Event()
        self._ended = False

    def put(self, event: Event) -> None:
        self._events.append(event)
        self._wake.set()

    def end(self) -> None:
        self._ended = True
        self._wake.set()

    def __aiter__(self) -> _Events:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._ended:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._events.popleft()


def warn_of_experiment(used: Channel | Method, stacklevel: int) -> None:
    """Tell where a channel or method is used that is not fully known."""
    if used.experimental:
        message = f"{used.name} is experimental: its {used.experimental} are in part taken over by analogy"
        warnings.warn(message, ExperimentalWarning, stacklevel=stacklevel)


def load(dotted: str) -> Any:
    """The object that `module:name` names."""
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)
