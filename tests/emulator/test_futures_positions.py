"""Futures positions: averages, profits, margin, funding and transfers, and the log that explains them."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kraken.emulator import Emulator
from kraken.emulator.contracts import Contracts
from kraken.emulator.instruments import Instruments
from kraken.emulator.positions import Position

from .conftest import Clock
from .futures import HISTORY, FuturesAccount

D = Decimal
CONTRACTS = Contracts(Instruments().assets).all
HOUR = 3600


@pytest.fixture
def futures(futures_timed: FuturesAccount) -> FuturesAccount:
    """While the clock stands still there is no funding between two looks."""
    return futures_timed


@pytest.fixture
def emulator(futures_timed: FuturesAccount) -> Emulator:
    return futures_timed.emulator


def trade(futures: FuturesAccount, side: str, size: str, price: str, symbol: str = "PF_XBTUSD") -> str:
    """Fill an order at its own price."""
    number = futures.placed(side, size, price, symbol=symbol)
    futures.emulator.fill(number)
    return number


# ---------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize(
    ("name", "trades", "expected"),
    [
        ("PF_XBTUSD", [("1", "60000"), ("1", "62000")], ("2", "61000", "0")),
        ("PF_XBTUSD", [("2", "60000"), ("-1", "61000")], ("1", "60000", "1000")),
        ("PF_XBTUSD", [("2", "60000"), ("-3", "61000")], ("-1", "61000", "2000")),
        ("PF_XBTUSD", [("-2", "60000"), ("2", "61500")], ("0", "60000", "-3000")),
        ("PI_XBTUSD", [("50000", "50000"), ("50000", "100000")], ("100000", "66666.6666666667", "0")),
        ("PI_XBTUSD", [("50000", "50000"), ("-50000", "100000")], ("0", "50000", "0.5")),
        ("PI_XBTUSD", [("-50000", "50000"), ("25000", "100000")], ("-25000", "50000", "-0.25")),
    ],
)
def test_averages_and_profits(name: str, trades: list[tuple[str, str]], expected: tuple[str, ...]) -> None:
    contract = CONTRACTS[name]
    position, realized = Position(contract), D(0)
    for size, price in trades:
        total, entry, gained, _ = position.after(D(size), D(price))
        position, realized = Position(contract, total, entry), realized + gained
    assert (position.size, position.entry, realized) == tuple(map(D, expected))


SIZES = st.integers(-50, 50).filter(bool).map(D)
PRICES = st.integers(20_000, 90_000).map(D)


@given(st.sampled_from(["PF_XBTUSD", "PI_XBTUSD"]), st.lists(st.tuples(SIZES, PRICES), min_size=1, max_size=8), PRICES)
def test_what_is_realised_and_what_is_not_add_up(name: str, trades: list[tuple[D, D]], mark: D) -> None:
    """All profits together are what all trades together would have gained up to now."""
    contract = CONTRACTS[name]
    position, realized = Position(contract), D(0)
    for size, price in trades:
        total, entry, gained, change = position.after(size, price)
        assert (change == "close") is (total == 0)
        position, realized = Position(contract, total, entry), realized + gained
    alone = sum(contract.profit(size, price, mark) for size, price in trades)
    assert position.size == sum(size for size, _ in trades)
    assert abs(realized + position.profit(mark) - alone) < D("0.01")


# ---------------------------------------------------------------------- positions


def test_a_position_from_beginning_to_end(futures: FuturesAccount) -> None:
    changes = []
    for side, size, price, held in (
        ("buy", "0.2", "67000", "0.2"),
        ("buy", "0.2", "66000", "0.4"),
        ("sell", "0.1", "70000", "0.3"),
        ("sell", "0.5", "70000", "-0.2"),
        ("buy", "0.2", "65000", None),
    ):
        trade(futures, side, size, price)
        position = futures.position()
        signed = None if position is None else position["size"] * (1 if position["side"] == "long" else -1)
        assert signed == (None if held is None else D(held))
        changes.append(futures.history("positions", count=1)["elements"][0]["event"]["PositionUpdate"])
    assert [each["positionChange"] for each in changes] == ["open", "increase", "decrease", "reverse", "close"]
    assert [D(each["realizedPnL"]) for each in changes] == [0, 0, 350, 1050, 1000]
    assert [D(each["newAverageEntryPrice"]) for each in changes] == [67000, 66500, 66500, 70000, 70000]
    assert futures.emulator.futures_positions == {}


def test_the_log_explains_every_balance(futures: FuturesAccount, emulator: Emulator) -> None:
    for side, size, price in (("buy", "0.3", "66000"), ("sell", "0.2", "69999"), ("sell", "0.4", "71000")):
        trade(futures, side, size, price)
    trade(futures, "sell", "3000", "69000", "PI_XBTUSD")
    futures.call("POST", "transfer", fromAccount="cash", toAccount="fi_xbtusd", unit="xbt", amount="0.05")
    logs = futures.history("account-log")["logs"]
    assert [each["id"] for each in logs] == list(range(len(logs), 0, -1))
    for wallet, balances in emulator.futures_balances.items():
        for asset, balance in balances.items():
            name = Instruments().assets[asset].altname.lower()
            own = [each for each in logs if (each["margin_account"], each["asset"]) == (wallet, name)]
            assert sum(each["new_balance"] - each["old_balance"] for each in own) == balance
            assert own[0]["new_balance"] == balance
    cash = [each for each in logs if each["info"] == "futures trade" and each["asset"] != each["contract"]]
    assert len(cash) == 4
    for each in cash:
        change = each["new_balance"] - each["old_balance"]
        assert change == each["realized_pnl"] - each["fee"] + each["realized_funding"]
    sizes = [each for each in logs if each["asset"] == "pf_xbtusd"]
    assert [each["new_balance"] for each in sizes] == [D("-0.3"), D("0.1"), D("0.3")]


def test_the_log_as_a_table(futures: FuturesAccount) -> None:
    trade(futures, "buy", "0.3", "66000")
    answer = futures.send("GET", f"{HISTORY}accountlogcsv", "conversion_details=true")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    logs = futures.history("account-log")["logs"]
    assert len(rows) == len(logs)
    for row, entry in zip(rows, logs, strict=True):
        assert (row["uid"], row["type"], row["symbol"]) == (entry["booking_uid"], entry["info"], entry["asset"])
        assert row["dateTime"] == entry["date"][:19].replace("T", " ")
        assert D(row["change"]) == entry["new_balance"] - entry["old_balance"]
        assert row["fee"] == ("" if entry["fee"] is None else format(entry["fee"], "f"))
    assert list(rows[0])[-1] == "conversion fee"
    plain = futures.send("GET", f"{HISTORY}accountlogcsv").text.splitlines()[0]
    assert plain.endswith(",position uid")


# ---------------------------------------------------------------------- margin


def test_margin_follows_positions_orders_and_prices(futures: FuturesAccount, emulator: Emulator) -> None:
    before = futures.flex
    assert before["initialMargin"] == before["pnl"] == 0
    trade(futures, "buy", "1", "67000")
    futures.placed("buy", "0.5", "60000")
    mark, flex = futures.ticker()["markPrice"], futures.flex
    assert flex["pnl"] == mark - 67000
    assert flex["initialMargin"] == mark / 50
    assert flex["initialMarginWithOrders"] == mark * D("1.5") / 50
    assert flex["maintenanceMargin"] == mark / 100
    fee = 67000 * D("0.0002")
    assert flex["collateralValue"] == before["collateralValue"] - fee
    assert flex["marginEquity"] == flex["collateralValue"] + flex["pnl"] + flex["unrealizedFunding"]
    assert flex["availableMargin"] == flex["marginEquity"] - flex["initialMarginWithOrders"]
    emulator.set_price("PF_XBTUSD", "69000")
    assert futures.flex["pnl"] == futures.ticker()["markPrice"] - 67000


def test_orders_to_close_need_no_margin(futures: FuturesAccount) -> None:
    trade(futures, "buy", "45", "67000")
    needed = futures.flex["initialMarginWithOrders"]
    futures.placed("sell", "45", "70000")
    assert futures.flex["initialMarginWithOrders"] == needed
    assert futures.order("buy", "30", "60000")["status"] == "insufficientAvailableFunds"


def test_leverage_that_was_chosen_counts(futures: FuturesAccount) -> None:
    trade(futures, "buy", "1", "67000")
    cross = futures.flex["initialMargin"]
    futures.call("PUT", "leveragepreferences", symbol="PF_XBTUSD", maxLeverage="5")
    assert futures.position()["maxFixedLeverage"] == 5
    assert futures.flex["initialMargin"] == cross * 10
    trade(futures, "buy", "5", "67000")
    body = futures.reply("PUT", "/derivatives/api/v3/leveragepreferences", symbol="PF_XBTUSD", maxLeverage="1")
    assert [each["code"] for each in body["errors"]] == [92]
    assert futures.position()["maxFixedLeverage"] == 5
    futures.call("PUT", "leveragepreferences", symbol="PF_XBTUSD")
    assert "maxFixedLeverage" not in futures.position()


def test_inverse_contracts_have_a_wallet_of_their_own(futures: FuturesAccount) -> None:
    flex = futures.flex
    trade(futures, "buy", "6600", "66000.0", "PI_XBTUSD")
    account = futures.call("GET", "accounts")["accounts"]["fi_xbtusd"]
    mark = futures.ticker("PI_XBTUSD")["markPrice"]
    assert account["balances"]["PI_XBTUSD"] == 6600
    assert account["balances"]["xbt"] == 1 - D("0.1") * D("0.0002")
    assert abs(account["auxiliary"]["pnl"] - (D(6600) / 66000 - 6600 / mark)) < D("1e-9")
    assert abs(account["marginRequirements"]["im"] - 6600 / mark / 50) < D("1e-9")
    assert futures.flex == flex


# ---------------------------------------------------------------------- reduce-only


def test_reduce_only_orders_only_reduce(futures: FuturesAccount, emulator: Emulator) -> None:
    trade(futures, "buy", "0.3", "67000")
    status = futures.order("sell", "0.5", "70000", reduceOnly="true")
    event = status["orderEvents"][0]
    assert (event["order"]["quantity"], event["reducedQuantity"]) == (D("0.3"), D("0.2"))
    futures.placed("sell", "0.3", None, orderType="stp", stopPrice="60000", reduceOnly="true", triggerSignal="mark")
    trade(futures, "sell", "0.1", "69000")
    assert futures.call("GET", "openorders")["openOrders"][-1]["unfilledSize"] == D("0.2")
    trade(futures, "sell", "0.2", "69000")
    assert futures.open == []
    reasons = [
        each["event"][f"Order{kind}Cancelled"]["reason"]
        for kind, name in (("", "orders"), ("Trigger", "triggers"))
        for each in futures.history(name)["elements"]
        if f"Order{kind}Cancelled" in each["event"]
    ]
    assert reasons == ["would_not_reduce_position"] * 2


# ---------------------------------------------------------------------- funding


def test_funding_is_paid_by_the_hour(futures_timed: FuturesAccount, clock: Clock) -> None:
    trade(futures_timed, "buy", "2", "67000")
    rate = futures_timed.ticker()["fundingRate"]
    clock.sleep(HOUR / 2)
    accrued = futures_timed.position()["unrealizedFunding"]
    assert abs(accrued + rate) < D("0.001") * abs(rate)
    balance = futures_timed.emulator.futures_balances["flex"]["ZUSD"]
    clock.sleep(HOUR / 2)
    paid = next(each for each in futures_timed.history("account-log")["logs"])
    assert paid["info"] == "funding rate change"
    assert abs(paid["realized_funding"] + 2 * rate) < D("0.001") * abs(rate)
    assert futures_timed.emulator.futures_balances["flex"]["ZUSD"] == balance + paid["realized_funding"]
    (update,) = futures_timed.history("positions", funding_realization="true")["elements"]
    assert update["event"]["PositionUpdate"]["positionChange"] == "noChange"
    assert D(update["event"]["PositionUpdate"]["realizedFunding"]) == paid["realized_funding"]


def test_closing_realises_funding(futures_timed: FuturesAccount, clock: Clock) -> None:
    trade(futures_timed, "sell", "2", "69000")
    clock.sleep(HOUR / 2)
    due = futures_timed.position()["unrealizedFunding"]
    trade(futures_timed, "buy", "2", "67000")
    assert due != 0
    cash = next(each for each in futures_timed.history("account-log")["logs"] if each["asset"] == "usd")
    assert abs(cash["realized_funding"] - due) < D("0.0002")
    gained = cash["realized_pnl"] - cash["fee"] + cash["realized_funding"]
    assert cash["new_balance"] - cash["old_balance"] == gained


def test_dated_contracts_have_no_funding(futures_timed: FuturesAccount, clock: Clock) -> None:
    trade(futures_timed, "buy", "5000", "68000.0", "FI_XBTUSD_271231")
    clock.sleep(2 * HOUR)
    assert futures_timed.position("FI_XBTUSD_271231")["unrealizedFunding"] is None
    assert "fundingRate" not in futures_timed.ticker("FI_XBTUSD_271231")
    assert futures_timed.history("account-log", info="funding rate change")["logs"] == []
    refused = futures_timed.refused("GET", "historical-funding-rates", symbol="FI_XBTUSD_271231")
    assert refused == "invalidArgument: symbol"


def test_rates_of_the_past_are_those_that_were_paid(futures_timed: FuturesAccount, clock: Clock) -> None:
    now = futures_timed.ticker()["fundingRate"]
    coming = futures_timed.ticker()["fundingRatePrediction"]
    clock.sleep(HOUR)
    rates = futures_timed.call("GET", "historical-funding-rates", symbol="PF_XBTUSD")["rates"]
    assert [each["fundingRate"] for each in rates[-2:]] == [now, coming]


# ---------------------------------------------------------------------- transfers


def test_transfers_move_money_between_wallets(futures: FuturesAccount, emulator: Emulator) -> None:
    before = emulator.futures_balances
    futures.call("POST", "transfer", fromAccount="flex", toAccount="cash", unit="eur", amount="1234.5")
    after = emulator.futures_balances
    assert before["flex"]["ZEUR"] - after["flex"]["ZEUR"] == after["cash"]["ZEUR"] == D("1234.5")
    entries = futures.history("account-log", info="transfer")["logs"]
    assert len({each["execution"] for each in entries}) == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"fromAccount": "nope"}, "invalidAccount"),
        ({"toAccount": "nope"}, "invalidAccount"),
        ({"toAccount": "cash"}, "invalidAccount"),
        ({"toAccount": "fi_xbtusd"}, "invalidUnit"),
        ({"unit": "nope"}, "invalidUnit"),
        ({"amount": "0"}, "invalidAmount"),
        ({"amount": "0.00001"}, "invalidAmount"),
        ({"amount": "10000.0001"}, "insufficientFunds"),
    ],
)
def test_transfers_that_are_refused(futures: FuturesAccount, change: dict[str, str], word: str) -> None:
    before = futures.emulator.futures_balances
    given = {"fromAccount": "cash", "toAccount": "flex", "unit": "usd", "amount": "1", **change}
    assert futures.refused("POST", "transfer", **given) == word
    assert futures.emulator.futures_balances == before


def test_what_positions_need_stays(futures: FuturesAccount) -> None:
    trade(futures, "buy", "49", "68000")
    free: Any = futures.flex["availableMargin"]
    given = {"fromAccount": "flex", "toAccount": "cash", "unit": "usd"}
    assert futures.refused("POST", "transfer", **given, amount=str(free + 1)) == "insufficientFunds"
    futures.call("POST", "transfer", **given, amount=str(free - 1))
    assert futures.flex["availableMargin"] == 1


def test_withdrawals_arrive_on_spot(futures: FuturesAccount, emulator: Emulator) -> None:
    before = emulator.balances["XXBT"]
    futures.call("POST", "withdrawal", currency="xbt", amount="0.125", sourceWallet="flex")
    assert emulator.balances["XXBT"] == before + D("0.125")
    assert futures.refused("POST", "withdrawal", currency="xbt", amount="3") == "insufficientFunds"
