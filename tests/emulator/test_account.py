"""Account data: balances, orders, trades, ledger and exports, which have to agree with one another."""

from __future__ import annotations

import csv
import io
import zipfile
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator

from .conftest import Account
from .schemas import RESULTS, check

IDS = {
    "AddExport": "addExport",
    "Balance": "getAccountBalance",
    "BalanceEx": "getExtendedBalance",
    "ClosedOrders": "getClosedOrders",
    "CreditLines": "getCreditLines",
    "ExportStatus": "exportStatus",
    "GetApiKeyInfo": "getApiKeyInfo",
    "Ledgers": "getLedgers",
    "ListWalletAccounts": "listWalletAccounts",
    "OpenOrders": "getOpenOrders",
    "OpenPositions": "getOpenPositions",
    "OrderAmends": "getOrderAmends",
    "QueryLedgers": "getLedgersInfo",
    "QueryOrders": "getOrdersInfo",
    "QueryTrades": "getTradesInfo",
    "RemoveExport": "removeExport",
    "TradeBalance": "getTradeBalance",
    "TradesHistory": "getTradeHistory",
    "TradeVolume": "getTradeVolume",
}


def ask(account: Account, name: str, **arguments: Any) -> Any:
    """The result of a call, which is what the spec says."""
    result = account.call(name, **arguments)
    check(RESULTS[IDS[name]], result)
    return result


def trade_a_little(account: Account) -> dict[str, str]:
    """Orders of all kinds: filled as taker and as maker, in part and in full, cancelled and open."""
    ask_price = account.public("Depth", pair="XBTUSD", count=3)["XXBTZUSD"]["asks"]
    sweep = Decimal(ask_price[0][1]) + Decimal(ask_price[1][1]) + Decimal("0.0001")
    orders = {
        "taker": account.limit(ordertype="market", volume=str(sweep)),
        "sale": account.limit("sell", volume="0.02", price="60000", ordertype="limit", userref="7"),
        "partial": account.limit(volume="0.5", price="60000"),
        "maker": account.limit(volume="0.25", price="59000", cl_ord_id="mine"),
        "cancelled": account.limit(volume="0.1", price="50000"),
        "base": account.limit("buy", volume="0.01", ordertype="market", oflags="fcib"),
        "open": account.limit("sell", volume="0.3", price="90000"),
        "ether": account.limit("sell", pair="ETHXBT", volume="1.5", ordertype="market"),
    }
    account.emulator.fill(orders["partial"], "0.2")
    account.call("CancelOrder", txid=orders["cancelled"])
    account.call("CancelOrder", txid=orders["partial"])
    account.emulator.fill(orders["maker"])
    return orders


# ---------------------------------------------------------------------- everything agrees


def test_ledger_trades_orders_and_balances_agree(account: Account) -> None:
    orders = trade_a_little(account)
    balances = {name: Decimal(text) for name, text in ask(account, "Balance").items()}
    entries = ask(account, "Ledgers")["ledger"]
    sums: dict[str, Decimal] = {}
    for entry in reversed(entries.values()):
        name = entry["asset"]
        sums[name] = sums.get(name, Decimal(0)) + Decimal(entry["amount"]) - Decimal(entry["fee"])
        assert Decimal(entry["balance"]) == sums[name]
    assert sums == balances
    trades = ask(account, "TradesHistory", ledgers="true", consolidate_taker="false")["trades"]
    listed = [each for trade in trades.values() for each in trade["ledgers"]]
    assert sorted(listed) == sorted(name for name, entry in entries.items() if entry["type"] == "trade")
    for name, trade in trades.items():
        assert [entries[each]["refid"] for each in trade["ledgers"]] == [name, name]
        quote = entries[trade["ledgers"][1]]
        assert abs(Decimal(quote["amount"])) == Decimal(trade["cost"])
        assert quote["time"] == trade["time"]
    shown = ask(account, "QueryOrders", txid=",".join(orders.values()), trades="true", consolidate_taker="false")
    for row in shown.values():
        own = [trades[each] for each in row.get("trades", ())]
        for field in ("vol", "cost", "fee"):
            total = sum((Decimal(each[field]) for each in own), Decimal(0))
            assert total == Decimal(row["vol_exec" if field == "vol" else field]), (field, row)
    extended = ask(account, "BalanceEx")
    assert {name: Decimal(each["balance"]) for name, each in extended.items()} == balances
    assert Decimal(extended["XXBT"]["hold_trade"]) == Decimal("0.3")


