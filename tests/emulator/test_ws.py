"""WebSocket v2: subscriptions, order books with their checksums, private channels, and methods."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal
from typing import Any

import pytest
from websockets.sync.client import connect

from kraken.emulator import Emulator
from kraken.emulator.book import checksum
from kraken.emulator.instruments import Instruments

from .conftest import Account, Socket

PAIRS = ("BTC/USD", "ETH/USD", "ETH/BTC", "DOT/USD", "SOL/EUR", "SHIB/USD")

# the worked example of the published guide: price and quantity, best first
ASKS = """45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660
45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"""
BIDS = """45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586
45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"""


def test_published_checksum() -> None:
    def levels(text: str) -> list[tuple[Decimal, Decimal]]:
        return [(Decimal(price), Decimal(volume)) for price, volume in (each.split("/") for each in text.split())]

    assert checksum(Instruments().pair("BTC/USD"), levels(BIDS), levels(ASKS)) == 3310070434


class TextBook:
    """A book kept as a client keeps it, with the texts of the wire."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}

    def apply(self, row: Any) -> None:
        for name, levels in self.sides.items():
            for level in row[name]:
                if Decimal(level["qty"]):
                    levels[level["price"]] = level["qty"]
                else:
                    assert levels.pop(level["price"]), level
            best = sorted(levels, key=Decimal, reverse=name == "bids")[: self.depth]
            self.sides[name] = {price: levels[price] for price in best}

    def checksum(self) -> int:
        text = "".join(
            (price.replace(".", "").lstrip("0") + volume.replace(".", "").lstrip("0"))
            for name in ("asks", "bids")
            for price, volume in list(self.sides[name].items())[:10]
        )
        return zlib.crc32(text.encode())


def texts(frame: str) -> Any:
    """A frame with numbers as the texts that they are on the wire."""
    return json.loads(frame, parse_float=str)


def next_book(socket: Socket) -> Any:
    while True:
        frame = texts(str(socket.connection.recv(5)))
        if frame.get("channel") == "book":
            return frame


# ---------------------------------------------------------------------- public channels


@pytest.mark.parametrize("depth", [10, 25, 100, 500, 1000])
@pytest.mark.parametrize("symbol", ["BTC/USD", "SHIB/USD", "ETH/BTC"])
def test_books_have_right_checksums(emulator: Emulator, public: Socket, symbol: str, depth: int) -> None:
    public.ask("subscribe", channel="book", symbol=[symbol], depth=depth)
    book = TextBook(depth)
    frame = next_book(public)
    assert frame["type"] == "snapshot"
    book.apply(frame["data"][0])
    assert book.checksum() == frame["data"][0]["checksum"]
    assert len(book.sides["bids"]) == min(depth, 120)
    emulator.tick(120, symbol)
    emulator.trade_through(symbol, list(book.sides["asks"])[-1])
    emulator.set_price(symbol, list(book.sides["bids"])[7])
    public.ask("ping")
    updates = 0
    while True:
        frame = texts(str(public.connection.recv(5)))
        if frame.get("method") == "pong":
            break
        if frame.get("channel") != "book":
            continue
        (row,) = frame["data"]
        assert (frame["type"], row["symbol"]) == ("update", symbol)
        assert row["bids"] or row["asks"]
        book.apply(row)
        assert book.checksum() == row["checksum"]
        updates += 1
    assert updates > 50
    rest = Account(emulator)
    with rest.http:
        (shown,) = rest.public("Depth", pair=symbol, count=min(depth, 500)).values()
    for name, levels in book.sides.items():
        assert list(levels.items())[:500] == [(row[0], row[1]) for row in shown[name]]


def test_a_book_without_snapshot_still_moves(account: Account, public: Socket) -> None:
    public.result("subscribe", channel="book", symbol=["BTC/USD"], snapshot=False)
    account.limit(price="68012.4")
    (row,) = public.until(channel="book", type="update")["data"]
    assert row["bids"] == [{"price": Decimal("68012.4"), "qty": Decimal("0.01000000")}]


def test_numbers_have_all_their_digits(public: Socket) -> None:
    public.ask("subscribe", channel="book", symbol=["BTC/USD"])
    row = next_book(public)["data"][0]
    for level in row["bids"] + row["asks"]:
        assert len(level["price"].partition(".")[2]) == 1
        assert len(level["qty"].partition(".")[2]) == 8


