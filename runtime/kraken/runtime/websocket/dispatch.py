"""Calls the user's handlers, one after the other, in a task of their own: a slow one holds up no reader."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from .tasks import begin

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Dispatcher"]

log = logging.getLogger("kraken.runtime.websocket")

SLOW = 0.05
"""Seconds after which a handler is named in a warning."""
REMINDER = 10.0
"""Seconds before the same handler is named again."""


class Dispatcher:
    """A bounded queue of calls and the task that makes them.

    Args:
        size: How many calls may wait; the oldest is dropped when there are more.
        clock: Seconds, never going back.
        report: Called now and then with how many calls were dropped since the last time.
    """

    def __init__(self, size: int, clock: Callable[[], float], report: Callable[[int], None]) -> None:
        self._size = size
        self._clock = clock
        self._report = report
        self._calls: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._dropped = 0
        self._reported = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._named: dict[object, float] = {}

    def put(self, handler: Callable[..., Any], *arguments: Any, spare: int = 0) -> None:
        """Have a handler called; it may be a coroutine function.

        Args:
            handler: What to call.
            arguments: What to call it with.
            spare: How many calls more than usual may wait, so that news about a full queue does not make it drop more.
        """
        if len(self._calls) >= self._size + spare:
            self._calls.popleft()
            self._dropped += 1
        self._calls.append((handler, arguments))
        if self._task is None:
            self._task = begin(self._run(), name="kraken websocket handlers")
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def close(self) -> None:
        """Stop. What still waits is not called any more; a handler that closes its own client runs to its end."""
        self._calls.clear()
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        me = asyncio.current_task()
        while self._task is me:
            begun = self._clock()
            while self._calls:
                handler, arguments = self._calls.popleft()
                try:
                    result = handler(*arguments)
                    if result is not None and inspect.isawaitable(result):
                        await result
                except Exception:
                    log.exception("handler %s failed; the messages behind it are still delivered", _name(handler))
                ended = self._clock()
                if ended - begun > SLOW:
                    self._tell_slow(handler, ended - begun, ended)
                begun = ended
                if self._dropped and (not self._calls or self._clock() - self._reported >= 1.0):
                    self._tell_dropped()
            if self._task is me:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter

    def _tell_dropped(self) -> None:
        """Report what was dropped; in one sum, because a report for each would make a full queue fuller."""
        dropped, self._dropped = self._dropped, 0
        self._reported = self._clock()
        log.warning("%d calls of handlers were dropped because handlers are too slow", dropped)
        self._report(dropped)

    def _tell_slow(self, handler: Callable[..., Any], seconds: float, now: float) -> None:
        if now - self._named.get(handler, -REMINDER) >= REMINDER:
            self._named[handler] = now
            log.warning(
                "handler %s took %.0f ms; everything behind it waits, and is dropped when %d calls are waiting",
                _name(handler),
                seconds * 1000,
                self._size,
            )


def _name(handler: Callable[..., Any]) -> str:
    return getattr(handler, "__qualname__", None) or type(handler).__qualname__
