"""With the emulator enforcing Kraken's rate limits, a client that counts them meets no refusal."""

from __future__ import annotations

import random

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import RateLimitError
from kraken.runtime.limits import Limits
from kraken.spot import SpotClient
from kraken.spot.limits import TIERS

CALLS = 500


class Clock:
    """One time for both sides, which passes only while somebody waits."""

    def __init__(self) -> None:
        self.nanoseconds = 1_795_000_000_000_000_000

    def unix(self) -> int:
        return self.nanoseconds

    def seconds(self) -> float:
        return self.nanoseconds / 1e9

    def sleep(self, seconds: float) -> None:
        self.nanoseconds += int(seconds * 1e9) + 1


def mixed_calls(client: SpotClient, dice: random.Random) -> None:
    """Calls of every kind of cost, in no order."""
    orders: list[str] = []
    for _ in range(CALLS):
        kind = dice.choice(["balance", "history", "ledgers", "add", "add", "amend", "amend", "cancel", "batch"])
        if len(orders) > 40:  # how many may be open is another limit
            kind = "cancel"
        pair = dice.choice(["XBTUSD", "ETHUSD"])
        price = "30000.0" if pair == "XBTUSD" else "1500.00"
        if kind == "balance":
            client.account_data.get_account_balance()
        elif kind == "history":
            client.account_data.get_trade_history()
        elif kind == "ledgers":
            client.account_data.get_ledgers()
        elif kind == "batch":
            row = {"type": "buy", "ordertype": "limit", "volume": "0.01", "price": price}
            placed = client.trading.add_order_batch(pair=pair, orders=[row, row, row])
            orders += [row.txid for row in placed.orders or [] if row.txid]
        elif kind == "add" or not orders:
            placed_one = client.trading.add_order(
                pair=pair, type="buy", ordertype="limit", volume="0.01", price=price, userref=dice.randrange(1000)
            )
            orders += placed_one.txid or []
        elif kind == "amend":
            client.trading.amend_order(txid=dice.choice(orders), order_qty="0.02")
        else:
            client.trading.cancel_order(txid=orders.pop(dice.randrange(len(orders))))


@pytest.mark.parametrize("tier", list(TIERS))
def test_500_mixed_calls_at_full_speed_meet_no_refusal(tier: str) -> None:
    clock = Clock()
    with Emulator(market_interval=None, tier=tier, clock=clock.unix) as emulator:
        client = SpotClient(emulator.key, emulator.secret, emulator.spot_url, tier=tier, sleep=clock.sleep)
        client._core.limits = Limits(TIERS[tier], clock=clock.seconds)
        begun = clock.seconds()
        with client:
            mixed_calls(client, random.Random(tier))
        assert clock.seconds() > begun + 60  # the limits were felt


def test_without_counting_the_same_calls_are_refused() -> None:
    clock = Clock()
    with (
        Emulator(market_interval=None, tier="pro", clock=clock.unix) as emulator,
        SpotClient(emulator.key, emulator.secret, emulator.spot_url, retries=0) as client,
        pytest.raises(RateLimitError),
    ):
        mixed_calls(client, random.Random("pro"))