def test_a_fee_in_the_base_asset_is_in_its_ledger_entry(account: Account) -> None:
    account.limit(ordertype="market", oflags="fcib")
    (trade,) = ask(account, "TradesHistory", ledgers="true")["trades"].values()
    base, quote = (ask(account, "QueryLedgers", id=each)[each] for each in trade["ledgers"])
    assert (base["asset"], base["amount"], base["fee"]) == ("XXBT", "0.0100000000", "0.0000400000")
    assert (quote["asset"], quote["fee"]) == ("ZUSD", "0.0000")
    assert Decimal(trade["fee"]) == (Decimal(trade["cost"]) * Decimal("0.004")).quantize(Decimal("0.0001"))


def test_consolidated_trades_are_the_sum_of_what_was_taken_at_once(account: Account) -> None:
    order = trade_a_little(account)["taker"]
    together = [(name, each) for name, each in trades_of(account, order).items()]
    apart = trades_of(account, order, consolidate_taker="false")
    ((name, trade),) = together
    assert len(apart) == 3
    assert name == list(apart)[-1]
    for field in ("vol", "cost", "fee"):
        assert Decimal(trade[field]) == sum(Decimal(each[field]) for each in apart.values())
    assert ask(account, "QueryOrders", txid=order, trades="true")[order]["trades"] == [name]


def test_what_was_made_is_not_consolidated(account: Account) -> None:
    order = account.limit(volume="0.3")
    for _ in range(3):
        account.emulator.fill(order, "0.1")
    assert len(trades_of(account, order)) == 3


def trades_of(account: Account, order: str, **arguments: str) -> dict[str, Any]:
    trades = ask(account, "TradesHistory", **arguments)["trades"]
    return {name: each for name, each in trades.items() if each["ordertxid"] == order}


# ---------------------------------------------------------------------- pages


def test_pages_of_closed_orders(account: Account) -> None:
    orders = [account.limit(price="50000") for _ in range(120)]
    for order in orders:
        account.call("CancelOrder", txid=order)
    pages = [ask(account, "ClosedOrders", ofs=str(offset)) for offset in (0, 50, 100, 150)]
    assert [page["count"] for page in pages] == [120] * 4
    assert [len(page["closed"]) for page in pages] == [50, 50, 20, 0]
    assert [name for page in pages for name in page["closed"]] == orders[::-1]
    assert "count" not in ask(account, "ClosedOrders", without_count="true")


def test_cursors_are_not_moved_by_new_rows(account: Account) -> None:
    orders = [account.limit(ordertype="market", volume="0.0001") for _ in range(60)]
    first = ask(account, "TradesHistory", with_cursor="true")
    account.limit(ordertype="market", volume="0.0001")
    second = ask(account, "TradesHistory", with_cursor="true", cursor=first["cursor"]["next"])
    assert second["cursor"]["next"] is None
    assert "count" not in first
    shown = [each["ordertxid"] for page in (first, second) for each in page["trades"].values()]
    assert shown == orders[::-1]
    assert account.refused("TradesHistory", with_cursor="true", ofs="1") == "EGeneral:Invalid arguments:ofs"
    assert account.refused("TradesHistory", cursor="x") == "EGeneral:Invalid arguments:cursor"
    assert account.refused("TradesHistory", with_cursor="true", cursor="x") == "EGeneral:Invalid arguments:cursor"


def test_pages_of_open_orders(account: Account) -> None:
    orders = [account.limit(price=f"{50000 + number}", volume="0.001") for number in range(60)]
    assert len(ask(account, "OpenOrders")["open"]) == 60
    assert list(ask(account, "OpenOrders", limit="2")["open"]) == orders[:-3:-1]
    first = ask(account, "OpenOrders", with_cursor="true")
    second = ask(account, "OpenOrders", with_cursor="true", cursor=first["cursor"]["next"])
    assert [*first["open"], *second["open"]] == orders[::-1]
    assert account.refused("OpenOrders", with_cursor="true", limit="101") == "EGeneral:Invalid arguments:limit"


def test_bounds_are_exclusive_and_inclusive(account: Account) -> None:
    for _ in range(5):
        account.limit(ordertype="market", volume="0.001")
    trades = ask(account, "TradesHistory")["trades"]
    names = list(trades)
    by_id = ask(account, "TradesHistory", start=names[3], end=names[1])
    by_time = ask(account, "TradesHistory", start=str(trades[names[3]]["time"]), end=str(trades[names[1]]["time"]))
    assert list(by_id["trades"]) == list(by_time["trades"]) == names[1:3]
    assert by_id["count"] == 2
    entries = ask(account, "Ledgers")["ledger"]
    ids = list(entries)
    times = {each: entries[each]["time"] for each in ids}
    after = ask(account, "Ledgers", start=ids[4])["ledger"]
    assert list(after) == [each for each in ids if times[each] > times[ids[4]]]
    for name in ("start", "end"):
        assert account.refused("Ledgers", **{name: "yesterday"}) == f"EGeneral:Invalid arguments:{name}"


