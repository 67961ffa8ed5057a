"""One session with a Futures exchange on localhost through every call, in both colours, over real sockets.

What a call needs comes from what earlier ones gave; what it gave shows up in later ones. Calls that the emulator
answers with the examples of the specs are made as these examples make them.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.futures.decode import _OPERATIONS, find_operation

from ..specs import rest_exchanges
from ..support import Clock, FuturesOpener

CONTRACT = "PF_XBTUSD"
LIMIT: dict[str, Any] = {"orderType": "lmt", "symbol": CONTRACT, "side": "buy", "size": "0.5", "limitPrice": "60000"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[Emulator]:
    with Emulator(market_interval=None, clock=clock, futures_limits=True) as running:
        yield running


def test_every_operation(emulator: Emulator, clock: Clock, opener: FuturesOpener) -> None:
    opener.sleep = clock.sleep
    client: Any = opener(emulator.futures_key, emulator.futures_secret, emulator.futures_url, retries=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* is deprecated", DeprecationWarning)
        market_data(client)
        order = orders(client, emulator)
        positions(client, emulator, order)
        history(client, emulator, order)
        account(client, emulator)
        settings(client)
        charts(client)
        told = called(emulator)
        untold = [each for each in rest_exchanges("futures") if each.known.key not in told and not each.raises]
        for exchange in untold:
            assert exchange.call(client) is not None
    assert sorted(set(_OPERATIONS) - called(emulator)) == []
    assert {each.known.models.rpartition(".")[2] for each in untold} == {
        "analytics",
        "assignment_program",
        "fee_schedules",
        "general",
        "portfolio_margining",
        "rfq",
        "stats",
        "subaccounts",
        "transfers",
    }


def called(emulator: Emulator) -> set[str]:
    found = map(find_operation, (f"{each.method} {each.path}" for each in emulator.requests))
    return {each.key for each in found if each}


def market_data(client: Any) -> None:
    public, instruments = client.market_data, client.instruments
    listed = {each.symbol: each for each in instruments.get_instruments().instruments}
    assert instruments.get_trading_instruments(contractType="futures_inverse").instruments[0].symbol in listed
    assert {each.tradeable for each in instruments.get_instruments_status().instrumentStatus} == set(listed)
    assert instruments.get_instrument_status(symbol=CONTRACT).experiencingDislocation is False
    tickers = {each.symbol: each for each in public.get_tickers().tickers}
    assert set(listed) < set(tickers)
    one = public.get_ticker(symbol=CONTRACT).ticker
    assert one.bid < one.markPrice < one.ask
    assert one.markPrice == tickers[CONTRACT].markPrice
    book = public.get_orderbook(symbol=CONTRACT).orderBook
    assert (book.bids[0].price, book.asks[0].price) == (one.bid, one.ask)
    assert public.get_history(symbol=CONTRACT).history[0].price == one.last
    rates = client.historical_funding_rates
    newest = rates.historical_funding_rates(symbol=CONTRACT).rates[-1]
    assert rates.historical_funding_rates_v4(symbol=CONTRACT).rates[-1].fundingRate == newest.fundingRate
    assert one.fundingRate == newest.fundingRate


def orders(client: Any, emulator: Emulator) -> str:
    """Leaves an order at 59000 behind, of which 0.2 of 0.3 are open."""
    group = client.order_management
    sent = group.send_order(**LIMIT, cliOrdId="order [1]: a").sendStatus
    assert sent.status == "placed"
    assert sent.orderEvents[0].order.limitPrice == 60000
    edited = group.edit_order(orderId=sent.order_id, size="0.3", limitPrice="59000").editStatus
    assert (edited.status, edited.orderEvents[0].new.quantity) == ("edited", Decimal("0.3"))
    instructions = [
        {"order": "send", "order_tag": "1", **LIMIT, "cliOrdId": "order [2]: b"},
        {"order": "edit", "cliOrdId": "order [2]: b", "limitPrice": "58500"},
        {"order": "cancel", "cliOrdId": "nobody's"},
        {"order": "send", "order_tag": "2", **LIMIT, "size": "900", "cliOrdId": "order [3]: c"},
    ]
    rows = group.send_batch_order(batchOrder=instructions).batchStatus
    assert [row.status for row in rows] == ["placed", "edited", "notFound", "insufficientAvailableFunds"]
    assert [row.exception is None for row in rows] == [True, True, False, False]
    emulator.fill(sent.order_id, "0.1")
    listed = {each.order_id: each for each in group.get_open_orders().openOrders}
    assert (listed[sent.order_id].status, listed[sent.order_id].unfilledSize) == ("partiallyFilled", Decimal("0.2"))
    found = group.get_order_status(cliOrdIds=["order [1]: a", "order [2]: b"]).orders
    assert [each.status for each in found] == ["ENTERED_BOOK", "ENTERED_BOOK"]
    assert group.cancel_order(cliOrdId="order [2]: b").cancelStatus.status == "cancelled"
    assert {each.status for each in group.get_recent_orders(symbol=CONTRACT).orderEvents} == {
        "ENTERED_BOOK",
        "CANCELLED",
    }
    assert group.cancel_all_orders(symbol="PF_ETHUSD").cancelStatus.status == "noOrdersToCancel"
    assert group.cancel_all_orders_after(timeout=60).status.triggerTime != "0"
    assert group.cancel_all_orders_after(timeout=0).status.triggerTime == "0"
    return str(sent.order_id)


def positions(client: Any, emulator: Emulator, order: str) -> None:
    own = client.account_information
    (position,) = own.get_open_positions().openPositions
    assert (position.side, position.size, position.price) == ("long", Decimal("0.1"), 59000)
    assert emulator.futures_positions == {CONTRACT: Decimal("0.1")}
    (fill,) = client.historical_data.get_fills().fills
    assert (fill.order_id, fill.size, fill.price, fill.fillType) == (order, Decimal("0.1"), 59000, "maker")
    assert client.historical_data.get_fills(lastFillTime=fill.fillTime).fills == []
    flex = own.get_accounts().accounts.flex
    mark = client.market_data.get_ticker(symbol=CONTRACT).ticker.markPrice
    assert flex.pnl == (mark - 59000) * fill.size
    assert flex.initialMargin == mark * fill.size / 50
    assert flex.currencies["USD"].quantity == emulator.futures_balances["flex"]["ZUSD"]
    assert own.get_unwind_queue().queue[0].symbol == CONTRACT


def history(client: Any, emulator: Emulator, order: str) -> None:
    own, market = client.account_history, client.market_history
    client.order_management.send_order(
        orderType="stp", symbol=CONTRACT, side="sell", size="0.1", stopPrice="50000", reduceOnly=True
    )
    (fill,) = client.historical_data.get_fills().fills
    (element,) = own.get_execution_events().elements
    assert element.event.execution is not None
    assert element.event.execution.execution.uid == fill.fill_id
    placed = own.get_order_events(sort="asc", opened=True, count=1).elements[0].event.OrderPlaced
    assert placed.order.uid == order
    (waiting,) = own.get_trigger_events().elements
    assert waiting.event.OrderTriggerPlaced.order.triggerOptions.triggerPrice == 50000
    (change,) = own.get_position_events(opened=True).elements
    assert change.event.PositionUpdate.executionUid == fill.fill_id
    logs = own.account_log().logs
    assert {each.asset for each in logs if each.execution == fill.fill_id} == {"usd", CONTRACT.lower()}
    lines = list(csv.DictReader(io.StringIO(own.account_log_csv().decode())))
    assert [line["uid"] for line in lines] == [each.booking_uid for each in logs]
    (trade,) = market.get_public_execution_events(tradeable=CONTRACT, count=1).elements
    assert trade.event.Execution.execution.uid == fill.fill_id
    assert trade.event.Execution.execution.makerOrder.uid == order
    assert market.get_public_order_events(tradeable=CONTRACT, count=2).len == 2
    assert market.get_public_price_events(tradeable=CONTRACT, count=1).elements[0].event.MarkPriceChanged.price > 0


def account(client: Any, emulator: Emulator) -> None:
    before, spot = emulator.futures_balances, emulator.balances
    client.transfers.transfer(fromAccount="cash", toAccount="flex", unit="usd", amount="250.5")
    uid = client.transfers.withdrawal(currency="xbt", amount="0.125").uid
    after = emulator.futures_balances
    assert after["flex"]["ZUSD"] - before["flex"]["ZUSD"] == Decimal("250.5")
    assert after["cash"]["XXBT"] == Decimal("0.125")
    assert emulator.balances["XXBT"] - spot["XXBT"] == Decimal("0.125")
    newest = client.transfers.get_transfers().transfers[0]
    assert (newest.transfer_id, newest.amount) == (uid, Decimal("-0.125"))
    assert client.auth.check_v3_api_key().apiKey == emulator.futures_key


def settings(client: Any) -> None:
    own, more = client.multi_collateral, client.trading_settings
    own.set_leverage_setting(symbol=CONTRACT, maxLeverage="12.5")
    assert own.get_leverage_setting().leveragePreferences[0].maxLeverage == Decimal("12.5")
    own.set_pnl_currency_preference(symbol=CONTRACT, pnlPreference="EUR")
    assert own.get_pnl_currency_preference().preferences[0].pnlCurrency == "EUR"
    assert more.get_self_trade_strategy().strategy == "REJECT_TAKER"
    assert more.set_self_trade_strategy(strategy="CANCEL_MAKER_SELF").strategy == "CANCEL_MAKER_SELF"
    assert more.set_rfq_assignment_max_leverage(maxLeverage="5.25").maxLeverage == Decimal("5.25")
    assert more.get_rfq_assignment_max_leverage().maxLeverage == Decimal("5.25")
    more.clear_rfq_assignment_max_leverage()
    assert more.get_rfq_assignment_max_leverage().maxLeverage is None


def charts(client: Any) -> None:
    group = client.charts
    for kind in group.tick_types():
        assert CONTRACT in group.symbols(tick_type=kind)
        length = group.resolutions(tick_type=kind, symbol=CONTRACT)[0]
        candles = group.candles(tick_type=kind, symbol=CONTRACT, resolution=length).candles
        assert candles[-1].high >= candles[-1].low
