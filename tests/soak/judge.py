"""What was true and what was shown, compared. Nothing here knows a product."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

KEPT = 20_000
"""True states that are remembered of each book, at least."""
INSTANT = 1_000_000
"""Nanoseconds within which the simulated clock stands still while changes follow each other. The exchange never tells the
same time twice meanwhile, so what it tells is a little later."""


class Book(NamedTuple):
    """One kind of book of one symbol."""

    kind: str
    symbol: str
    depth: int


class Shown(NamedTuple):
    """A state of a book that was shown to the user."""

    book: Book
    at: int
    """The time that the book itself tells, in Unix nanoseconds, cut off after some digit."""
    unit: int
    """Nanoseconds that one more of that digit would be."""
    digest: bytes


def digest(*sides: Iterable[tuple[object, ...]]) -> bytes:
    """Every digit of a book's sides, in short."""
    text = "\n".join("|".join(":".join(map(str, row)) for row in side) for side in sides)
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


class _History:
    """The true states of one book, oldest first."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.digests: list[bytes] = []
        self.forgotten = 0
        self.shown = 0
        """Number of the state that was shown last: books do not go back."""

    def add(self, at: int, state: bytes) -> None:
        if self.digests and self.digests[-1] == state:
            return
        self.times.append(at)
        self.digests.append(state)
        if len(self.times) > 2 * KEPT:
            del self.times[:KEPT], self.digests[:KEPT]
            self.forgotten += KEPT

    def take(self, shown: Shown) -> bool:
        """Whether this was true at its time, and not before what was shown already."""
        end = bisect_right(self.times, shown.at + shown.unit)
        if end == 0:
            return False
        begin = max(0, bisect_left(self.times, shown.at - INSTANT) - 1)
        for number in range(max(begin, self.shown - self.forgotten), end):
            if self.digests[number] == shown.digest:
                self.shown = number + self.forgotten
                return True
        return False


class Judge:
    """Keeps what was true, and counts what was shown, told, wrong or missing."""

    def __init__(self) -> None:
        self.states_shown = 0
        self.wrong: list[Shown] = []
        self.fills_done: set[str] = set()
        self.fills_told: Counter[str] = Counter()
        self.fills_late = 0
        self._histories: dict[Book, _History] = {}

    def note(self, book: Book, at: int, state: bytes) -> None:
        """Take down what a book is from now on.

        Args:
            book: The book.
            at: Now, in Unix nanoseconds.
            state: Its digest.
        """
        self._histories.setdefault(book, _History()).add(at, state)

    def true_states(self) -> int:
        """How many states all books have gone through."""
        return sum(len(each.times) + each.forgotten for each in self._histories.values())

    def look(self, shown: Shown) -> None:
        """Compare what was shown with what was true."""
        self.states_shown += 1
        if not self._histories[shown.book].take(shown):
            self.wrong.append(shown)

    def hear(self, fill: str, late: bool) -> None:
        """Take down that a fill was told.

        Args:
            fill: Its id.
            late: Whether it was told as one that had been missed.
        """
        self.fills_told[fill] += 1
        self.fills_late += late

    @property
    def fills_lost(self) -> int:
        """Fills that nobody told."""
        return len(self.fills_done - self.fills_told.keys())

    @property
    def fills_invented(self) -> int:
        """Fills that were told and never happened."""
        return len(self.fills_told.keys() - self.fills_done)

    @property
    def fills_repeated(self) -> int:
        """Tellings of fills that had been told before."""
        return self.fills_told.total() - len(self.fills_told)

    def is_now(self, book: Book, state: bytes) -> bool:
        """Whether a book is as it is now."""
        return self._histories[book].digests[-1] == state
