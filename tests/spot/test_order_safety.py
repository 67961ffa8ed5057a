"""Whatever is lost on the way: it was sent once, and what the error tells is enough to find out what became of it."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import (
    InvalidRequest,
    KrakenError,
    KrakenInsufficientFundsError,
    NotSent,
    OrderStateUnknown,
    ReplyLost,
)
from kraken.runtime import Options, Reply
from kraken.runtime.transport import Lost
from kraken.spot import SpotClient

from ..specs import rest_exchanges
from ..support import ORDER, FakeTransport, Opener, field, reply, without

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")

Call = Callable[[SpotClient], Any]
ROW: dict[str, Any] = without(["pair"], ORDER)
METHOD = "3d1f0a52-0002-4b7e-9c11-a1b2c3d4e5f6"
AMOUNT: dict[str, Any] = {"asset_amount": {"asset": {"class": "currency", "name": "BTC"}, "amount": "0.5"}}
FUNDS: dict[str, Any] = {"asset": "XBT", "amount": "0.5"}

DANGEROUS: dict[str, tuple[Call, dict[str, Any]]] = {
    "add_order": (lambda client: client.trading.add_order(**ORDER, cl_ord_id="mine"), {"cl_ord_id": "mine"}),
    "edit_order": (
        lambda client: client.trading.edit_order(txid="O1", pair="XBTUSD", price="1", userref=7),
        {"txid": "O1", "userref": 7},
    ),
    "amend_order": (lambda client: client.trading.amend_order(txid="O1", limit_price="1"), {"txid": "O1"}),
    "cancel_order": (lambda client: client.trading.cancel_order(cl_ord_id="mine"), {"cl_ord_id": "mine"}),
    "cancel_order_batch": (
        lambda client: client.trading.cancel_order_batch(orders=["O1", 7], cl_ord_ids=["mine"]),
        {"orders": ["O1", 7], "cl_ord_ids": ["mine"]},
    ),
    "cancel_all_orders": (lambda client: client.trading.cancel_all_orders(), {}),
    "cancel_all_orders_after": (
        lambda client: client.trading.cancel_all_orders_after(timeout=60),
        {"timeout": 60},
    ),
    "withdraw_funds": (
        lambda client: client.funding.withdraw_funds(**FUNDS, key="cold"),
        {"asset": "XBT", "key": "cold", "amount": Decimal("0.5")},
    ),
    "cancel_withdrawal": (
        lambda client: client.funding.cancel_withdrawal(asset="XBT", refid="FT1"),
        {"asset": "XBT", "refid": "FT1"},
    ),
    "wallet_transfer": (
        lambda client: client.funding.wallet_transfer(**FUNDS, from_="Spot Wallet", to="Futures Wallet"),
        {"asset": "XBT", "amount": Decimal("0.5")},
    ),
    "account_transfer": (
        lambda client: client.subaccounts.account_transfer(**FUNDS, from_="AA", to="BB"),
        {"asset": "XBT", "amount": Decimal("0.5"), "from_": "AA", "to": "BB"},
    ),
    "allocate_strategy": (
        lambda client: client.earn.allocate_strategy(amount="0.5", strategy_id="ES1"),
        {"strategy_id": "ES1", "amount": Decimal("0.5")},
    ),
    "deallocate_strategy": (
        lambda client: client.earn.deallocate_strategy(amount="0.5", strategy_id="ES1"),
        {"strategy_id": "ES1", "amount": Decimal("0.5")},
    ),
}
WITH_ROWS: dict[str, Call] = {
    "add_order_batch": lambda client: client.trading.add_order_batch(pair="XBTUSD", orders=[ROW, ROW]),
    "create_funding_withdrawal_v1": lambda client: client.funding_beta.create_funding_withdrawal_v1(
        scope={"method_id": METHOD}, address_id="ABDEM01-EVM77-WALLT1", amount=AMOUNT
    ),
}
WRITES: dict[str, Call] = {
    "add_export": lambda client: client.account_data.add_export(report="trades", description="x"),
    "remove_export": lambda client: client.account_data.remove_export(id="QXDM", type="delete"),
    "get_deposit_addresses": lambda client: client.funding.get_deposit_addresses(
        asset="XBT", method="Bitcoin", new=True
    ),
    "create_subaccount": lambda client: client.subaccounts.create_subaccount(username="desk", email="a@b.example"),
    "claim_funding_deposit_address_v1": lambda client: client.funding_beta.claim_funding_deposit_address_v1(
        method_id=METHOD
    ),
    "delete_funding_address_v1": lambda client: client.funding_beta.delete_funding_address_v1(
        address_id="ABDEM01-EVM77-WALLT1"
    ),
}
NOTHING_TOLD: dict[str, Lost | Reply] = {
    "lost": Lost(True, TimeoutError("slow")),
    "a page": Reply(502, {}, b"<html>Bad gateway</html>"),
    "half a reply": Reply(200, {"content-type": "application/json"}, b'{"error":[],"res'),
    "a server error": reply({}, status=503),
    "nothing": Reply(200, {}, b""),
}


def test_every_dangerous_call_is_here() -> None:
    from kraken.spot.decode import _OPERATIONS, find_operation

    found = [operation for key in _OPERATIONS if (operation := find_operation(key)) is not None]
    assert {each.name for each in found if each.danger != "none"} == {*DANGEROUS, *WITH_ROWS}
    assert not any(each.retry for each in found if each.danger != "none")


# ---------------------------------------------------------------------- once, and with its ids


@pytest.mark.parametrize("outcome", NOTHING_TOLD)
@pytest.mark.parametrize("name", DANGEROUS)
def test_it_is_sent_once_and_the_error_has_its_ids(opener: Opener, name: str, outcome: str) -> None:
    call, ids = DANGEROUS[name]
    transport = FakeTransport(NOTHING_TOLD[outcome])
    with pytest.raises(OrderStateUnknown, match=f"^{name}: ") as caught:
        call(opener(transport=transport, retries=5))
    assert len(transport.requests) == 1
    assert opener.waits == []
    error = caught.value
    assert error.facts.ids == ids
    assert error.cl_ord_id == ids.get("cl_ord_id")
    assert error.facts.sent is True
    assert not error.retryable
    assert "do not send it again" in str(error)
    for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert (twin.facts, str(twin), type(twin)) == (error.facts, str(error), OrderStateUnknown)


@pytest.mark.parametrize("name", WITH_ROWS)
def test_calls_with_nested_arguments(opener: Opener, name: str) -> None:
    transport = FakeTransport(Lost(True, OSError()))
    with pytest.raises(OrderStateUnknown) as caught:
        WITH_ROWS[name](opener(transport=transport))
    assert len(transport.requests) == 1
    ids = caught.value.facts.ids
    if name == "add_order_batch":
        made = [row.cl_ord_id for row in ids["orders"]]
        assert [row["cl_ord_id"] for row in json.loads(transport.last.body)["orders"]] == made
        assert len(set(made)) == 2
    else:
        assert ids["address_id"] == "ABDEM01-EVM77-WALLT1"
        assert ids["amount"].asset_amount.amount == Decimal("0.5")
    assert pickle.loads(pickle.dumps(caught.value)).facts == caught.value.facts


@pytest.mark.parametrize("name", WRITES)
def test_what_changes_something_harmless_is_sent_once_too(opener: Opener, name: str) -> None:
    transport = FakeTransport(Lost(True, OSError("gone")))
    with pytest.raises(ReplyLost, match="it may have been carried out: look before making the call again"):
        WRITES[name](opener(transport=transport, retries=5))
    assert len(transport.requests) == 1


@pytest.mark.parametrize("name", [*DANGEROUS, *WITH_ROWS, *WRITES])
def test_what_never_left_was_not_carried_out(opener: Opener, name: str) -> None:
    call = {**{each: call for each, (call, _) in DANGEROUS.items()}, **WITH_ROWS, **WRITES}[name]
    transport = FakeTransport(Lost(False, OSError("refused")))
    with pytest.raises(NotSent) as caught:
        call(opener(transport=transport, retries=5))
    assert len(transport.requests) == 1
    assert caught.value.facts.sent is False


# ---------------------------------------------------------------------- ids before sending


def test_the_id_is_told_before_the_order_leaves(opener: Opener) -> None:
    transport = FakeTransport(Lost(True, OSError()))
    told: list[str] = []

    def keep(own: str) -> None:
        assert transport.requests == []
        told.append(own)

    with pytest.raises(OrderStateUnknown) as caught:
        opener(transport=transport).trading.add_order(**ORDER, options=Options(on_client_order_id=keep))
    assert told == [caught.value.cl_ord_id]


def test_ids_of_ones_own_are_left_alone(opener: Opener) -> None:
    transport = FakeTransport(Lost(True, OSError()))
    told: list[str] = []
    options = Options(on_client_order_id=told.append)
    client = opener(transport=transport)
    given: list[dict[str, Any]] = [{"cl_ord_id": "mine"}, {"userref": 7}]
    for own in given:
        with pytest.raises(OrderStateUnknown):
            client.trading.add_order(**ORDER, **own, options=options)
    rows: list[Any] = [{**ROW, "cl_ord_id": "mine"}, {**ROW, "userref": 7}, ROW]
    before = copy.deepcopy(rows)
    with pytest.raises(OrderStateUnknown):
        client.trading.add_order_batch(pair="XBTUSD", orders=rows, options=options)
    assert rows == before
    assert len(told) == 1
    assert transport.last.body.count(b'"cl_ord_id"') == 2


# ---------------------------------------------------------------------- what became of it


@pytest.fixture
def client(emulator: Emulator, opener: Opener) -> SpotClient:
    return opener(emulator.key, emulator.secret, emulator.spot_url, retries=0)


def lost_order(emulator: Emulator, client: SpotClient, fault: Any = "accept-then-502", **order: Any) -> str:
    """The client order id of an order whose reply was lost."""
    emulator.faults.add("AddOrder", fault)
    with pytest.raises(OrderStateUnknown) as caught:
        client.trading.add_order(**{**ORDER, **order})
    assert caught.value.cl_ord_id is not None
    return caught.value.cl_ord_id


def test_an_open_order_is_found(emulator: Emulator, client: SpotClient, opener: Opener) -> None:
    own = lost_order(emulator, client)
    found = client.reconcile(own)
    assert found is not None
    txid, order = found
    assert list(emulator.orders) == [txid]
    assert (order.cl_ord_id, order.status) == (own, "open")
    assert opener.waits == [0.0]


def test_a_filled_and_a_cancelled_order_are_found(emulator: Emulator, client: SpotClient, opener: Opener) -> None:
    filled = lost_order(emulator, client, price="70000.0")
    cancelled = lost_order(emulator, client)
    client.trading.cancel_order(cl_ord_id=cancelled)
    for own, status in ((filled, "closed"), (cancelled, "canceled")):
        found = client.reconcile(own)
        assert found is not None
        assert (found[1].cl_ord_id, found[1].status) == (own, status)
    assert opener.waits == [0.0, 0.0]


def test_an_order_that_is_not_there(emulator: Emulator, client: SpotClient, opener: Opener) -> None:
    own = lost_order(emulator, client, "reset-before")
    assert client.reconcile(own) is None
    assert opener.waits[0] == 0
    assert opener.waits == sorted(opener.waits)
    assert 1 < sum(opener.waits) <= 2
    opener.waits.clear()
    assert client.reconcile(own, patience=0) is None
    assert opener.waits == [0.0]
    with pytest.raises(InvalidRequest, match="cl_ord_id"):
        client.reconcile("no client order id at all")


def test_an_order_that_shows_up_late(opener: Opener) -> None:
    """Kraken lists a fresh order a moment after it was placed."""
    listed = next(each.reply for each in rest_exchanges() if each.operation == "POST /0/private/OpenOrders")
    nothing = [reply({"open": {}}), reply({"closed": {}, "count": 0})]
    transport = FakeTransport(*nothing * 3, listed)
    found = opener(transport=transport).reconcile("mine")
    assert found is not None
    assert found[0] in json.loads(listed.body)["result"]["open"]
    assert len(transport.requests) == 7
    assert opener.waits == [0.0, *sorted(opener.waits[1:])]
    assert {field(request, "cl_ord_id") for request in transport.requests} == {"mine"}


def test_looking_can_fail_too(opener: Opener) -> None:
    client = opener(transport=FakeTransport(Lost(True, OSError("gone"))), retries=0)
    with pytest.raises(ReplyLost):
        client.reconcile("mine")


def test_a_lost_amend_and_a_lost_cancel(emulator: Emulator, client: SpotClient) -> None:
    client.trading.add_order(**ORDER, cl_ord_id="mine")
    emulator.faults.add("AmendOrder", "accept-then-reset")
    with pytest.raises(OrderStateUnknown) as caught:
        client.trading.amend_order(cl_ord_id="mine", limit_price="59000.0")
    found = client.reconcile(caught.value.facts.ids["cl_ord_id"])
    assert found is not None
    assert found[1].descr.price == "59000.0"
    emulator.faults.add("CancelOrder", "accept-then-reset")
    with pytest.raises(OrderStateUnknown) as caught:
        client.trading.cancel_order(cl_ord_id="mine")
    found = client.reconcile(caught.value.facts.ids["cl_ord_id"])
    assert found is not None
    assert found[1].status == "canceled"


def test_a_lost_batch_is_found_row_by_row(emulator: Emulator, client: SpotClient) -> None:
    emulator.faults.add("AddOrderBatch", "accept-then-502")
    rows: list[Any] = [{**ROW, "cl_ord_id": "own"}, ROW, {**ROW, "volume": "9000"}]
    with pytest.raises(OrderStateUnknown) as caught:
        client.trading.add_order_batch(pair="XBTUSD", orders=rows)
    names = [row.cl_ord_id for row in caught.value.facts.ids["orders"]]
    found = [client.reconcile(name) for name in names]
    assert [each is not None for each in found] == [True, True, False]
    assert {each[0] for each in found if each} == set(emulator.orders)
    emulator.faults.add("CancelOrderBatch", "accept-then-502")
    with pytest.raises(OrderStateUnknown) as caught:
        client.trading.cancel_order_batch(cl_ord_ids=names[:2])
    for name in caught.value.facts.ids["cl_ord_ids"]:
        cancelled = client.reconcile(name)
        assert cancelled is not None
        assert cancelled[1].status == "canceled"


def test_one_bad_row_loses_nothing(client: SpotClient) -> None:
    rows: list[Any] = [{**ROW, "cl_ord_id": "a"}, {**ROW, "volume": "9000"}, {**ROW, "cl_ord_id": "b"}]
    first, refused, last = client.trading.add_order_batch(pair="XBTUSD", orders=rows).orders
    assert first.exception is None
    assert last.exception is None
    assert isinstance(refused.exception, KrakenInsufficientFundsError)
    assert refused.exception.code == refused.error == "EOrder:Insufficient funds"
    open_orders = client.account_data.get_open_orders().open
    assert open_orders is not None
    assert {first.txid, last.txid} == set(open_orders)


def test_lost_withdrawals_and_transfers_show_up(emulator: Emulator, client: SpotClient) -> None:
    emulator.faults.add("Withdraw", "accept-then-502")
    with pytest.raises(OrderStateUnknown) as caught:
        client.funding.withdraw_funds(asset="XBT", key="cold-storage", amount="0.5")
    withdrawals = client.funding.get_status_recent_withdrawals(asset="XBT")
    assert isinstance(withdrawals, list)
    (one,) = withdrawals
    assert one.amount == caught.value.facts.ids["amount"] - (one.fee or 0)
    emulator.faults.add("WithdrawCancel", "accept-then-reset")
    with pytest.raises(OrderStateUnknown) as caught:
        client.funding.cancel_withdrawal(asset="XBT", refid=one.refid or "")
    assert caught.value.facts.ids == {"asset": "XBT", "refid": one.refid}
    emulator.faults.add("WalletTransfer", "accept-then-502")
    with pytest.raises(OrderStateUnknown):
        client.funding.wallet_transfer(**FUNDS, from_="Spot Wallet", to="Futures Wallet")
    entries = client.account_data.get_ledgers(type="transfer").ledger
    assert [entry.amount for entry in entries.values()] == [Decimal("-0.5")]
    counts = {
        name: sum(each.path.endswith(f"/{name}") for each in emulator.requests)
        for name in ("Withdraw", "WithdrawCancel", "WalletTransfer")
    }
    assert set(counts.values()) == {1}


def test_refusals_are_no_open_questions(opener: Opener) -> None:
    """A refusal tells that nothing happened, whatever status it comes with."""
    for name, (call, _) in DANGEROUS.items():
        for status in (200, 400, 503):
            refused = Reply(status, {}, b'{"error":["EGeneral:Permission denied"]}')
            with pytest.raises(KrakenError) as caught:
                call(opener(transport=FakeTransport(refused)))
            assert type(caught.value).__name__ == "KrakenPermissionDeniedError", name
