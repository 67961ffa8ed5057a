"""Subaccounts of the user, and what is moved between accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kraken.emulator.errors import InvalidArgument, Refusal, Words
from kraken.emulator.wire import rounded

if TYPE_CHECKING:
    from decimal import Decimal

    from kraken.emulator.exchange import Exchange
    from kraken.emulator.instruments import Asset
    from kraken.emulator.orders import Account


class Subaccounts:
    """All subaccounts.

    Args:
        exchange: Where the master account is.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.accounts: dict[str, Account] = {}
        """By user name."""
        self._exchange = exchange
        self._mails: set[str] = set()

    def create(self, name: str, mail: str) -> Account:
        """Make a subaccount without money.

        Args:
            name: User name.
            mail: E-mail address.

        Raises:
            Refusal: the name or the address is taken.
        """
        if name in self.accounts:
            raise InvalidArgument("username")
        if mail in self._mails or "@" not in mail:
            raise InvalidArgument("email")
        self._mails.add(mail)
        self.accounts[name] = self._exchange.new_account(name)
        return self.accounts[name]

    def transfer(self, asset: Asset, amount: Decimal, source: str, target: str) -> str:
        """Move funds from one account to another.

        Args:
            asset: The asset.
            amount: How much of it.
            source: Number of the account that gives, with or without spaces or dashes.
            target: Number of the account that takes.

        Returns:
            The transfer's id, which is the reference of both ledger entries.

        Raises:
            Refusal: there is no such account, both are the same, or the amount is not there.
        """
        giver, taker = self._account(source, "from"), self._account(target, "to")
        if giver is taker:
            raise InvalidArgument("to")
        if amount <= 0 or amount != rounded(amount, asset.decimals) or amount > giver.available(asset):
            raise Refusal(Words.INVALID_AMOUNT)
        transfer_id = self._exchange.new_id("T")
        giver.ledger.add("transfer", asset, -amount, refid=transfer_id)
        taker.ledger.add("transfer", asset, amount, refid=transfer_id)
        return transfer_id

    def _account(self, number: str, argument: str) -> Account:
        for account in (self._exchange.user, *self.accounts.values()):
            if plain(account.number) == plain(number):
                return account
        raise InvalidArgument(argument)


def plain(number: str) -> str:
    """A number of an account without what only separates its groups."""
    return number.replace(" ", "").replace("-", "").upper()
