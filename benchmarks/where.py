"""Where our own time goes: a profile by sampling, told in the steps that a message takes."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["STEPS", "sampled"]

INTERVAL = 0.001
"""Seconds of processor time between two samples."""

STEPS = {
    "reading from the socket": ("asyncio/selector_events.py", "uvloop"),
    "splitting frames off": ("websocket/connection.py",),
    "decoding into typed messages": ("websocket/frames.py", "spot/messages.py", "runtime/structs.py"),
    "keeping and verifying the book": ("runtime/orderbook.py",),
    "routing to books and streams": ("websocket/session.py", "websocket/books.py", "websocket/subscription.py"),
    "handing over to the reader": ("websocket/stream.py", "websocket/dispatch.py", "websocket/client.py"),
    "the reader": ("benchmarks/contender.py",),
}
"""The files of each step. What is in none of them is the event loop, and whatever else Python does."""
OTHER = "event loop and the rest"


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Counts in which step the samples fell that were taken while the block ran."""
    counts: Counter[str] = Counter()

    def take(_signal: int, frame: FrameType | None) -> None:
        counts[_step(frame)] += 1

    before = signal.signal(signal.SIGPROF, take)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    try:
        yield counts
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _step(frame: FrameType | None) -> str:
    """The step of the innermost frame; what libraries do for one counts as that one's."""
    while frame is not None:
        name = frame.f_code.co_filename
        for step, files in STEPS.items():
            if any(file in name for file in files):
                return step
        frame = frame.f_back
    return OTHER
