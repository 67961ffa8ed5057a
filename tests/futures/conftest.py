"""Clients of the Futures tests; what all of them warn of is tested on its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support import FuturesOpener


@pytest.fixture(params=["sync", "async"])
def opener(request: pytest.FixtureRequest) -> Iterator[FuturesOpener]:
    """Makes Futures clients, first of the one colour, then of the other."""
    made = FuturesOpener(request.param)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _end_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kraken.runtime.core._warned", {"/derivatives/"})
