"""Further pages of a result: one mechanism for every way in which Kraken continues.

`Paging` decides what to ask for next and what is new in a page; it does no I/O. `Pages` and `AsyncPages` are the two
loops around it that users iterate over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from .errors import Facts, InvalidRequest
from .operation import Operation

__all__ = ["AsyncPages", "Pages", "Progress"]

T = TypeVar("T")


class Progress(NamedTuple):
    """How far an iteration has come; given to `on_page` after each page."""

    pages: int
    items: int
    total: int | None
    """Items over all pages, where Kraken tells."""
    cursor: Any
    """Give it as `cursor` to continue after this page."""


class Paging:
    """The state of one iteration."""

    def __init__(
        self, operation: Operation[Any], arguments: Mapping[str, Any], cursor: Any, max_items: int | None
    ) -> None:
        assert operation.pagination is not None
        pagination = operation.pagination
        if max_items is not None and max_items < 0:
            raise InvalidRequest(f"max_items: {max_items} is not allowed; allowed: 0 or more", Facts(sent=False))
        self._pagination = pagination
        self._path = {name: value for name, value in arguments.items() if name in operation.path_fields}
        self._arguments = {name: value for name, value in arguments.items() if name != pagination.parameter}
        given = arguments.get(pagination.parameter)
        self.cursor = cursor if cursor is not None else given if given is not None else pagination.first
        self._max = max_items
        self._border: frozenset[Any] = frozenset()
        self.pages = self.items = 0
        self.total: int | None = None
        self.done = max_items == 0

    def arguments(self) -> dict[str, Any]:
        """Arguments of the next page."""
        alone = self._pagination.alone and self.pages > 0
        further = self._path if alone else self._arguments
        return {**further, self._pagination.parameter: self.cursor}

    def take(self, result: Any) -> list[Any]:
        """What is new in a page; decides whether there is another."""
        pagination = self._pagination
        entries = _entries(result, pagination.items)
        keys = [_identity(entry, pagination.id) for entry in entries]
        fresh = [entry for entry, key in zip(entries, keys, strict=True) if key is None or key not in self._border]
        self._border = frozenset(keys)
        self.pages += 1
        if pagination.total:
            self.total = _member(result, pagination.total)
        self._advance(result, len(entries), bool(fresh))
        if self._max is not None and self.items + len(fresh) >= self._max:
            fresh = fresh[: self._max - self.items]
            self.done = True
        self.items += len(fresh)
        return fresh

    def _advance(self, result: Any, count: int, fresh: bool) -> None:
        pagination, before = self._pagination, self.cursor
        if pagination.style == "offset":
            self.cursor = (before or 0) + count
            reached = self.total is not None and self.cursor >= self.total
            self.done = count == 0 or reached or (self.total is None and count < pagination.page_size)
            return
        self.cursor = _member(result, pagination.next) or None
        # Without a new value, or with nothing new behind it, the end is reached: asking on would go round in circles.
        self.done = self.cursor is None or self.cursor == before or (pagination.style == "since" and not fresh)

    @property
    def progress(self) -> Progress:
        return Progress(self.pages, self.items, self.total, self.cursor)


def _entries(result: Any, where: str) -> list[Any]:
    found = result
    if where == "*":
        found = [row for rows in (result.__pydantic_extra__ or {}).values() for row in rows]
    elif where:
        found = _member(result, where)
    if found is None:
        return []
    return list(found.items()) if isinstance(found, dict) else list(found)


def _member(result: Any, name: str) -> Any:
    return result.get(name) if isinstance(result, dict) else getattr(result, name, None)


def _identity(entry: Any, by: str) -> Any:
    if by == "@key":
        return entry[0]
    return entry if by == "@item" else _member(entry, by)


class _Base(Generic[T]):
    def __init__(
        self,
        operation: Operation[Any],
        arguments: Mapping[str, Any],
        cursor: Any,
        max_items: int | None,
        on_page: Callable[[Progress], None] | None,
    ) -> None:
        self._paging = Paging(operation, arguments, cursor, max_items)
        self._waiting: deque[T] = deque()
        self._on_page = on_page

    @property
    def cursor(self) -> Any:
        """Where the page after the last one that was fetched begins; None when there was no other."""
        return None if self._paging.done else self._paging.cursor

    @property
    def progress(self) -> Progress:
        """How far the iteration has come."""
        return self._paging.progress

    def _take(self, result: Any) -> None:
        self._waiting.extend(self._paging.take(result))
        if self._on_page is not None:
            self._on_page(self._paging.progress)


class Pages(_Base[T], Iterator[T]):
    """Iterates over the items of all pages; the next page is fetched when it is needed."""

    def __init__(
        self,
        fetch: Callable[[dict[str, Any]], Any],
        operation: Operation[Any],
        arguments: Mapping[str, Any],
        cursor: Any,
        max_items: int | None,
        on_page: Callable[[Progress], None] | None,
    ) -> None:
        super().__init__(operation, arguments, cursor, max_items, on_page)
        self._fetch = fetch

    def __next__(self) -> T:
        while not self._waiting:
            if self._paging.done:
                raise StopIteration
            self._take(self._fetch(self._paging.arguments()))
        return self._waiting.popleft()


class AsyncPages(_Base[T], AsyncIterator[T]):
    """Iterates over the items of all pages; the next page is fetched when it is needed."""

    def __init__(
        self,
        fetch: Callable[[dict[str, Any]], Awaitable[Any]],
        operation: Operation[Any],
        arguments: Mapping[str, Any],
        cursor: Any,
        max_items: int | None,
        on_page: Callable[[Progress], None] | None,
    ) -> None:
        super().__init__(operation, arguments, cursor, max_items, on_page)
        self._fetch = fetch

    async def __anext__(self) -> T:
        while not self._waiting:
            if self._paging.done:
                raise StopAsyncIteration
            self._take(await self._fetch(self._paging.arguments()))
        return self._waiting.popleft()
