"""Time that passes only when nobody has anything to do: hours of a client's life in seconds, over real sockets.

A `SimulatedLoop` is an event loop with such a clock. It waits for its sockets as any loop does, but when none of them
has anything for a moment, the clock jumps towards the next timer instead of waiting for it. An exchange whose clock is
led by the loop's does what is due at each jump.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable

from kraken.runtime.websocket import Timing

GRACE = 0.002
"""Real seconds without anything to read after which the clock jumps."""
STRIDE = 0.25
"""Longest jump in simulated seconds, so that the other side gets its turn in between."""
BEGINNING = 1_800_000_000.0
"""Unix time at which simulations begin."""


class _JumpingSelector(selectors.DefaultSelector):
    """Jumps where others wait."""

    jump: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(GRACE)
        if not ready:
            self.jump(timeout)
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own.

    Args:
        pass_time: Called after each jump with the Unix time in nanoseconds; it lets the other side do what is due.
    """

    def __init__(self, pass_time: Callable[[int], None]) -> None:
        selector = _JumpingSelector()
        super().__init__(selector)
        selector.jump = self._jump
        self._pass_time = pass_time
        self._now = 0.0

    def time(self) -> float:
        """Simulated seconds since the beginning."""
        return self._now

    @property
    def nanoseconds(self) -> int:
        """The simulated time as Unix nanoseconds."""
        return int((BEGINNING + self._now) * 10**9)

    def timing(self, random: Callable[[], float]) -> Timing:
        """What a client needs to live in this time."""
        return Timing(self.time, asyncio.sleep, random)

    def close(self) -> None:
        """Close it, and let go of the other side: clients of one key share what holds their clock."""
        super().close()
        self._pass_time = _nothing

    def _jump(self, seconds: float) -> None:
        self._now += min(seconds, STRIDE)
        self._pass_time(self.nanoseconds)


def _nothing(_now: int) -> None:
    """Nobody is left for whom time passes."""