def test_a_poisoned_checksum_is_wrong_once_and_for_one_symbol(emulator: Emulator, public: Socket) -> None:
    books = {symbol: TextBook(10) for symbol in ("BTC/USD", "ETH/USD")}
    public.ask("subscribe", channel="book", symbol=list(books))
    for _ in books:
        row = next_book(public)["data"][0]
        books[row["symbol"]].apply(row)
    emulator.poison_checksum("BTC/USD")
    emulator.tick(60, "BTC/USD")
    emulator.tick(60, "ETH/USD")
    public.ask("ping")
    wrong: list[str] = []
    while (frame := texts(str(public.connection.recv(5)))).get("method") != "pong":
        if frame.get("channel") == "book":
            row = frame["data"][0]
            books[row["symbol"]].apply(row)
            wrong += [row["symbol"]] if books[row["symbol"]].checksum() != row["checksum"] else []
    assert wrong == ["BTC/USD"]


def test_one_ack_per_symbol(public: Socket) -> None:
    number = public.ask("subscribe", channel="ticker", symbol=["BTC/USD", "NO/PE", "nope", "ETH/USD"])
    replies = [public.until(req_id=number) for _ in range(4)]
    assert [reply["success"] for reply in replies] == [True, False, False, True]
    assert replies[0]["result"] == {
        "channel": "ticker",
        "symbol": "BTC/USD",
        "event_trigger": "trades",
        "snapshot": True,
    }
    assert (replies[1]["error"], replies[1]["symbol"]) == ("Currency pair not supported NO/PE", "NO/PE")
    assert replies[2]["error"] == "Currency pair not in ISO 4217-A3 format"
    assert all(reply["time_in"] < reply["time_out"] for reply in replies)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"channel": "nothing"}, "Subscription name invalid"),
        ({}, "Subscription name invalid"),
        ({"channel": "status"}, "Symbol(s) not found"),
        ({"channel": "executions", "token": "x"}, "Subscription name invalid"),
        ({"channel": "book", "symbol": ["BTC/USD"], "depth": 7}, "Subscription depth not supported"),
        ({"channel": "book", "symbol": ["BTC/USD"], "depth": "10"}, "Subscription book depth must be an integer"),
        ({"channel": "book", "symbol": ["BTC/USD"], "depht": 10}, "Unsupported field: 'depht'"),
        ({"channel": "book", "symbol": "BTC/USD"}, "EGeneral:Invalid arguments:symbol"),
        ({"channel": "book"}, "EGeneral:Invalid arguments:symbol"),
        ({"channel": "ticker", "symbol": ["BTC/USD"], "snapshot": "true"}, "EGeneral:Invalid arguments:snapshot"),
        ({"channel": "ticker", "symbol": ["XBT/USD"]}, "Currency pair not supported XBT/USD"),
    ],
)
def test_refused_subscriptions(public: Socket, params: dict[str, Any], words: str) -> None:
    assert public.refused("subscribe", **params) == words
    assert public.refused("unsubscribe", **params)


def test_frames_that_make_no_sense(public: Socket) -> None:
    for text in ("", "{", "[]", '{"method":1}', '{"method":"ping","params":{},"params":{}}', '{"a":NaN}'):
        public.connection.send(text)
        assert public.next()["error"] == "Malformed request"
    assert public.refused("dance") == "Event(s) not found"
    assert public.refused("add_order") == "Event(s) not found"


def test_ping(public: Socket, private: Socket) -> None:
    for socket in (public, private):
        reply = socket.reply("ping")
        assert set(reply) == {"method", "req_id", "time_in", "time_out"}
        assert reply["method"] == "pong"


def test_subscribing_twice_and_unsubscribing(emulator: Emulator, public: Socket) -> None:
    wanted = {"channel": "book", "symbol": ["BTC/USD"], "depth": 25}
    public.result("subscribe", **wanted, snapshot=False)
    assert public.refused("subscribe", **wanted) == "Already subscribed"
    assert [(each.channel, each.symbol) for each in emulator.subscriptions] == [("book", "BTC/USD")]
    assert emulator.subscriptions[0].options["depth"] == 25
    assert public.refused("unsubscribe", channel="book", symbol=["BTC/USD"]) == "Symbol(s) not found"
    assert public.result("unsubscribe", **wanted) == {"channel": "book", "symbol": "BTC/USD", "depth": 25}
    assert emulator.subscriptions == []
    emulator.tick(20, "BTC/USD")
    assert public.reply("ping")["method"] == "pong"


