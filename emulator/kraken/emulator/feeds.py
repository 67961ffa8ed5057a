"""Subscriptions, and how frames get to them."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from kraken.emulator.instruments import Pair


@dataclass(eq=False)
class Subscription:
    """One channel, and one pair where the channel has pairs, on one connection."""

    channel: str
    pair: Pair | None
    options: Mapping[str, Any]
    push: Callable[[str], None]
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    """The numbers of its frames, where they have some."""

    @property
    def wants_snapshot(self) -> bool:
        """Whether the present state is sent first."""
        options = self.options
        return bool(options.get("snapshot", options.get("snap_orders") or options.get("snap_trades")))


class Feeds(ABC):
    """All subscriptions of a product."""

    def __init__(self) -> None:
        self.subscriptions: dict[Subscription, None] = {}
        self.losing: Counter[str] = Counter()
        """How many of the next frames of a channel are lost on their way."""

    @abstractmethod
    def add(self, subscription: Subscription) -> None:
        """Send a new subscriber the present state, and everything from now on."""

    def remove(self, subscription: Subscription) -> None:
        """Send no more."""
        self.subscriptions.pop(subscription, None)

    def pass_time(self) -> None:  # noqa: B027 - not all wait for something
        """Send what is due by the clock."""

    def heal(self) -> None:
        """Take back all trouble that was asked for and has not happened yet."""
        self.losing.clear()

    def _of(self, channel: str, pair: Pair | None = None) -> list[Subscription]:
        return [each for each in self.subscriptions if each.channel == channel and each.pair is pair]

    def _push(self, subscription: Subscription, frame: str) -> None:
        if self.losing[subscription.channel]:
            self.losing[subscription.channel] -= 1
        else:
            subscription.push(frame)

    def _push_all(self, subscriptions: Iterable[Subscription], frame: str) -> None:
        for subscription in subscriptions:
            self._push(subscription, frame)
