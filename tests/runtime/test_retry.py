"""What is sent again, when, and how often."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken.exceptions import TABLE, ExchangeError, KrakenError, NotSent, OrderStateUnknown, ReplyLost
from kraken.runtime.errors import Facts
from kraken.runtime.retry import BUDGET, LONGEST, Retries
from kraken.runtime.transport import Lost

from ..specs import error_rows
from ..support import ORDER, FakeTransport, Opener, refusal, reply

NOW = 1_795_000_000.0
ROWS = [row for row in error_rows() if "spot" in row["products"]]
BUSY = TABLE.error("EService:Unavailable")


def policy(limit: int = 3, chance: float = 0.5) -> Retries:
    return Retries(limit, lambda: chance, lambda: NOW)


def throttled(until: float) -> KrakenError:
    return TABLE.error(f"EService:Throttled:{until:.0f}")


# ---------------------------------------------------------------------- how long


def test_waits_double() -> None:
    assert [policy().delay(BUSY, attempt, TABLE) for attempt in range(4)] == [0.25, 0.5, 1.0, None]


@given(chance=st.floats(0, 1, exclude_max=True), attempt=st.integers(0, 8))
def test_waits_are_spread_and_bounded(chance: float, attempt: int) -> None:
    wait = policy(20, chance).delay(ReplyLost(), attempt, TABLE)
    assert wait is not None
    assert min(LONGEST, 0.125 * 2**attempt) <= wait <= min(LONGEST, 0.375 * 2**attempt)


def test_no_two_clients_wait_alike(opener: Opener) -> None:
    for _ in range(5):
        client = opener(transport=FakeTransport(Lost(True, OSError()), reply({})))
        client.account_data.get_account_balance()
    assert len(set(opener.waits)) == 5


@given(chance=st.floats(0, 1, exclude_max=True), seconds=st.integers(-(10**9), 28))
def test_kraken_says_when(chance: float, seconds: int) -> None:
    """A moment later, so that not all clients come back at once; one that has passed already is no time to wait."""
    wait = policy(3, chance).delay(throttled(NOW + seconds), 0, TABLE)
    assert wait is not None
    assert max(0, seconds) <= wait < max(0, seconds) + 1


@pytest.mark.parametrize("words", ["EService:Throttled:1795000009", "EService:Throttled: 1795000009"])
def test_both_spellings_of_the_time(words: str) -> None:
    assert policy(chance=0).delay(TABLE.error(words), 0, TABLE) == 9


def test_a_time_that_is_too_far_away(opener: Opener) -> None:
    assert policy().delay(throttled(NOW + 31), 0, TABLE) is None
    client = opener(transport=FakeTransport(refusal("EService:Throttled:99999999999")))
    with pytest.raises(ExchangeError, match="Throttled:99999999999"):
        client.account_data.get_account_balance()
    assert opener.waits == []


# ---------------------------------------------------------------------- how often


@pytest.mark.parametrize("limit", [0, 1, 4])
def test_so_many_times(opener: Opener, limit: int) -> None:
    transport = FakeTransport(refusal("EService:Unavailable"))
    with pytest.raises(ExchangeError):
        opener(transport=transport, retries=limit).account_data.get_account_balance()
    assert len(transport.requests) == limit + 1


def test_a_fault_that_lasts_is_not_answered_with_a_flood() -> None:
    retries = policy()
    waits = [retries.delay(BUSY, 0, TABLE) for _ in range(15)]
    assert [wait is None for wait in waits] == [False] * int(BUDGET) + [True] * 5
    for _ in range(9):
        retries.succeeded()
    assert retries.delay(BUSY, 0, TABLE) is None
    for _ in range(2):
        retries.succeeded()
    assert retries.delay(BUSY, 0, TABLE) is not None
    assert retries.delay(BUSY, 0, TABLE) is None
    for _ in range(1000):
        retries.succeeded()
    assert sum(retries.delay(BUSY, 0, TABLE) is not None for _ in range(20)) == BUDGET


def test_the_budget_is_the_clients(opener: Opener) -> None:
    transport = FakeTransport(Lost(True, OSError()))
    client = opener(transport=transport)
    for _ in range(10):
        with pytest.raises(ReplyLost):
            client.account_data.get_account_balance()
    assert len(transport.requests) == 10 + BUDGET


def test_what_is_refused_for_good_costs_nothing() -> None:
    retries = policy()
    for error in (throttled(NOW + 1000), TABLE.error("EOrder:Insufficient funds"), OrderStateUnknown()):
        for attempt in range(50):
            assert retries.delay(error, attempt, TABLE) is None
    assert retries.delay(BUSY, 0, TABLE) is not None


# ---------------------------------------------------------------------- what


def test_kinds_of_errors() -> None:
    assert policy().delay(NotSent(), 0, TABLE) is not None
    assert policy().delay(ReplyLost(), 0, TABLE) is not None
    for error in (OrderStateUnknown(), KrakenError(), ExchangeError("EX:y", Facts(code="EX:y"))):
        assert policy().delay(error, 0, TABLE) is None
    assert policy(0).delay(TABLE.error("EAPI:Invalid nonce"), 0, TABLE) == 0
    assert policy().delay(TABLE.error("EAPI:Invalid nonce"), 1, TABLE) is None


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["code"])
def test_every_row_of_the_table(opener: Opener, row: dict[str, Any]) -> None:
    """Reads are repeated as the table says; what changes something is sent once, whatever the answer is."""
    sent = {"after-wait": 3, "fresh-nonce": 2}.get(row["retry"], 1)
    code = row["code"] if row["match"] == "exact" else f"{row['code']}x"
    calls: list[tuple[Any, int]] = [
        (lambda client: client.account_data.get_account_balance(), sent),
        (lambda client: client.trading.add_order(**ORDER), 1),
        (lambda client: client.funding.withdraw_funds(asset="XBT", key="k", amount="1"), 1),
        (lambda client: client.request("POST", "/0/private/Balance"), 1),
    ]
    for call, count in calls:
        transport = FakeTransport(refusal(code))
        with pytest.raises(ExchangeError) as caught:
            call(opener(transport=transport))
        assert caught.value.code == code
        assert len(transport.requests) == count
    bodies = {request.body for request in transport.requests}
    assert len(bodies) == len(transport.requests)


@pytest.mark.parametrize(
    "code",
    [
        "EGeneral:Temporary lockout",
        "EAPI:Invalid key",
        "EAPI:Invalid signature",
        "EGeneral:Permission denied",
        "EOrder:Insufficient funds",
        "EGeneral:Invalid arguments",
    ],
)
def test_asking_again_would_make_it_worse(code: str) -> None:
    assert policy().delay(TABLE.error(code), 0, TABLE) is None
    assert TABLE.error(code).retryable is False
