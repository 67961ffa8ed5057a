"""WebSocket clients of the tests, and how a scenario is run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from kraken.emulator import Emulator
from kraken.spot import SpotLevel3BookClient, SpotWSClient

PATIENCE = 20


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario that must not take long."""

    async def limited() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario()

    asyncio.run(limited())


async def until(condition: Callable[[], bool]) -> None:
    """Give other tasks their turn until something is so."""
    async with asyncio.timeout(PATIENCE / 2):
        while not condition():
            await asyncio.sleep(0.001)


def addresses(emulator: Emulator) -> dict[str, Any]:
    """Options that lead every connection to an emulator."""
    return {
        "key": emulator.key,
        "secret": emulator.secret,
        "rest_url": emulator.spot_url,
        "ws_url": emulator.spot_ws_url,
        "auth_ws_url": emulator.spot_ws_auth_url,
        "socket_urls": {"level3": emulator.spot_ws_level3_url},
    }


def client(emulator: Emulator, **options: Any) -> SpotWSClient:
    """A client with the emulator's key."""
    return SpotWSClient(**{**addresses(emulator), **options})


def level3_books(emulator: Emulator, depth: int = 10, **options: Any) -> SpotLevel3BookClient:
    """A client that keeps single orders, with the emulator's key."""
    return SpotLevel3BookClient(depth, **{**addresses(emulator), **options})
