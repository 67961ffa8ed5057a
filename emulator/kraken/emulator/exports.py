"""Exports: reports on trades and ledger entries that are asked for, made, fetched and removed."""

from __future__ import annotations

import csv
import datetime
import io
import random
import string
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.wire import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KEPT = 14 * 86_400
"""Seconds for which a report can be fetched."""
_SEPARATORS = {"CSV": ",", "TSV": "\t"}


@dataclass(slots=True)
class Report:
    """A report that was asked for. Times are Unix seconds."""

    id: str
    kind: str
    description: str
    format: str
    fields: tuple[str, ...]
    """Empty for all."""
    start: int
    end: int
    created: int
    completed: int = 0
    """0 while it is queued."""
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Table:
    """What can be exported of one kind."""

    fields: tuple[str, ...]
    """Besides the id, which every line begins with."""
    aclass: str
    lines: Callable[[int, int], Sequence[Mapping[str, Any]]]
    """Lines between two times in Unix seconds, both included, oldest first."""


class Exports:
    """All reports.

    Args:
        tables: What can be exported, by kind.
        now: Unix time in nanoseconds.
    """

    def __init__(self, tables: Mapping[str, Table], now: Callable[[], int]) -> None:
        self._tables = tables
        self._now = now
        self._random = random.Random("exports")
        self._reports: dict[str, Report] = {}

    def add(
        self, kind: str, description: str, form: str, fields: Sequence[str], start: int | None, end: int | None
    ) -> Report:
        """Ask for a report.

        Args:
            kind: What is exported.
            description: Its name.
            form: ``CSV`` or ``TSV``.
            fields: Fields to export; none for all.
            start: Start of the period in Unix seconds; the first of this month when left out.
            end: End of the period in Unix seconds; now when left out.

        Raises:
            InvalidArgument: there is no such field, or the period ends before it starts.
        """
        now = self._now() // SECOND
        if fields and not set(fields) <= {*self._tables[kind].fields, "all"}:
            raise InvalidArgument("fields")
        report = Report(
            id=self._new_id(),
            kind=kind,
            description=description,
            format=form,
            fields=() if "all" in fields else tuple(fields),
            start=_first_of_month(now) if start is None else start,
            end=now if end is None else end,
            created=now,
        )
        if report.end < report.start:
            raise InvalidArgument("endtm")
        self._reports[report.id] = report
        return report

    def _new_id(self) -> str:
        while True:
            found = "".join(self._random.choices(string.ascii_uppercase, k=4))
            if found not in self._reports:
                return found

    def status(self, kind: str) -> list[dict[str, Any]]:
        """All reports of a kind, newest first, as they stand; work on those that are queued is done thereafter."""
        reports = [each for each in reversed(self._reports.values()) if each.kind == kind]
        rows = [self._row(each) for each in reports]
        for report in reports:
            self._work(report)
        return rows

    def fetch(self, report_id: str) -> bytes:
        """The archive of a finished report.

        Raises:
            Refusal: there is no such report, or it is not finished yet.
        """
        report = self._find(report_id)
        if not report.completed:
            self._work(report)
            raise Refusal(Words.BUSY)
        return report.content

    def remove(self, report_id: str, how: str) -> None:
        """Forget a report.

        Args:
            report_id: Its id.
            how: ``delete`` for one that is finished, ``cancel`` for one that is not.

        Raises:
            InvalidArgument: there is no such report, or it is to be removed the other way.
        """
        report = self._find(report_id)
        if (how == "delete") is not bool(report.completed):
            raise InvalidArgument("type")
        del self._reports[report_id]

    def _find(self, report_id: str) -> Report:
        if report_id not in self._reports:
            raise InvalidArgument("id")
        return self._reports[report_id]

    def _row(self, report: Report) -> dict[str, Any]:
        return {
            "id": report.id,
            "descr": report.description,
            "format": report.format,
            "report": report.kind,
            "subtype": "all",
            "status": "Processed" if report.completed else "Queued",
            "flags": "0",
            "fields": ",".join(report.fields) or "all",
            "createdtm": str(report.created),
            "expiretm": str(report.created + KEPT),
            "starttm": str(report.completed),
            "completedtm": str(report.completed),
            "datastarttm": str(report.start),
            "dataendtm": str(report.end),
            "aclass": self._tables[report.kind].aclass,
            "asset": "all",
        }

    def _work(self, report: Report) -> None:
        if not report.completed:
            report.content = self._archive(report)
            report.completed = self._now() // SECOND

    def _archive(self, report: Report) -> bytes:
        table = self._tables[report.kind]
        names = ["txid", *(report.fields or table.fields)]
        text = io.StringIO()
        writer = csv.writer(text, delimiter=_SEPARATORS[report.format], quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([line[name] for name in names] for line in table.lines(report.start, report.end))
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            made = datetime.datetime.fromtimestamp(max(report.created, 315_532_800), datetime.UTC)
            entry = zipfile.ZipInfo(f"{report.kind}.{report.format.lower()}", made.timetuple()[:6])
            file.writestr(entry, text.getvalue(), zipfile.ZIP_DEFLATED)
        return archive.getvalue()


def _first_of_month(seconds: int) -> int:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return int(moment.replace(day=1, hour=0, minute=0, second=0).timestamp())
