"""When to try again: clock, jitter and the number of connection attempts, all replaceable in tests."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Budget", "ConnectBudget", "Timing", "backoff"]


class Timing(NamedTuple):
    """Where time and chance come from."""

    clock: Callable[[], float] = time.monotonic
    """Seconds, never going back."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    random: Callable[[], float] = random.random
    """From 0 up to, but not including, 1."""


def backoff(attempt: int, base: float, limit: float, random: Callable[[], float]) -> float:
    """Seconds to wait before trying again.

    Args:
        attempt: How many attempts failed before, counting from 0.
        base: Upper bound of the first wait, in seconds; it doubles from wait to wait.
        limit: The bound never grows above this, in seconds.
        random: A number from 0 to 1. Full jitter keeps many clients from coming back at the same moment.
    """
    return float(min(limit, base * 2 ** min(attempt, 30))) * random()


class Budget:
    """What may be spent in a sliding window; more waits for its turn.

    Args:
        limit: How much is allowed.
        window: Length of the window in seconds.
    """

    def __init__(self, limit: int, window: float) -> None:
        self._limit = limit
        self._window = window
        self._spent: deque[tuple[float, int]] = deque()

    async def take(self, timing: Timing, cost: int = 1) -> None:
        """Return once `cost` is allowed, and count it; what costs more than the limit waits for a window of its own."""
        while True:
            now = timing.clock()
            while self._spent and now - self._spent[0][0] >= self._window:
                self._spent.popleft()
            if not self._spent or sum(each for _, each in self._spent) + cost <= self._limit:
                self._spent.append((now, cost))
                return
            await timing.sleep(self._spent[0][0] + self._window - now)


class ConnectBudget(Budget):
    """How many connection attempts are allowed within a time."""
