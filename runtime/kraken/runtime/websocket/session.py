"""One socket of the exchange, kept open: reconnecting, resubscribing, and matching replies to requests.

The reader calls `Session.receive` for every message. Nothing in it waits: frames go to the inboxes of streams,
replies to the futures of those who asked.

What should be subscribed is a set of `Subscription`s, each remembering the request it was made with. One task
per connection, `_reconcile`, makes the exchange's side agree with it, one request at a time: that is how
subscriptions come back after a reconnect, how they are paced, and why subscribing and unsubscribing cannot
overtake each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import (
    ConnectionLost,
    ErrorTable,
    ExchangeError,
    Facts,
    KrakenError,
    NotSent,
    OrderStateUnknown,
    ReplyLost,
)
from ..json import encode
from ..websocket import events
from .dialect import NUMBERED, Dialect
from .pacing import Budget, ConnectBudget, Timing, backoff
from .subscription import (
    Owner,
    Sink,
    Subscription,
    addressee,
    each_value,
    field,
    is_snapshot,
    joined,
    refusal,
    require_compatible,
)
from .tasks import begin

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

    from ..limits import Limits
    from .connection import Wire, WireOptions
    from .credentials import Credentials
    from .protocol import Channel, Method, RateCounter

__all__ = ["Backing", "Counts", "Session", "SessionOptions"]

log = logging.getLogger("kraken.runtime.websocket")

SUBSCRIBE, UNSUBSCRIBE = "subscribe", "unsubscribe"

FIRST_REQUEST_ID = 2**32
"""Ids of our own requests start here, out of the way of ids that users choose for raw messages."""
BATCH = 100
"""Most subscriptions that one request asks for."""
STABLE = 10.0
"""Seconds that a connection must have lasted for its end not to count as one more failed attempt."""
PINGS_REMEMBERED = 8
"""Our signs of life whose answers may still be under way."""
TRIES = 3
"""A subscription that stays unanswered this often means that the connection is broken."""


class SessionOptions(NamedTuple):
    """How patient a session is; all figures are seconds unless said otherwise."""

    reply_timeout: float = 10.0
    """For the reply to a request."""
    silence: float | None = 10.0
    """Without any message for so long, the exchange is asked for a sign of life; None never asks."""
    answer: float = 5.0
    """For that sign of life, before the connection is dropped."""
    backoff_base: float = 0.5
    """Upper bound of the first wait between connection attempts; it doubles each time."""
    backoff_limit: float = 30.0
    """Bound that the waits do not grow above."""
    first_attempts: int = 3
    """Number of attempts, not seconds, before a first connection is given up. Later ones are tried for ever."""


class Backing(NamedTuple):
    """What a session is given by its client."""

    emit: Callable[[events.Event], None]
    """Takes events."""
    decode: Callable[[bytes], Any]
    """Turns a message into a typed frame."""
    channels: Container[str]
    """The names of all channels."""
    errors: ErrorTable
    """Maps the exchange's words to exceptions."""
    budget: ConnectBudget
    timing: Timing
    wire: WireOptions
    options: SessionOptions
    dialect: Dialect = NUMBERED
    """How the exchange words things."""
    limits: Limits | None = None
    """Takes what the exchange tells of its rate-limit counters."""


class Counts(NamedTuple):
    """How many messages of which kind a socket has brought so far, over all its connections."""

    messages: int
    """Those that could be decoded."""
    malformed: int
    """Those that could not be understood; each was told as `Malformed`."""
    unexpected: int
    """Those that nobody waited for; each was told as `Unexpected`."""
    connections: int
    """How often it was opened."""


class _Exchange:
    """A request that waits for its replies: for as many as expected if that is known, or until one is the `last`."""

    __slots__ = ("each", "expected", "future", "last", "parameters", "replies", "verb")

    def __init__(
        self,
        verb: str,
        parameters: Mapping[str, Any],
        each: str,
        expected: int | None,
        last: Callable[[Any], bool] | None,
    ) -> None:
        self.verb = verb
        self.parameters = parameters
        self.each = each
        """The list parameter of which every element is answered; empty when there is none."""
        self.expected = expected
        self.last = last
        self.replies: list[Any] = []
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, reply: Any) -> bool:
        """Take a reply; False when its result came before, or it is one too many. Refusals may well be alike."""
        result = field(reply, "result")
        if self.future.done() or (
            result is not None and any(field(known, "result") == result for known in self.replies)
        ):
            return False
        self.replies.append(reply)
        if len(self.replies) == self.expected or (self.last is not None and self.last(reply)):
            self.future.set_result(None)
        return True


class _Unanswered(Exception):
    """Replies are missing: the time is up, or the connection is gone."""

    def __init__(self, why: str, replies: list[Any]) -> None:
        super().__init__(why)
        self.replies = replies


