"""What an account has, and every change of it: there is no balance without an entry that explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kraken.emulator.wire import ZERO, rounded

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from kraken.emulator.instruments import Asset


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A change of one balance."""

    id: str
    reference: str
    """Id of what caused it: a trade, a deposit, a transfer."""
    asset: Asset
    amount: Decimal
    fee: Decimal
    balance: Decimal
    """Afterwards."""
    type: str
    at: int
    """Unix nanoseconds."""
    subtype: str = ""
    aclass: str = "currency"


class Ledger:
    """The balances of one account and their history.

    Args:
        new_id: Makes identifiers of a kind, ``L`` for entries.
        now: Unix time in nanoseconds.
        changed: Is told about entries that were added.
    """

    def __init__(
        self,
        new_id: Callable[[str], str],
        now: Callable[[], int],
        changed: Callable[[tuple[LedgerEntry, ...]], None],
    ) -> None:
        self.balances: dict[str, Decimal] = {}
        """By Kraken's asset name."""
        self.entries: dict[str, LedgerEntry] = {}
        """By id, oldest first."""
        self._new_id = new_id
        self._now = now
        self._changed = changed

    def add(
        self,
        kind: str,
        asset: Asset,
        amount: Decimal,
        fee: Decimal = ZERO,
        *,
        subtype: str = "",
        refid: str | None = None,
        aclass: str = "currency",
    ) -> LedgerEntry:
        """Change a balance, and tell about it.

        Args:
            kind: Type of the entry: ``deposit``, ``withdrawal``, ``transfer`` and so on.
            asset: The asset.
            amount: What is added to its balance, negative for what is taken from it.
            fee: What is taken on top of that.
            subtype: Subtype of the entry.
            refid: Id of what caused it; a new one when left out.
            aclass: Class of the asset.

        Returns:
            The entry.
        """
        entry = self.note(kind, asset, amount, fee, subtype=subtype, refid=refid, aclass=aclass)
        self._changed((entry,))
        return entry

    def note(
        self,
        kind: str,
        asset: Asset,
        amount: Decimal,
        fee: Decimal = ZERO,
        *,
        subtype: str = "",
        refid: str | None = None,
        aclass: str = "currency",
        at: int | None = None,
    ) -> LedgerEntry:
        """Like ``add``, without telling anybody.

        Args:
            kind: Type of the entry.
            asset: The asset.
            amount: What is added to its balance, negative for what is taken from it.
            fee: What is taken on top of that.
            subtype: Subtype of the entry.
            refid: Id of what caused it; a new one when left out.
            aclass: Class of the asset.
            at: When, in Unix nanoseconds; now when left out.

        Returns:
            The entry.
        """
        entry = LedgerEntry(
            id=self._new_id("L"),
            reference=self._new_id("Q") if refid is None else refid,
            asset=asset,
            amount=rounded(amount, asset.decimals),
            fee=rounded(fee, asset.decimals),
            balance=self.move(asset, amount - fee),
            type=kind,
            at=self._now() if at is None else at,
            subtype=subtype,
            aclass=aclass,
        )
        self.entries[entry.id] = entry
        return entry

    def move(self, asset: Asset, amount: Decimal) -> Decimal:
        """Change a balance without an entry, as suits the house.

        Args:
            asset: The asset.
            amount: What is added to its balance, negative for what is taken from it.

        Returns:
            The balance afterwards.
        """
        balance = rounded(self.balances.get(asset.name, ZERO) + amount, asset.decimals)
        self.balances[asset.name] = balance
        return balance
