"""A Kraken on localhost, which gives the token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kraken.emulator import Emulator


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A market that stands still unless it is told to act."""
    with Emulator(market_interval=None) as running:
        yield running
