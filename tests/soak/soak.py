"""One run of the soak: the exchange in a process of its own, and the user in this one.

What this process needs of memory is what the client needs.
"""

from __future__ import annotations

import asyncio
import gc
import platform
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any, NamedTuple

from ..simulated import SimulatedLoop
from .futures_user import FuturesUser
from .futures_world import FuturesWorld
from .spot_user import SpotUser
from .spot_world import SpotWorld
from .user import User
from .world import World

PATIENCE = 600
"""Simulated seconds after which, in the end, everything must be well."""
SAMPLES = 12
"""How often memory is looked at."""


class Memory(NamedTuple):
    """What the process needed at some time."""

    minute: float
    """Simulated minutes since the beginning."""
    megabytes: float
    """Resident memory; the highest so far where the system does not tell what it is now."""
    blocks: int
    """Objects and parts of objects that Python has allocated."""


class Run(NamedTuple):
    """What came of a run."""

    seconds: float
    """Simulated seconds."""
    real_seconds: float
    memory: list[Memory]
    world: dict[str, Any]
    """What was true, and what came of it."""
    client: dict[str, int]
    """Messages and connections."""
    events: dict[str, int]
    differences: list[str]
    """What was wrong in the end, when everything had been quiet for long enough."""
    failures: list[str]
    """What the client gave up."""

    @property
    def is_good(self) -> bool:
        """Whether nothing wrong was shown, and nothing lost or told twice."""
        bad = ("wrong_states", "fills_lost", "fills_repeated", "fills_invented")
        return not any(self.world[each] for each in bad) and not self.differences and not self.failures


class _Worlds(BaseManager):
    """Makes exchanges in another process."""


PRODUCTS: dict[str, tuple[type[User], type[World]]] = {
    "Spot": (SpotUser, SpotWorld),
    "Futures": (FuturesUser, FuturesWorld),
}
"""Who lives in which world."""
for _name, (_, _world) in PRODUCTS.items():
    _Worlds.register(_name, _world)


@contextmanager
def _worlds() -> Iterator[Any]:
    with _Worlds(ctx=get_context("spawn")) as manager:
        yield manager


def soak(product: str, seconds: float, seed: int) -> Run:
    """Let a user of a product live for some simulated seconds.

    Args:
        product: One of `PRODUCTS`.
        seconds: How many.
        seed: What happens, and what the user does.
    """
    with _worlds() as worlds:
        make, _ = PRODUCTS[product]
        world = getattr(worlds, product)(seed)
        user: User

        def advance(now: int) -> None:
            world.advance(now, *user.take())

        loop = SimulatedLoop(advance)
        user = make(loop, world.start(), seed)
        try:
            return loop.run_until_complete(_live(loop, world, user, seconds))
        finally:
            loop.run_until_complete(user.stop())
            loop.close()
            world.stop()


async def _live(loop: SimulatedLoop, world: Any, user: User, seconds: float) -> Run:
    began = time.monotonic()
    await user.start()
    world.begin()
    memory = []
    for number in range(SAMPLES):
        await asyncio.sleep(seconds / SAMPLES)
        memory.append(_memory(seconds / SAMPLES * (number + 1)))
    world.calm()
    while not await user.place_and_cancel():
        await asyncio.sleep(1)
    end = loop.time() + PATIENCE
    while (found := _differences(world, user)) and loop.time() < end:
        await asyncio.sleep(1)
    return Run(
        seconds, time.monotonic() - began, memory, world.figures(), user.counts(), user.events, found, user.failures
    )


def _differences(world: Any, user: User) -> list[str]:
    state = user.state()
    world.judge(*user.take())
    return ["the account is not up to date"] if state is None else list(world.differences(*state))


def _memory(seconds: float) -> Memory:
    gc.collect()
    statistics = Path("/proc/self/statm")
    if statistics.exists():
        resident = int(statistics.read_text().split()[1]) * resource.getpagesize() / 2**20
    else:
        unit = 2**20 if platform.system() == "Darwin" else 2**10
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return Memory(seconds / 60, resident, sys.getallocatedblocks())