def test_closed_orders_by_the_time_they_were_opened_or_closed(account: Account) -> None:
    old, young = account.limit(price="50000"), account.limit(price="50000")
    account.call("CancelOrder", txid=young)
    account.call("CancelOrder", txid=old)
    rows = ask(account, "ClosedOrders")["closed"]
    assert list(rows) == [old, young]
    assert list(ask(account, "ClosedOrders", closetime="open")["closed"]) == [young, old]
    between = str(rows[old]["opentm"])
    assert list(ask(account, "ClosedOrders", closetime="open", start=between)["closed"]) == [young]
    assert list(ask(account, "ClosedOrders", closetime="close", start=str(rows[young]["closetm"]))["closed"]) == [old]
    assert list(ask(account, "ClosedOrders", closetime="close", end=between)["closed"]) == []


# ---------------------------------------------------------------------- filters


def test_closed_orders_by_reference(account: Account) -> None:
    orders = trade_a_little(account)
    assert list(ask(account, "ClosedOrders", userref="7")["closed"]) == [orders["sale"]]
    assert list(ask(account, "ClosedOrders", cl_ord_id="mine")["closed"]) == [orders["maker"]]
    assert orders["open"] not in ask(account, "ClosedOrders")["closed"]
    assert ask(account, "ClosedOrders", cl_ord_id="theirs")["count"] == 0


def test_trades_by_kind_and_pair(account: Account) -> None:
    trade_a_little(account)
    every = ask(account, "TradesHistory")
    assert ask(account, "TradesHistory", type="no position") == every
    for kind in ("any position", "closed position", "closing position"):
        assert ask(account, "TradesHistory", type=kind) == {"trades": {}, "count": 0}
    assert {each["pair"] for each in ask(account, "TradesHistory", pair="ETH/BTC")["trades"].values()} == {"XETHXXBT"}
    assert len(ask(account, "TradesHistory", limit="2")["trades"]) == 2
    known = list(every["trades"])[:2]
    assert ask(account, "QueryTrades", txid=",".join(known)).keys() == set(known)
    assert account.refused("QueryTrades", txid="TNOPE") == "EGeneral:Invalid arguments:txid"


def test_ledger_by_kind_and_asset(account: Account) -> None:
    trade_a_little(account)
    deposits = ask(account, "Ledgers", type="deposit")["ledger"]
    assert {each["asset"] for each in deposits.values()} == set(ask(account, "Balance"))
    bitcoin = ask(account, "Ledgers", asset="BTC,ETH", type="trade")["ledger"]
    assert {each["asset"] for each in bitcoin.values()} == {"XXBT", "XETH"}
    assert ask(account, "Ledgers", type="staking") == {"ledger": {}, "count": 0}
    assert account.refused("Ledgers", asset="NOPE") == "EQuery:Unknown asset"
    name = next(iter(bitcoin))
    assert ask(account, "QueryLedgers", id=name) == {name: bitcoin[name]}
    assert account.refused("QueryLedgers", id="LNOPE") == "EGeneral:Invalid arguments:id"


def test_wallets(account: Account) -> None:
    (wallet,) = ask(account, "ListWalletAccounts")["accounts"]
    number = ask(account, "GetApiKeyInfo")["iban"]
    assert wallet["account_id"] == number.replace(" ", "-")


# ---------------------------------------------------------------------- amends


def test_the_history_of_an_order(account: Account) -> None:
    order = account.limit(volume="0.5", price="60000")
    account.emulator.fill(order, "0.1")
    amend = account.call("AmendOrder", txid=order, order_qty="0.4", limit_price="60001", post_only="true")["amend_id"]
    history = ask(account, "OrderAmends", order_id=order)
    assert history["count"] == 2
    first, second = history["amends"]
    assert (first["amend_type"], first["order_qty"], first["limit_price"]) == ("original", "0.50000000", "60000.0")
    assert second["amend_id"] == amend
    assert (second["order_qty"], second["remaining_qty"], second["limit_price"], second["post_only"]) == (
        "0.40000000",
        "0.30000000",
        "60001.0",
        True,
    )
    assert account.refused("OrderAmends", order_id="ONOPE") == "EOrder:Invalid order"


