"""A state that is told part by part, whenever a part is not what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kraken.emulator.wire import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PACE = SECOND
"""Nanoseconds between two looks at what market prices do to an account."""


class Told:
    """The parts of a state as they were last told.

    Args:
        look: The state as it is now, by part.
    """

    def __init__(self, look: Callable[[], Mapping[str, Any]]) -> None:
        self._look = look
        self._told: Mapping[str, Any] = {}

    def whole(self) -> Mapping[str, Any]:
        """All parts, as they are now."""
        self._told = self._look()
        return self._told

    def news(self) -> dict[str, Any]:
        """The parts that are not what they were, and None for those that are there no more."""
        before, now = self._told, self.whole()
        gone = dict.fromkeys(name for name in before if name not in now)
        return {**{name: part for name, part in now.items() if before.get(name) != part}, **gone}
