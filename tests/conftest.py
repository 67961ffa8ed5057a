"""For all tests: the same examples in every run, and clients of both colours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from .hiding import Secrets, watched
from .support import Opener

settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("repeatable")


@pytest.fixture(params=["sync", "async"])
def opener(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Makes Spot clients, first of the one colour, then of the other."""
    made = Opener(request.param)
    yield made
    made.close()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    """What may be seen nowhere; it is looked for when the test is over."""
    with watched(monkeypatch) as made:
        yield made
