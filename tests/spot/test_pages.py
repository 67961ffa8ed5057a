"""All pages of what Kraken gives piece by piece, over real sockets and in both colours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kraken.emulator import Emulator
from kraken.exceptions import InvalidRequest, KrakenInvalidArgumentsError
from kraken.runtime import Options
from kraken.runtime.pagination import Progress
from kraken.spot import SpotClient

from ..support import ORDER, Clock, FakeTransport, Opener, reply

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[Emulator]:
    with Emulator(market_interval=None, clock=clock) as running:
        yield running


@pytest.fixture
def client(emulator: Emulator, opener: Opener) -> SpotClient:
    return opener(emulator.key, emulator.secret, emulator.spot_url, retries=0)


def asked(emulator: Emulator, name: str) -> list[Any]:
    """The arguments of each request of a call."""
    return [each.arguments for each in emulator.requests if each.path.endswith(name)]


def test_trades_from_a_moment_until_now_in_one_loop(
    emulator: Emulator, clock: Clock, client: SpotClient, opener: Opener
) -> None:
    moment = clock.now
    for _ in range(40):
        clock.pass_(1)
        emulator.tick(3, "XBTUSD")
    everything = client.market_data.get_recent_trades(pair="XBTUSD", since=str(moment), count=1000)["XXBTZUSD"]
    assert len(everything) > 20
    told: list[Progress] = []
    pages = client.market_data.iter_recent_trades(pair="XBTUSD", since=str(moment), count=7, on_page=told.append)
    assert opener.all(pages) == everything
    assert len(told) > 3
    assert told[-1].items == len(everything)
    requests = asked(emulator, "/Trades")[1:]
    assert all((each["pair"], each["count"]) == ("XBTUSD", "7") for each in requests)
    assert [each["since"] for each in requests] == [str(moment), *(each.cursor for each in told[:-1])]
    # What happens later comes when the iteration is taken up again.
    clock.pass_(1)
    emulator.tick(20, "XBTUSD")
    later = opener.all(client.market_data.iter_recent_trades(pair="XBTUSD", cursor=told[-1].cursor))
    assert later
    assert later == [
        each
        for each in client.market_data.get_recent_trades(pair="XBTUSD", since=told[-1].cursor)["XXBTZUSD"]
        if each not in everything
    ]


def test_trades_without_a_beginning(client: SpotClient, opener: Opener) -> None:
    trades = opener.all(client.market_data.iter_recent_trades(pair="XBTUSD", max_items=5))
    assert trades == client.market_data.get_recent_trades(pair="XBTUSD")["XXBTZUSD"][:5]


def test_candles_and_spreads(emulator: Emulator, client: SpotClient, opener: Opener) -> None:
    """There is no second page of these: the newest come, and the open candle comes once."""
    candles = opener.all(client.market_data.iter_ohlc_data(pair="XBTUSD", interval=60))
    assert [each.time for each in candles] == sorted({each.time for each in candles})
    assert candles == client.market_data.get_ohlc_data(pair="XBTUSD", interval=60)["XXBTZUSD"]
    spreads = opener.all(client.market_data.iter_recent_spreads(pair="XBTUSD"))
    assert spreads == client.market_data.get_recent_spreads(pair="XBTUSD")["XXBTZUSD"]
    assert len(asked(emulator, "/OHLC")) == 3
    assert len(asked(emulator, "/Spread")) == 3


@pytest.mark.parametrize("further", [{}, {"without_count": True}])
def test_closed_orders(
    emulator: Emulator, clock: Clock, client: SpotClient, opener: Opener, further: dict[str, Any]
) -> None:
    for number in range(103):
        clock.pass_(1)
        client.trading.add_order(**ORDER, userref=number)
        if number % 10 == 9 or number == 102:
            client.trading.cancel_all_orders()
    told: list[Progress] = []
    pages = client.account_data.iter_closed_orders(trades=True, on_page=told.append, **further)
    found = opener.all(pages)
    assert len(found) == 103
    assert {order.userref for _, order in found} == set(range(103))
    assert [each.get("ofs") for each in asked(emulator, "/ClosedOrders")] == [None, "50", "100"]
    assert [each.total for each in told] == ([None] * 3 if further else [103] * 3)
    start = client.account_data.iter_closed_orders(max_items=60, **further)
    assert opener.all(start) == found[:60]
    assert start.cursor == 60
    assert opener.all(client.account_data.iter_closed_orders(cursor=start.cursor, **further)) == found[60:]


def test_trades_and_ledger_entries_of_the_account(
    emulator: Emulator, clock: Clock, client: SpotClient, opener: Opener
) -> None:
    for _ in range(52):
        clock.pass_(1)
        client.trading.add_order(pair="XBTUSD", type="buy", ordertype="market", volume="0.0001")
    trades = opener.all(client.account_data.iter_trade_history())
    assert len(trades) == len(dict(trades)) >= 52
    entries = opener.all(client.account_data.iter_ledgers(type="trade"))
    assert {entry.refid for _, entry in entries} == {name for name, _ in trades}
    assert len(entries) == 2 * len(trades)
    assert all(each["type"] == "trade" for each in asked(emulator, "/Ledgers"))


def test_deposits(emulator: Emulator, clock: Clock, client: SpotClient, opener: Opener) -> None:
    newest: list[str] = []
    for _ in range(7):
        clock.pass_(60)
        newest.insert(0, emulator.deposit("ETH", "0.01"))
    pages = client.funding.iter_status_recent_deposits(asset="ETH", limit=3)
    found = [each.refid for each in opener.all(pages)]
    assert found[:7] == newest
    assert len(found) == 8
    requests = asked(emulator, "/DepositStatus")
    assert requests[0]["cursor"] == "true"
    assert len(requests) == 3
    assert opener.all(client.funding.iter_status_recent_withdrawals(asset="ETH")) == []


def test_lists_of_funding_beta(emulator: Emulator, clock: Clock, client: SpotClient, opener: Opener) -> None:
    """A cursor stands alone there: filters are part of it."""
    refids = [emulator.deposit("ETH", "0.01") for _ in range(5)]
    ether: Any = {"class": "currency", "name": "ETH"}
    pages = client.funding_beta.iter_funding_deposits_v1(asset=ether, limit=2)
    found = [each.deposit_id for each in opener.all(pages)]
    assert found[:5] == refids[::-1]
    first, *others = asked(emulator, "/funding/v1/deposits")
    assert first == {"asset[class]": "currency", "asset[name]": "ETH", "limit": "2"}
    assert others
    assert all(each.keys() == {"cursor"} for each in others)
    start = client.funding_beta.iter_funding_deposits_v1(asset=ether, limit=2, max_items=3)
    assert [each.deposit_id for each in opener.all(start)] == found[:3]
    rest = client.funding_beta.iter_funding_deposits_v1(asset=ether, limit=2, cursor=start.cursor)
    assert [each.deposit_id for each in opener.all(rest)] == found[3:]
    methods = opener.all(client.funding_beta.iter_funding_methods_v1(direction="deposit", limit=3))
    assert methods == client.funding_beta.list_funding_methods_v1(direction="deposit").methods
    assert {each.path for each in emulator.requests if "methods" in each.path} == {"/funding/v1/methods/deposit"}


def test_strategies_and_published_trades(emulator: Emulator, clock: Clock, client: SpotClient, opener: Opener) -> None:
    assert opener.all(client.earn.iter_strategies(limit=2)) == client.earn.list_strategies().items
    clock.pass_(1)
    emulator.tick(30, "XBTUSD")
    found = opener.all(
        client.transparency.iter_post_trade_data(symbol="BTC/USD", from_ts="2026-11-01T00:00:00Z", count=3)
    )
    assert len({each.trade_id for each in found}) == len(found) > 3


# ---------------------------------------------------------------------- errors and options


def test_errors_come_while_iterating(emulator: Emulator, client: SpotClient, opener: Opener) -> None:
    pages = client.account_data.iter_closed_orders(start="no time")
    assert emulator.requests == []
    with pytest.raises(KrakenInvalidArgumentsError):
        opener.all(pages)
    with pytest.raises(InvalidRequest, match="count: 2000"):
        opener.all(client.market_data.iter_recent_trades(pair="XBTUSD", count=2000))
    with pytest.raises(InvalidRequest, match="max_items: -5"):
        client.market_data.iter_recent_trades(pair="XBTUSD", max_items=-5)


def test_options_hold_for_every_page(opener: Opener) -> None:
    rows = [[["1.0", "2.0", 3.5, "b", "l", "", number]] for number in (1, 2)]
    transport = FakeTransport(*(reply({"XXBTZUSD": each, "last": str(each[0][-1])}) for each in rows))
    replies: list[Any] = []
    client = opener(transport=transport)
    options = Options(timeout=3, extra={"new": "x"}, headers={"X-Mine": "1"}, on_reply=replies.append)
    assert len(opener.all(client.market_data.iter_recent_trades(pair="XBTUSD", options=options))) == 2
    assert len(replies) == len(transport.requests) == 3
    for request in transport.requests:
        assert request.timeout == 3
        assert request.headers["X-Mine"] == "1"
        assert request.target.endswith("new=x")