class _Route:
    """Where the frames of one channel go."""

    __slots__ = ("doubted", "first_number", "last", "noted", "reports_gaps", "sequence", "sinks")

    def __init__(self, channel: Channel, limits: Limits | None) -> None:
        self.sinks: list[Sink] = []
        self.last: int | None = None
        self.doubted = False
        """Whether it was subscribed anew because it did not begin with its first frame, and no snapshot has come since."""
        self.sequence = channel.sequence
        self.first_number = channel.first_number
        self.reports_gaps = channel.reports_gaps
        self.noted = None if limits is None or channel.rate_counter is None else (limits, channel.rate_counter)
        """Who takes the counters that its items tell, and where they stand."""


class _Pulse:
    """Who wants the sign of life that an exchange does not send unasked."""

    def __init__(self) -> None:
        self.is_refused = False

    def acknowledged(self, subscription: Subscription, ack: Any) -> None:
        """It comes from now on."""

    def refused(self, subscription: Subscription, error: KrakenError) -> None:  # noqa: ARG002 - owners are told it
        """There is none to be had."""
        self.is_refused = True

    def dropped_connection(self) -> None:
        """The session subscribes anew."""

    def fail(self, error: KrakenError) -> None:
        """Nothing is left to do."""

    def end(self) -> None:
        """Nothing is left to do."""


def _note_counters(frame: Any, limits: Limits, where: RateCounter) -> None:
    """Pass on what the items of a frame tell of rate-limit counters."""
    for item in field(frame, "data") or ():
        pair, value = field(item, where.pair), field(item, where.value)
        if isinstance(pair, str) and isinstance(value, int):
            limits.observe(pair, value)


