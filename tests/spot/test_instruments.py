"""Names, steps and minimums as a running Kraken tells them."""

from __future__ import annotations

from typing import Any

from kraken.emulator import Emulator

from ..support import Opener


def test_the_instruments_of_a_client(emulator: Emulator, opener: Opener) -> None:
    client: Any = opener(url=emulator.spot_url)
    known = client.instruments()
    pairs, assets = client.market_data.get_tradable_asset_pairs(), client.market_data.get_asset_info()
    assert set(known.pairs) == set(pairs)
    assert set(known.assets) == set(assets)
    for name, info in pairs.items():
        found = known.pairs[name]
        assert {known.pair(each).name for each in (name, info.altname, info.wsname, found.symbol)} == {name}
        assert (found.tick, found.minimum_volume, found.minimum_cost) == (info.tick_size, info.ordermin, info.costmin)
        # The emulator takes each spelling, and the WebSocket's one is the symbol.
        assert set(client.market_data.get_ticker_information(pair=found.symbol)) == {name}
    assert known.pair("BTC/USD").name == "XXBTZUSD"
    assert known.asset("BTC").name == "XXBT"


def test_an_order_on_its_steps_is_taken(emulator: Emulator, opener: Opener) -> None:
    client: Any = opener(emulator.key, emulator.secret, emulator.spot_url)
    pair = client.instruments().pair("BTC/USD")
    volume, price = pair.volume("0.0012345678912"), pair.price("60000.123456789")
    pair.check(volume, price)
    placed = client.trading.add_order(pair=pair.altname, type="buy", ordertype="limit", volume=volume, price=price)
    assert emulator.orders[placed.txid[0]]["vol"] == "0.00123456"
    assert emulator.orders[placed.txid[0]]["descr"]["price"] == "60000.1"
