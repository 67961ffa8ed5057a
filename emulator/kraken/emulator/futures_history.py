"""Futures REST: history, page by page, and the account log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kraken.emulator.errors import InvalidArgument, Refusal
from kraken.emulator.futures_rest import HANDLERS, FuturesRest, clock_text, milliseconds
from kraken.emulator.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kraken.emulator.futures_events import Happened
    from kraken.emulator.handlers import Arguments

MAX_EVENTS = 1000
LOG_ENTRIES = 500
_CHANGES = {
    "opened": "open",
    "closed": "close",
    "increased": "increase",
    "decreased": "decrease",
    "reversed": "reverse",
    "no_change": "noChange",
}
_REASONS = {"trades": "trade", "funding_realization": "fundingRealisation", "settlement": "settlement"}


class Histories:
    """Lists of events that are handed out page by page.

    Args:
        seed: Makes the tokens repeatable.
    """

    def __init__(self, seed: int) -> None:
        self._pages = Pages[dict[str, Any]](f"futures {seed}")

    def page(self, happened: Iterable[Happened], arguments: Arguments) -> dict[str, Any]:
        """One page of events.

        Args:
            happened: All events, oldest first.
            arguments: Arguments of the request: ``since``, ``before``, ``sort``, ``count`` and ``continuation_token``.

        Raises:
            InvalidArgument: there is no such token.
        """
        count = min(arguments.get("count", MAX_EVENTS), MAX_EVENTS)
        rows: Sequence[dict[str, Any]]
        if "continuation_token" in arguments:
            try:
                rows, token = self._pages.next(arguments["continuation_token"], count)
            except Refusal:
                raise InvalidArgument("continuation_token") from None
        else:
            rows, token = self._pages.first([each.row() for each in _sorted(happened, arguments)], count)
        return {"len": len(rows), "elements": rows, **({} if token is None else {"continuationToken": token})}


def _sorted(happened: Iterable[Happened], arguments: Arguments) -> list[Happened]:
    """The events of the time that was asked for, in the order that was asked for."""
    since, before = arguments.get("since", 0), arguments.get("before")
    wanted = arguments.get("tradeable", "").upper()
    found = [
        each
        for each in happened
        if milliseconds(each.at) >= since
        and (before is None or milliseconds(each.at) < before)
        and wanted in ("", each.tradeable)
    ]
    return found if arguments.get("sort") == "asc" else found[::-1]


# ---------------------------------------------------------------------- the account


def _own(rest: FuturesRest, happened: Iterable[Happened], arguments: Arguments) -> dict[str, Any]:
    page = rest.histories.page(happened, arguments)
    return {"accountUid": rest.venue.account_uid, "serverTime": clock_text(rest.venue.now()), **page}


@HANDLERS.answers("getExecutionEvents")
def _executions(rest: FuturesRest, arguments: Arguments) -> Any:
    return _own(rest, map(rest.events.execution, rest.venue.executions), arguments)


@HANDLERS.answers("getOrderEvents")
def _orders(rest: FuturesRest, arguments: Arguments) -> Any:
    return _own(rest, _phases(rest.events.orders, arguments), arguments)


@HANDLERS.answers("getTriggerEvents")
def _triggers(rest: FuturesRest, arguments: Arguments) -> Any:
    return _own(rest, _phases(rest.events.triggers, arguments), arguments)


def _phases(happened: Iterable[Happened], arguments: Arguments) -> list[Happened]:
    """Events of the kinds that were asked for: all, unless one is asked for or another one is not wanted."""
    asked = {name: arguments[name] for name in ("opened", "closed") if name in arguments}
    wanted = {name for name, value in asked.items() if value}
    return [each for each in happened if (each.phase in wanted if wanted else asked.get(each.phase, True))]


@HANDLERS.answers("getPositionEvents")
def _positions(rest: FuturesRest, arguments: Arguments) -> Any:
    changes = {change for name, change in _CHANGES.items() if arguments.get(name)}
    reasons = {reason for name, reason in _REASONS.items() if arguments.get(name)}
    found = [
        rest.events.position(each)
        for each in rest.venue.updates
        if (not changes or each.change in changes) and (not reasons or each.reason in reasons)
    ]
    return _own(rest, found, arguments)


@HANDLERS.answers("accountLog")
def _log(rest: FuturesRest, arguments: Arguments) -> Any:
    since, before = arguments.get("since", 0), arguments.get("before")
    first, last, kinds = arguments.get("from", 1), arguments.get("to"), arguments.get("info")
    found = [
        each.row(conversions=arguments.get("conversion_details", False))
        for each in rest.venue.log.entries
        if milliseconds(each.at) >= since
        and (before is None or milliseconds(each.at) < before)
        and first <= each.id
        and (last is None or each.id <= last)
        and (kinds is None or each.kind in kinds)
    ]
    found = found if arguments.get("sort") == "asc" else found[::-1]
    return {"accountUid": rest.venue.account_uid, "logs": found[: arguments.get("count", LOG_ENTRIES)]}


@HANDLERS.answers("accountLogCsv")
def _log_table(rest: FuturesRest, arguments: Arguments) -> Any:
    return rest.venue.log.table(conversions=arguments.get("conversion_details", False))


# ---------------------------------------------------------------------- the market


@HANDLERS.answers("getPublicExecutionEvents")
def _trades(rest: FuturesRest, arguments: Arguments) -> Any:
    contract = rest.contract(arguments, "tradeable")
    return rest.histories.page(map(rest.events.trade, rest.venue.tape[contract.name]), arguments)


@HANDLERS.answers("getPublicOrderEvents")
def _public_orders(rest: FuturesRest, arguments: Arguments) -> Any:
    contract = rest.contract(arguments, "tradeable")
    return rest.histories.page(rest.events.public[contract.name], arguments)


@HANDLERS.answers("getPublicPriceEvents")
def _prices(rest: FuturesRest, arguments: Arguments) -> Any:
    contract = rest.contract(arguments, "tradeable")
    return rest.histories.page(rest.events.prices(contract), arguments)
