"""Earn: requests that are done later, balances that move and come back, rewards."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator

from .beta import Clock
from .conftest import Account, Socket
from .schemas import MESSAGES, RESULTS, check

DAY = 86_400
INSTANT = "ESEMU01-DOTFX-INST01"
BONDED = "ESEMU02-DOTLK-BOND28"
BONDING = "ESEMU03-ETHLK-BOND08"
SMALL = "ESEMU04-SOLFX-INST01"
RESTRICTED = "ESEMU05-SOLTI-TIER99"
REWARDS = "ESEMU06-USDFX-RWRD01"
OPERATIONS = {
    "Allocate": "allocateStrategy",
    "Deallocate": "deallocateStrategy",
    "AllocateStatus": "getAllocateStrategyStatus",
    "DeallocateStatus": "getDeallocateStrategyStatus",
    "Strategies": "listStrategies",
    "Allocations": "listAllocations",
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[Emulator]:
    with Emulator(market_interval=None, clock=clock) as running:
        yield running


def call(account: Account, name: str, **arguments: Any) -> Any:
    """The result of an operation, which must be what the specs say."""
    result = account.call(f"Earn/{name}", **arguments)
    check(RESULTS[OPERATIONS[name]], result)
    return result


def refused(account: Account, name: str, **arguments: Any) -> str:
    return account.refused(f"Earn/{name}", **arguments)


def ask(account: Account, clock: Clock, name: str, strategy: str, amount: str) -> None:
    """A request that is done."""
    assert call(account, name, strategy_id=strategy, amount=amount) is True
    assert call(account, f"{name}Status", strategy_id=strategy) == {"pending": True}
    clock.pass_(1)
    assert call(account, f"{name}Status", strategy_id=strategy) == {"pending": False}


def balances(account: Account, *names: str) -> list[Decimal]:
    found = account.call("Balance")
    return [Decimal(found.get(name, "0")) for name in names]


def holding(account: Account, strategy: str) -> Any:
    (found,) = [each for each in call(account, "Allocations")["items"] if each["strategy_id"] == strategy]
    return found


def native(amounts: Any) -> Decimal:
    return Decimal(amounts["native"])


# ---------------------------------------------------------------------- requests


def test_an_allocation_moves_the_balance_and_comes_back(account: Account, clock: Clock) -> None:
    assert balances(account, "DOT", "DOT.B") == [1500, 0]
    ask(account, clock, "Allocate", INSTANT, "400")
    assert balances(account, "DOT", "DOT.B") == [1100, 400]
    ask(account, clock, "Deallocate", INSTANT, "150.5")
    assert balances(account, "DOT", "DOT.B") == [Decimal("1250.5"), Decimal("249.5")]
    entries = list(account.call("Ledgers")["ledger"].values())[:4]
    assert [(each["asset"], each["subtype"], Decimal(each["amount"])) for each in entries[::-1]] == [
        ("DOT", "spottostaking", -400),
        ("DOT.B", "stakingfromspot", 400),
        ("DOT.B", "stakingtospot", Decimal("-150.5")),
        ("DOT", "spotfromstaking", Decimal("150.5")),
    ]
    assert entries[0]["refid"] == entries[1]["refid"] != entries[2]["refid"] == entries[3]["refid"]
    for entry in entries[:2]:
        assert [Decimal(entry["balance"])] == balances(account, entry["asset"])
    assert account.call("Ledgers", asset="DOT.B")["count"] == 2


def test_what_is_pending_is_shown(account: Account, clock: Clock) -> None:
    call(account, "Allocate", strategy_id=INSTANT, amount="10")
    found = holding(account, INSTANT)["amount_allocated"]
    assert [native(found["pending"]), native(found["total"])] == [10, 0]
    assert refused(account, "Allocate", strategy_id=INSTANT, amount="10") == (
        "EEarnings:Busy:Another (de)allocation for the same strategy is in progress"
    )
    assert refused(account, "Deallocate", strategy_id=INSTANT, amount="10").startswith("EEarnings:Busy")
    assert call(account, "DeallocateStatus", strategy_id=INSTANT) == {"pending": False}
    clock.pass_(1)
    call(account, "Deallocate", strategy_id=INSTANT, amount="4")
    found = holding(account, INSTANT)["amount_allocated"]
    assert [native(found["pending"]), native(found["total"])] == [-4, 10]


def test_funds_are_looked_at_later(account: Account, clock: Clock) -> None:
    words = "EEarnings:Insufficient funds:Insufficient funds to complete the (de)allocation request"
    for name, first, second in (("Allocate", "1500.5", "1"), ("Deallocate", "2", "1")):
        assert call(account, name, strategy_id=BONDED, amount=first) is True
        clock.pass_(1)
        assert refused(account, f"{name}Status", strategy_id=BONDED) == words
        assert refused(account, f"{name}Status", strategy_id=BONDED) == words
        ask(account, clock, name, BONDED, second)
    assert balances(account, "DOT", "DOT.B") == [1499, 1]


def test_what_orders_hold_cannot_be_allocated(account: Account, clock: Clock) -> None:
    account.call("AddOrder", pair="DOTUSD", type="sell", ordertype="limit", price="99", volume="1400")
    call(account, "Allocate", strategy_id=INSTANT, amount="101")
    clock.pass_(1)
    assert refused(account, "AllocateStatus", strategy_id=INSTANT).startswith("EEarnings:Insufficient funds")
    ask(account, clock, "Allocate", INSTANT, "100")
    sale = {"pair": "DOTUSD", "type": "sell", "ordertype": "limit", "price": "99", "volume": "1"}
    assert account.refused("AddOrder", **sale) == "EOrder:Insufficient funds"


@pytest.mark.parametrize(
    ("strategy", "amount", "words"),
    [
        ("ESNONE0-00000-000000", "1", "EGeneral:Invalid arguments:Invalid strategy ID"),
        (REWARDS, "1", "EGeneral:Invalid arguments:Invalid strategy ID"),
        (RESTRICTED, "1", "EEarnings:Permission denied:The user's tier is not high enough"),
        (INSTANT, "0.0001", "EEarnings:Below min:(De)allocation operation amount less than minimum"),
        (INSTANT, "1000.1", "EEarnings:Above max:The allocation exceeds user limit for the strategy"),
        (SMALL, "61", "EEarnings:Above max:The allocation exceeds the total strategy limit"),
        (INSTANT, "0", "EGeneral:Invalid arguments:amount"),
        (INSTANT, "-1", "EGeneral:Invalid arguments:amount"),
        (INSTANT, "1.00000000001", "EGeneral:Invalid arguments:amount"),
        (INSTANT, "much", "EGeneral:Invalid arguments:amount"),
    ],
)
def test_requests_that_are_refused(account: Account, strategy: str, amount: str, words: str) -> None:
    assert refused(account, "Allocate", strategy_id=strategy, amount=amount) == words
    assert call(account, "Allocations")["items"] == []


def test_the_cap_counts_what_is_there(account: Account, clock: Clock) -> None:
    ask(account, clock, "Allocate", INSTANT, "600")
    assert refused(account, "Allocate", strategy_id=INSTANT, amount="401").startswith("EEarnings:Above max")
    ask(account, clock, "Allocate", INSTANT, "400")


def test_unknown_strategies_have_no_status(account: Account) -> None:
    for name in ("AllocateStatus", "DeallocateStatus"):
        words = refused(account, name, strategy_id="ESNONE0-00000-000000")
        assert words == "EGeneral:Invalid arguments:Invalid strategy ID"
        assert call(account, name, strategy_id=INSTANT) == {"pending": False}


# ---------------------------------------------------------------------- bonding, rewards


def test_bonded_funds_come_back_after_their_period(account: Account, clock: Clock) -> None:
    ask(account, clock, "Allocate", BONDED, "100")
    ask(account, clock, "Deallocate", BONDED, "30")
    ask(account, clock, "Deallocate", BONDED, "20")
    amounts = holding(account, BONDED)["amount_allocated"]
    assert [native(amounts["unbonding"]), native(amounts["total"])] == [50, 100]
    assert amounts["unbonding"]["allocation_count"] == 2
    assert balances(account, "DOT", "DOT.B") == [1400, 100]
    assert refused(account, "Deallocate", strategy_id=BONDED, amount="0").endswith("amount")
    clock.pass_(28 * DAY - 1)
    assert native(holding(account, BONDED)["amount_allocated"]["unbonding"]) == 20
    clock.pass_(1)
    assert "unbonding" not in holding(account, BONDED)["amount_allocated"]
    assert balances(account, "DOT") == [1450]


def test_bonding_funds_cannot_be_taken_back(account: Account, clock: Clock) -> None:
    ask(account, clock, "Allocate", BONDING, "2")
    assert native(holding(account, BONDING)["amount_allocated"]["bonding"]) == 2
    call(account, "Deallocate", strategy_id=BONDING, amount="1")
    clock.pass_(1)
    assert refused(account, "DeallocateStatus", strategy_id=BONDING).startswith("EEarnings:Insufficient funds")
    clock.pass_(14 * DAY)
    assert "bonding" not in holding(account, BONDING)["amount_allocated"]
    ask(account, clock, "Deallocate", BONDING, "1")


def test_rewards_are_paid_at_the_end_of_each_period(account: Account, clock: Clock) -> None:
    ask(account, clock, "Allocate", BONDED, "1000")
    ask(account, clock, "Allocate", SMALL, "50")
    payout = holding(account, BONDED)["payout"]
    week = Decimal("1000") * 11 / 100 * 7 / 365
    assert abs(native(payout["accumulated_reward"]) + native(payout["estimated_reward"]) - week) < Decimal("0.001")
    clock.pass_(7 * DAY)
    paid = native(holding(account, BONDED)["total_rewarded"])
    assert abs(paid - week) < Decimal("0.001")
    assert balances(account, "DOT", "DOT.B") == [500, 1000 + paid]
    assert native(holding(account, BONDED)["amount_allocated"]["total"]) == 1000 + paid
    (entry,) = account.call("Ledgers", asset="DOT.B", type="staking")["ledger"].values()
    assert Decimal(entry["amount"]) == paid
    spot = native(holding(account, SMALL)["total_rewarded"])
    assert balances(account, "SOL", "SOL.B") == [50 + spot, 50]
    assert account.call("Ledgers", asset="SOL", type="staking")["count"] in (6, 7)
    clock.pass_(7 * DAY)
    assert native(holding(account, BONDED)["total_rewarded"]) > 2 * paid


# ---------------------------------------------------------------------- lists


def test_strategies(account: Account) -> None:
    def ids(**arguments: Any) -> list[str]:
        reply = account.reply("Earn/Strategies", as_json=True, **arguments)
        assert reply["error"] == []
        check(RESULTS["listStrategies"], reply["result"])
        return [each["id"] for each in reply["result"]["items"]]

    everything = [REWARDS, RESTRICTED, SMALL, BONDING, BONDED, INSTANT]
    assert ids() == everything
    assert ids(ascending=True) == everything[::-1]
    assert ids(asset="DOT") == [BONDED, INSTANT]
    assert ids(lock_type=["bonded", "flex"]) == [REWARDS, BONDING, BONDED]
    assert ids(lock_type=["timed"]) == []
    wrong = account.reply("Earn/Strategies", as_json=True, lock_type=["loose"])
    assert wrong["error"] == ["EGeneral:Invalid arguments:lock_type"]
    assert account.reply("Earn/Strategies", as_json=True, asset="NOPE")["error"] == ["EQuery:Unknown asset"]
    found: list[str] = []
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        page = account.reply("Earn/Strategies", as_json=True, limit=4, **cursor)["result"]
        found += [each["id"] for each in page["items"]]
        cursor = None if page["next_cursor"] is None else {"cursor": page["next_cursor"]}
    assert found == everything


def test_allocations_are_converted(account: Account, clock: Clock) -> None:
    ask(account, clock, "Allocate", INSTANT, "100")
    ask(account, clock, "Allocate", BONDING, "2")
    for asset, low, high in (("USD", 5000, 6500), ("EUR", 4500, 6000), ("XBT", 0, 1)):
        found = call(account, "Allocations", converted_asset=asset)
        total = sum(Decimal(each["amount_allocated"]["total"]["converted"]) for each in found["items"])
        assert Decimal(found["total_allocated"]) == total
        assert low < total < high
        assert found["converted_asset"] == {"XBT": "BTC"}.get(asset, asset)
    assert refused(account, "Allocations", converted_asset="NOPE") == "EQuery:Unknown asset"
    ids = [each["strategy_id"] for each in found["items"]]
    assert ids == [BONDING, INSTANT]
    assert [each["strategy_id"] for each in call(account, "Allocations", ascending="true")["items"]] == ids[::-1]
    ask(account, clock, "Deallocate", INSTANT, "100")
    assert len(call(account, "Allocations")["items"]) == 2
    hidden = call(account, "Allocations", hide_zero_allocations="true")
    assert [each["strategy_id"] for each in hidden["items"]] == [BONDING]


def test_other_views_of_the_account_know_of_it(account: Account, clock: Clock) -> None:
    before = account.call("TradeBalance")["eb"]
    ask(account, clock, "Allocate", INSTANT, "400")
    assert account.call("TradeBalance")["eb"] == before
    extended = account.call("BalanceEx")["DOT.B"]
    assert Decimal(extended["balance"]) == 400
    assert account.public("Assets", asset="DOT.B")["DOT.B"]["decimals"] == 10


def test_streams_show_wallets(account: Account, private: Socket, clock: Clock) -> None:
    private.result("subscribe", channel="balances")
    assert all(len(row["wallets"]) == 1 for row in private.until(channel="balances")["data"])
    call(account, "Allocate", strategy_id=INSTANT, amount="400")
    clock.pass_(1)
    rows: list[Any] = []
    while len(rows) < 2:
        frame = private.until(channel="balances", type="update")
        check(MESSAGES["BalancesMessage"], frame)
        rows += frame["data"]
    assert [(row["asset"], row["wallet_type"], row["amount"], row["balance"]) for row in rows] == [
        ("DOT", "spot", -400, 1100),
        ("DOT", "earn", 400, 400),
    ]
    private.result("unsubscribe", channel="balances")
    private.result("subscribe", channel="balances")
    snapshot = private.until(channel="balances", type="snapshot")
    check(MESSAGES["BalancesMessage"], snapshot)
    (dot,) = [row for row in snapshot["data"] if row["asset"] == "DOT"]
    assert (dot["balance"], [wallet["balance"] for wallet in dot["wallets"]]) == (1500, [1100, 400])
    assert len({row["asset"] for row in snapshot["data"]}) == len(snapshot["data"])
