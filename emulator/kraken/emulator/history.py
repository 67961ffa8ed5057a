"""Pages of an account's past: between two moments, newest first, by offset or by cursor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeVar

from kraken.emulator.errors import InvalidArgument
from kraken.emulator.wire import unix

Row = TypeVar("Row")

PAGE = 50
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)


class Page(NamedTuple, Generic[Row]):
    """Some rows of many."""

    rows: list[Row]
    more: Mapping[str, Any]
    """What stands beside the rows: their total number, or where to continue."""


def between(
    rows: Iterable[Row], arguments: Mapping[str, Any], times: Mapping[str, int], at: Callable[[Row], Iterable[int]]
) -> list[Row]:
    """Rows one of whose times is after ``start`` and not after ``end``.

    Args:
        rows: The rows.
        arguments: Arguments of the request; its bounds are Unix seconds or ids.
        times: Unix nanoseconds that ids stand for.
        at: Times of a row, in Unix nanoseconds.

    Raises:
        InvalidArgument: a bound is neither a time nor a known id.
    """
    start, end = (_bound(arguments, name, times) for name in ("start", "end"))

    def within(moment: Decimal) -> bool:
        return (start is None or moment > start) and (end is None or moment <= end)

    return [row for row in rows if any(within(unix(each)) for each in at(row))]


def _bound(arguments: Mapping[str, Any], name: str, times: Mapping[str, int]) -> Decimal | None:
    """A bound in Unix seconds, as exact as times are shown."""
    if name not in arguments:
        return None
    text = str(arguments[name])
    if _SECONDS.fullmatch(text):
        return Decimal(text)
    if text in times:
        return unix(times[text])
    raise InvalidArgument(name)


def page(rows: list[Row], arguments: Mapping[str, Any], key: Callable[[Row], str]) -> Page[Row]:
    """The rows that a request gets to see.

    Args:
        rows: All rows that it asked for, newest first.
        arguments: Arguments of the request: ``ofs``, or ``with_cursor`` and ``cursor``; ``limit``; ``without_count``.
        key: Id of a row.

    Raises:
        InvalidArgument: offset and cursor are mixed, or the cursor is not one.
    """
    size = arguments.get("limit", PAGE)
    if not arguments.get("with_cursor", False):
        if "cursor" in arguments:
            raise InvalidArgument("cursor")
        offset = arguments.get("ofs", 0)
        count = {} if arguments.get("without_count", False) else {"count": len(rows)}
        return Page(rows[offset : offset + size], count)
    if "ofs" in arguments:
        raise InvalidArgument("ofs")
    first = _after(rows, arguments.get("cursor"), key)
    shown = rows[first : first + size]
    following = key(shown[-1]) if first + size < len(rows) else None
    return Page(shown, {"cursor": {"next": following}})


def _after(rows: list[Row], cursor: str | None, key: Callable[[Row], str]) -> int:
    """Index of the row behind the one that a cursor names: new rows do not shift the pages."""
    if not cursor:
        return 0
    for index, row in enumerate(rows):
        if key(row) == cursor:
            return index + 1
    raise InvalidArgument("cursor")
