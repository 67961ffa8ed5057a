"""When a call that only reads is sent again, and after how long."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from .errors import ErrorTable, ExchangeError, KrakenError, NotSent, ReplyLost

__all__ = ["Retries"]

BASE, LONGEST = 0.25, 30.0
"""Seconds before the first repetition, and the most that any waits."""
BUDGET, EARNED = 10.0, 0.1
"""Repetitions that are at hand, and what each call that succeeds adds: a fault that lasts is not answered with a flood."""

_UNTIL = re.compile(r":\s*(\d{9,})$")


class Retries:
    """The policy of one client."""

    def __init__(self, limit: int, random_: Callable[[], float], now: Callable[[], float] = time.time) -> None:
        self.limit = limit
        self._random = random_
        self._now = now
        self._budget = BUDGET

    def succeeded(self) -> None:
        """A call has succeeded."""
        self._budget = min(BUDGET, self._budget + EARNED)

    def delay(self, error: KrakenError, attempt: int, table: ErrorTable) -> float | None:
        """Seconds to wait before the same call is sent again; None when it must not be."""
        if isinstance(error, ExchangeError):
            row = table.row(error.code)
            kind = row.retry if row is not None else "never"
        else:
            kind = "after-wait" if isinstance(error, NotSent | ReplyLost) else "never"
        if kind == "fresh-nonce":
            return 0.0 if attempt == 0 else None
        if kind != "after-wait" or attempt >= self.limit or self._budget < 1:
            return None
        wait: float = BASE * 2**attempt * (0.5 + self._random())
        if until := _UNTIL.search(error.code):  # Kraken says when
            wait = max(0.0, float(until[1]) - self._now()) + self._random()
            if wait > LONGEST:
                return None
        self._budget -= 1
        return min(LONGEST, wait)
