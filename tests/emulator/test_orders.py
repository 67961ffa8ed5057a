"""Orders over REST: rules, matching, holds, fees, amendments and cancellations."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator

from .conftest import Account

ORDER_ID = re.compile(r"O[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}")


def best(account: Account, pair: str = "XBTUSD") -> tuple[Decimal, Decimal]:
    (book,) = account.public("Depth", pair=pair, count=1).values()
    return Decimal(book["bids"][0][0]), Decimal(book["asks"][0][0])


def balances(account: Account) -> dict[str, Decimal]:
    return {name: Decimal(amount) for name, amount in account.call("Balance").items()}


def row(account: Account, order: str) -> dict[str, Any]:
    asked = {"txid": order, "trades": "true", "consolidate_taker": "false"}
    found: dict[str, Any] = account.call("QueryOrders", **asked)[order]
    return found


# ---------------------------------------------------------------------- placing


def test_balances_have_the_decimals_of_their_assets(account: Account) -> None:
    assets = account.public("Assets")
    for name, amount in account.call("Balance").items():
        assert len(amount.partition(".")[2]) == assets[name]["decimals"]


def test_a_limit_order_rests(account: Account) -> None:
    order = account.limit(cl_ord_id="mine-1")
    assert ORDER_ID.fullmatch(order)
    found = account.call("OpenOrders", cl_ord_id="mine-1")["open"]
    assert list(found) == [order]
    shown = found[order]
    assert (shown["status"], shown["vol"], shown["vol_exec"], shown["cl_ord_id"]) == (
        "open",
        "0.01000000",
        "0.00000000",
        "mine-1",
    )
    assert shown["descr"]["order"] == "buy 0.01000000 XBTUSD @ limit 60000.0"
    assert account.call("OpenOrders", cl_ord_id="other")["open"] == {}
    assert account.emulator.orders[order]["status"] == "open"


def test_descriptions(account: Account) -> None:
    def describe(**more: str) -> Any:
        order = {"pair": "XBTUSD", "type": "sell", "ordertype": "limit", "volume": "0.01", "validate": "true", **more}
        result = account.call("AddOrder", **order)
        assert "txid" not in result
        return result["descr"]["order"]

    assert describe(ordertype="market") == "sell 0.01000000 XBTUSD @ market"
    assert describe(price="70000") == "sell 0.01000000 XBTUSD @ limit 70000.0"
    assert describe(ordertype="stop-loss", price="60000") == "sell 0.01000000 XBTUSD @ stop loss 60000.0"
    stop = describe(ordertype="stop-loss-limit", price="60000", price2="59000.5")
    assert stop == "sell 0.01000000 XBTUSD @ stop loss 60000.0 -> limit 59000.5"
    assert account.emulator.orders == {}


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"volume": "0.00001"}, "EOrder:Order minimum not met"),
        ({"volume": "0.00005", "price": "100"}, "EOrder:Cost minimum not met"),
        ({"price": "60000.05"}, "EOrder:Tick size check failed"),
        ({"price": "0"}, "EOrder:Invalid price"),
        ({"volume": "0.010000001"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "900"}, "EOrder:Insufficient funds"),
        ({"type": "sell", "price": "90000", "volume": "900"}, "EOrder:Insufficient funds"),
        ({"ordertype": "market", "volume": "20"}, "EOrder:Insufficient funds"),
        ({"price": "90000", "oflags": "post"}, "EOrder:Post only order"),
        ({"pair": "NOPE"}, "EQuery:Unknown asset pair"),
        ({"leverage": "5"}, "EOrder:Cannot open position"),
        ({"reduce_only": "true"}, "EOrder:Reduce only:No position exists"),
        ({"ordertype": "settle-position"}, "EOrder:Unknown position"),
        ({"deadline": "2020-01-01T00:00:00Z"}, "EService:Deadline elapsed"),
        ({"price": ""}, "EGeneral:Invalid arguments:price"),
        ({"ordertype": "stop-loss-limit"}, "EGeneral:Invalid arguments:price2"),
        ({"oflags": "viqc"}, "EGeneral:Invalid arguments:viqc"),
    ],
)
def test_refusals(account: Account, order: dict[str, str], words: str) -> None:
    plain = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
    assert account.refused("AddOrder", **{**plain, **order}) == words
    assert account.emulator.orders == {}


def test_client_order_ids_are_unique_while_open(account: Account) -> None:
    order = account.limit(cl_ord_id="mine-1")
    plain = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
    assert account.refused("AddOrder", **plain, cl_ord_id="mine-1") == "EGeneral:Invalid arguments:cl_ord_id"
    assert len(account.emulator.orders) == 1
    account.call("CancelOrder", txid=order)
    assert account.limit(cl_ord_id="mine-1") != order


def test_open_orders_hold_money(account: Account) -> None:
    money = balances(account)["ZUSD"]
    fee = Decimal("1.004")
    first = (money / 2 / fee / 50000).quantize(Decimal("0.00000001"), "ROUND_DOWN")
    orders = [account.limit(volume=str(first), price="50000") for _ in range(2)]
    assert (
        account.refused("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", volume="0.001", price="50000")
        == "EOrder:Insufficient funds"
    )
    assert balances(account)["ZUSD"] == money
    account.call("CancelOrder", txid=orders[0])
    account.limit(volume="0.001", price="50000")


def test_what_was_filled_is_not_held_any_more(account: Account) -> None:
    order = account.limit(volume="3.6", price="68000")
    account.emulator.fill(order, "3.5")
    account.limit(volume="0.05", price="68000")
    assert Decimal(account.call("Balance")["ZUSD"]) > 0


def test_relative_prices(account: Account) -> None:
    last = Decimal(account.public("Ticker", pair="XBTUSD")["XXBTZUSD"]["c"][0])

    def price(text: str, **more: str) -> Decimal:
        return Decimal(row(account, account.limit(price=text, **more))["descr"]["price"])

    assert price("-100") == last - 100
    assert price("#100") == last - 100
    assert price("#100", side="sell") == last + 100
    assert price("-1%") == (last * Decimal("0.99")).quantize(Decimal("0.1"))


def test_other_order_types_wait(account: Account) -> None:
    order = account.limit("sell", ordertype="stop-loss-limit", price="60000", price2="59000", oflags="fciq")
    shown = row(account, order)
    assert (shown["status"], shown["descr"]["price"], shown["descr"]["price2"]) == ("open", "60000.0", "59000.0")
    account.emulator.tick(50, "BTC/USD")
    assert row(account, order)["status"] == "open"
    assert order not in [each["order_id"] for each in account.call("Level3", pair="XBTUSD", depth="0")["asks"]]


def test_orders_that_start_and_expire() -> None:
    now = [1_800_000_000_000_000_000]
    with Emulator(market_interval=None, clock=lambda: now[0]) as emulator:
        account = Account(emulator)
        with account.http:
            later = account.limit(starttm="+60")
            until = account.limit(timeinforce="GTD", expiretm="+120")
            assert (row(account, later)["status"], row(account, until)["status"]) == ("pending", "open")
            now[0] += 61 * 10**9
            wait_for(lambda: row(account, later)["status"] == "open")
            now[0] += 60 * 10**9
            wait_for(lambda: row(account, until)["status"] == "expired")
            assert account.call("CancelOrder", txid=later) == {"count": 1}


def wait_for(condition: Any) -> None:
    """The emulator looks at the clock about ten times a second."""
    assert any(condition() for _ in range(5000))


# ---------------------------------------------------------------------- matching


def test_a_fill_moves_balances_to_the_last_digit(account: Account) -> None:
    before = balances(account)
    bid, _ = best(account)
    order = account.limit(volume="0.12345678", price=str(bid))
    account.emulator.fill(order)
    shown = row(account, order)
    cost = (Decimal("0.12345678") * bid).quantize(Decimal("0.0001"), "ROUND_HALF_UP")
    fee = (cost * Decimal("0.0025")).quantize(Decimal("0.0001"), "ROUND_HALF_UP")
    assert shown["status"] == "closed"
    assert (Decimal(shown["cost"]), Decimal(shown["fee"]), Decimal(shown["price"])) == (cost, fee, bid)
    after = balances(account)
    assert after["XXBT"] - before["XXBT"] == Decimal("0.12345678")
    assert before["ZUSD"] - after["ZUSD"] == cost + fee
    assert len(shown["trades"]) == 1
    assert {name for name in after if after[name] != before[name]} == {"XXBT", "ZUSD"}


def test_fills_in_parts(account: Account) -> None:
    bid, _ = best(account)
    order = account.limit(volume="0.5", price=str(bid), cl_ord_id="parts")
    account.emulator.fill("parts", "0.2")
    shown = row(account, order)
    assert (shown["status"], shown["vol_exec"]) == ("open", "0.20000000")
    account.emulator.fill(order, "9")
    assert (row(account, order)["status"], row(account, order)["vol_exec"]) == ("closed", "0.50000000")
    with pytest.raises(ValueError, match="no resting order"):
        account.emulator.fill(order)


def test_price_comes_first_then_time(account: Account) -> None:
    bid, _ = best(account)
    late_but_better = str(bid + Decimal("0.1"))
    first = account.limit(volume="0.01", price=str(bid))
    second = account.limit(volume="0.01", price=str(bid))
    better = account.limit(volume="0.01", price=late_but_better)
    account.emulator.fill(first)
    status = {name: row(account, name)["status"] for name in (first, second, better)}
    assert status == {first: "closed", second: "open", better: "closed"}


def test_a_market_order_walks_the_book(account: Account) -> None:
    book = account.public("Depth", pair="XBTUSD", count=2)["XXBTZUSD"]["asks"]
    volume = Decimal(book[0][1]) + Decimal("0.0001")
    order = account.limit(ordertype="market", volume=str(volume))
    shown = row(account, order)
    assert (shown["status"], shown["vol_exec"], len(shown["trades"])) == ("closed", str(volume), 2)
    first = (Decimal(book[0][0]) * Decimal(book[0][1])).quantize(Decimal("0.0001"), "ROUND_HALF_UP")
    second = (Decimal(book[1][0]) * Decimal("0.0001")).quantize(Decimal("0.0001"), "ROUND_HALF_UP")
    assert Decimal(shown["cost"]) == first + second
    assert best(account)[1] == Decimal(book[1][0])


def test_volume_in_quote_currency(account: Account) -> None:
    before = balances(account)["ZUSD"]
    order = account.limit(ordertype="market", volume="100", oflags="viqc")
    assert Decimal("99.9") < Decimal(row(account, order)["cost"]) <= 100
    assert before - balances(account)["ZUSD"] == Decimal(row(account, order)["cost"]) + Decimal(
        row(account, order)["fee"]
    )


def test_immediate_or_cancel_and_fill_or_kill(account: Account) -> None:
    ask = account.public("Depth", pair="XBTUSD", count=1)["XXBTZUSD"]["asks"][0]
    more = str(Decimal(ask[1]) + Decimal("0.1"))
    killed = row(account, account.limit(volume=more, price=ask[0], timeinforce="FOK"))
    assert (killed["status"], killed["vol_exec"]) == ("canceled", "0.00000000")
    part = row(account, account.limit(volume=more, price=ask[0], timeinforce="IOC"))
    assert (part["status"], part["vol_exec"]) == ("canceled", ask[1])


@pytest.mark.parametrize(
    ("rule", "resting", "arriving"),
    [
        ("cancel-newest", "open", "canceled"),
        ("cancel-oldest", "canceled", "open"),
        ("cancel-both", "canceled", "canceled"),
    ],
)
def test_no_trade_with_oneself(account: Account, rule: str, resting: str, arriving: str) -> None:
    bid, ask = best(account)
    inside = str(bid + Decimal("0.1"))
    assert Decimal(inside) < ask
    first = account.limit(price=inside)
    second = account.limit("sell", price=inside, stptype=rule)
    assert (row(account, first)["status"], row(account, second)["status"]) == (resting, arriving)
    assert balances(account) == account.emulator.balances


def test_fees_in_the_base_currency(account: Account) -> None:
    _, ask = best(account)
    before = balances(account)
    account.limit(volume="0.01", price=str(ask), oflags="fcib")
    after = balances(account)
    assert after["XXBT"] - before["XXBT"] == Decimal("0.01") * (1 - Decimal("0.004"))
    assert before["ZUSD"] - after["ZUSD"] == Decimal("0.01") * ask


def test_moving_the_market_fills_what_is_in_the_way(account: Account) -> None:
    sell = account.limit("sell", price="70000")
    buy = account.limit("buy", price="60000")
    account.emulator.set_price("BTC/USD", "71000")
    assert row(account, sell)["status"] == "closed"
    account.emulator.set_price("BTC/USD", "59000")
    assert row(account, buy)["status"] == "closed"
    bid, ask = best(account)
    assert bid <= 59000 < ask


def test_a_market_that_is_traded_through_fills_up_again(account: Account) -> None:
    for name, pair in account.public("AssetPairs").items():
        book = account.public("Depth", pair=name, count=500)[name]
        account.emulator.trade_through(name, book["bids"][-1][0])
        account.emulator.trade_through(name, book["asks"][-1][0])
        book = account.public("Depth", pair=name, count=500)[name]
        assert min(len(book["asks"]), len(book["bids"])) >= 100
        assert Decimal(book["bids"][0][0]) + Decimal(pair["tick_size"]) <= Decimal(book["asks"][0][0])
    with pytest.raises(ValueError, match="no order"):
        account.emulator.trade_through("BTC/USD", (best(account)[0] + best(account)[1]) / 2)
    with pytest.raises(ValueError, match="unknown pair"):
        account.emulator.trade_through("NOPE", "1")


# ---------------------------------------------------------------------- amending and cancelling


def test_amending(account: Account) -> None:
    bid, ask = best(account)
    order = account.limit(volume="0.02", cl_ord_id="mine-1")
    assert account.call("AmendOrder", txid=order, order_qty="0.03", limit_price=str(bid))["amend_id"].startswith("T")
    shown = row(account, order)
    assert (shown["vol"], Decimal(shown["descr"]["price"]), shown["misc"]) == ("0.03000000", bid, "amended")
    account.call("AmendOrder", cl_ord_id="mine-1", order_qty="0.01")
    assert account.refused("AmendOrder", txid=order, limit_price=str(ask), post_only="true") == "EOrder:Post only order"
    assert account.refused("AmendOrder", txid=order, order_qty="900") == "EOrder:Insufficient funds"
    assert account.refused("AmendOrder", txid=order, limit_price="1.05") == "EOrder:Tick size check failed"
    assert row(account, order)["vol"] == "0.01000000"
    account.call("AmendOrder", txid=order, limit_price=str(ask))
    assert row(account, order)["status"] == "closed"
    assert account.refused("AmendOrder", txid=order, order_qty="1") == "EOrder:Unknown order"
    assert account.refused("AmendOrder", order_qty="1") == "EGeneral:Invalid arguments:txid"


def test_amending_below_what_is_filled_cancels_the_rest(account: Account) -> None:
    bid, _ = best(account)
    order = account.limit(volume="0.02", price=str(bid))
    account.emulator.fill(order, "0.01")
    account.call("AmendOrder", txid=order, order_qty="0.005")
    assert (row(account, order)["status"], row(account, order)["vol_exec"]) == ("canceled", "0.01000000")


def test_a_smaller_order_keeps_its_place(account: Account) -> None:
    bid, _ = best(account)
    first, second = (account.limit(volume="0.02", price=str(bid)) for _ in range(2))
    account.call("AmendOrder", txid=first, order_qty="0.01")
    account.emulator.fill(first)
    assert row(account, second)["status"] == "open"
    third = account.limit(volume="0.02", price=str(bid))
    account.call("AmendOrder", txid=second, order_qty="0.03")
    account.emulator.fill(third)
    assert row(account, second)["status"] == "open"


def test_cancelling(account: Account) -> None:
    one = account.limit(cl_ord_id="mine-1")
    two = account.limit(userref="7")
    three = account.limit(userref="7")
    assert account.call("CancelOrder", cl_ord_id="mine-1") == {"count": 1}
    assert account.call("CancelOrder", txid="7") == {"count": 2}
    assert account.call("OpenOrders")["open"] == {}
    for order in (one, two, three):
        shown = row(account, order)
        assert (shown["status"], shown["reason"]) == ("canceled", "User requested")
        assert shown["closetm"] >= shown["opentm"]
        assert account.refused("CancelOrder", txid=order) == "EOrder:Unknown order"
    assert account.refused("CancelOrder", txid="8") == "EOrder:Unknown order"
    assert account.refused("CancelOrder", txid="OAAAAA-BBBBB-CCCCCC") == "EOrder:Unknown order"
    assert account.refused("QueryOrders", txid="OAAAAA-BBBBB-CCCCCC") == "EOrder:Invalid order"


def test_modes_of_the_exchange(account: Account) -> None:
    order = account.limit()
    plain = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
    account.emulator.set_status("cancel_only")
    assert account.public("SystemStatus")["status"] == "cancel_only"
    assert account.refused("AddOrder", **plain) == "EService:Market in cancel_only mode"
    account.call("CancelOrder", txid=order)
    account.emulator.set_status("post_only")
    assert account.refused("AddOrder", **plain) == "EService:Market in post_only mode"
    account.limit(oflags="post")
    account.emulator.set_status("limit_only")
    account.limit()
    assert account.refused("AddOrder", **{**plain, "ordertype": "market"}) == "EService:Market in limit_only mode"
    account.emulator.set_status("maintenance")
    assert account.refused("AddOrder", **plain) == "EService:Unavailable"
