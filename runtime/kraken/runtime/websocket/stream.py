"""Streams: what a user iterates over, and the bounded buffers between them and the reader."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, get_args

from ..errors import Facts, InvalidRequest, KrakenError
from .events import Event, Gap
from .protocol import Policy
from .subscription import is_snapshot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from types import TracebackType

    from .protocol import Channel
    from .session import Session
    from .subscription import Subscription

__all__ = ["Inbox", "SlowConsumer", "Stream"]

Item = TypeVar("Item")
Message = TypeVar("Message")

Entry = tuple[Any, Any, bytes]
"""An item, the frame it came in, and the bytes of that frame."""

_EMPTY = object()
"""Stands for the items of a frame that has none, so that the frame itself can still be read."""


class SlowConsumer(KrakenError):
    """A stream that must not lose anything was read too slowly: its buffer is full and the stream has ended."""

    category = "client"


class _KeepLatest:
    """The newest entry of each key, in the order in which the keys began to wait."""

    def __init__(self, key: Callable[[Any], object]) -> None:
        self.dropped = 0
        """Always 0: that older entries give way is what was asked for."""
        self._key = key
        self.entries: dict[object, Entry] = {}

    def put(self, entry: Entry) -> bool:
        """Take an entry; there is always room."""
        self.entries[self._key(entry[0])] = entry
        return True

    def pop(self) -> Entry:
        """The entry that waits longest; there must be one."""
        return self.entries.pop(next(iter(self.entries)))


class _Queue:
    """All entries up to a size; `lossy` decides whether the oldest makes room for one more."""

    def __init__(self, size: int, lossy: bool) -> None:
        self.dropped = 0
        """Entries that were lost since somebody last looked."""
        self._size = size
        self._lossy = lossy
        self.entries: deque[Entry] = deque()

    def put(self, entry: Entry) -> bool:
        """Take an entry; False when none may be dropped and there is no room."""
        if len(self.entries) >= self._size:
            if not self._lossy:
                return False
            self.entries.popleft()
            self.dropped += 1
        self.entries.append(entry)
        return True

    def pop(self) -> Entry:
        """The entry that waits longest; there must be one."""
        return self.entries.popleft()


def _reader(fields: tuple[str, ...]) -> Callable[[Any], object]:
    """A function that reads these fields of an item as one value; items without them count as one."""
    if not fields:
        return lambda _item: None
    read = attrgetter(*fields)

    def value(item: Any) -> object:
        try:
            return read(item)
        except AttributeError:
            return _EMPTY

    return value


class Inbox:
    """The session's end of a stream: it holds no reference to the stream, so that this can be garbage."""

    def __init__(self, channel: Channel, policy: Policy, size: int, emit: Callable[[Event], None]) -> None:
        self.channel = channel
        self.acks: dict[object, Any] = {}
        self.dropped = 0
        self.ended = False
        self.error: KrakenError | None = None
        self._policy: Policy = policy
        self._size = size
        self._emit = emit
        self.buffer: _KeepLatest | _Queue = (
            _KeepLatest(_reader(channel.key)) if policy == "keep-latest" else _Queue(size, policy == "drop-oldest")
        )
        self._session: Session | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._route: Callable[[Any], object] | None = None
        self._wanted: frozenset[object] = frozenset()

    def route(self, session: Session, fields: tuple[str, ...], wanted: frozenset[object]) -> None:
        """Belong to a session, and accept only items in which `fields` have one of the `wanted` values."""
        self._session = session
        self._route = _reader(fields) if fields else None
        self._wanted = wanted

    # What the session calls.

    def receive(self, frame: Any, raw: bytes) -> None:
        """Take the items of a frame."""
        if self.ended:
            return
        data = getattr(frame, "data", frame)
        items = data if isinstance(data, (list, tuple)) else (data,)
        route, wanted, put = self._route, self._wanted, self.buffer.put
        for item in items or (_EMPTY,):
            if route is not None and item is not _EMPTY and route(item) not in wanted:
                continue
            if not put((item, frame, raw)):
                self._overflow()
                return
        if self._waiter is not None:
            self._wake()

    def acknowledged(self, subscription: Subscription, ack: Any) -> None:
        """A subscription of this stream is live."""
        self.acks[subscription.value] = ack

    def refused(self, subscription: Subscription, error: KrakenError) -> None:
        """A subscription of this stream is not to be had."""
        self.acks.pop(subscription.value, None)
        if self._session is not None and not self._session.owned(self):
            self.fail(error)

    def dropped_connection(self) -> None:
        """The connection is gone for now; the stream goes on once it is back."""

    def fail(self, error: KrakenError) -> None:
        """End the stream; `error` is raised after what is in the buffer."""
        if not self.ended:
            self.error = error
            self.end()

    # What the stream calls.

    def end(self) -> None:
        """No more items will come."""
        self.ended = True
        self._wake()

    def pop(self) -> Entry:
        """The next entry; there must be one."""
        entry = self.buffer.pop()
        if self.buffer.dropped:
            dropped, self.buffer.dropped = self.buffer.dropped, 0
            self.dropped += dropped
            self._emit(Gap(self.channel.name, dropped))
        return entry

    async def wait(self) -> None:
        """Return when there is an entry or the stream has ended."""
        if self._waiter is not None:
            raise InvalidRequest(f"{self.channel.name}: two tasks read one stream; give each a stream of its own")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _overflow(self) -> None:
        hint = "read the stream faster, or give it a larger buffer or another policy with buffer()"
        facts = Facts(operation=self.channel.name, hint=hint)
        self.fail(SlowConsumer(f"{self._size} items wait to be read and none may be dropped", facts))
        if self._session is not None:
            self._session.detach(self)


