"""One call, written once: a generator that asks for I/O, and the two drivers that do it."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import NamedTuple, TypeAlias, TypeVar, cast

from .errors import KrakenError
from .transport import Lost, Reply, Request

__all__ = ["Flow", "Send", "Sleep", "call_flow", "closing_flow", "drive", "drive_async"]

T = TypeVar("T")


class Send(NamedTuple):
    """Send a request. It is built while the key's lock is held, so that nonces leave in order."""

    build: Callable[[], Request]


class Sleep(NamedTuple):
    """Wait before the next attempt."""

    seconds: float


Flow: TypeAlias = Generator[Send | Sleep, Reply | Lost | None, T]


def call_flow(
    build: Callable[[], Request],
    decode: Callable[[Reply | Lost], T | KrakenError],
    delay: Callable[[KrakenError, int], float | None],
    turn: Callable[[], float] | None = None,
) -> Flow[T]:
    """Send when it is this call's `turn`, decode, and send again only if `delay` names a wait for the error."""
    for attempt in itertools.count():
        if turn is not None and (until := turn()):
            yield Sleep(until)
        outcome = yield Send(build)
        assert outcome is not None
        result = decode(outcome)
        if not isinstance(result, KrakenError):
            return result
        wait = delay(result, attempt)
        if wait is None:
            raise result
        if wait:
            yield Sleep(wait)
    raise AssertionError("unreachable")


def closing_flow(flow: Flow[T], close: Callable[[], None]) -> Flow[T]:
    """A call after which something is to be closed, however it ends."""
    try:
        return (yield from flow)
    finally:
        close()


def drive(
    flow: Flow[T],
    send: Callable[[Request], Reply | Lost],
    lock: AbstractContextManager[object],
    sleep: Callable[[float], None],
) -> T:
    """Run a call with blocking I/O."""
    answer: Reply | Lost | None = None
    try:
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as done:
                return cast("T", done.value)
            if isinstance(step, Send):
                with lock:
                    answer = send(step.build())
            else:
                sleep(step.seconds)
                answer = None
    finally:
        flow.close()  # also when it is interrupted


async def drive_async(
    flow: Flow[T],
    send: Callable[[Request], Awaitable[Reply | Lost]],
    lock: AbstractAsyncContextManager[object],
    sleep: Callable[[float], Awaitable[None]],
) -> T:
    """Run a call with awaited I/O."""
    answer: Reply | Lost | None = None
    try:
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as done:
                return cast("T", done.value)
            if isinstance(step, Send):
                async with lock:
                    answer = await send(step.build())
            else:
                await sleep(step.seconds)
                answer = None
    finally:
        flow.close()  # also when it is interrupted
