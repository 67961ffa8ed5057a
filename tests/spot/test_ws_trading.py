"""Replacing orders, batches, cancelling everything and the dead man's switch over real sockets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import (
    ExchangeError,
    InvalidRequest,
    KrakenInsufficientFundsError,
    KrakenUnknownAssetPairError,
    KrakenUnknownOrderError,
    OrderStateUnknown,
)
from kraken.spot import SpotWSClient
from kraken.spot.messages import BatchAddedOrder, CancelAllOrdersAfterResult, CancelledCount, EditOrderResult
from kraken.spot.models.websocket import BatchOrder

from .sockets import client, run, until

ROW: dict[str, Any] = {"order_type": "limit", "side": "buy", "order_qty": "0.01", "limit_price": "60000"}


async def placed(ws: SpotWSClient, **more: Any) -> str:
    """The id of a new order with a user reference."""
    result = await ws.add_order(symbol="BTC/USD", **{**ROW, "order_userref": 7, **more})
    assert result.order_id is not None
    return result.order_id


@pytest.mark.filterwarnings("ignore:edit_order is deprecated:DeprecationWarning")
def test_an_order_is_replaced(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            old = await placed(ws)
            result: EditOrderResult = await ws.edit_order(
                order_id=old, symbol="BTC/USD", order_qty="0.02", limit_price="60001", order_userref=8
            )
            assert result.original_order_id == old
            assert result.order_id is not None
            new = emulator.orders[result.order_id]
            assert (new["vol"], new["descr"]["price"], new["userref"]) == ("0.02000000", "60001.0", 8)
            with pytest.raises(KrakenUnknownOrderError) as caught:
                await ws.edit_order(order_id=old, symbol="BTC/USD")
            assert caught.value.facts.operation == "edit_order"
            assert caught.value.facts.ids == {"order_id": old}

    run(scenario)


def test_a_deprecated_method_names_what_to_use(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            with pytest.warns(DeprecationWarning, match="use amend_order") as caught, pytest.raises(ExchangeError):
                await ws.edit_order(order_id="OAAAAA-AAAAA-AAAAAA", symbol="BTC/USD")
            assert caught[0].filename == __file__

    run(scenario)


def test_a_batch_of_orders(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            model = BatchOrder(**{**ROW, "order_userref": 7})
            rows: list[BatchAddedOrder] = await ws.batch_add(
                symbol="BTC/USD", orders=[ROW, model, {**ROW, "order_qty": "1000", "cl_ord_id": "a"}]
            )
            assert len(rows) == 3
            assert rows[0].order_id in emulator.orders
            assert str(UUID(rows[0].cl_ord_id)) == rows[0].cl_ord_id
            assert rows[0].exception is None
            assert (rows[1].order_userref, rows[1].cl_ord_id) == (7, None)
            assert (rows[2].order_id, rows[2].cl_ord_id) == (None, "a")
            assert isinstance(rows[2].exception, KrakenInsufficientFundsError)

    run(scenario)


def test_a_batch_that_is_refused(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            with pytest.raises(KrakenUnknownAssetPairError):
                await ws.batch_add(symbol="NO/PE", orders=[ROW, ROW])
            for orders in ([ROW], [ROW] * 16, [ROW, {**ROW, "symbol": "BTC/USD"}], [ROW, {"side": "buy"}]):
                with pytest.raises(InvalidRequest, match="orders"):
                    await ws.batch_add(symbol="BTC/USD", orders=orders)
            assert emulator.orders == {}
            rows = await ws.batch_add(symbol="BTC/USD", orders=[ROW, ROW], validate=True)
            assert [row.order_id for row in rows] == ["", ""]

    run(scenario)


def test_the_ids_of_a_batch_are_known_when_its_reply_is_lost(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            emulator.faults.add("batch_add", "accept-then-reset")
            with pytest.raises(OrderStateUnknown) as caught:
                await ws.batch_add(symbol="BTC/USD", orders=[ROW, ROW])
            sent = [row["cl_ord_id"] for row in caught.value.facts.ids["orders"]]
            assert len(set(sent)) == 2
            await until(lambda: len(emulator.orders) == 2)
            assert {order["cl_ord_id"] for order in emulator.orders.values()} == set(sent)

    run(scenario)


def test_a_batch_of_cancels(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            first = await placed(ws)
            await placed(ws, order_userref=8)
            await placed(ws, order_userref=None, cl_ord_id="a")
            result: CancelledCount = await ws.batch_cancel(orders=[first, 8], cl_ord_id="a")
            assert result.count == 3
            assert {order["status"] for order in emulator.orders.values()} == {"canceled"}
            with pytest.raises(InvalidRequest, match="orders"):
                await ws.batch_cancel()
            with pytest.raises(InvalidRequest, match="orders"):
                await ws.batch_cancel(orders=["O"] * 51)
            with pytest.raises(ExchangeError, match="EGeneral:Invalid arguments:orders"):
                await ws.batch_cancel(orders=[first])

    run(scenario)


def test_everything_is_cancelled(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            await placed(ws)
            await placed(ws)
            assert (await ws.cancel_all()).count == 2
            assert (await ws.cancel_all()).count == 0
            emulator.faults.add("cancel_all", "accept-then-reset")
            with pytest.raises(OrderStateUnknown):
                await ws.cancel_all()

    run(scenario)


def test_the_dead_mans_switch(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            order = await placed(ws)
            armed: CancelAllOrdersAfterResult = await ws.cancel_all_orders_after(seconds=60)
            assert armed.trigger_time is not None
            assert armed.current_time is not None
            assert armed.trigger_time > armed.current_time
            assert (await ws.cancel_all_orders_after(seconds=0, timeout=5)).trigger_time == "0"
            await ws.cancel_all_orders_after(seconds=1)
            await until(lambda: emulator.orders[order]["status"] == "canceled")
            with pytest.raises(InvalidRequest, match="seconds"):
                await ws.cancel_all_orders_after(seconds=86400)

    run(scenario)


def test_a_token_that_ran_out_is_replaced(emulator: Emulator) -> None:
    async def scenario() -> None:
        async with client(emulator) as ws:
            await ws.cancel_all()
            emulator.expire_tokens()
            rows = await ws.batch_add(symbol="BTC/USD", orders=[ROW, ROW])
            assert len(emulator.orders) == len(rows) == 2

    run(scenario)