class Stream(Generic[Item, Message]):
    """A live subscription to one channel.

    `async for item in stream` gives the items of the channel's messages one by one, `stream.messages()` gives
    whole messages. The subscription is made by the first iteration, by `await stream.subscribe()` or by
    `async with stream:`; it is given back by `aclose()`, at the end of `async with`, or when the stream is garbage.

    After a dropped connection the subscription is made anew and the stream goes on, usually with a new snapshot. An
    error ends the iteration, for instance `SlowConsumer`; iterating again subscribes anew.
    """

    def __init__(
        self,
        channel: Channel,
        parameters: Mapping[str, Any],
        open_session: Callable[[], Session],
        emit: Callable[[Event], None],
        size: int,
    ) -> None:
        self._channel = channel
        self._parameters = dict(parameters)
        self._open_session = open_session
        self._emit = emit
        self._policy: Policy = channel.policy
        self._size = size
        self._inbox: Inbox | None = None
        self._session: Session | None = None
        self._live = False
        self._release: weakref.finalize[..., Any] | None = None
        self._last: Entry = (None, None, b"")

    def __repr__(self) -> str:
        return f"<Stream {self._channel.name} {self._parameters}>"

    def buffer(self, *, policy: Policy | None = None, size: int | None = None) -> Self:
        """Choose how much may wait to be read, and what happens when that is exceeded.

        Args:
            policy: `keep-latest` keeps the newest item of each symbol and drops those before it; `drop-oldest`
                drops the oldest items and reports a `Gap`; `never-drop` ends the stream with `SlowConsumer`.
            size: How many items may wait; not used by `keep-latest`.

        Returns:
            The stream itself.

        Raises:
            InvalidRequest: The stream has been subscribed already, or `size` is below 1.
        """
        if self._inbox is not None:
            raise InvalidRequest(f"{self._channel.name}: the buffer is chosen before the stream is subscribed")
        if policy is not None and policy not in get_args(Policy):
            allowed = ", ".join(get_args(Policy))
            raise InvalidRequest(f"{self._channel.name}: policy: {policy!r} is not allowed; allowed: {allowed}")
        if size is not None and size < 1:
            raise InvalidRequest(f"{self._channel.name}: size: {size} is not allowed; at least 1 item must fit")
        self._policy = policy or self._policy
        self._size = size or self._size
        return self

    async def subscribe(self) -> Self:
        """Subscribe and wait until every part of the subscription has been acknowledged.

        Calling it again does nothing. Keep the stream: the subscription is given back when nobody refers to it.

        Returns:
            The stream itself.

        Raises:
            InvalidRequest: A parameter is not allowed, or another stream of this client holds the same
                subscription with other parameters.
            NotSent: No connection could be made.
            ExchangeError: The exchange refuses; the message names the symbol.
            ReplyLost: An acknowledgement did not arrive in time.
        """
        if self._live:
            return self
        if self._release is not None:
            self._release.detach()
        session = self._session = self._open_session()
        inbox = self._inbox = Inbox(self._channel, self._policy, self._size, self._emit)
        session.attach(inbox, self._channel, self._parameters)
        release = self._release = weakref.finalize(self, session.release, inbox)
        release.atexit = False
        try:
            await session.settle(inbox)
        except BaseException:
            # Nothing is awaited here: a caller who was cancelled or timed out has waited long enough.
            release.detach()
            session.detach(inbox)
            raise
        self._live = True
        return self

    async def aclose(self) -> None:
        """Give the subscription back: iteration ends, and the exchange is told unless another stream shares it."""
        if (
            self._release is not None
            and self._release.detach()
            and self._session is not None
            and self._inbox is not None
        ):
            self._inbox.end()
            await self._session.leave(self._inbox)

    async def __aenter__(self) -> Self:
        return await self.subscribe()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while True:
            inbox = self._inbox
            if inbox is not None and inbox.buffer.entries and self._live:
                entry = self._last = inbox.pop()
            else:
                entry = await self._next()
            if entry[0] is not _EMPTY:
                return entry[0]  # type: ignore[no-any-return]

    async def _next(self) -> Entry:
        inbox = self._inbox
        if inbox is None or not self._live:
            await self.subscribe()
            inbox = self._inbox
            assert inbox is not None
        while not inbox.buffer.entries:
            if inbox.ended:
                if inbox.error is not None:
                    # Told once; who iterates again subscribes anew and begins with a snapshot.
                    self._live = False
                    raise inbox.error
                raise StopAsyncIteration
            await inbox.wait()
        entry = self._last = inbox.pop()
        return entry

    def messages(self) -> AsyncIterator[Message]:
        """Iterate over whole messages instead of their items.

        With the policy `keep-latest`, and where two streams share a channel, a message may hold items that this
        stream has seen already or did not ask for: it is given as it came.
        """
        return _Messages(self)

    @property
    def raw(self) -> bytes:
        """The exact bytes of the message that the last item came in."""
        return self._last[2]

    @property
    def message(self) -> Message | None:
        """The message that the last item came in; None before the first."""
        frame: Message | None = self._last[1]
        return frame

    @property
    def is_snapshot(self) -> bool:
        """Whether the last item belongs to a snapshot, not to an update."""
        return is_snapshot(self._last[1])

    @property
    def acks(self) -> list[Any]:
        """The exchange's acknowledgements, one for each symbol, of the newest time this was subscribed."""
        return list(self._inbox.acks.values()) if self._inbox else []

    @property
    def dropped(self) -> int:
        """How many items were dropped so far because they were not read in time."""
        return self._inbox.dropped if self._inbox else 0


class _Messages(Generic[Message]):
    """Iterates over the frames of a stream. A plain iterator: a generator would outlive its loop."""

    def __init__(self, stream: Stream[Any, Message]) -> None:
        self._stream = stream
        self._seen: Any = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        while True:
            frame: Message = (await self._stream._next())[1]
            if frame is not self._seen:
                self._seen = frame
                return frame