def test_ticker(emulator: Emulator, public: Socket) -> None:
    public.ask("subscribe", channel="ticker", symbol=["BTC/USD"])
    first = public.until(channel="ticker")
    assert first["type"] == "snapshot"
    (row,) = first["data"]
    emulator.trade_through("BTC/USD", row["ask"])
    update = public.until(channel="ticker")
    assert (update["type"], update["data"][0]["last"]) == ("update", row["ask"])
    assert update["data"][0]["ask"] > row["ask"]
    assert update["data"][0]["volume"] == row["volume"] + row["ask_qty"]


def test_ticker_on_best_prices(account: Account, public: Socket) -> None:
    public.ask("subscribe", channel="ticker", symbol=["BTC/USD"], event_trigger="bbo", snapshot=False)
    public.until(method="subscribe")
    account.limit(price="50000")
    account.limit(price="68012.4")
    assert public.until(channel="ticker")["data"][0]["bid"] == Decimal("68012.4")


def test_trades(emulator: Emulator, public: Socket) -> None:
    assert public.result("subscribe", channel="trade", symbol=["ETH/USD"], snapshot=True)["snapshot"] is True
    snapshot = public.until(channel="trade")
    assert (snapshot["type"], len(snapshot["data"])) == ("snapshot", 50)
    account = Account(emulator)
    with account.http:
        asks = account.public("Depth", pair="ETHUSD", count=2)["XETHZUSD"]["asks"]
    emulator.trade_through("ETH/USD", asks[1][0])
    update = public.until(channel="trade")
    assert [(row["price"], row["qty"], row["side"]) for row in update["data"]] == [
        (Decimal(price), Decimal(volume), "buy") for price, volume, _ in asks
    ]
    ids = [row["trade_id"] for row in snapshot["data"] + update["data"]]
    assert ids == list(range(ids[0], ids[0] + 52))


def test_instruments(account: Account, public: Socket) -> None:
    public.result("subscribe", channel="instrument")
    data = public.until(channel="instrument")["data"]
    pairs = {each["wsname"].replace("XBT", "BTC"): each for each in account.public("AssetPairs").values()}
    assert {each["symbol"] for each in data["pairs"]} == set(pairs) == set(PAIRS)
    for each in data["pairs"]:
        rest = pairs[each["symbol"]]
        assert (each["price_precision"], each["qty_precision"]) == (rest["pair_decimals"], rest["lot_decimals"])
        assert each["price_increment"] == Decimal(rest["tick_size"])


def test_status_is_pushed_on_a_change(emulator: Emulator, public: Socket) -> None:
    emulator.set_status("cancel_only")
    assert public.next()["data"][0]["system"] == "cancel_only"


def test_heartbeats_fill_silence() -> None:
    with Emulator(market_interval=None, heartbeat_interval=0.02) as emulator:
        with connect(f"{emulator.spot_ws_url}/v2") as connection:
            socket = Socket(connection)
            socket.next()
            with pytest.raises(TimeoutError):
                socket.next(0.1)
            socket.result("subscribe", channel="trade", symbol=["BTC/USD"])
            assert socket.next() == {"channel": "heartbeat"}
            assert socket.next() == {"channel": "heartbeat"}


def test_other_paths_are_refused(emulator: Emulator) -> None:
    with pytest.raises(Exception, match="404"):
        connect(emulator.spot_ws_url)


# ---------------------------------------------------------------------- private channels


ORDER: dict[str, Any] = {
    "order_type": "limit",
    "side": "buy",
    "symbol": "BTC/USD",
    "order_qty": 0.01,
    "limit_price": 60000,
}


def test_tokens(emulator: Emulator, account: Account, private: Socket) -> None:
    good = private.token
    private.token = None
    assert private.refused("subscribe", channel="balances") == "EAPI:Invalid token"
    assert private.refused("add_order", **ORDER, token="x") == "EAPI:Invalid token"
    private.token = good
    private.result("subscribe", channel="balances", snapshot=False)
    emulator.expire_tokens()
    assert private.refused("subscribe", channel="executions") == "ESession:Invalid session"
    assert private.refused("add_order", **ORDER) == "ESession:Invalid session"
    private.token = account.call("GetWebSocketsToken")["token"]
    private.result("subscribe", channel="executions")
    private.result("add_order", **ORDER)
    assert len(emulator.subscriptions) == 2


