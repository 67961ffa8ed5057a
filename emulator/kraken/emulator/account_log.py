"""The account log of Futures: every change of a balance or of a position, with what came of it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kraken.emulator.wire import plain, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

COLUMNS = (
    "uid",
    "dateTime",
    "account",
    "type",
    "symbol",
    "contract",
    "change",
    "new balance",
    "new average entry price",
    "trade price",
    "mark price",
    "funding rate",
    "realized pnl",
    "fee",
    "realized funding",
    "collateral",
    "conversion spread percentage",
    "liquidation fee",
    "position uid",
)
CONVERSION_COLUMNS = ("exchange rate", "exchange rate from", "conversion fee")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry. What has nothing to do with its kind is None."""

    id: int
    uid: str
    at: int
    """Unix nanoseconds."""
    wallet: str
    kind: str
    asset: str
    """A currency, or the contract for the change of a position; in small letters."""
    old: Decimal
    new: Decimal
    contract: str | None = None
    execution: str | None = None
    old_entry: Decimal | None = None
    new_entry: Decimal | None = None
    trade_price: Decimal | None = None
    mark_price: Decimal | None = None
    realized_pnl: Decimal | None = None
    fee: Decimal | None = None
    funding_rate: Decimal | None = None
    realized_funding: Decimal | None = None
    position: str | None = None

    def row(self, *, conversions: bool) -> dict[str, Any]:
        """The entry as JSON shows it.

        Args:
            conversions: Whether to show the rates of conversions, of which there are none.
        """
        amounts = {
            "mark_price": self.mark_price,
            "new_average_entry_price": self.new_entry,
            "new_balance": self.new,
            "old_average_entry_price": self.old_entry,
            "old_balance": self.old,
            "realized_funding": self.realized_funding,
            "realized_pnl": self.realized_pnl,
            "trade_price": self.trade_price,
            "fee": self.fee,
            "funding_rate": self.funding_rate,
            "conversion_spread_percentage": None,
            "liquidation_fee": None,
            **({"exchange_rate": None, "conversion_fee": None} if conversions else {}),
        }
        return {
            "id": self.id,
            "date": rfc3339(self.at, 3),
            "asset": self.asset,
            "contract": self.contract,
            "info": self.kind,
            "booking_uid": self.uid,
            "margin_account": self.wallet,
            "execution": self.execution,
            "collateral": None,
            "position_uid": self.position,
            **{name: None if value is None else plain(value) for name, value in amounts.items()},
            **({"exchange_rate_from": None} if conversions else {}),
        }

    def cells(self) -> list[str]:
        """The entry as a line of the CSV file, without what belongs to conversions."""
        amounts = (
            self.new - self.old,
            self.new,
            self.new_entry,
            self.trade_price,
            self.mark_price,
            self.funding_rate,
            self.realized_pnl,
            self.fee,
            self.realized_funding,
        )
        texts = ["" if value is None else format(plain(value), "f") for value in amounts]
        when = rfc3339(self.at, 0).replace("T", " ").removesuffix("Z")
        return [
            *(self.uid, when, self.wallet, self.kind, self.asset, self.contract or ""),
            *texts,
            *("", "", "", self.position or ""),
        ]


class AccountLog:
    """All entries, oldest first.

    Args:
        new_id: Makes UUIDs.
    """

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self.entries: list[LogEntry] = []
        self.listeners: list[Callable[[LogEntry], None]] = []
        self._new_id = new_id

    def note(self, kind: str, wallet: str, asset: str, at: int, old: Decimal, new: Decimal, **details: Any) -> LogEntry:
        """Add an entry.

        Args:
            kind: What happened: ``futures trade``, ``transfer``.
            wallet: The wallet.
            asset: The currency or the contract, in small letters.
            at: When, in Unix nanoseconds.
            old: Balance or size before.
            new: Balance or size after.
            details: Other fields of the entry.
        """
        entry = LogEntry(
            id=len(self.entries) + 1,
            uid=self._new_id("L"),
            at=at,
            wallet=wallet,
            kind=kind,
            asset=asset,
            old=old,
            new=new,
            **details,
        )
        self.entries.append(entry)
        for listener in self.listeners:
            listener(entry)
        return entry

    def table(self, *, conversions: bool) -> bytes:
        """The log as CSV, newest first.

        Args:
            conversions: Whether to have the columns of conversions.
        """
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, *(CONVERSION_COLUMNS if conversions else ())))
        for entry in reversed(self.entries):
            writer.writerow([*entry.cells(), *([""] * len(CONVERSION_COLUMNS) if conversions else [])])
        return file.getvalue().encode()
