"""One session with a Kraken on localhost through every call, in both colours, over real sockets.

What a call needs comes from what earlier ones gave; what it gave shows up in later ones.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.spot.decode import _OPERATIONS, find_operation

from ..support import ORDER, Clock, Opener, without


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[Emulator]:
    with Emulator(market_interval=None, clock=clock) as running:
        yield running


def test_every_operation(emulator: Emulator, clock: Clock, opener: Opener) -> None:
    client: Any = opener(emulator.key, emulator.secret, emulator.spot_url, retries=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* is deprecated", DeprecationWarning)
        market_data(client)
        orders(client)
        history(client, emulator)
        account(client, clock)
        exports(client, clock)
        subaccounts(client, emulator)
        earn(client, clock)
        funding(client, emulator)
        funding_beta(client, emulator)
    called = {
        each for each in map(find_operation, (f"{each.method} {each.path}" for each in emulator.requests)) if each
    }
    assert sorted(set(_OPERATIONS) - {operation.key for operation in called}) == []
    assert opener.waits == []


def market_data(client: Any) -> None:
    public, transparency = client.market_data, client.transparency
    assert public.get_server_time().unixtime > 0
    assert public.get_system_status().status == "online"
    assert public.get_maintenance_schedule().events
    assets, pairs = public.get_asset_info(), public.get_tradable_asset_pairs()
    assert {pair.base for pair in pairs.values()} <= assets.keys()
    assert set(public.get_ticker_information()) == set(pairs)
    candles = public.get_ohlc_data(pair="XBTUSD", interval=60)
    assert candles["XXBTZUSD"][-1].high >= candles["XXBTZUSD"][-1].low
    book = public.get_order_book(pair="BTC/USD", count=5)["XXBTZUSD"]
    assert book.bids[0].price < book.asks[0].price
    grouped = public.get_grouped_order_book(pair="XBTUSD", depth=10)
    assert grouped.bids[0].price < grouped.asks[0].price
    assert public.get_recent_trades(pair="XBTUSD", count=2)["XXBTZUSD"][0].trade_id
    assert public.get_recent_spreads(pair="XBTUSD")["XXBTZUSD"]
    assert public.query_l3_order_book(pair="XBTUSD").bids[0].order_id
    assert transparency.get_pre_trade_data(symbol="BTC/USD").symbol == "BTC/USD"
    assert transparency.get_post_trade_data(symbol="BTC/USD", count=1).trades[0].price > 0


def orders(client: Any) -> None:
    trading, own = client.trading, client.account_data
    (txid,) = trading.add_order(**ORDER, cl_ord_id="first").txid
    assert trading.amend_order(txid=txid, limit_price="59000").amend_id
    assert [each.amend_type for each in own.get_order_amends(order_id=txid).amends] == ["original", "user"]
    assert list(own.get_open_orders().open) == [txid]
    (other,) = trading.add_order(**ORDER, userref=5).txid  # orders with a client order id cannot be edited
    edited = trading.edit_order(txid=other, pair="XBTUSD", volume="0.02", price="58000.0").txid
    assert own.get_orders_info(txid=[edited])[edited].vol == Decimal("0.02")
    row = without(["pair"], ORDER)
    batch = trading.add_order_batch(
        pair="XBTUSD", orders=[{**row, "userref": 7}, {**row, "cl_ord_id": "mine"}, {**row, "volume": "9000"}]
    )
    assert [type(row.exception).__name__ for row in batch.orders] == ["NoneType"] * 2 + ["KrakenInsufficientFundsError"]
    assert trading.cancel_order(txid=edited).count == 1
    assert trading.cancel_order_batch(orders=[7], cl_ord_ids=["mine"]).count == 2
    assert own.get_closed_orders(cl_ord_id="mine").closed[batch.orders[1].txid or ""].status == "canceled"
    assert trading.cancel_all_orders_after(timeout=60).triggerTime
    assert trading.cancel_all_orders().count == 1
    assert trading.get_websockets_token().token


def history(client: Any, emulator: Emulator) -> None:
    own = client.account_data
    (txid,) = client.trading.add_order(**ORDER).txid
    emulator.fill(txid)
    trades = own.get_trade_history().trades
    (trade,) = trades
    assert trades[trade].ordertxid == txid
    assert own.get_trades_info(txid=trade)[trade].vol == Decimal("0.01")
    entries = own.get_ledgers(type="trade").ledger
    assert {entry.refid for entry in entries.values()} == {trade}
    assert own.get_ledgers_info(id=list(entries)).keys() == entries.keys()
    assert own.get_trade_volume(pair="XBTUSD").volume > 0


def account(client: Any, clock: Clock) -> None:
    own = client.account_data
    balances = own.get_account_balance()
    assert {name: each.balance for name, each in own.get_extended_balance().items()} == balances
    assert own.get_trade_balance(asset="ZUSD").eb > 0
    own.get_credit_lines()
    assert not own.get_open_positions()
    assert own.get_api_key_info().permissions
    assert own.list_wallet_accounts().accounts


def exports(client: Any, clock: Clock) -> None:
    own = client.account_data
    report = own.add_export(report="trades", description="mine").id
    clock.pass_(5)
    assert [each.id for each in own.export_status(report="trades")] == [report]
    archive = zipfile.ZipFile(io.BytesIO(own.retrieve_export(id=report)))
    assert len(archive.read(archive.namelist()[0]).splitlines()) == 2
    assert own.remove_export(id=report, type="delete").delete is True
    assert own.export_status(report="trades") == []


def subaccounts(client: Any, emulator: Emulator) -> None:
    assert client.subaccounts.create_subaccount(username="desk", email="desk@example.com")
    here, there = client.account_data.get_api_key_info().iban, emulator.subaccounts["desk"].number
    moved = client.subaccounts.account_transfer(asset="XBT", amount="0.5", from_=here, to=there)
    assert moved.status == "complete"
    assert emulator.subaccounts["desk"].balances == {"XXBT": Decimal("0.5")}


def earn(client: Any, clock: Clock) -> None:
    group = client.earn
    strategy = next(each.id for each in group.list_strategies(asset="DOT").items if each.lock_type.type == "instant")
    assert group.allocate_strategy(amount="5", strategy_id=strategy) is True
    assert group.get_allocate_strategy_status(strategy_id=strategy).pending is True
    clock.pass_(5)
    assert group.get_allocate_strategy_status(strategy_id=strategy).pending is False
    assert group.list_allocations(hide_zero_allocations=True).items[0].strategy_id == strategy
    assert group.deallocate_strategy(amount="2", strategy_id=strategy)
    clock.pass_(5)
    assert group.get_deallocate_strategy_status(strategy_id=strategy).pending is False


def funding(client: Any, emulator: Emulator) -> None:
    group = client.funding
    method = group.get_deposit_methods(asset="XBT")[0].method
    assert group.get_deposit_addresses(asset="XBT", method=method, new=True)[0].address
    refid = emulator.deposit("XBT", "0.25")
    assert isinstance(deposits := group.get_status_recent_deposits(asset="XBT"), list)
    assert deposits[0].refid == refid
    assert group.get_withdrawal_methods(asset="XBT")[0].method
    key = next(each.key for each in group.get_withdrawal_addresses(asset="XBT") if each.verified)
    assert group.get_withdrawal_information(asset="XBT", key=key, amount="0.5").fee > 0
    refid = group.withdraw_funds(asset="XBT", key=key, amount="0.5").refid
    assert isinstance(withdrawals := group.get_status_recent_withdrawals(asset="XBT"), list)
    assert withdrawals[0].refid == refid
    assert group.cancel_withdrawal(asset="XBT", refid=refid)
    assert group.wallet_transfer(asset="XBT", from_="Spot Wallet", to="Futures Wallet", amount="0.1").refid


def funding_beta(client: Any, emulator: Emulator) -> None:
    group = client.funding_beta
    bitcoin: Any = {"class": "currency", "name": "BTC"}
    assert group.list_funding_assets_v1(direction="deposit").currency
    assert group.list_funding_networks_v1().networks
    into = group.list_funding_methods_v1(direction="deposit", asset=bitcoin).methods[0]
    out = group.list_funding_methods_v1(direction="withdraw", asset=bitcoin).methods[0]
    assert group.list_funding_deposit_limits_v1(asset_class="currency", asset="BTC")
    assert group.list_funding_withdrawal_limits_v1(asset_class="currency", asset="BTC")
    assert group.claim_funding_deposit_address_v1(method_id=into.method_id).address_details
    assert group.list_funding_claimed_addresses_v2(scope={"method_id": into.method_id}).addresses
    made = group.create_funding_address_v1(
        scope={"method_id": out.method_id},
        address_details={"crypto": {"address": "bc1qtestsofeverycall" + "2m4n6p8q0r2s4t6v8w0xyz"}},
        name="cold",
    ).address_id
    assert group.update_funding_address_v1(address_id=made, name="colder").verified in (True, False)
    assert made in [
        each.address_id for each in group.list_funding_addresses_v1(scope={"method_id": out.method_id}).addresses
    ]
    assert group.delete_funding_address_v1(address_id=made).result is True
    assert group.calculate_funding_fees_v1(method_id=out.method_id, amount="0.5")
    saved = next(
        each for each in group.list_funding_addresses_v1(scope={"method_id": out.method_id}).addresses if each.verified
    )
    before = client.account_data.get_account_balance()["XXBT"]
    withdrawal = group.create_funding_withdrawal_v1(
        scope={"method_id": out.method_id},
        address_id=saved.address_id,
        amount={"asset_amount": {"asset": bitcoin, "amount": "0.5"}},
    )
    assert client.account_data.get_account_balance()["XXBT"] == before - withdrawal.gross_amount.asset_amount.amount
    emulator.settle_withdrawals()
    assert emulator.balances["XXBT"] == before - withdrawal.gross_amount.asset_amount.amount
    assert group.list_funding_withdrawals_v1(asset=bitcoin).withdrawals[0].withdrawal_id == withdrawal.withdrawal_id
    assert group.list_funding_deposits_v1(asset=bitcoin).deposits