def test_a_token_lives_its_time() -> None:
    now = [1_800_000_000_000_000_000]
    with Emulator(market_interval=None, clock=lambda: now[0], token_lifetime=900) as emulator:
        account = Account(emulator)
        with account.http, connect(f"{emulator.spot_ws_auth_url}/v2") as connection:
            reply = account.call("GetWebSocketsToken")
            assert reply["expires"] == 900
            socket = Socket(connection, reply["token"])
            now[0] += 899 * 10**9
            socket.result("subscribe", channel="balances")
            now[0] += 2 * 10**9
            assert socket.refused("subscribe", channel="executions") == "ESession:Invalid session"


def test_public_channels_are_not_on_the_private_server(private: Socket) -> None:
    assert private.refused("subscribe", channel="ticker", symbol=["BTC/USD"]) == "Subscription name invalid"


def test_the_life_of_an_order(emulator: Emulator, account: Account, private: Socket) -> None:
    granted = private.result("subscribe", channel="executions")
    assert (granted["snap_orders"], granted["snap_trades"]) == (True, False)
    assert private.until(channel="executions") | {"data": None} == {
        "channel": "executions",
        "type": "snapshot",
        "data": None,
        "sequence": 1,
    }
    bid = Decimal(account.public("Depth", pair="XBTUSD", count=1)["XXBTZUSD"]["bids"][0][0])
    private.ask("add_order", **{**ORDER, "limit_price": bid, "cl_ord_id": "mine-1"})
    frames = [private.next() for _ in range(3)]
    reply = next(frame for frame in frames if frame.get("method") == "add_order")
    order = reply["result"]["order_id"]
    assert reply["result"] == {"order_id": order, "cl_ord_id": "mine-1"}
    emulator.fill(order, "0.004")
    emulator.fill(order)
    frames = [each for each in frames if "channel" in each] + [private.until(channel="executions") for _ in range(3)]
    assert [frame["sequence"] for frame in frames] == [2, 3, 4, 5, 6]
    rows = [frame["data"][0] for frame in frames]
    assert [row["exec_type"] for row in rows] == ["pending_new", "new", "trade", "trade", "filled"]
    assert {row["order_id"] for row in rows} == {order}
    assert (rows[0]["limit_price"], rows[0]["order_qty"], rows[0]["time_in_force"]) == (bid, Decimal("0.01"), "GTC")
    assert [row["last_qty"] for row in rows[2:4]] == [Decimal("0.004"), Decimal("0.006")]
    assert (rows[4]["order_status"], rows[4]["cum_qty"]) == ("filled", Decimal("0.01"))
    shown = account.call("QueryOrders", txid=order, trades="true")[order]
    assert [row["exec_id"] for row in rows[2:4]] == shown["trades"]
    assert Decimal(shown["cost"]) == rows[4]["cum_cost"] == sum(row["cost"] for row in rows[2:4])
    assert Decimal(shown["fee"]) == sum(row["fees"][0]["qty"] for row in rows[2:4])


def test_executions_snapshot(emulator: Emulator, account: Account, private: Socket) -> None:
    resting = account.limit(userref="5")
    filled = account.limit(ordertype="market")
    account.call("CancelOrder", txid=account.limit())
    private.result("subscribe", channel="executions", snap_trades=True)
    rows = private.until(channel="executions")["data"]
    assert [(row["order_id"], row["exec_type"]) for row in rows] == [(resting, "new"), (filled, "trade")]
    assert (rows[0]["order_userref"], rows[0]["order_status"]) == (5, "new")


def test_only_openings_and_closings_if_wished(emulator: Emulator, private: Socket) -> None:
    private.result("subscribe", channel="executions", order_status=False, snap_orders=False)
    private.ask("add_order", **ORDER, cl_ord_id="a")
    private.ask("amend_order", cl_ord_id="a", order_qty=0.02)
    private.ask("cancel_order", cl_ord_id=["a"])
    frames = [frame for frame in private.next_after_ping() if "channel" in frame]
    assert [row["exec_type"] for frame in frames for row in frame["data"]] == ["new", "canceled"]


def test_balances_agree_with_rest_to_the_digit(emulator: Emulator, account: Account, private: Socket) -> None:
    private.result("subscribe", channel="balances")
    snapshot = private.until(channel="balances")
    assert snapshot["sequence"] == 1
    assets = account.public("Assets")
    names = {"BTC" if each["altname"] == "XBT" else each["altname"]: name for name, each in assets.items()}
    held = {names[row["asset"]]: row["balance"] for row in snapshot["data"]}
    assert {name: format(amount, "f") for name, amount in held.items()} == account.call("Balance")
    for side, fee in (("buy", "fciq"), ("sell", "fciq"), ("buy", "fcib"), ("sell", "fcib")):
        account.limit(side, ordertype="market", volume="0.01234567", oflags=fee)
    number = private.ask("ping")
    sequence = 1
    while (frame := private.next()).get("req_id") != number:
        sequence += 1
        assert frame["sequence"] == sequence
        for row in frame["data"]:
            held[names[row["asset"]]] += row["amount"] - row["fee"]
            assert held[names[row["asset"]]] == row["balance"]
    assert sequence > 4
    assert {name: format(amount, "f") for name, amount in held.items()} == account.call("Balance")