class Session:
    """One socket. It is opened by `start` or when somebody first needs it.

    Args:
        name: Key of the socket, for events.
        url: Its whole address.
        backing: What the client lends.
        credentials: Where those of private requests come from, for a socket that has such.
    """

    def __init__(self, name: str, url: str, backing: Backing, credentials: Credentials | None) -> None:
        self.name = name
        self.tap: Callable[[str | None, Any, bytes], None] | None = None
        """Called with channel (None for replies), frame and bytes of every message; None when nobody listens."""
        self.failure: KrakenError | None = None
        """Why the session gave up, if it did."""
        self._url = url
        self._backing = backing
        self._dialect = backing.dialect
        self._credentials = credentials
        self._pulse = _Pulse()
        self._rate = Budget(*self._dialect.requests) if self._dialect.requests else None
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._wire: Wire | None = None
        self._opened: asyncio.Future[Wire] = self._loop.create_future()
        self._was_open = False
        self._pinned = False
        self._changed = asyncio.Event()
        self._subscriptions: dict[object, Subscription] = {}
        self._routes: dict[str, _Route] = {}
        self._paces: dict[str, Budget] = {}
        self._exchanges: dict[int, _Exchange] = {}
        self._ids = itertools.count(FIRST_REQUEST_ID)
        self._heard = 0
        self._answers = 0
        self._malformed = 0
        self._unexpected = 0
        self._connections = 0
        self._pings: deque[int] = deque(maxlen=PINGS_REMEMBERED)
        self._raw_requests = False
        """Whether somebody sends requests of their own, the replies to which only they can know."""
        self._dropped_at: float | None = None

    # ------------------------------------------------------------------ reading

    def receive(self, raw: bytes) -> None:
        """Take one message from the wire."""
        try:
            frame = self._backing.decode(raw)
            channel = getattr(frame, "channel", None)
            if channel is None and isinstance(frame, dict):
                channel = frame.get("channel")
            if channel is None:
                self._answers += 1
                self._reply(frame, raw)
            else:
                self._heard += 1
                route = self._routes.get(channel)
                if route is not None:
                    if route.sequence:
                        self._check_sequence(channel, route, frame)
                    if route.noted is not None:
                        _note_counters(frame, *route.noted)
                    for sink in route.sinks:
                        sink.receive(frame, raw)
                elif channel not in self._backing.channels and not self._is_subscribed(channel):
                    self._tell_unexpected(frame, raw)
            if self.tap is not None:
                self.tap(channel, frame, raw)
        except Exception:
            self._malformed += 1
            # A broken source sends many; the event tells each, the log the first.
            level = logging.DEBUG if self._malformed > 1 else logging.WARNING
            log.log(level, "%s: a message of %d bytes could not be processed", self.name, len(raw), exc_info=True)
            self._backing.emit(events.Malformed(self.name, raw))

    def _reply(self, frame: Any, raw: bytes) -> None:
        if not self._dialect.number:
            is_greeting = field(frame, self._dialect.verb) == self._dialect.greeting
            if not is_greeting and not self._answer(frame) and not self._raw_requests:
                self._tell_unexpected(frame, raw)
            return
        number = field(frame, self._dialect.number)
        exchange = self._exchanges.get(number)
        if exchange is not None and exchange.add(frame):
            return
        if number in self._pings:
            self._pings.remove(number)
        elif not self._raw_requests or (isinstance(number, int) and number >= FIRST_REQUEST_ID):
            self._tell_unexpected(frame, raw)

    def _answer(self, frame: Any) -> bool:
        """Give a reply without a number to the request that it answers; False when there is none."""
        for exchange in self._exchanges.values():
            answers = self._dialect.answers(frame, exchange.verb, exchange.parameters, exchange.each)
            if answers is not None:
                return sum(map(exchange.add, answers)) > 0
        return False

    def _tell_unexpected(self, frame: Any, raw: bytes) -> None:
        self._unexpected += 1
        self._backing.emit(events.Unexpected(self.name, frame, raw))

    def _is_subscribed(self, channel: str) -> bool:
        return any(subscription.channel.name == channel for subscription in self._subscriptions.values())

    @property
    def counts(self) -> Counts:
        """What has arrived so far."""
        return Counts(self._heard + self._answers, self._malformed, self._unexpected, self._connections)

    def _check_sequence(self, channel: str, route: _Route, frame: Any) -> None:
        received = field(frame, route.sequence)
        if not isinstance(received, int):
            return
        last, route.last = route.last, received
        if is_snapshot(frame):
            route.doubted = False
            return
        expected = route.first_number if last is None else last + 1
        if received == expected:
            return
        if last is None:
            # The snapshot is missing; or the exchange counts from another number, and will do so again.
            if route.doubted or route.reports_gaps:
                return
            route.doubted = True
        self._backing.emit(events.SequenceGap(channel, expected, received))
        if route.reports_gaps:
            return
        for subscription in self._subscriptions.values():
            if subscription.channel.name == channel:
                self.refresh(subscription)

    # ------------------------------------------------------------------ what is subscribed

    def attach(self, sink: Sink, channel: Channel, parameters: Mapping[str, Any]) -> None:
        """Route a channel's frames to a sink and want its subscriptions.

        Args:
            sink: Who takes the frames.
            channel: The channel.
            parameters: The request's parameters, ready for JSON, without a token.

        Raises:
            InvalidRequest: The same is subscribed already with other parameters.
        """
        if not channel.pushed:
            self.want(sink, channel, parameters)
        route = self._routes.setdefault(channel.name, _Route(channel, self._backing.limits))
        if sink not in route.sinks:
            route.sinks = [*route.sinks, sink]
        self._route(sink, channel, parameters)
        self.start()

    def want(
        self, owner: Owner, channel: Channel, parameters: Mapping[str, Any], req_id: int | None = None
    ) -> list[Subscription]:
        """Register subscriptions for an owner; the reconciling task asks the exchange for them.

        Args:
            owner: Who wants them.
            channel: The channel.
            parameters: The request's parameters, ready for JSON, without a token.
            req_id: Id that the request shall carry; None for one of our own.

        Raises:
            InvalidRequest: The same is subscribed already with other parameters.
        """
        values = each_value(channel, parameters)
        shared = {name: value for name, value in parameters.items() if name != channel.each}
        asked = [Subscription(channel, value, shared) for value in values]
        require_compatible(self._subscriptions.values(), asked)
        wanted = [self._subscriptions.setdefault(new.identity(), new) for new in asked]
        for subscription in wanted:
            if not subscription.owners:
                subscription.parameters = shared
            if not subscription.owners and subscription.live:
                # It was given back just now; who comes after expects a snapshot of their own.
                subscription.stale = True
                subscription.answered.clear()
            if owner not in subscription.owners:
                subscription.owners.append(owner)
                if subscription.live:
                    owner.acknowledged(subscription, subscription.ack)
            subscription.req_id = req_id
        self._changed.set()
        return wanted

    def _route(self, sink: Sink, channel: Channel, parameters: Mapping[str, Any]) -> None:
        """Tell a sink which items it has asked for."""
        own = [name for name in channel.key if name != channel.each and name in parameters]
        shown = channel.shown_as or channel.each
        if not channel.each or shown not in channel.key or channel.each not in parameters:
            sink.route(self, tuple(own), frozenset([joined([parameters[name] for name in own])]))
            return
        rest = [parameters[name] for name in own]
        wanted = frozenset(joined([value, *rest]) for value in each_value(channel, parameters))
        sink.route(self, (shown, *own), wanted)

    def owned(self, owner: Owner) -> list[Subscription]:
        """The subscriptions of an owner."""
        return [subscription for subscription in self._subscriptions.values() if owner in subscription.owners]

    async def settle(self, owner: Owner) -> None:
        """Wait until the exchange has answered each subscription of an owner.

        Raises:
            NotSent: No connection could be made.
            ExchangeError: One was refused.
            ReplyLost: One was not answered in time.
        """
        subscriptions = self.owned(owner)
        seconds = self._backing.options.reply_timeout
        await self._open_soon(seconds)
        try:
            async with asyncio.timeout(seconds) as limit:
                for subscription in subscriptions:
                    await subscription.answered.wait()
                    # Where subscribing is paced, many take long; what counts is that answers keep coming.
                    limit.reschedule(self._loop.time() + seconds)
        except TimeoutError:
            missing = [str(s.value) for s in subscriptions if not s.answered.is_set() and s.value is not None]
            names = f" for {', '.join(missing)}" if missing else ""
            raise ReplyLost(
                f"no acknowledgement{names} within {seconds:g} s",
                Facts(operation=subscriptions[0].channel.name, sent=True),
            ) from None
        for subscription in subscriptions:
            if subscription.error is not None:
                raise subscription.error

    def release(self, owner: Owner) -> None:
        """Give an owner's subscriptions back; may be called from any thread, also by the garbage collector."""
        if not self._loop.is_closed():
            # The loop can close between the question and the call.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.detach, owner)

    def detach(self, owner: Owner) -> list[Subscription]:
        """Give all of an owner's subscriptions back and send it no more frames."""
        for route in self._routes.values():
            route.sinks = [sink for sink in route.sinks if sink is not owner]
        return self.unwant(owner, self.owned(owner))

    def unwant(self, owner: Owner, subscriptions: list[Subscription], req_id: int | None = None) -> list[Subscription]:
        """Give some of an owner's subscriptions back; those that nobody else wants will be ended."""
        for subscription in subscriptions:
            subscription.owners.remove(owner)
            subscription.req_id = req_id
            if not subscription.owners:
                subscription.answered.clear()
        self._changed.set()
        return subscriptions

    async def leave(self, owner: Owner) -> None:
        """Give an owner's subscriptions back and wait until the exchange has heard of it, if it is listening."""
        await self.ended(self.detach(owner))

    async def ended(self, subscriptions: list[Subscription]) -> None:
        """Wait until the exchange has answered that these are ended, as far as nobody wants them."""
        if self._wire is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._backing.options.reply_timeout):
                for subscription in subscriptions:
                    if not subscription.owners:
                        await subscription.answered.wait()

    def refresh(self, subscription: Subscription) -> None:
        """Unsubscribe and subscribe anew, to get a new snapshot."""
        subscription.stale = True
        self._changed.set()

    def live(self) -> Iterator[dict[str, Any]]:
        """The requests of the subscriptions that are live, one each."""
        for subscription in self._subscriptions.values():
            if subscription.live and any(owner is not self._pulse for owner in subscription.owners):
                yield subscription.request([subscription.value])

    # ------------------------------------------------------------------ the connection's life

    @property
    def state(self) -> str:
        """`open`, `connecting`, `failed` or `closed`."""
        if self._wire is not None:
            return "open"
        if self._task is not None and not self._task.done():
            return "connecting"
        return "failed" if self.failure is not None else "closed"

    def start(self) -> None:
        """Begin to connect, unless that has begun."""
        if self._task is None or self._task.done():
            self.failure = None
            self._was_open = False
            if self._opened.done():
                self._opened = self._loop.create_future()
            self._task = begin(self._run(), name=f"kraken websocket {self.name}")

    async def open(self, *, pin: bool = False) -> Wire:
        """Wait until the socket is open.

        Args:
            pin: Keep it open, also when nothing is subscribed.

        Raises:
            NotSent: No connection could be made.
            KrakenError: The token could not be had.
        """
        self._pinned |= pin
        self.start()
        return await asyncio.shield(self._opened)

    async def close(self) -> None:
        """Close the socket and end all streams; calling it again does nothing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        closed = NotSent("the client was closed", Facts(operation=self.name, sent=False))
        for owner in self._forget(closed):
            owner.end()
        if not self._opened.done():
            self._opened.set_exception(closed)
            self._opened.exception()

    async def _run(self) -> None:
        emit, clock = self._backing.emit, self._backing.timing.clock
        attempt = 0
        try:
            while True:
                wire = await self._connect(attempt)
                opened_at = clock()
                gap = None if self._dropped_at is None else opened_at - self._dropped_at
                emit(events.Open(self.name) if gap is None else events.Reopened(self.name, gap))
                self._wire, self._was_open = wire, True
                self._connections += 1
                self._opened.set_result(wire)
                try:
                    await self._serve(wire)
                finally:
                    self._wire = None
                    self._lose("the connection was lost")
                    if wire.is_open:
                        await wire.close()
                if self._dropped_at is None:
                    self._dropped_at = clock()
                code, reason = wire.ending()
                emit(events.Dropped(self.name, code, reason))
                self._raise_if_fatal(code, reason)
                if not self._needed():
                    # An idle private socket is closed by the exchange again and again; the next request opens it.
                    self._dropped_at = None
                    return
                attempt = 0 if clock() - opened_at >= STABLE else attempt + 1
                await self._pause(attempt)
        except KrakenError as error:
            self._give_up(error)
        except Exception as error:
            # A mistake of ours must end streams with an error, not leave them waiting for ever.
            log.exception("%s: the connection is given up because of an error in this package", self.name)
            lost = ConnectionLost(f"given up because of an unexpected {type(error).__name__}", Facts(self.name))
            lost.__cause__ = error
            self._give_up(lost)

    async def _connect(self, attempt: int) -> Wire:
        """Try until the socket is open; give up only where trying again cannot help, or before the first time."""
        from .connection import is_fatal, open_wire

        backing = self._backing
        for number in itertools.count(1):
            await backing.budget.take(backing.timing)
            backing.emit(events.Connecting(self.name, attempt + number))
            try:
                if self._credentials is not None:
                    self._credentials.discard()
                    if not self._credentials.needs_connection:
                        await self._private()
                return await open_wire(self._url, self.receive, backing.wire)
            except KrakenError as error:
                if not error.retryable or self._exhausted(number):
                    raise
                log.info("%s: no credentials: %s", self.name, error)
            except Exception as error:
                if is_fatal(error) or self._exhausted(number):
                    raise self._no_connection(error) from error
                log.info("%s: no connection: %s", self.name, error)
            await self._pause(attempt + number)
        raise AssertionError("unreachable")

    def _needed(self) -> bool:
        is_wanted = any(subscription.owners != [self._pulse] for subscription in self._subscriptions.values())
        return self._pinned or is_wanted or any(route.sinks for route in self._routes.values())

    def _exhausted(self, attempts: int) -> bool:
        return not self._was_open and attempts >= self._backing.options.first_attempts

    def _no_connection(self, error: Exception) -> KrakenError:
        message = f"no connection to {self._url}: {error or type(error).__name__}"
        if self._was_open:
            return ConnectionLost(message, Facts(operation=self.name))
        return NotSent(message, Facts(operation=self.name, sent=False))

    async def _pause(self, attempt: int) -> None:
        options, timing = self._backing.options, self._backing.timing
        if attempt:
            await timing.sleep(backoff(attempt - 1, options.backoff_base, options.backoff_limit, timing.random))

    def _raise_if_fatal(self, code: int, reason: str) -> None:
        from .connection import FATAL_CODES

        if code in FATAL_CODES:
            message = (
                f"the connection was closed for good: {FATAL_CODES[code]} (code {code}: {reason or 'no reason given'})"
            )
            raise ConnectionLost(message, Facts(operation=self.name, code=reason))

    async def _serve(self, wire: Wire) -> None:
        """Keep a connection in order until it is gone."""
        keepers = [begin(self._reconcile(wire))]
        if self._backing.options.silence is not None:
            keepers.append(begin(self._watch(wire, self._backing.options.silence)))
        if self._dialect.keepalive is not None:
            keepers.append(begin(self._keep_alive(wire, self._dialect.keepalive)))
        lost = begin(wire.wait_closed())
        try:
            await asyncio.wait([lost, *keepers], return_when=asyncio.FIRST_COMPLETED)
            if not lost.done():
                wire.abort()
                await wire.wait_closed()
        finally:
            for task in (lost, *keepers):
                task.cancel()
            for result in await asyncio.gather(lost, *keepers, return_exceptions=True):
                if isinstance(result, Exception):
                    log.error("%s: the connection is dropped because of an error", self.name, exc_info=result)

    async def _watch(self, wire: Wire, silence: float) -> None:
        """Drop a connection that has gone quiet. Where something is subscribed, answers to us are no sign of life."""
        sleep = self._backing.timing.sleep
        while True:
            heard, answers = self._heard, self._answers
            await sleep(silence)
            if self._heard != heard:
                continue
            if not wire.is_open:
                return
            pong = await self._ping(wire)
            await sleep(self._backing.options.answer)
            expecting = any(subscription.live for subscription in self._subscriptions.values())
            answered = self._answers != answers or (pong is not None and pong.done())
            if self._heard == heard and (expecting or not answered):
                log.warning("%s: no message for %g s; connecting anew", self.name, silence)
                return

    async def _ping(self, wire: Wire) -> asyncio.Future[Any] | None:
        """Ask for a sign of life; where it is the socket's own ping that asks, what is done once it was answered."""
        if not self._dialect.ping:
            return asyncio.ensure_future(await wire.ping())
        self._pings.append(next(self._ids))
        wire.write(encode(self._dialect.message(self._dialect.ping, {}, self._pings[-1])))
        return None

    async def _keep_alive(self, wire: Wire, seconds: float) -> None:
        """Ping as often as the exchange wants it."""
        while wire.is_open:
            await self._backing.timing.sleep(seconds)
            with contextlib.suppress(ConnectionError):
                await wire.ping()

    def _lose(self, why: str) -> None:
        """Forget everything that was true of a connection only."""
        if self._opened.done():
            self._opened = self._loop.create_future()
        for exchange in self._exchanges.values():
            if not exchange.future.done():
                exchange.future.set_exception(_Unanswered(why, exchange.replies))
                exchange.future.exception()
        self._exchanges.clear()
        for route in self._routes.values():
            route.last, route.doubted = None, False
        for subscription in list(self._subscriptions.values()):
            subscription.live = subscription.stale = subscription.renewed = False
            subscription.tries = subscription.waits = 0
            if not subscription.owners:
                self._drop(subscription)
        for owner in self._owners():
            owner.dropped_connection()

    def _owners(self) -> list[Owner]:
        owners: list[Owner] = [sink for route in self._routes.values() for sink in route.sinks]
        for subscription in self._subscriptions.values():
            owners += [owner for owner in subscription.owners if owner not in owners]
        return owners

    def _forget(self, error: KrakenError) -> list[Owner]:
        """End all subscriptions because of an error; returns those who had any."""
        owners = self._owners()
        for subscription in self._subscriptions.values():
            subscription.error = error
            subscription.answered.set()
        self._subscriptions.clear()
        self._routes.clear()
        self._dropped_at = None
        return owners

    def _give_up(self, error: KrakenError) -> None:
        self.failure = error
        lost = error if isinstance(error, ConnectionLost) else ConnectionLost(str(error.args[0]), error.facts)
        lost.__cause__ = error if lost is not error else error.__cause__
        if not self._opened.done():
            self._opened.set_exception(error)
            self._opened.exception()
        for owner in self._forget(lost):
            owner.fail(lost)
        self._backing.emit(events.Failed(self.name, lost))

    # ------------------------------------------------------------------ making the exchange's side agree

    async def _reconcile(self, wire: Wire) -> None:
        """Subscribe what is wanted and not live, unsubscribe what is live and not wanted, one request at a time."""
        while wire.is_open:
            self._changed.clear()
            leaving, batch = self._next_batch()
            if not batch:
                self._report_restored()
                await self._changed.wait()
                continue
            try:
                await (self._end(wire, batch) if leaving else self._begin(wire, batch))
            except KrakenError as error:
                if isinstance(error, ExchangeError) and not error.retryable and not leaving:
                    # The credentials are refused; on another connection they would be too.
                    for subscription in batch:
                        self._refuse(subscription, error)
                    continue
                # The connection is closing, or there is no token. What `_connect` makes of that is right here too.
                log.info("%s: connecting anew: %s", self.name, error)
                return

    def _next_batch(self) -> tuple[bool, list[Subscription]]:
        """Subscriptions that one request can end (True) or begin (False); none when all is as it should be."""
        if self._dialect.heartbeat is not None:
            self._keep_pulse(self._dialect.heartbeat)
        for subscription in list(self._subscriptions.values()):
            if not (subscription.owners or subscription.live or subscription.stale):
                self._drop(subscription)
        known = self._subscriptions.values()
        leaving = [s for s in known if s.stale or (s.live and not s.owners)]
        due = leaving or [s for s in known if not s.live]
        if not due:
            return False, []
        first = due[0]
        if first.alone or not first.channel.each:
            return bool(leaving), [first]
        alike = [s for s in due if not s.alone and s.shape() == first.shape()]
        pace = None if leaving else first.channel.pace
        most = BATCH if pace is None else min(BATCH, max(1, pace.per_second // pace.cost(first.parameters)))
        return bool(leaving), alike[:most]

    def _keep_pulse(self, heartbeat: Channel) -> None:
        """Want the sign of life for as long as anything else is wanted."""
        others = any(owner is not self._pulse for each in self._subscriptions.values() for owner in each.owners)
        own = self.owned(self._pulse)
        if others and not own and not self._pulse.is_refused:
            self.want(self._pulse, heartbeat, {})
        elif own and not others:
            self.unwant(self._pulse, own)

    def _drop(self, subscription: Subscription) -> None:
        self._subscriptions.pop(subscription.identity(), None)
        subscription.answered.set()

    def _report_restored(self) -> None:
        if self._dropped_at is not None:
            gap = self._backing.timing.clock() - self._dropped_at
            self._dropped_at = None
            self._backing.emit(events.Restored(self.name, gap))

    async def _end(self, wire: Wire, batch: list[Subscription]) -> None:
        """Unsubscribe. Whatever the exchange says, save of the token, they count as ended; if it says nothing they do not.

        A challenge that was made just now is not stale: who refuses it too has no such subscription.
        """
        request = batch[0].farewell([subscription.value for subscription in batch])
        try:
            replies = await self._ask_about(wire, UNSUBSCRIBE, batch, request)
        except _Unanswered:
            self._count_unanswered(wire, batch)
            return
        credentials = self._credentials
        if credentials is not None and any(map(self._wants_credentials, replies)):
            credentials.discard()
            if not (credentials.needs_connection and all(subscription.renewed for subscription in batch)):
                for subscription in batch:
                    subscription.renewed = True
                self._count_unanswered(wire, batch)
                return
        for subscription in batch:
            subscription.live = subscription.stale = subscription.renewed = False

    async def _begin(self, wire: Wire, batch: list[Subscription]) -> None:
        """Subscribe, and sort out who was answered what."""
        channel = batch[0].channel
        if channel.pace is not None:
            budget = self._paces.setdefault(channel.name, Budget(channel.pace.per_second, 1.0))
            await budget.take(self._backing.timing, len(batch) * channel.pace.cost(batch[0].parameters))
        if channel.name in self._routes:
            self._routes[channel.name].last = None
        request = batch[0].request([subscription.value for subscription in batch])
        try:
            replies = await self._ask_about(wire, SUBSCRIBE, batch, request)
        except _Unanswered as silence:
            replies = silence.replies
        open_ends = list(batch)
        shared = None
        for reply in replies:
            words = refusal(reply)
            subscription = addressee(reply, batch)
            if subscription is None:
                shared = words or shared
                continue
            if subscription not in open_ends:
                continue  # it was said twice
            open_ends.remove(subscription)
            if words is None:
                self._admit(subscription, reply)
            elif not await self._can_retry([subscription], words):
                self._refuse(subscription, words)
        if shared and open_ends and await self._can_retry(open_ends, shared):
            return
        for subscription in open_ends:
            # How the exchange sees these is unknown, so they are ended first and then begun anew.
            subscription.stale = True
            subscription.alone |= shared is not None
        if shared is None:
            self._count_unanswered(wire, open_ends)

    def _count_unanswered(self, wire: Wire, subscriptions: list[Subscription]) -> None:
        """A connection on which the same request stays unanswered again and again is of no use."""
        for subscription in subscriptions:
            subscription.tries += 1
            if subscription.tries >= TRIES:
                log.warning("%s: %s is not acknowledged; connecting anew", self.name, subscription.channel.name)
                wire.abort()

    async def _ask_about(
        self, wire: Wire, method: str, batch: list[Subscription], request: dict[str, Any]
    ) -> list[Any]:
        if batch[0].channel.auth:
            request |= await self._private()

        missing = list(batch)

        def is_last(reply: Any) -> bool:
            subscription = addressee(reply, batch)
            if subscription in missing:
                missing.remove(subscription)
            return not missing or (subscription is None and refusal(reply) is not None)

        seconds = self._backing.options.reply_timeout
        each = batch[0].channel.each
        return await self._ask(wire, method, request, seconds, None, is_last, batch[0].req_id, each)

    async def _private(self) -> dict[str, Any]:
        """The parameters that private requests carry."""
        if self._credentials is None:
            return {}
        return await self._credentials.parameters(self._ask_first)

    async def _ask_first(self, verb: str, parameters: dict[str, Any]) -> Any:
        """Ask what must be known before a private request can be made; gives the message that answers.

        Raises:
            ExchangeError: The exchange refuses.
            ReplyLost: It does not answer.
        """
        facts = Facts(operation=verb, sent=True)
        if self._wire is None:
            raise NotSent("there is no connection", facts._replace(sent=False))
        try:
            [answer] = await self._ask(self._wire, verb, parameters, self._backing.options.reply_timeout, 1)
        except _Unanswered as lost:
            raise ReplyLost(str(lost), facts) from lost
        if words := refusal(answer):
            raise self._backing.errors.error(words, facts)
        return answer.frame

    def _admit(self, subscription: Subscription, reply: Any) -> None:
        subscription.live, subscription.alone, subscription.renewed = True, False, False
        subscription.tries = subscription.waits = 0
        subscription.was_live = True
        subscription.ack = field(reply, "result")
        limits, where = self._backing.limits, subscription.channel.rate_counter
        if limits is not None and where is not None and isinstance(most := field(subscription.ack, where.maximum), int):
            limits.learn_maximum(most)
        for owner in subscription.owners:
            owner.acknowledged(subscription, subscription.ack)
        if subscription.owners:
            subscription.answered.set()

    async def _can_retry(self, subscriptions: list[Subscription], words: str) -> bool:
        """Whether asking again after this refusal can help; waits as long as it takes, gives up the token, or ends it first."""
        retry = self._retry_class(words)
        if retry == "fresh-token" and self._credentials is not None and not any(s.renewed for s in subscriptions):
            for subscription in subscriptions:
                subscription.renewed = True
            self._credentials.discard()
            return True
        if retry == UNSUBSCRIBE and all(subscription.tries < TRIES - 1 for subscription in subscriptions):
            for subscription in subscriptions:
                subscription.tries += 1
                subscription.stale = True
            return True
        if retry == "after-wait":
            for subscription in subscriptions:
                subscription.waits += 1
            await self._pause(max(subscription.waits for subscription in subscriptions))
            return True
        return False

    def _refuse(self, subscription: Subscription, why: str | KrakenError) -> None:
        """Tell those who want a subscription that it is not to be had."""
        channel, value = subscription.channel.name, subscription.value
        operation = channel if value is None else f"{channel} {value}"
        facts = Facts(operation=operation, sent=True)
        error = subscription.error = self._backing.errors.error(why, facts) if isinstance(why, str) else why
        owners, subscription.owners = subscription.owners, []
        self._drop(subscription)
        for owner in owners:
            owner.refused(subscription, error)
        if subscription.was_live:
            self._backing.emit(events.SubscriptionLost(channel, value, error))

    # ------------------------------------------------------------------ requests

    async def call(self, method: Method, parameters: dict[str, Any], facts: Facts, timeout: float | None) -> list[Any]:
        """Send one request and wait for all its replies. It is never sent twice, unless it was certainly refused.

        Args:
            method: What to ask for.
            parameters: Ready for JSON, without a token.
            facts: What an error shall carry.
            timeout: Seconds to wait for the replies; None for the session's own.

        Returns:
            The replies, in the order they arrived; they may be refusals.

        Raises:
            NotSent: There is no connection. Nothing was sent.
            OrderStateUnknown: Replies to a request that changes something are missing.
            ReplyLost: Replies to any other request are missing.
        """
        seconds = timeout or self._backing.options.reply_timeout
        replies = await self._call_once(method, parameters, facts, seconds)
        if method.auth and self._credentials is not None and all(map(self._wants_credentials, replies)):
            self._credentials.discard()
            replies = await self._call_once(method, parameters, facts, seconds)
        return replies

    async def _call_once(self, method: Method, parameters: dict[str, Any], facts: Facts, seconds: float) -> list[Any]:
        wire = await self._wire_for(method, facts, seconds)
        if method.auth:
            parameters = {**parameters, **await self._private()}
            if wire is not self._wire:
                raise NotSent("the connection changed before the request was sent", facts._replace(sent=False))
        expected = sum(len(parameters[name]) for name in method.replies_per if isinstance(parameters.get(name), list))
        try:
            return await self._ask(wire, method.name, parameters, seconds, expected or 1, self._wants_credentials)
        except _Unanswered as lost:
            facts = facts._replace(sent=True)
            words = "".join(f": {said}" for said in filter(None, map(refusal, lost.replies)))
            got = f"; {len(lost.replies)} of {expected} replies came{words}" if lost.replies else ""
            if method.danger:
                facts = facts._replace(
                    hint="look the order up by its ids before deciding anything; it is not sent again"
                )
                raise OrderStateUnknown(f"{lost}, and the request may have been carried out{got}", facts) from lost
            raise ReplyLost(f"{lost}{got}", facts) from lost

    async def _wire_for(self, method: Method, facts: Facts, seconds: float) -> Wire:
        """The open wire. What trades is not kept waiting for a reconnect: it would arrive at a time nobody chose."""
        if self._wire is not None and self._wire.is_open:
            return self._wire
        if method.danger and self._was_open and self.state == "connecting":
            raise NotSent("the connection is down and being made anew", facts._replace(sent=False))
        try:
            return await self._open_soon(seconds)
        except NotSent as error:
            raise NotSent(str(error.args[0]), facts._replace(sent=False)) from error

    async def _open_soon(self, seconds: float) -> Wire:
        """The open wire. A first connection has its number of attempts, one that is made anew these seconds."""
        try:
            async with asyncio.timeout(seconds if self._was_open else None):
                return await self.open()
        except TimeoutError:
            raise NotSent(
                f"the connection is down, and was not made anew within {seconds:g} s", Facts(self.name, sent=False)
            ) from None

    async def send(self, message: dict[str, Any], auth: bool) -> None:
        """Send a message as it is, with credentials among its parameters if `auth`; replies are not waited for.

        Raises:
            NotSent: There is no connection.
        """
        wire = await self._open_soon(self._backing.options.reply_timeout)
        if auth:
            given, own = self._dialect.parameters, await self._private()
            message = {**message, given: {**(message.get(given) or {}), **own}} if given else {**message, **own}
        if wire is not self._wire or not wire.is_open:
            raise NotSent("the connection was lost before the message was sent", Facts(sent=False))
        self._raw_requests = True
        wire.write(encode(message))

    async def _ask(
        self,
        wire: Wire,
        method: str,
        parameters: dict[str, Any],
        seconds: float,
        expected: int | None,
        last: Callable[[Any], bool] | None = None,
        req_id: int | None = None,
        each: str = "",
    ) -> list[Any]:
        if self._rate is not None:
            await self._rate.take(self._backing.timing)
        if not wire.is_open:
            raise NotSent("the connection is closing", Facts(operation=method, sent=False))
        number = next(self._ids) if req_id is None or req_id in self._exchanges else req_id
        exchange = self._exchanges[number] = _Exchange(method, parameters, each, expected, last)
        wire.write(encode(self._dialect.message(method, parameters, number)))
        try:
            async with asyncio.timeout(seconds):
                await exchange.future
        except TimeoutError:
            raise _Unanswered(f"no reply within {seconds:g} s", exchange.replies) from None
        finally:
            self._exchanges.pop(number, None)
        return exchange.replies

    def _wants_credentials(self, reply: Any) -> bool:
        return self._retry_class(refusal(reply)) == "fresh-token"

    def _retry_class(self, words: str | None) -> str:
        row = self._backing.errors.row(words) if words else None
        return row.retry if row else ""
