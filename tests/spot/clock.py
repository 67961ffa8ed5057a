"""Time that is moved by hand, for WebSocket clients."""

from __future__ import annotations

import asyncio

from kraken.runtime.websocket import Timing


class FakeTime:
    """A clock that stands still until it is moved; whoever sleeps is woken by moving it.

    Waits between connection attempts take no time.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    @property
    def timing(self) -> Timing:
        return Timing(lambda: self.now, self.sleep, lambda: 0.0)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self.now + seconds, future)
        self._sleepers.append(entry)
        try:
            await future
        finally:
            self._sleepers.remove(entry)

    async def asleep(self, seconds: float) -> None:
        """Wait until somebody sleeps for so long."""
        async with asyncio.timeout(10):
            while not any(abs(due - self.now - seconds) < 1e-6 for due, _ in self._sleepers):
                await asyncio.sleep(0.001)

    async def pass_(self, seconds: float, more: float = 0) -> None:
        """Let time pass as soon as somebody sleeps for so long, and perhaps more before anybody wakes."""
        await self.asleep(seconds)
        self.now += seconds + more
        for due, future in self._sleepers:
            if due <= self.now + 1e-9 and not future.done():
                future.set_result(None)