# ---------------------------------------------------------------------- methods


def test_methods(emulator: Emulator, account: Account, private: Socket) -> None:
    one = private.result("add_order", **ORDER, cl_ord_id="mine-1")["order_id"]
    two = private.result("add_order", **ORDER, order_userref=7)
    assert two["order_userref"] == 7
    three = private.result("add_order", **ORDER, order_userref=7)["order_id"]
    amended = private.result("amend_order", cl_ord_id="mine-1", limit_price=61000)
    assert (amended["cl_ord_id"], amended["amend_id"][0]) == ("mine-1", "T")
    assert account.call("QueryOrders", txid=one)[one]["descr"]["price"] == "61000.0"
    number = private.ask("cancel_order", order_id=[one, "OAAAAA-BBBBB-CCCCCC"])
    replies = [private.until(req_id=number) for _ in range(2)]
    assert replies[0]["result"] == {"order_id": one, "cl_ord_id": "mine-1"}
    assert replies[1]["error"] == "EOrder:Unknown order"
    number = private.ask("cancel_order", order_userref=[7])
    replies = [private.until(req_id=number) for _ in range(2)]
    assert [reply["result"]["order_id"] for reply in replies] == [two["order_id"], three]
    assert account.call("OpenOrders")["open"] == {}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"symbol": "XBT/USD"}, "EQuery:Unknown asset pair"),
        ({"order_qty": "0.01"}, "EGeneral:Invalid arguments:order_qty"),
        ({"order_qty": True}, "EGeneral:Invalid arguments:order_qty"),
        ({"order_qty": 900}, "EOrder:Insufficient funds"),
        ({"limit_price": 60000.05}, "EOrder:Tick size check failed"),
        ({"limit_price": 90000, "post_only": True}, "EOrder:Post only order"),
        ({"colour": "red"}, "Unsupported field: 'colour'"),
        ({"side": "BUY"}, "EGeneral:Invalid arguments:side"),
        ({"cl_ord_id": "a", "order_userref": 1}, "EGeneral:Invalid arguments:order_userref"),
        ({"order_type": "stop-loss"}, "EGeneral:Invalid arguments:triggers"),
        ({"time_in_force": "gtd"}, "EGeneral:Invalid arguments:expire_time"),
        ({"margin": True}, "EOrder:Cannot open position"),
        ({"deadline": "2020-01-01T00:00:00Z"}, "EService:Deadline elapsed"),
        ({"cash_order_qty": 100}, "EGeneral:Invalid arguments:cash_order_qty"),
    ],
)
def test_refused_orders(emulator: Emulator, private: Socket, params: dict[str, Any], words: str) -> None:
    assert private.refused("add_order", **{**ORDER, **params}) == words
    assert emulator.orders == {}


def test_other_kinds_of_orders(account: Account, private: Socket) -> None:
    last = Decimal(account.public("Ticker", pair="XBTUSD")["XXBTZUSD"]["c"][0])
    plain = {"side": "sell", "symbol": "BTC/USD", "order_qty": 0.01}

    def shown(**params: Any) -> Any:
        order = private.result("add_order", **{**plain, **params})["order_id"]
        return account.call("QueryOrders", txid=order)[order]

    stop = shown(order_type="stop-loss", triggers={"price": -2, "price_type": "pct"})
    assert Decimal(stop["descr"]["price"]) == (last * Decimal("0.98")).quantize(Decimal("0.1"))
    trailing = shown(order_type="trailing-stop", triggers={"price": 100, "price_type": "quote"})
    assert (Decimal(trailing["descr"]["price"]), trailing["status"]) == (last - 100, "open")
    cash = {"order_type": "market", "side": "buy", "cash_order_qty": 100, "symbol": "BTC/USD"}
    order = private.result("add_order", **cash)["order_id"]
    assert Decimal("99.9") < Decimal(account.call("QueryOrders", txid=order)[order]["cost"]) <= 100
    assert private.result("add_order", **ORDER, validate=True) == {"order_id": ""}