# ---------------------------------------------------------------------- worth and fees


def test_equity_is_at_the_middle_of_the_books(account: Account) -> None:
    account.limit(volume="0.5", price="60000")
    shown = {name: Decimal(text) for name, text in ask(account, "TradeBalance").items()}
    balances = {name: Decimal(text) for name, text in ask(account, "Balance").items()}
    middles = {}
    for name, row in account.public("Ticker").items():
        middles[name] = (Decimal(row["a"][0]) + Decimal(row["b"][0])) / 2
    in_dollars = {
        "XXBT": middles["XXBTZUSD"],
        "XETH": middles["XETHZUSD"],
        "DOT": middles["DOTUSD"],
        "SHIB": middles["SHIBUSD"],
        "ZUSD": Decimal(1),
    }
    euros = shown["eb"] - sum(
        (balances[name] * price).quantize(Decimal("0.0001")) for name, price in in_dollars.items()
    )
    solana = balances["SOL"] * middles["SOLEUR"]
    assert euros == pytest.approx((balances["ZEUR"] + solana) * Decimal("1.1"), abs=Decimal("0.001"))
    assert shown["uv"] == 30000
    assert shown["e"] == shown["tb"] == shown["mf"] < shown["eb"]
    assert shown["mfo"] == shown["mf"] - 30000
    assert {shown[name] for name in "mncv"} == {Decimal(0)}
    in_euros = Decimal(ask(account, "TradeBalance", asset="EUR")["eb"])
    assert in_euros == pytest.approx(shown["eb"] / Decimal("1.1"), rel=Decimal("1e-6"))
    assert account.refused("TradeBalance", asset="NOPE") == "EQuery:Unknown asset"


def test_volume_and_fees(account: Account) -> None:
    before = ask(account, "TradeVolume")
    assert (before["volume"], before["fees"], before["fees_maker"]) == ("0.0000", None, None)
    order = account.limit(ordertype="market", volume="0.1")
    cost = ask(account, "QueryOrders", txid=order)[order]["cost"]
    shown = ask(account, "TradeVolume", pair="XBTUSD, ETH/BTC", fee_schedule="true")
    assert Decimal(shown["volume"]) == Decimal(cost)
    assert {name: fee["fee"] for name, fee in shown["fees"].items()} == {"XXBTZUSD": "0.4000", "XETHXXBT": "0.4000"}
    assert shown["fees_maker"]["XXBTZUSD"]["fee"] == "0.2500"
    assert [each["pair"] for each in shown["schedules"]] == ["XXBTZUSD", "XETHXXBT"]


def test_fees_of_pairs_with_their_class(account: Account) -> None:
    pairs = [{"asset": "XBTUSD", "aclass": "forex"}]
    shown = account.reply("TradeVolume", as_json=True, pair=pairs)["result"]
    assert list(shown["fees"]) == ["XXBTZUSD"]
    pairs = [{"asset": "PF_XBTUSD", "aclass": "derivatives"}]
    assert account.reply("TradeVolume", as_json=True, pair=pairs)["error"] == ["EQuery:Unknown asset pair"]


def test_what_there_is_not(account: Account) -> None:
    assert ask(account, "CreditLines") is None
    assert ask(account, "OpenPositions", docalcs="true") == {}
    assert ask(account, "OpenPositions", consolidation="market") == []


def test_the_key_tells_about_itself(account: Account) -> None:
    first, second = (ask(account, "GetApiKeyInfo") for _ in range(2))
    assert first["api_key"] == account.emulator.key
    assert int(second["nonce"]) == int(first["nonce"]) + 1
    assert account.emulator.secret not in str(first)


# ---------------------------------------------------------------------- exports


