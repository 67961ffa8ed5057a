"""WebSocket clients for scripts and notebooks: no coroutines; an event loop in a thread does the work."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ..errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from types import TracebackType

    from .client import WebSocketClient
    from .events import Event
    from .protocol import Policy
    from .stream import Stream

__all__ = ["BlockingClient", "BlockingStream"]

T = TypeVar("T")
C = TypeVar("C", bound="WebSocketClient")
Item = TypeVar("Item")
Message = TypeVar("Message")


class BlockingClient(Generic[C]):
    """Runs a client in an event loop of its own, and waits for it."""

    def __init__(self, make: Callable[[], C]) -> None:
        """Start the loop; the client is made in it by `make`."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kraken websocket", daemon=True)
        self._thread.start()
        self._closed = False
        try:
            self._client = self._wait(_made(make))
        except BaseException:
            self._end()
            raise

    def __repr__(self) -> str:
        return f"<blocking {self._client!r}>"

    def start(self) -> None:
        """Open the sockets now; otherwise each is opened when it is first needed."""
        self._wait(self._client.start())

    def close(self) -> None:
        """Close all sockets, end all streams and stop the thread; calling it again does nothing."""
        if not self._closed:
            try:
                self._wait(self._client.close())
            finally:
                self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def on_event(self, handler: Callable[[Event], Any]) -> None:
        """Have a handler called with everything that happens to connections; it runs in the client's thread."""
        self._client.on_event(handler)

    # ------------------------------------------------------------------ for generated code

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine that runs in the loop; interrupting the wait cancels it."""
        if self._closed:
            work.close()
            raise InvalidRequest("this client is closed; make a new one")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _stream(self, stream: Stream[Item, Message]) -> BlockingStream[Item, Message]:
        return BlockingStream(stream, self._wait)

    def _end(self) -> None:
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


async def _made(make: Callable[[], C]) -> C:
    return make()


class BlockingStream(Generic[Item, Message]):
    """A live subscription to one channel, for `for` loops.

    `for item in stream` gives items, `stream.messages()` whole messages. The subscription is made by the first
    iteration, by `subscribe()` or by `with stream:`; it is given back by `close()` and at the end of `with`.
    """

    def __init__(self, stream: Stream[Item, Message], wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._stream = stream
        self._wait = wait

    def __repr__(self) -> str:
        return f"<blocking {self._stream!r}>"

    def buffer(self, *, policy: Policy | None = None, size: int | None = None) -> Self:
        """Choose how much may wait to be read, and what happens when that is exceeded; see `Stream.buffer`."""
        self._stream.buffer(policy=policy, size=size)
        return self

    def subscribe(self) -> Self:
        """Subscribe and wait until every part of the subscription has been acknowledged; see `Stream.subscribe`."""
        self._wait(self._stream.subscribe())
        return self

    def close(self) -> None:
        """Give the subscription back."""
        self._wait(self._stream.aclose())

    def __enter__(self) -> Self:
        return self.subscribe()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        return self.get()

    def get(self, timeout: float | None = None) -> Item:
        """The next item.

        Args:
            timeout: Seconds to wait for it; None waits for ever.

        Raises:
            TimeoutError: None came in time.
            StopIteration: The stream has ended.
        """
        try:
            item: Item = self._wait(_within(timeout, self._stream.__anext__))
        except _Ended:
            raise StopIteration from None
        return item

    def messages(self) -> Iterator[Message]:
        """Iterate over whole messages instead of their items."""
        messages = self._stream.messages()
        with contextlib.suppress(_Ended):
            while True:
                yield self._wait(_within(None, messages.__anext__))

    @property
    def raw(self) -> bytes:
        """The exact bytes of the message that the last item came in."""
        return self._stream.raw

    @property
    def message(self) -> Message | None:
        """The message that the last item came in; None before the first."""
        return self._stream.message

    @property
    def is_snapshot(self) -> bool:
        """Whether the last item belongs to a snapshot, not to an update."""
        return self._stream.is_snapshot

    @property
    def dropped(self) -> int:
        """How many items were dropped so far because they were not read in time."""
        return self._stream.dropped


class _Ended(Exception):
    """Nothing more will come. A future cannot carry `StopAsyncIteration`."""


async def _within(seconds: float | None, step: Callable[[], Any]) -> Any:
    async with asyncio.timeout(seconds):
        try:
            return await step()
        except StopAsyncIteration:
            raise _Ended from None
