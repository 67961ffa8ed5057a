"""Further pages of a result: one mechanism for every way in which Kraken continues.

`Paging` decides what to ask for next and what is new in a page; it does no I/O. `Pages` and `AsyncPages` are the two
loops around it that users iterate over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from .errors import Facts, InvalidRequest
from .fields import inside
from .operation import Operation, Pagination
from .options import Options
from .transport import Reply

__all__ = ["AsyncPages", "Pages", "Progress"]

T = TypeVar("T")


class Progress(NamedTuple):
    """How far an iteration has come; given to `on_page` after each page."""

    pages: int
    items: int
    """Items of all pages so far, without repeated ones."""
    total: int | None
    """Items over all pages, where Kraken tells."""
    cursor: Any
    """Give it as `cursor` to continue after this page; after the last one, for what is new by then."""


class Paging:
    """Where one iteration stands: what to ask for next, and what is new in a page."""

    def __init__(self, operation: Operation[Any], arguments: Mapping[str, Any], cursor: Any) -> None:
        assert operation.pagination is not None
        pagination = self._pagination = _in_direction(operation.pagination, arguments)
        self._path = {name: value for name, value in arguments.items() if name in operation.path_fields}
        self._arguments = {name: value for name, value in arguments.items() if name != pagination.parameter}
        given = arguments.get(pagination.parameter)
        start = cursor if cursor is not None else given if given is not None else pagination.first
        self.cursor, self._skip = start if isinstance(start, list | tuple) else (start, 0)
        self._page: Any = None
        self._full = arguments.get(pagination.size) or pagination.page_size
        self._reply: Reply | None = None
        self._asked: set[Any] = set()
        self._border: frozenset[Any] = frozenset()
        self._stale = 0
        self.pages = self.items = 0
        self.total: int | None = None
        self.done = False

    def arguments(self) -> dict[str, Any]:
        """Arguments of the next page."""
        alone = self._pagination.alone and self.cursor not in (None, self._pagination.first)
        return {**(self._path if alone else self._arguments), self._pagination.parameter: self.cursor}

    def heard(self, options: Options | None) -> Options | None:
        """Options with which the reply itself is seen, where a header of it says how to go on."""
        if not self._pagination.header:
            return options
        given = options or Options()

        def on_reply(reply: Reply) -> None:
            self._reply = reply
            if given.on_reply is not None:
                given.on_reply(reply)

        return given._replace(on_reply=on_reply)

    def take(self, result: Any) -> list[tuple[int, Any]]:
        """What is new in a page, with its place there; decides whether there is another."""
        pagination = self._pagination
        entries = _entries(result, pagination.items)
        keys = [_identity(entry, pagination.id) for entry in entries]
        placed = enumerate(zip(entries, keys, strict=True))
        fresh = [(place, entry) for place, (entry, key) in placed if key is None or key not in self._border]
        self._border = frozenset(keys)
        total = inside(result, pagination.total) if pagination.total else None
        self._stale = self._stale + 1 if not fresh and total == self.total else 0
        self.total = total
        self._page = self.cursor
        self._asked.add(self.cursor)
        self._advance(result, entries)
        fresh = [(place, entry) for place, entry in fresh if place >= self._skip]
        self._skip = 0
        self.pages += 1
        self.items += len(fresh)
        return fresh

    def _advance(self, result: Any, entries: list[Any]) -> None:
        pagination, count = self._pagination, len(entries)
        if pagination.style == "offset":
            self.cursor = (self.cursor or 0) + count
            reached = self.total is not None and self.cursor >= self.total
            # One page without anything new is what many new items push away; two are an exchange that goes in circles.
            over = self._stale > 1 or (self.total is None and count < pagination.page_size)
            self.done = count == 0 or reached or over
            return
        following = self._following(result, entries)
        ended = following is None or following in self._asked
        if pagination.style == "last":
            is_more = inside(result, pagination.more) if pagination.more else count >= self._full
            ended = ended or not is_more
        self.done = ended or (pagination.style != "cursor" and self._stale > 0)
        self.cursor = self.cursor if following is None and pagination.style != "cursor" else following

    def _following(self, result: Any, entries: list[Any]) -> Any:
        """What the argument has to be for the next page; None when nothing says it."""
        pagination = self._pagination
        if pagination.style == "last":
            return _beyond(inside(entries[-1], pagination.next), pagination) if entries else None
        found = inside(result, pagination.next)
        if not found and self._reply is not None:
            found = self._reply.headers.get(pagination.header.lower())
        return found or None

    def cursor_at(self, place: int) -> Any:
        """Where to continue with an entry of the last page."""
        if self._pagination.style == "offset":
            return (self._page or 0) + place
        return self._page if place == 0 and self._page is not None else (self._page, place)


def _in_direction(pagination: Pagination, arguments: Mapping[str, Any]) -> Pagination:
    """How to continue in the order that was asked for."""
    argument, value, parameter = pagination.ascending
    if argument and arguments.get(argument) == value:
        return pagination._replace(parameter=parameter, step=-pagination.step)
    return pagination


def _beyond(value: Any, pagination: Pagination) -> Any:
    """The value for the next page, from that of the last item."""
    if isinstance(value, list):
        value = value[-1] if value else None
    if isinstance(value, str):
        later = datetime.fromisoformat(value) + timedelta(milliseconds=pagination.step)
        return later.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    number = 0 if value is None else value // pagination.divide + pagination.step
    return number if number > 0 else None  # ids begin at 1


def _entries(result: Any, where: str) -> list[Any]:
    found = result
    if where == "@page":
        found = [result]
    elif where == "*":
        found = [row for rows in (result.__pydantic_extra__ or {}).values() for row in rows]
    elif where:
        found = inside(result, where)
    if found is None:
        return []
    return list(found.items()) if isinstance(found, dict) else list(found)


def _identity(entry: Any, by: str) -> Any:
    if by == "@key":
        return entry[0]
    key = entry if by == "@item" else inside(entry, by)
    try:
        hash(key)
    except TypeError:
        return repr(key)
    return key


class _Base(Generic[T]):
    def __init__(
        self,
        operation: Operation[Any],
        arguments: Mapping[str, Any],
        cursor: Any,
        max_items: int | None,
        on_page: Callable[[Progress], None] | None,
        options: Options | None = None,
    ) -> None:
        if max_items is not None and max_items < 0:
            raise InvalidRequest(f"max_items: {max_items} is not allowed; allowed: 0 or more", Facts(sent=False))
        self._paging = Paging(operation, arguments, cursor)
        self._options = self._paging.heard(options)
        self._waiting: deque[tuple[int, T]] = deque()
        self._left = max_items
        self._on_page = on_page

    @property
    def cursor(self) -> Any:
        """Give it as `cursor` to continue after the last item that came; None when all have come."""
        if self._waiting:
            return self._paging.cursor_at(self._waiting[0][0])
        return None if self._paging.done else self._paging.cursor

    @property
    def progress(self) -> Progress:
        """How far the iteration has come."""
        paging = self._paging
        return Progress(paging.pages, paging.items, paging.total, paging.cursor)

    @property
    def _is_over(self) -> bool:
        return self._left == 0 or (self._paging.done and not self._waiting)

    def _take(self, result: Any) -> None:
        self._waiting.extend(self._paging.take(result))
        if self._on_page is not None:
            self._on_page(self.progress)

    def _next(self) -> T:
        if self._left is not None:
            self._left -= 1
        return self._waiting.popleft()[1]


class Pages(_Base[T], Iterator[T]):
    """Iterates over the items of all pages; the next page is fetched when it is needed."""

    def __init__(
        self,
        fetch: Callable[[dict[str, Any], Options | None], Any],
        operation: Operation[Any],
        arguments: Mapping[str, Any],
        cursor: Any,
        max_items: int | None,
        on_page: Callable[[Progress], None] | None,
        options: Options | None = None,
    ) -> None:
        super().__init__(operation, arguments, cursor, max_items, on_page, options)
        self._fetch = fetch

    def __next__(self) -> T:
        while not self._waiting and not self._is_over:
            self._take(self._fetch(self._paging.arguments(), self._options))
        if self._is_over:
            raise StopIteration
        return self._next()


class AsyncPages(_Base[T], AsyncIterator[T]):
    """Iterates over the items of all pages; the next page is fetched when it is needed."""

    def __init__(
        self,
        fetch: Callable[[dict[str, Any], Options | None], Awaitable[Any]],
        operation: Operation[Any],
        arguments: Mapping[str, Any],
        cursor: Any,
        max_items: int | None,
        on_page: Callable[[Progress], None] | None,
        options: Options | None = None,
    ) -> None:
        super().__init__(operation, arguments, cursor, max_items, on_page, options)
        self._fetch = fetch

    async def __anext__(self) -> T:
        while not self._waiting and not self._is_over:
            self._take(await self._fetch(self._paging.arguments(), self._options))
        if self._is_over:
            raise StopAsyncIteration
        return self._next()
