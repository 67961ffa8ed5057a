"""Lists that are handed out page by page."""

from __future__ import annotations

import base64
import random
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

from kraken.emulator.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

REMEMBERED = 1000
"""Cursors that are remembered."""


class Pages(Generic[T]):
    """The pages of one operation. A cursor stands for what is left of a list, whatever it was filtered by.

    Args:
        seed: Makes the cursors repeatable.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(f"pages {seed}")
        self._rest: OrderedDict[str, tuple[Sequence[T], int]] = OrderedDict()

    def first(self, items: Sequence[T], size: int) -> tuple[Sequence[T], str | None]:
        """The first ``size`` of ``items``, and the cursor of the next page; None when that is all."""
        if len(items) <= size:
            return items, None
        cursor = base64.urlsafe_b64encode(self._random.randbytes(18)).decode()
        self._rest[cursor] = (items[size:], size)
        if len(self._rest) > REMEMBERED:
            self._rest.popitem(last=False)
        return items[:size], cursor

    def next(self, cursor: str, size: int | None = None) -> tuple[Sequence[T], str | None]:
        """The page that a cursor stands for, and the cursor of the one after it.

        Args:
            cursor: From an earlier page; it can be used again.
            size: How many items; as many as before when left out.

        Raises:
            InvalidArgument: there is no such cursor.
        """
        if cursor not in self._rest:
            raise InvalidArgument("cursor")
        items, before = self._rest[cursor]
        return self.first(items, before if size is None else size)
