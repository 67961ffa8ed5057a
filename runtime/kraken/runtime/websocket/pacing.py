"""When to try again: clock, jitter and the number of connection attempts, all replaceable in tests."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["ConnectBudget", "Timing", "backoff"]


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


class ConnectBudget:
    """At most so many connection attempts in a sliding window; more wait for their turn.

    Args:
        attempts: How many are allowed.
        window: Length of the window in seconds.
    """

    def __init__(self, attempts: int, window: float) -> None:
        self._attempts = attempts
        self._window = window
        self._taken: deque[float] = deque()

    async def take(self, timing: Timing) -> None:
        """Return once an attempt is allowed, and count it."""
        while True:
            now = timing.clock()
            while self._taken and now - self._taken[0] >= self._window:
                self._taken.popleft()
            if len(self._taken) < self._attempts:
                self._taken.append(now)
                return
            await timing.sleep(self._taken[0] + self._window - now)
