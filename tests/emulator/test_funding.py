"""Deposits, withdrawals and addresses: one state behind both funding APIs, the ledger and the balances."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator

from .beta import Beta, Clock
from .conftest import Account
from .schemas import RESULTS, check

BTC = {"asset[class]": "currency", "asset[name]": "BTC"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[Emulator]:
    with Emulator(market_interval=None, clock=clock) as running:
        yield running


@pytest.fixture
def beta(account: Account) -> Beta:
    return Beta(account)


OPERATIONS = {
    "DepositMethods": "getDepositMethods",
    "DepositAddresses": "getDepositAddresses",
    "DepositStatus": "getStatusRecentDeposits",
    "WithdrawMethods": "getWithdrawalMethods",
    "WithdrawAddresses": "getWithdrawalAddresses",
    "WithdrawInfo": "getWithdrawalInformation",
    "Withdraw": "withdrawFunds",
    "WithdrawStatus": "getStatusRecentWithdrawals",
    "WithdrawCancel": "cancelWithdrawal",
    "WalletTransfer": "walletTransfer",
}


def call(account: Account, name: str, **arguments: Any) -> Any:
    """The result of an operation, which must be what the specs say."""
    result = account.call(name, **arguments)
    check(RESULTS[OPERATIONS[name]], result)
    return result


def methods(beta: Beta, direction: str, **query: Any) -> list[Any]:
    rows: list[Any] = beta.call("listFundingMethodsV1", "GET", f"v1/methods/{direction}", **query)["methods"]
    return rows


def method_id(beta: Beta, direction: str, name: str) -> str:
    (found,) = [each["method_id"] for each in methods(beta, direction) if each["method_name"] == name]
    return str(found)


def balance(account: Account, name: str = "XXBT") -> Decimal:
    return Decimal(account.call("Balance")[name])


def last_entry(account: Account) -> Any:
    return next(iter(account.call("Ledgers")["ledger"].values()))


def withdraw(account: Account, amount: str = "0.5", **more: str) -> str:
    refid: str = call(account, "Withdraw", asset="XBT", key="cold-storage", amount=amount, **more)["refid"]
    return refid


# ---------------------------------------------------------------------- deposits


def test_a_deposit_from_its_beginning_to_its_end(account: Account, beta: Beta, clock: Clock) -> None:
    before = balance(account)
    refid = account.emulator.deposit("BTC", "0.25")
    seen = []
    for _ in range(4):
        (old,) = [each for each in call(account, "DepositStatus", asset="XBT") if each["refid"] == refid]
        (new,) = [each for each in deposits(beta, **BTC) if each["deposit_id"] == refid]
        assert old["status"].lower() == new["status"]
        assert ("fee" in old) is ("fee" in new) is (new["status"] == "success")
        assert (balance(account) == before + Decimal("0.25")) is (new["status"] == "success")
        seen.append(new["status"])
        clock.pass_(1)
    assert seen == ["initial", "pending", "settled", "success"]
    entry = last_entry(account)
    assert (entry["type"], entry["refid"], entry["asset"]) == ("deposit", refid, "XXBT")
    assert Decimal(entry["balance"]) == balance(account)


def deposits(beta: Beta, **query: Any) -> list[Any]:
    rows: list[Any] = beta.call("listFundingDepositsV1", "GET", "v1/deposits", **query)["deposits"]
    return rows


def test_deposits_arrive_by_themselves() -> None:
    """Without a request that looks at them: the clock runs, and a market that stands still has a pulse."""
    clock = Clock()
    with Emulator(market_interval=None, clock=clock) as emulator:
        before = emulator.balances["XXBT"]
        emulator.deposit("XBT", "1")
        clock.pass_(5)
        assert any(emulator.balances["XXBT"] == before + 1 for _ in range(100_000))


def test_deposits_can_be_settled_at_once(account: Account) -> None:
    before = balance(account, "ZUSD")
    account.emulator.deposit("USD", "100", method="Debit Card")
    account.emulator.settle_deposits()
    account.emulator.settle_deposits()
    assert balance(account, "ZUSD") == before + 96
    assert (last_entry(account)["amount"], last_entry(account)["fee"]) == ("100.0000", "4.0000")


@pytest.mark.parametrize(
    ("asset", "amount", "more"),
    [
        ("NOPE", "1", {}),
        ("BTC", "0", {}),
        ("BTC", "-1", {}),
        ("BTC", "0.00009", {}),
        ("BTC", "0.123456789012", {}),
        ("BTC", "1", {"method": "Ether"}),
        ("BTC", "1", {"address": "bc1qother"}),
    ],
)
def test_deposits_that_cannot_be(emulator: Emulator, asset: str, amount: str, more: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        emulator.deposit(asset, amount, **more)


def test_what_the_account_opened_with_was_deposited(account: Account) -> None:
    sums: dict[str, Decimal] = {}
    for each in call(account, "DepositStatus"):
        assert each["status"] == "Success"
        sums[each["asset"]] = sums.get(each["asset"], Decimal(0)) + Decimal(each["amount"])
    assert sums == {name: Decimal(amount) for name, amount in account.call("Balance").items()}


def test_pages_of_deposits(account: Account, beta: Beta, clock: Clock) -> None:
    refids = []
    for _ in range(7):
        clock.pass_(60)
        refids.append(account.emulator.deposit("ETH", "0.01"))
    newest = refids[::-1]
    assert [each["refid"] for each in call(account, "DepositStatus", asset="ETH", limit=3)] == newest[:3]
    found: list[Any] = []
    cursor: Any = "true"
    while cursor is not None:
        page = call(account, "DepositStatus", cursor=cursor, limit=3, **({"asset": "ETH"} if cursor == "true" else {}))
        assert len(page["deposits"]) <= 3
        found += [each["refid"] for each in page["deposits"]]
        cursor = page["next_cursor"]
    assert found[:7] == newest
    assert len(found) == 8
    query: dict[str, Any] = {"asset[class]": "currency", "asset[name]": "ETH", "limit": 5}
    first = beta.call("listFundingDepositsV1", "GET", "v1/deposits", **query)
    account.emulator.deposit("ETH", "0.01")
    second = beta.call("listFundingDepositsV1", "GET", "v1/deposits", cursor=first["next_cursor"])
    assert "next_cursor" not in second
    assert [each["deposit_id"] for each in first["deposits"] + second["deposits"]] == found


def test_cursors_stand_alone_and_for_one_list(account: Account, beta: Beta) -> None:
    first = beta.call("listFundingDepositsV1", "GET", "v1/deposits", limit=1)
    cursor = first["next_cursor"]
    refused = (400, "General: Invalid arguments:limit")
    assert beta.problem("GET", "v1/deposits", cursor=cursor, limit=1) == refused
    unknown = (400, "General: Invalid arguments:cursor")
    assert beta.problem("GET", "v1/deposits", cursor="x") == unknown
    assert beta.problem("GET", "v1/withdrawals", cursor=cursor) == unknown
    assert account.refused("DepositStatus", cursor=cursor) == "EGeneral:Invalid arguments:cursor"
    pages = [beta.call("listFundingMethodsV1", "GET", "v1/methods/deposit", limit=5)]
    pages.append(beta.call("listFundingMethodsV1", "GET", "v1/methods/deposit", cursor=pages[0]["next_cursor"]))
    assert [each for page in pages for each in page["methods"]] == methods(beta, "deposit")


def test_filters_of_deposits(account: Account, beta: Beta, clock: Clock) -> None:
    started = clock.now // 10**9
    first = account.emulator.deposit("ETH", "0.01", method="Ether (Hex)")
    clock.pass_(1)
    second = account.emulator.deposit("ETH", "0.01", method="ETH - Arbitrum One")
    found = call(account, "DepositStatus", start=started, method="Ether (Hex)")
    assert [each["refid"] for each in found] == [first]
    assert [each["refid"] for each in call(account, "DepositStatus", start=started + 1)] == [second]
    assert [each["refid"] for each in call(account, "DepositStatus", asset="ETH", start=started, end=started)] == [
        first
    ]
    assert call(account, "DepositStatus", aclass="tokenized_asset") == []
    assert account.refused("DepositStatus", asset="NOPE") == "EFunding:Unknown asset"
    assert account.refused("DepositStatus", start="-1") == "EGeneral:Invalid arguments:start"

    def ids(**query: Any) -> list[str]:
        return [each["deposit_id"] for each in deposits(beta, **{"start_time": "2026-11-18T11:06:40Z", **query})]

    assert ids() == [second, first]
    assert ids(end_time="2026-11-18T11:06:40Z") == [first]
    assert ids(start_time="2026-11-18T11:06:40.5Z") == [second]
    arbitrum = next(each for each in methods(beta, "deposit") if each["method_name"] == "ETH - Arbitrum One")
    assert ids(**{"scope[method_id]": arbitrum["method_id"]}) == [second]
    assert ids(**{"scope[method_id]": arbitrum["method_id"].replace("-", "").upper()}) == [second]
    assert ids(**{"scope[network_id]": arbitrum["network"]["network_id"]}) == [second]
    group = beta.call("listFundingNetworksV1", "GET", "v1/networks")["network_groups"][0]
    assert ids(**{"scope[network_group_id]": group["network_group_id"]}) == [second, first]
    assert ids(**BTC) == ids(**{"asset[class]": "tokenized_asset"}) == []
    assert ids(**{"status[list][0]": "pending", "status[list][1]": "settled"}) == [first]
    assert ids(**{"status[range][start]": "initial", "status[range][end]": "initial"}) == [second]
    assert ids(**{"status[range][start]": "success"}) == []


# ---------------------------------------------------------------------- deposit addresses


def test_deposit_addresses_and_their_limit(account: Account, beta: Beta) -> None:
    (used,) = call(account, "DepositAddresses", asset="XBT", method="Bitcoin")
    assert "new" not in used
    for number in range(5):
        fresh = call(account, "DepositAddresses", asset="XBT", method="Bitcoin", new="true")
        assert len(fresh) == number + 2
        assert fresh[0]["new"] is True
    assert (
        account.refused("DepositAddresses", asset="XBT", method="Bitcoin", new="true") == "EFunding:Too many addresses"
    )
    bitcoin = {"method_id": method_id(beta, "deposit", "Bitcoin")}
    assert beta.problem("PUT", "v1/deposit/address", bitcoin) == (409, "Too many deposit addresses")
    account.emulator.deposit("BTC", "1", address=fresh[3]["address"])
    claimed = beta.call("claimFundingDepositAddressV1", "PUT", "v1/deposit/address", bitcoin)
    known = call(account, "DepositAddresses", asset="XBT", method="Bitcoin")
    assert claimed["address_details"]["crypto"]["address"] == known[0]["address"]
    assert sum("new" in each for each in known) == 5
    listed = beta.call("listFundingClaimedAddressesV2", "GET", "v2/deposit/addresses", **BTC)["addresses"]
    assert [each["address_details"]["crypto"]["address"] for each in listed] == [each["address"] for each in known]
    assert ["last_used" in each for each in listed] == ["new" not in each for each in known]


def test_methods_that_share_addresses(account: Account, beta: Beta) -> None:
    own = call(account, "DepositAddresses", asset="ETH", method="Ether (Hex)")
    assert call(account, "DepositAddresses", asset="ETH", method="ETH - Arbitrum One") == own
    call(account, "DepositAddresses", asset="ETH", method="ETH - Arbitrum One", new="true")
    assert len(call(account, "DepositAddresses", asset="ETH", method="Ether (Hex)")) == 2
    (arbitrum,) = [each for each in methods(beta, "deposit") if each["method_name"] == "ETH - Arbitrum One"]
    owner = arbitrum["deposit"]["shares_addresses_with_method_id"]
    path = "v2/deposit/addresses"
    rows = beta.call("listFundingClaimedAddressesV2", "GET", path, **{"scope[method_id]": arbitrum["method_id"]})[
        "addresses"
    ]
    assert {(each["method_id"], each["shares_addresses_with_method_id"]) for each in rows} == {
        (arbitrum["method_id"], owner)
    }
    everything = beta.call("listFundingClaimedAddressesV2", "GET", path)["addresses"]
    assert len({each["id"] for each in everything}) == len(everything)


def test_banks_have_one_account(account: Account, beta: Beta) -> None:
    sepa = {"method_id": method_id(beta, "deposit", "SEPA")}
    claimed = [beta.call("claimFundingDepositAddressV1", "PUT", "v1/deposit/address", sepa) for _ in range(3)]
    assert claimed[0] == claimed[2]
    assert claimed[0]["address_details"]["fiat"]["iban"]
    assert call(account, "DepositAddresses", asset="EUR", method="SEPA") == []
    card = {"method_id": method_id(beta, "deposit", "Debit Card")}
    assert beta.problem("PUT", "v1/deposit/address", card) == (400, "Funding: No funding method")
    wire = {"method_id": method_id(beta, "withdraw", "Wire")}
    assert beta.problem("PUT", "v1/deposit/address", wire) == (400, "General: Invalid arguments:method_id")


# ---------------------------------------------------------------------- methods, fees, limits


def test_methods_agree_in_both_apis(account: Account, beta: Beta) -> None:
    for asset in ("XBT", "ETH", "DOT", "SOL", "SHIB", "EUR", "USD"):
        name = {"XBT": "BTC"}.get(asset, asset)
        query = {"asset[class]": "currency", "asset[name]": name}
        old = [each["method"] for each in call(account, "DepositMethods", asset=asset)]
        assert old == [each["method_name"] for each in methods(beta, "deposit", **query)] != []
        rows = call(account, "WithdrawMethods", asset=asset)
        new = methods(beta, "withdraw", **query)
        assert [each["method_id"] for each in rows] == [each["method_id"] for each in new] != []
    for direction in ("deposit", "withdraw"):
        assets = beta.call("listFundingAssetsV1", "GET", f"v1/assets/{direction}")["currency"]
        listed = {each["asset"]["name"] for each in methods(beta, direction)}
        assert {each["name"] for each in assets} == listed
    assert beta.call("listFundingAssetsV1", "GET", "v1/assets/deposit", asset_class="tokenized_asset") == {
        "tokenized_asset": []
    }
    assert call(account, "WithdrawMethods", network="Arbitrum One")[0]["method"] == "ETH - Arbitrum One"
    assert call(account, "DepositMethods", asset="XBT", aclass="tokenized_asset") == []
    assert account.refused("DepositMethods", asset="NOPE") == "EFunding:Unknown asset"
    assert account.refused("DepositAddresses", asset="XBT", method="Ether") == "EFunding:No funding method"


def fees(beta: Beta, name: str, direction: str = "withdraw", **query: Any) -> Any:
    return beta.call("calculateFundingFeesV1", "GET", f"v1/fees/{method_id(beta, direction, name)}", **query)


def test_fees_of_an_amount(account: Account, beta: Beta) -> None:
    def figures(found: Any) -> list[str]:
        return [found[name]["amount"].rstrip("0") for name in ("gross_amount", "net_amount", "fee")]

    assert figures(fees(beta, "Bitcoin", amount="0.5", fee_included="true")) == ["0.5", "0.499985", "0.000015"]
    assert figures(fees(beta, "Bitcoin", amount="0.5", fee_included="false")) == ["0.500015", "0.5", "0.000015"]
    assert figures(fees(beta, "Wire", amount="10000", fee_included="false")) == ["10014.", "10000.", "14."]
    assert figures(fees(beta, "Wire", amount="60", fee_included="true")) == ["60.", "55.94", "4.06"]
    assert figures(fees(beta, "Wire", amount="100000", fee_included="false")) == ["100035.", "100000.", "35."]
    assert "withdrawal_fee_token" not in fees(beta, "Bitcoin", "deposit", amount="1")
    old = call(account, "WithdrawInfo", asset="XBT", key="cold-storage", amount="0.5")
    assert (old["amount"], old["fee"]) == ("0.4999850000", "0.0000150000")
    path = f"v1/fees/{method_id(beta, 'withdraw', 'Bitcoin')}"
    assert beta.problem("GET", path, amount="0.00001", fee_included="true") == (400, "Funding: Invalid amount")
    assert beta.problem("GET", path, amount="-1") == (400, "Funding: Invalid amount")
    assert beta.problem("GET", path) == (400, "General: Invalid arguments:amount")
    unknown = "v1/fees/00000000-0000-0000-0000-000000000000"
    assert beta.problem("GET", unknown, amount="1") == (400, "General: Invalid arguments:method_id")
    assert beta.problem("GET", "v1/fees/x", amount="1") == (400, "General: Invalid arguments:method_id")


def test_limits_count_what_was_done(account: Account, beta: Beta, clock: Clock) -> None:
    def limits(direction: str, asset: str, **query: str) -> Any:
        operation = f"listFunding{direction.title()}LimitsV1"
        path = f"v1/limits/{direction}/currency/{asset}"
        return beta.call(operation, "GET", path, **query)

    before = limits("withdrawal", "BTC", **{"preferred_asset[name]": "EUR"})
    assert before["available_balance"]["amount"] == "2.5000000000"
    (row,) = before["withdrawal_limits"]
    assert (row["maximum_amount"]["amount"], row["maximum_reason"]) == ("2.4999850000", "balance")
    maximum = row["limits"][0]["limit"]["maximum"]
    assert maximum["policy_asset_amount"]["amount"] == "50.0000000000"
    assert Decimal(maximum["usd_amount"]["amount"]) > 50 * 60_000
    assert maximum["requested_asset_amount"]["asset"]["name"] == "EUR"
    refid = withdraw(account)
    (used,) = limits("withdrawal", "BTC")["withdrawal_limits"][0]["limits"]
    assert used["limit"]["used"]["policy_asset_amount"]["amount"] == "0.4999850000"
    assert limits("withdrawal", "BTC")["available_balance"]["amount"] == "2.0000000000"
    windows = call(account, "WithdrawMethods", asset="XBT")[0]["limits"][0]["limits"]
    assert windows["86400"]["used"] == "0.4999850000"
    call(account, "WithdrawCancel", asset="XBT", refid=refid)
    assert limits("withdrawal", "BTC") == {
        **limits("withdrawal", "BTC"),
        "available_balance": before["available_balance"],
    }
    assert limits("withdrawal", "BTC")["withdrawal_limits"][0]["limits"][0]["limit"]["used"]["usd_amount"][
        "amount"
    ] == ("0.0000")
    withdraw(account)
    clock.pass_(86_401)
    (later,) = limits("withdrawal", "BTC")["withdrawal_limits"][0]["limits"]
    assert later["limit"]["used"]["policy_asset_amount"]["amount"] == "0.0000000000"
    account.emulator.deposit("EUR", "100")
    (attempts,) = limits("deposit", "EUR")["deposit_limits"][0]["limits"]
    assert attempts["limit"] == {"limit_type": "attempt", "remaining": "18", "maximum": "20", "used": "2"}
    account.emulator.deposit("USD", "4000")
    (card,) = limits("deposit", "USD")["deposit_limits"]
    assert card["maximum_amount"]["amount"] == "1000.0000"
    assert call(account, "DepositMethods", asset="USD")[0]["limit"] == "1000.0000"
    assert beta.problem("GET", "v1/limits/deposit/currency/NOPE") == (404, "Funding: Unknown asset")
    assert beta.problem("GET", "v1/limits/deposit/tokenized_asset/BTC") == (404, "Funding: Unknown asset")
    assert beta.problem("GET", "v1/limits/deposit/gold/BTC") == (400, "General: Invalid arguments:asset_class")


# ---------------------------------------------------------------------- withdrawals


def test_a_withdrawal_from_its_beginning_to_its_end(account: Account, beta: Beta, clock: Clock) -> None:
    entries = account.call("Ledgers")["count"]
    refid = withdraw(account, "0.5", max_fee="0.0001")

    def states() -> tuple[str, str]:
        (old,) = call(account, "WithdrawStatus", asset="XBT")
        (new,) = beta.call("listFundingWithdrawalsV1", "GET", "v1/withdrawals", **BTC)["withdrawals"]
        assert old["refid"] == new["withdrawal_id"] == refid
        assert old["txid"] == new.get("onchain_transaction")
        assert (old["amount"], old["fee"]) == (new["amount"]["amount"], new["fee"]["amount"])
        assert (old["amount"], old["fee"], old["key"]) == ("0.4999850000", "0.0000150000", "cold-storage")
        return old["status"], new["status"]

    assert states() == ("Initial", "pending")
    assert balance(account) == 2
    assert account.refused("AddOrder", **sale("2.1")) == "EOrder:Insufficient funds"
    assert account.call("Ledgers")["count"] == entries
    clock.pass_(2)
    assert states() == ("Pending", "pending")
    clock.pass_(30)
    assert states() == ("Success", "success")
    assert balance(account) == 2
    entry = last_entry(account)
    assert (entry["type"], entry["refid"]) == ("withdrawal", refid)
    assert (entry["amount"], entry["fee"], entry["balance"]) == ("-0.4999850000", "0.0000150000", "2.0000000000")
    assert call(account, "WithdrawCancel", asset="BTC", refid=refid) is True
    (late,) = call(account, "WithdrawStatus")
    assert (late["status"], late["status-prop"]) == ("Success", "cancel-denied")


def sale(volume: str) -> dict[str, str]:
    return {"pair": "XBTUSD", "type": "sell", "ordertype": "limit", "price": "90000", "volume": volume}


def test_a_withdrawal_can_be_cancelled_while_it_is_pending(account: Account, beta: Beta) -> None:
    refid = withdraw(account)
    wrong = ({"asset": "ETH", "refid": refid}, {"asset": "XBT", "refid": "FTNONE"})
    for each in wrong:
        assert account.refused("WithdrawCancel", **each) == "EFunding:Unknown reference id"
    assert call(account, "WithdrawCancel", asset="XBT", refid=refid) is True
    account.emulator.settle_withdrawals()
    (old,) = call(account, "WithdrawStatus")
    assert (old["status"], old["status-prop"], old["txid"]) == ("Failure", "canceled", None)
    assert beta.call("listFundingWithdrawalsV1", "GET", "v1/withdrawals", status="failed")["withdrawals"]
    assert balance(account) == Decimal("2.5")
    assert account.call("AddOrder", **sale("2.5"))["txid"]


def test_withdrawals_can_be_settled_at_once(account: Account) -> None:
    withdraw(account)
    withdraw(account)
    account.emulator.settle_withdrawals()
    account.emulator.settle_withdrawals()
    assert {each["status"] for each in call(account, "WithdrawStatus")} == {"Success"}
    assert account.emulator.balances["XXBT"] == Decimal("1.5")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"key": "nowhere"}, "EFunding:Unknown withdraw key"),
        ({"key": "unconfirmed"}, "EFunding:Unknown withdraw key"),
        ({"key": "hardware"}, "EFunding:Unknown withdraw key"),
        ({"asset": "NOPE"}, "EFunding:Unknown asset"),
        ({"aclass": "tokenized_asset"}, "EFunding:Unknown asset"),
        ({"address": "bc1qother"}, "EGeneral:Invalid arguments:address"),
        ({"max_fee": "0.000001"}, "EFunding:Max fee exceeded"),
        ({"amount": "0"}, "EFunding:Invalid amount"),
        ({"amount": "-1"}, "EFunding:Invalid amount"),
        ({"amount": "0.0004"}, "EFunding:Invalid amount"),
        ({"amount": "2.6"}, "EFunding:Invalid amount"),
        ({"amount": "0.50000000001"}, "EFunding:Invalid amount"),
        ({"amount": "1e3"}, "EGeneral:Invalid arguments:amount"),
    ],
)
def test_withdrawals_that_are_refused(account: Account, arguments: dict[str, str], words: str) -> None:
    good = {"asset": "XBT", "key": "cold-storage", "amount": "0.5"}
    assert account.refused("Withdraw", **{**good, **arguments}) == words
    assert call(account, "WithdrawStatus") == []
    assert balance(account) == Decimal("2.5")


def test_what_orders_hold_cannot_be_withdrawn(account: Account) -> None:
    account.call("AddOrder", **sale("2.2"))
    assert call(account, "WithdrawInfo", asset="XBT", key="cold-storage", amount="0.1")["limit"] == "0.2999850000"
    assert account.refused("Withdraw", asset="XBT", key="cold-storage", amount="0.4") == "EFunding:Invalid amount"
    withdraw(account, "0.3")


def test_more_than_the_limit(account: Account) -> None:
    account.emulator.deposit("BTC", "100")
    account.emulator.settle_deposits()
    withdraw(account, "40")
    assert account.refused("Withdraw", asset="XBT", key="cold-storage", amount="20") == "EFunding:Invalid amount"
    assert call(account, "WithdrawInfo", asset="XBT", key="cold-storage", amount="1")["limit"] == "10.0000150000"
    for _ in range(5):
        call(account, "Withdraw", asset="EUR", key="bank", amount="10")
    assert account.refused("Withdraw", asset="EUR", key="bank", amount="10") == "EFunding:Invalid amount"


def test_pages_and_filters_of_withdrawals(account: Account, beta: Beta, clock: Clock) -> None:
    started = clock.now // 10**9
    refids = []
    for _ in range(3):
        refids.append(withdraw(account, "0.1"))
        clock.pass_(10)
    call(account, "Withdraw", asset="ETH", key="hardware", amount="1")
    newest = refids[::-1]
    first = call(account, "WithdrawStatus", asset="XBT", cursor="true", limit="2")
    rest = call(account, "WithdrawStatus", cursor=first["next_cursor"])
    assert [each["refid"] for each in first["withdrawals"] + rest["withdrawals"]] == newest
    assert rest["next_cursor"] is None
    times = {"start": started + 10, "end": started + 10}
    assert [each["refid"] for each in call(account, "WithdrawStatus", **times)] == [refids[1]]
    assert [each["asset"] for each in call(account, "WithdrawStatus", method="Ether")] == ["XETH"]
    assert len(call(account, "WithdrawStatus")) == 4
    account.emulator.settle_withdrawals()
    page = beta.call("listFundingWithdrawalsV1", "GET", "v1/withdrawals", status="success", limit=3)
    rest = beta.call("listFundingWithdrawalsV1", "GET", "v1/withdrawals", cursor=page["next_cursor"])
    assert [each["withdrawal_id"] for each in page["withdrawals"] + rest["withdrawals"]][1:] == newest
    assert beta.call("listFundingWithdrawalsV1", "GET", "v1/withdrawals", status="pending")["withdrawals"] == []


def test_transfers_to_futures(account: Account, beta: Beta) -> None:
    wallets = {"from": "Spot Wallet", "to": "Futures Wallet"}
    refid = call(account, "WalletTransfer", asset="XBT", amount="1.25", **wallets)["refid"]
    assert balance(account) == Decimal("1.25")
    entry = last_entry(account)
    assert (entry["refid"], entry["type"], entry["subtype"]) == (refid, "transfer", "spottofutures")
    (row,) = call(account, "WithdrawStatus")
    assert (row["refid"], row["status"]) == (refid, "Success")
    assert beta.call("listFundingWithdrawalsV1", "GET", "v1/withdrawals")["withdrawals"] == []
    for amount in ("1.3", "0", "-1", "0.00000000001"):
        assert account.refused("WalletTransfer", asset="XBT", amount=amount, **wallets) == "EFunding:Invalid amount"
    assert account.refused("WalletTransfer", asset="NOPE", amount="1", **wallets) == "EFunding:Unknown asset"
    swapped = {"from": "Futures Wallet", "to": "Spot Wallet"}
    assert account.refused("WalletTransfer", asset="XBT", amount="1", **swapped).startswith(
        "EGeneral:Invalid arguments"
    )


# ---------------------------------------------------------------------- withdrawals, Funding (Beta)


def order(beta: Beta, amount: str = "0.5", **more: Any) -> dict[str, Any]:
    """The body of a withdrawal."""
    saved = {each["name"]: each["address_id"] for each in addresses(beta)}
    return {
        "scope": {"method_id": method_id(beta, "withdraw", "Bitcoin")},
        "address_id": saved["cold-storage"],
        "amount": of("BTC", amount),
        **more,
    }


def of(name: str, amount: str) -> dict[str, Any]:
    return {"asset_amount": {"asset": {"class": "currency", "name": name}, "amount": amount}}


def addresses(beta: Beta, **query: str) -> list[Any]:
    rows: list[Any] = beta.call("listFundingAddressesV1", "GET", "v1/addresses", **query)["addresses"]
    return rows


def create(beta: Beta, body: dict[str, Any]) -> tuple[str, str, str]:
    """Gross amount, net amount and fee of a new withdrawal."""
    found = beta.call("createFundingWithdrawalV1", "POST", "v1/withdrawals", body)
    gross, net, fee = (found[name]["asset_amount"]["amount"] for name in ("gross_amount", "net_amount", "fee"))
    return gross, net, fee


def test_withdrawals_with_a_fee_as_asked_for(account: Account, beta: Beta) -> None:
    outside = ("0.5000150000", "0.5000000000", "0.0000150000")
    inside = ("0.5000000000", "0.4999850000", "0.0000150000")
    assert create(beta, order(beta)) == outside
    assert create(beta, order(beta, fee={"fee_included": True})) == inside
    current = {"fee_included": False, "current_fee": {"max_fee": of("BTC", "0.000015")}}
    assert create(beta, order(beta, fee=current)) == outside
    token = fees(beta, "Bitcoin", amount="1", fee_included="true")["withdrawal_fee_token"]
    quoted = {"fee_included": True, "quoted_fee": {"token": token}}
    assert create(beta, order(beta, fee=quoted)) == inside
    assert balance(account) == Decimal("0.49997")
    assert len(call(account, "WithdrawStatus")) == 4


def test_scopes_of_withdrawals(account: Account, beta: Beta) -> None:
    networks = {
        each["name"]: each["network_id"]
        for each in beta.call("listFundingNetworksV1", "GET", "v1/networks")["networks"]
    }
    saved = {each["name"]: each["address_id"] for each in addresses(beta)}
    for network, fee in (("Arbitrum One", "0.0001000000"), ("Ethereum", "0.0006000000")):
        body = {
            "scope": {"network_id": networks[network]},
            "address_id": saved["hardware"],
            "amount": of("ETH", "1"),
            "expected_address": "0xe3000000000000000000000000000000000000e3",
        }
        assert create(beta, body)[2] == fee
    rows = call(account, "WithdrawStatus", asset="ETH")
    assert [each["network"] for each in rows] == ["Ethereum", "Arbitrum One"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"amount": of("BTC", "3")}, (400, "Funding: Invalid amount")),
        ({"amount": of("BTC", "0.0001")}, (400, "Funding: Invalid amount")),
        ({"amount": of("ETH", "1")}, (400, "Funding: No funding method")),
        (
            {"amount": {"asset_amount": {"asset": {"name": "BTC"}, "amount": "1"}}},
            (400, "General: Invalid arguments:amount"),
        ),
        ({"address_id": "ABEMU02-WATCH-UNVRF1"}, (404, "Funding: Unknown withdraw key")),
        ({"address_id": "ABEMU03-HWEVM-WALLT1"}, (404, "Funding: Unknown withdraw key")),
        ({"address_id": "ABEMU09-NOONE-KNOWS1"}, (404, "Funding: Unknown withdraw key")),
        ({"address_id": "nonsense"}, (400, "General: Invalid arguments:address_id")),
        ({"expected_address": "bc1qother"}, (400, "General: Invalid arguments:expected_address")),
        ({"scope": {}}, (400, "General: Invalid arguments:scope")),
        ({"fee": {}}, (400, "General: Invalid arguments:fee")),
        ({"fee": {"fee_included": True, "quoted_fee": {"token": "x"}}}, (400, "General: Invalid arguments:fee")),
        (
            {"fee": {"fee_included": True, "quoted_fee": {"token": "x"}, "current_fee": {}}},
            (400, "General: Invalid arguments:fee"),
        ),
        (
            {"fee": {"fee_included": True, "current_fee": {"max_fee": of("BTC", "0.00001")}}},
            (400, "Funding: Max fee exceeded"),
        ),
        (
            {"fee": {"fee_included": True, "current_fee": {"max_fee": of("ETH", "1")}}},
            (400, "General: Invalid arguments:fee"),
        ),
    ],
)
def test_beta_withdrawals_that_are_refused(
    account: Account, beta: Beta, change: dict[str, Any], problem: tuple[int, str]
) -> None:
    assert beta.problem("POST", "v1/withdrawals", {**order(beta), **change}) == problem
    assert call(account, "WithdrawStatus") == []


def test_quotes_are_for_one_use_and_some_minutes(beta: Beta, clock: Clock) -> None:
    token = fees(beta, "Bitcoin", amount="1", fee_included="true")["withdrawal_fee_token"]
    other = {"fee_included": False, "quoted_fee": {"token": token}}
    assert beta.problem("POST", "v1/withdrawals", order(beta, fee=other))[1] == "General: Invalid arguments:fee"
    assert fees(beta, "Bitcoin", amount="2", withdrawal_fee_token=token)["fee"]["amount"] == "0.0000150000"
    path = f"v1/fees/{method_id(beta, 'withdraw', 'Ether')}"
    wrong = (400, "General: Invalid arguments:withdrawal_fee_token")
    assert beta.problem("GET", path, amount="1", withdrawal_fee_token=token) == wrong
    clock.pass_(299)
    quoted = {"fee_included": True, "quoted_fee": {"token": token}}
    create(beta, order(beta, fee=quoted))
    create(beta, order(beta, fee=quoted))
    clock.pass_(1)
    assert beta.problem("POST", "v1/withdrawals", order(beta, fee=quoted))[1] == "General: Invalid arguments:fee"


# ---------------------------------------------------------------------- saved addresses


def test_addresses_are_saved_changed_and_deleted(account: Account, beta: Beta) -> None:
    group = beta.call("listFundingNetworksV1", "GET", "v1/networks")["network_groups"][0]["network_group_id"]
    body = {
        "scope": {"network_group_id": group},
        "address_details": {"crypto": {"address": "0xAA"}},
        "name": " new ",
        "description": "words",
    }
    made = beta.call("createFundingAddressV1", "POST", "v1/addresses", body)
    rows = call(account, "WithdrawAddresses", key="new")
    assert {(each["asset"], each["method"]) for each in rows} == {
        ("ETH", "Ether"),
        ("ETH", "ETH - Arbitrum One"),
        ("SHIB", "Shiba Inu (ERC20)"),
    }
    assert call(account, "Withdraw", asset="ETH", key="new", address="0xAA", amount="1")["refid"]
    duplicate = (409, "Funding: Duplicate withdraw key")
    assert beta.problem("POST", "v1/addresses", {**body, "name": "hardware"}) == duplicate
    path = f"v1/addresses/{made['address_id']}"
    assert beta.problem("PUT", path, {"name": "hardware"}) == duplicate
    assert beta.problem("PUT", path, {}) == (400, "General: Invalid arguments:name")
    beta.call("updateFundingAddressV1", "PUT", path, {"description": "other words"})
    for _ in range(2):
        beta.call("updateFundingAddressV1", "PUT", path, {"name": "newer"})
    (saved,) = [each for each in addresses(beta) if each["address_id"] == made["address_id"]]
    assert (saved["name"], saved["description"]) == ("newer", "other words")
    assert account.refused("WithdrawInfo", asset="ETH", key="new", amount="1") == "EFunding:Unknown withdraw key"
    assert call(account, "WithdrawInfo", asset="ETH", key="newer", amount="1")["method"] == "Ether"
    assert beta.call("deleteFundingAddressV1", "DELETE", path) == {"result": True}
    gone = (404, "Funding: Unknown withdraw key")
    assert beta.problem("DELETE", path) == beta.problem("PUT", path, {"name": "x"}) == gone
    assert call(account, "WithdrawAddresses", key="newer") == []
    unknown = {"network_id": "00000000-0000-0000-0000-000000000000"}
    assert beta.problem("POST", "v1/addresses", {**body, "scope": unknown}) == (400, "General: Invalid arguments:scope")
    both = {"crypto": {"address": "0xAA", "tag": "1", "memo": "1"}}
    refused = (400, "General: Invalid arguments:address_details")
    assert beta.problem("POST", "v1/addresses", {**body, "address_details": both}) == refused


def test_addresses_by_scope(account: Account, beta: Beta) -> None:
    by_name = {each["method_name"]: each for each in methods(beta, "withdraw")}

    def names(**scope: str) -> list[str]:
        return [each["name"] for each in addresses(beta, **{f"scope[{kind}]": place for kind, place in scope.items()})]

    assert names() == ["cold-storage", "unconfirmed", "hardware", "bank"]
    assert names(method_id=by_name["Ether"]["method_id"]) == ["hardware"]
    assert names(method_id=by_name["SEPA"]["method_id"]) == ["bank"]
    assert names(network_id=by_name["Ether"]["network"]["network_id"]) == ["hardware"]
    assert names(network_id=by_name["Bitcoin"]["network"]["network_id"]) == ["cold-storage", "unconfirmed"]
    group = beta.call("listFundingNetworksV1", "GET", "v1/networks")["network_groups"][0]["network_group_id"]
    assert names(network_group_id=group) == ["hardware"]
    assert {each["key"] for each in call(account, "WithdrawAddresses", verified="false")} == {"unconfirmed"}
    assert {each["key"] for each in call(account, "WithdrawAddresses", asset="EUR")} == {"bank"}
    assert {each["key"] for each in call(account, "WithdrawAddresses", method="Ether")} == {"hardware"}


def test_the_wallet_can_be_named(account: Account, beta: Beta) -> None:
    (wallet,) = account.call("ListWalletAccounts")["accounts"]
    assert methods(beta, "deposit", account_id=wallet["account_id"])
    assert beta.problem("GET", "v1/networks", account_id="x") == (400, "General: Invalid arguments:account_id")
