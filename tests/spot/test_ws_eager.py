"""On a loop whose tasks begin at once (`asyncio.eager_task_factory`), as some frameworks set it up."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.runtime.websocket.events import Dropped, Event, Open, Restored
from kraken.spot import SpotOrderBookClient, SpotWSClient

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are there since Python 3.12")


def test_everything_arrives() -> None:
    async def scenario(emulator: Emulator) -> None:
        factory: Any = vars(asyncio)["eager_task_factory"]
        asyncio.get_running_loop().set_task_factory(factory)
        addresses: Any = {
            "rest_url": emulator.spot_url,
            "ws_url": emulator.spot_ws_url,
            "auth_ws_url": emulator.spot_ws_auth_url,
        }
        events: asyncio.Queue[Event] = asyncio.Queue()
        ticks: asyncio.Queue[Any] = asyncio.Queue()
        async with SpotWSClient(emulator.key, emulator.secret, **addresses) as ws, SpotOrderBookClient(10, **addresses) as books:  # fmt: skip
            ws.on_event(events.put_nowait)
            ws.on("ticker", ticks.put_nowait)
            stream = await ws.ticker(symbol=["BTC/USD"]).subscribe()
            assert (await anext(stream)).symbol == (await ticks.get()).data[0].symbol == "BTC/USD"
            await books.add_book(["BTC/USD"])
            assert books.book("BTC/USD").valid
            async with ws.account() as account:
                placed = await ws.add_order(
                    order_type="limit", side="buy", symbol="BTC/USD", order_qty="0.01", limit_price="50000"
                )
                while placed.order_id not in account.orders:
                    await asyncio.sleep(0)
            await asyncio.to_thread(emulator.drop_connections)
            seen: list[type[Event]] = []
            while Restored not in seen:
                seen.append(type(await events.get()))
            assert {Open, Dropped} <= set(seen)

    with Emulator(market_interval=None) as emulator:
        asyncio.run(asyncio.wait_for(scenario(emulator), 30))
