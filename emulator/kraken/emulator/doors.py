"""Where WebSocket connections come in. Paths come from the specs."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from kraken.emulator.app import Door
from kraken.emulator.futures_ws import FuturesConnection, FuturesServices
from kraken.emulator.spot_ws import MarketServices, Session
from kraken.emulator.unified_ws import UnifiedServices, UnifiedSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Doors = dict[tuple[int, str], Door]
"""By port and path."""

FUTURES = "futures"
"""The server of Derivatives WebSocket v1, for public and private feeds."""


def spot_doors(services: MarketServices, ports: Mapping[str, int], full: Callable[[], bool]) -> Doors:
    """The doors to Spot.

    Args:
        services: What connections share.
        ports: Port of each server.
        full: Whether one more connection is one too many.
    """
    return {
        (port, services.specs.servers[name].path): Door(name, functools.partial(Session, services, (name,)), full)
        for name, port in ports.items()
    }


def futures_doors(services: FuturesServices, port: int, full: Callable[[], bool]) -> Doors:
    """The door to Derivatives WebSocket v1; see ``spot_doors``."""
    path = services.specs.servers["public"].path
    return {(port, path): Door(FUTURES, functools.partial(FuturesConnection, services), full)}


def unified_doors(services: UnifiedServices, port: int, full: Callable[[], bool]) -> Doors:
    """The doors to the Unified WebSocket; see ``spot_doors``. Single orders are where the public channels are."""
    servers = services.specs.servers
    beside = {
        name: tuple(each for each, facts in servers.items() if facts.path == servers[name].path) for name in servers
    }
    return {
        (port, servers[name].path): Door(
            f"unified_{name}", functools.partial(UnifiedSession, services, beside[name]), full
        )
        for name in ("public", "private")
    }