def lines(archive: bytes, name: str, separator: str = ",") -> list[dict[str, str]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        assert file.namelist() == [name]
        return list(csv.DictReader(io.StringIO(file.read(name).decode()), delimiter=separator))


def exported(account: Account, **arguments: str) -> bytes:
    report = ask(account, "AddExport", description="all", **arguments)["id"]
    rows = [ask(account, "ExportStatus", report=arguments["report"]) for _ in range(2)]
    assert [row[0]["status"] for row in rows] == ["Queued", "Processed"]
    answer = account.send("RetrieveExport", {"id": report})
    assert answer.headers["content-type"] == "application/octet-stream"
    return answer.content


def test_an_export_of_trades(account: Account) -> None:
    trade_a_little(account)
    trades = ask(account, "TradesHistory", ledgers="true", consolidate_taker="false")["trades"]
    found = lines(exported(account, report="trades"), "trades.csv")
    assert [line["txid"] for line in found] == list(reversed(trades))
    for line in found:
        trade = trades[line["txid"]]
        for name in ("ordertxid", "pair", "type", "ordertype", "price", "cost", "fee", "vol"):
            assert line[name] == trade[name]
        assert line["ledgers"] == ",".join(trade["ledgers"])


def test_an_export_of_some_fields_of_the_ledger(account: Account) -> None:
    trade_a_little(account)
    archive = exported(account, report="ledgers", format="TSV", fields="time,asset,amount", starttm="0")
    found = lines(archive, "ledgers.tsv", "\t")
    entries = ask(account, "Ledgers")["ledger"]
    assert [list(line) for line in found] == [["txid", "time", "asset", "amount"]] * len(entries)
    assert [line["amount"] for line in found] == [each["amount"] for each in reversed(entries.values())]


def test_exports_are_removed_and_refused(account: Account) -> None:
    report = ask(account, "AddExport", report="trades", description="none")["id"]
    assert account.refused("RetrieveExport", id=report) == "EService:Busy"
    assert ask(account, "ExportStatus", report="ledgers") == []
    assert account.refused("RemoveExport", id=report, type="cancel") == "EGeneral:Invalid arguments:type"
    assert account.refused("RetrieveExport", id="NOPE") == "EGeneral:Invalid arguments:id"
    assert lines(account.send("RetrieveExport", {"id": report}).content, "trades.csv") == []
    assert ask(account, "RemoveExport", id=report, type="delete") == {"delete": True}
    assert account.refused("RetrieveExport", id=report) == "EGeneral:Invalid arguments:id"
    second = ask(account, "AddExport", report="trades", description="none")["id"]
    assert ask(account, "RemoveExport", id=second, type="cancel") == {"cancel": True}
    assert account.refused("AddExport", report="trades", description="x", fields="nope").endswith(":fields")
    assert account.refused("AddExport", report="trades", description="x", starttm="9", endtm="8").endswith(":endtm")


# ---------------------------------------------------------------------- subaccounts


def test_funds_go_to_a_subaccount_and_back(emulator: Emulator, account: Account) -> None:
    created = account.call("CreateSubaccount", username="desk", email="desk@example.com")
    check(RESULTS["createSubaccount"], created)
    assert created is True
    master, number = ask(account, "GetApiKeyInfo")["iban"], emulator.subaccounts["desk"].number
    sent = account.call("AccountTransfer", asset="BTC", amount="1.5", **{"from": master, "to": number})
    check(RESULTS["accountTransfer"], sent)
    account.call("AccountTransfer", asset="XXBT", amount="0.25", **{"from": number.replace(" ", "-"), "to": master})
    assert emulator.subaccounts["desk"].balances == {"XXBT": Decimal("1.25")}
    assert ask(account, "Balance")["XXBT"] == "1.2500000000"
    entries = list(ask(account, "Ledgers", type="transfer")["ledger"].values())
    assert [each["amount"] for each in entries] == ["0.2500000000", "-1.5000000000"]
    assert entries[1]["refid"] == sent["transfer_id"]
    assert ask(account, "TradeVolume")["volume_subaccounts"] == [{"iiban": number, "volume": "0.0000"}]


def test_transfers_that_cannot_be(emulator: Emulator, account: Account) -> None:
    account.call("CreateSubaccount", username="desk", email="desk@example.com")
    master, number = ask(account, "GetApiKeyInfo")["iban"], emulator.subaccounts["desk"].number
    account.limit("sell", volume="2.5", price="90000")
    wrong = {
        "EFunding:Invalid amount": {"amount": "0.1"},
        "EGeneral:Invalid arguments:to": {"to": master},
        "EGeneral:Invalid arguments:from": {"from": "AA00 NOPE"},
        "EQuery:Unknown asset": {"asset": "NOPE"},
    }
    for words, change in wrong.items():
        usual = {"asset": "XBT", "amount": "1", "from": master, "to": number}
        assert account.refused("AccountTransfer", **{**usual, **change}) == words
    assert account.refused("CreateSubaccount", username="desk", email="b@example.com").endswith(":username")
    assert account.refused("CreateSubaccount", username="other", email="desk@example.com").endswith(":email")
    assert emulator.subaccounts["desk"].balances == {}
