"""Unified WebSocket: derivatives in the frames of WebSocket v2, consistent with Futures REST."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from kraken.emulator import Emulator
from kraken.emulator.specs import load, specs_folder

from .conftest import Account, Socket
from .futures import FuturesAccount
from .schemas import UNIFIED_MESSAGES, check
from .test_ws import TextBook, next_book

if TYPE_CHECKING:
    from kraken.emulator.specs import Channel

SPECS = load(specs_folder(), "unified")
XBT, INVERSE = "PF_XBTUSD", "PI_XBTUSD"
ON = {"asset_class": "derivatives"}
PRIVATE = ("executions", "balances", "positions", "margin", "ledgers", "quotes")


def checked(frame: Any) -> Any:
    """A frame that is what the specs say of its channel, with nothing in it that is not named there."""
    text = json.dumps(frame, default=float)
    if frame["channel"] == "balances":  # the list of wallets in the specs is open, that of the check is not
        text = text.replace('"type": "derivatives"', '"type": "spot"').replace(
            '_type": "derivatives"', '_type": "spot"'
        )
        text = re.sub('"(cash|flex|fi_xbtusd)"', '"main"', text)
    check(UNIFIED_MESSAGES[f"{frame['channel'].capitalize()}Message"], json.loads(text))
    return frame


def frames_of(socket: Socket, channel: str) -> list[Any]:
    """What has come of a channel so far."""
    return [checked(frame) for frame in socket.next_after_ping() if frame.get("channel") == channel]


def data_of(socket: Socket, channel: str) -> list[Any]:
    return [row for frame in frames_of(socket, channel) for row in frame["data"]]


def first(socket: Socket, channel: str, **params: Any) -> Any:
    """The first frame of a new subscription."""
    given = {**({} if channel in ("balances", "ledgers") else ON), **params}
    socket.result("subscribe", channel=channel, **given)
    return checked(socket.until(channel=channel))


def order(socket: Socket, **params: Any) -> str:
    """The id of an order that was taken."""
    usual = {"order_type": "limit", "side": "buy", "symbol": XBT, "order_qty": 0.5}
    return str(socket.result("add_order", **{**ON, **usual, **params})["order_id"])


# ---------------------------------------------------------------------- requests


@pytest.mark.parametrize("channel", [*SPECS.channels.values(), *SPECS.methods.values()], ids=lambda each: each.name)
def test_examples_of_requests_are_understood(
    emulator: Emulator, unified: Socket, unified_private: Socket, channel: Channel
) -> None:
    socket = unified_private if "private" in channel.servers else unified
    for example in channel.examples:
        if "request" not in example:
            continue
        request = json.loads(example["request"], parse_float=Decimal)
        wanted = json.loads(example["responses"][0], parse_float=Decimal)
        params = request.get("params", {})
        if "token" in params:
            params["token"] = unified_private.token
        error = str(wanted.get("error", ""))
        if error.startswith(("ESession", "Exceeded", "EGeneral:Permission", "EService")):
            continue  # tested for themselves, or nothing that an order book can lead to
        if error.startswith("RFQ"):
            emulator.warm_up_quotes()
        if "Already" in error:
            socket.reply(request["method"], **params)
        if request["method"] == "amend_order" and not error:
            order(socket, cl_ord_id=params["cl_ord_id"], limit_price=60000)
            params["limit_price"] = 60001
        if request["method"] == "cancel_order" and not error:
            params["order_id"] = [order(socket, limit_price=60000)]
        if request["method"] == "add_order":
            params["cl_ord_id"] = str(next(socket.ids))  # those of the examples are all the same
        if "reduce_only" in params:
            order(socket, order_type="market", side="buy")
        reply = socket.reply(request["method"], **params)
        assert reply.get("error") == wanted.get("error"), example
        if request["method"] == "add_order" and not error:
            socket.result("cancel_all", **ON)
            for symbol, size in emulator.futures_positions.items():
                order(socket, order_type="market", side="sell", symbol=symbol, order_qty=float(size))
        if isinstance(wanted.get("result"), dict):
            told = reply["result"]
            assert told.keys() - {"maxratecount"} >= wanted["result"].keys() - {"warnings"}, told
        if request["method"] == "subscribe" and not error:
            given = {name: params[name] for name in ("channel", "token", *channel.repeated) if name in params}
            socket.result("unsubscribe", **given)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"channel": "ledgers", **ON}, "'params.asset_class' is not valid for the ledgers channel"),
        ({"channel": "margin", **ON, "snapshot": True}, "'params.snapshot' is not valid for the margin channel"),
        ({"channel": "rfqs"}, "'params.asset_class' is required for the rfqs channel"),
        ({"channel": "quotes"}, "'params.asset_class' is required for the quotes channel"),
        (
            {"channel": "positions", **ON, "snapshot": True, "with_margin": True},
            "'params.with_margin' is not valid for the positions channel",
        ),
        (
            {"channel": "positions", "asset_class": "spot"},
            "'params.asset_class' is not valid for the positions channel",
        ),
        ({"channel": "executions", "asset_class": "spot"}, "EService:Unavailable"),
        ({"channel": "balances", **ON}, "'params.asset_class' is not valid for the balances channel"),
        ({"channel": "nope"}, "Subscription name invalid"),
    ],
)
def test_rules_of_parameters(unified: Socket, unified_private: Socket, params: dict[str, Any], words: str) -> None:
    socket = unified if params["channel"] == "rfqs" else unified_private
    assert socket.refused("subscribe", **params) == words
    if "asset_class" in words:
        assert socket.refused("unsubscribe", **params) == words


def test_each_channel_has_its_socket(unified: Socket, unified_private: Socket) -> None:
    for channel in PRIVATE:
        assert unified.refused("subscribe", channel=channel, **ON) == "Subscription name invalid"
    assert unified_private.refused("subscribe", channel="ticker", symbol=[XBT], **ON) == "Subscription name invalid"
    assert unified.refused("cancel_all", **ON) == "Event(s) not found"
    assert unified_private.refused("edit_order", **ON) == "Event(s) not found"
    for socket in (unified, unified_private):
        assert socket.reply("ping")["method"] == "pong"


def test_some_channels_can_be_had_once(unified_private: Socket) -> None:
    for channel in ("positions", "margin"):
        unified_private.result("subscribe", channel=channel, **ON)
        words = f"Already subscribed to {channel} channel"
        assert unified_private.refused("subscribe", channel=channel, **ON) == words
    more = {"channel": "positions", "with_margin": True}
    assert unified_private.refused("subscribe", **ON, **more) == "Already subscribed to positions channel"


def test_tokens(emulator: Emulator, unified_private: Socket) -> None:
    unified_private.result("subscribe", channel="positions", **ON)
    emulator.expire_tokens()
    assert unified_private.refused("subscribe", channel="margin", **ON) == "ESession:Invalid session"
    assert unified_private.refused("cancel_all", token="made up", **ON) == "EAPI:Invalid token"


def test_level3_needs_a_token_on_the_public_socket(unified: Socket) -> None:
    assert unified.refused("subscribe", channel="level3", symbol=[XBT], **ON) == "EAPI:Invalid token"


# ---------------------------------------------------------------------- market data


@pytest.mark.parametrize("symbol", [XBT, "PF_ETHUSD", INVERSE])
@pytest.mark.parametrize("depth", [10, 100])
def test_books_have_right_checksums(emulator: Emulator, unified: Socket, symbol: str, depth: int) -> None:
    unified.ask("subscribe", channel="book", symbol=[symbol], depth=depth, **ON)
    book = TextBook(depth)
    frame = json.loads(json.dumps(next_book(unified)), parse_int=str)
    snapshot = frame["data"][0]
    book.apply(snapshot)
    assert book.checksum() == int(snapshot["checksum"])
    emulator.tick(80, symbol)
    unified.ask("ping")
    updates = 0
    while (frame := json.loads(str(unified.connection.recv(5)), parse_float=str, parse_int=str)).get(
        "method"
    ) != "pong":
        if frame["channel"] == "book":
            book.apply(frame["data"][0])
            assert book.checksum() == int(frame["data"][0]["checksum"])
            updates += 1
    assert updates > 20
    shown = emulator.book(symbol, depth)
    for name, levels in zip(("bids", "asks"), shown, strict=True):
        assert [(Decimal(price), Decimal(qty)) for price, qty in book.sides[name].items()] == levels


def test_level3(emulator: Emulator, unified: Socket, unified_private: Socket) -> None:
    row = first(unified, "level3", symbol=[XBT], token=unified_private.token)["data"][0]
    shown = emulator.book_orders(XBT, 10)
    assert [each["order_id"] for each in row["bids"]] == [each.order_id for each in shown.bids]
    emulator.tick(60, XBT)
    assert frames_of(unified, "level3")


def test_a_poisoned_checksum(emulator: Emulator, unified: Socket) -> None:
    unified.ask("subscribe", channel="book", symbol=[XBT], **ON)
    book = TextBook(10)
    book.apply(json.loads(json.dumps(next_book(unified)), parse_int=str)["data"][0])
    emulator.poison_checksum(XBT)
    emulator.tick(60, XBT)
    rows = [
        json.loads(json.dumps(frame, default=str), parse_int=str)["data"][0] for frame in frames_of(unified, "book")
    ]
    wrong = 0
    for row in rows:
        book.apply(row)
        wrong += book.checksum() != int(row["checksum"])
    assert wrong == 1


def test_tickers_trades_and_candles(emulator: Emulator, futures: FuturesAccount, unified: Socket) -> None:
    ticker = first(unified, "ticker", symbol=[XBT])["data"][0]
    told = futures.ticker()
    assert (ticker["bid"], ticker["ask"], ticker["last"]) == (told["bid"], told["ask"], told["last"])
    trades = first(unified, "trade", symbol=[XBT], snapshot=True)["data"]
    assert len(trades) == 50
    candles = first(unified, "ohlc", symbol=[XBT], interval=5)["data"]
    emulator.tick(60, XBT)
    frames = [checked(frame) for frame in unified.next_after_ping()]
    assert {frame["channel"] for frame in frames} == {"ticker", "trade", "ohlc"}
    numbers = [row["trade_id"] for row in trades]
    numbers += [row["trade_id"] for frame in frames if frame["channel"] == "trade" for row in frame["data"]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    last = futures.call("GET", "history", symbol=XBT)["history"][0]
    assert last["trade_id"] == numbers[-1]
    assert {row["interval"] for row in candles} == {5}


def test_candles_of_other_prices(emulator: Emulator, unified: Socket) -> None:
    for kind in ("mark", "spot"):
        first(unified, "ohlc", symbol=[XBT], interval=1, tick_type=kind)
    assert [each.options["tick_type"] for each in emulator.subscriptions] == ["mark", "spot"]
    unified.result("unsubscribe", channel="ohlc", symbol=[XBT], interval=1, tick_type="spot", **ON)
    assert [each.options["tick_type"] for each in emulator.subscriptions] == ["mark"]


def test_instruments(emulator: Emulator, futures: FuturesAccount, unified: Socket) -> None:
    pairs = {row["symbol"]: row for row in first(unified, "instrument")["data"]["pairs"]}
    told = {row["symbol"]: row for row in futures.call("GET", "instruments")["instruments"]}
    assert pairs.keys() == told.keys()
    for symbol, row in pairs.items():
        assert row["price_increment"] == told[symbol]["tickSize"]
        assert row["qty_precision"] == told[symbol]["contractValueTradePrecision"]
        assert row["qty_increment"] == Decimal(1).scaleb(-row["qty_precision"])
        assert row["qty_min"] % row["qty_increment"] == 0
    assert pairs[INVERSE]["price_increment"] == Decimal("0.5")
    emulator.set_status("post_only")
    assert unified.until(channel="status")["data"][0]["system"] == "post_only"


def test_one_ack_per_symbol(unified: Socket) -> None:
    number = unified.ask("subscribe", channel="ticker", symbol=[XBT, "PF_NOPE", "pf_xbtusd"], **ON)
    replies = [unified.until(req_id=number) for _ in range(3)]
    assert [reply["success"] for reply in replies] == [True, False, False]
    assert replies[1]["error"] == "Currency pair not supported PF_NOPE"


# ---------------------------------------------------------------------- orders


def test_what_is_told_of_an_order(futures: FuturesAccount, unified_private: Socket) -> None:
    unified_private.ask("subscribe", channel="executions", **ON)
    unified_private.until(channel="executions")
    futures.placed(price="61000", cliOrdId="mine")
    futures.call("POST", "editorder", cliOrdId="mine", size="0.4", qtyMode="ABSOLUTE", limitPrice="61001")
    futures.emulator.fill("mine", "0.1")
    futures.emulator.fill("mine")
    futures.call("POST", "cancelorder", order_id=futures.placed())
    frames = frames_of(unified_private, "executions")
    assert [frame["sequence"] for frame in frames] == list(range(2, 2 + len(frames)))
    rows = [row for frame in frames for row in frame["data"]]
    assert [(row["exec_type"], row["order_status"]) for row in rows] == [
        ("new", "new"),
        ("amended", "new"),
        ("trade", "partially_filled"),
        ("trade", "filled"),
        ("new", "new"),
        ("canceled", "canceled"),
    ]
    fills = futures.call("GET", "fills")["fills"][::-1]
    assert [row["exec_id"] for row in rows if row["exec_type"] == "trade"] == [fill["fill_id"] for fill in fills]
    assert rows[3]["cum_qty"] == Decimal("0.4")
    assert rows[3]["avg_price"] == 61001


def test_averages_of_inverse_contracts(futures: FuturesAccount, unified_private: Socket) -> None:
    futures.placed(symbol=INVERSE, size="100", price=None)
    rows = first(unified_private, "executions", snap_trades=True)["data"]
    trade = next(row for row in rows if row["exec_type"] == "trade")
    assert abs(trade["avg_price"] - trade["last_price"]) <= 1


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        ({"order_type": "limit", "limit_price": 60000}, {"orderType": "lmt", "limitPrice": 60000}),
        ({"order_type": "limit", "limit_price": 60000, "post_only": True}, {"orderType": "post"}),
        (
            {"order_type": "stop-loss", "side": "sell", "triggers": {"price": 60000}},
            {"orderType": "stop", "stopPrice": 60000, "triggerSignal": "last"},
        ),
        (
            {
                "order_type": "take-profit-limit",
                "side": "sell",
                "limit_price": 75000,
                "triggers": {"price": 76000, "reference": "index"},
            },
            {"orderType": "take_profit", "stopPrice": 76000, "limitPrice": 75000, "triggerSignal": "spot"},
        ),
        (
            {"order_type": "trailing-stop", "side": "sell", "triggers": {"price": 5, "price_type": "pct"}},
            {"orderType": "trailing_stop"},
        ),
    ],
)
def test_orders_stand_on_the_futures_exchange(
    futures: FuturesAccount, unified_private: Socket, params: dict[str, Any], shown: dict[str, Any]
) -> None:
    order(unified_private, cl_ord_id="mine", **params)
    (row,) = futures.call("GET", "openorders")["openOrders"]
    assert {name: row[name] for name in shown} == shown
    assert (row["cliOrdId"], row["unfilledSize"]) == ("mine", Decimal("0.5"))
    told = first(unified_private, "executions")["data"][0]
    assert told["order_type"] == params["order_type"]


def test_a_market_order(emulator: Emulator, unified_private: Socket) -> None:
    order(unified_private, order_type="market")
    assert emulator.futures_positions == {XBT: Decimal("0.5")}
    order(unified_private, order_type="market", side="sell", order_qty=2, reduce_only=True)
    assert emulator.futures_positions == {}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"symbol": "PF_NOPE", "limit_price": 1}, "EQuery:Unknown asset pair"),
        ({"asset_class": "spot", "limit_price": 1}, "EService:Unavailable"),
        ({"asset_class": "futures", "limit_price": 1}, "EGeneral:Invalid arguments:asset_class"),
        ({}, "EGeneral:Invalid arguments:limit_price"),
        ({"limit_price": 60000.5}, "EOrder:Invalid price"),
        ({"limit_price": 60000, "order_qty": 0.00001}, "EOrder:Order minimum not met"),
        ({"limit_price": 60000, "order_userref": 1}, "EGeneral:Invalid arguments:order_userref"),
        ({"limit_price": 60000, "order_qty": 900}, "EOrder:Insufficient margin"),
        ({"limit_price": 60000, "order_qty": 2000}, "EOrder:Margin position size exceeded"),
        ({"limit_price": 70000, "post_only": True}, "EOrder:Post only order"),
        ({"limit_price": 60000, "reduce_only": True}, "EOrder:Reduce only:No position exists"),
        ({"order_type": "stop-loss"}, "EGeneral:Invalid arguments:triggers"),
        (
            {"order_type": "stop-loss", "triggers": {"price": 1, "reference": "mark"}},
            "EGeneral:Invalid arguments:triggers",
        ),
        ({"limit_price": 60000, "time_in_force": "gtd"}, "EGeneral:Invalid arguments:expire_time"),
    ],
)
def test_refused_orders(futures: FuturesAccount, unified_private: Socket, params: dict[str, Any], words: str) -> None:
    usual = {"order_type": "limit", "side": "buy", "symbol": XBT, "order_qty": 0.5}
    assert unified_private.refused("add_order", **{**ON, **usual, **params}) == words
    assert futures.open == []


def test_validation_places_nothing(futures: FuturesAccount, unified_private: Socket) -> None:
    order(unified_private, limit_price=60000, validate=True)
    assert futures.open == []


def test_client_ids_are_used_once(unified_private: Socket) -> None:
    order(unified_private, limit_price=60000, cl_ord_id="x")
    usual = {"order_type": "limit", "side": "buy", "symbol": XBT, "order_qty": 0.5, "limit_price": 60000}
    words = unified_private.refused("add_order", cl_ord_id="x", **ON, **usual)
    assert words == "EGeneral:Invalid arguments:cl_ord_id"


def test_amending_and_cancelling(futures: FuturesAccount, unified_private: Socket) -> None:
    number = order(unified_private, limit_price=60000, cl_ord_id="x")
    told = unified_private.result("amend_order", order_id=number, order_qty=0.3, limit_price=60001, **ON)
    assert told == {"amend_id": "", "order_id": number}
    (row,) = futures.call("GET", "openorders")["openOrders"]
    assert (row["unfilledSize"], row["limitPrice"]) == (Decimal("0.3"), 60001)
    assert unified_private.refused("amend_order", order_id=number, limit_price=1.5, **ON) == "EOrder:Invalid price"
    assert unified_private.result("cancel_order", cl_ord_id=["x"], **ON) == {"order_id": number, "cl_ord_id": "x"}
    for method in ("amend_order", "cancel_order"):
        given = "x" if method == "amend_order" else ["x"]
        assert unified_private.refused(method, cl_ord_id=given, **ON) == "EOrder:Unknown order"


def test_batches(futures: FuturesAccount, unified_private: Socket) -> None:
    row = {"order_type": "limit", "side": "buy", "order_qty": 0.1, "limit_price": 60000}
    rows = [{**row, "cl_ord_id": "a"}, {**row, "order_qty": 900, "cl_ord_id": "b"}, row]
    placed = unified_private.result("batch_add", symbol=XBT, orders=rows, **ON)
    assert [each.get("error") for each in placed] == [None, "EOrder:Insufficient margin", None]
    assert sorted(futures.open) == sorted(each["order_id"] for each in placed if "error" not in each)
    wrong = [row, {**row, "limit_price": 0.5}]
    assert unified_private.refused("batch_add", symbol=XBT, orders=wrong, **ON) == "EOrder:Invalid price"
    assert len(futures.open) == 2
    names = {"orders": [placed[2]["order_id"]], "cl_ord_id": ["a"]}
    assert unified_private.result("batch_cancel", **names, **ON) == {"count": 2}
    assert unified_private.refused("batch_cancel", orders=["a"], **ON) == "EGeneral:Invalid arguments:orders"


def test_cancelling_all(emulator: Emulator, account: Account, futures: FuturesAccount, unified_private: Socket) -> None:
    spot = account.limit()
    order(unified_private, limit_price=60000)
    order(unified_private, order_type="stop-loss", side="sell", triggers={"price": 60000})
    assert unified_private.result("cancel_all", **ON) == {"count": 2}
    assert futures.open == []
    assert emulator.orders[spot]["status"] == "open"
    told = unified_private.result("cancel_all_orders_after", timeout=60, **ON)
    assert told["triggerTime"] > told["currentTime"]
    assert unified_private.result("cancel_all_orders_after", timeout=0)["triggerTime"] == "0"


def test_all_apis_see_the_same_orders(emulator: Emulator, futures: FuturesAccount, unified_private: Socket) -> None:
    unified_private.ask("subscribe", channel="executions", **ON)
    numbers = [order(unified_private, limit_price=60000), futures.placed()]
    assert futures.open == numbers[::-1]
    assert list(emulator.futures_orders) == numbers


# ---------------------------------------------------------------------- the account


@pytest.mark.parametrize("rich", [False, True])
def test_positions(futures: FuturesAccount, unified_private: Socket, rich: bool) -> None:
    futures.placed(size="0.5", price=None)
    params = {"with_margin": True} if rich else {}
    frame = first(unified_private, "positions", **params)
    (row,) = frame["data"]["futures"]
    assert (frame["type"], row["symbol"], row["size"]) == ("snapshot", XBT, Decimal("0.5"))
    assert row["entry_price"] == futures.position()["price"]
    assert ("initial_margin" in row) is rich
    if rich:
        assert row["initial_margin"] == futures.flex["initialMargin"]
    futures.placed("sell", symbol=INVERSE, size="10", price=None)
    futures.placed("sell", size="0.5", price=None)
    rows = [row for frame in frames_of(unified_private, "positions") for row in frame["data"]["futures"]]
    assert [(row["symbol"], row["size"]) for row in rows if row["symbol"] == INVERSE][-1] == (INVERSE, -10)
    assert [row["size"] for row in rows if row["symbol"] == XBT][-1] == 0
    if not rich:
        assert [row["symbol"] for row in rows] == [INVERSE, XBT]


def test_positions_without_snapshot(futures: FuturesAccount, unified_private: Socket) -> None:
    futures.placed(size="0.5", price=None)
    unified_private.result("subscribe", channel="positions", snapshot=False, **ON)
    futures.placed(symbol="PF_ETHUSD", size="1", price=None)
    frame = checked(unified_private.until(channel="positions"))
    assert frame["type"] == "update"


def test_too_many_positions(emulator: Emulator, unified_private: Socket) -> None:
    emulator.overflow_positions()
    assert first(unified_private, "positions")["data"] == {
        "futures": [],
        "options": [],
        "error": "snapshot_too_large",
    }
    unified_private.result("unsubscribe", channel="positions", **ON)
    assert "time" in first(unified_private, "positions")["data"]


def test_margin(futures: FuturesAccount, unified_private: Socket) -> None:
    unified_private.result("subscribe", channel="margin", **ON)
    state = {frame["type"]: frame["data"] for frame in frames_of(unified_private, "margin")}
    assert state.keys() == {"multi_collateral", "single_collateral"}
    futures.placed(size="0.5", price=None)
    futures.placed()
    futures.placed(symbol=INVERSE, size="100", price=None)
    for frame in frames_of(unified_private, "margin"):
        state[frame["type"]] = frame["data"]
    flex = state["multi_collateral"]["flex_futures"]
    told = futures.flex
    assert (flex["initial_margin"], flex["available_margin"], flex["pnl"]) == (
        told["initialMarginWithOrders"],
        told["availableMargin"],
        told["pnl"],
    )
    wallet = futures.call("GET", "accounts")["accounts"]["fi_xbtusd"]
    assert state["single_collateral"]["futures"]["F-XBT:USD"]["balance"] == wallet["balances"]["xbt"]


def test_ledgers_are_numbered_by_connection(
    emulator: Emulator, account: Account, futures: FuturesAccount, unified_private: Socket
) -> None:
    unified_private.result("subscribe", channel="ledgers")
    futures.placed(size="0.5", price=None)
    frames = frames_of(unified_private, "ledgers")
    unified_private.result("unsubscribe", channel="ledgers")
    unified_private.result("subscribe", channel="ledgers")
    account.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.01")
    frames += frames_of(unified_private, "ledgers")
    assert [frame["sequence"] for frame in frames] == list(range(1, 1 + len(frames)))
    rows = [row for frame in frames for row in frame["data"]]
    derivatives = [row for row in rows if row["asset_class"] == "derivatives"]
    log = futures.history("account-log", sort="asc")["logs"][-len(derivatives) :]
    assert [(row["id"], row["booking_uid"], row["new_balance"]) for row in derivatives] == [
        (row["id"], row["booking_uid"], row["new_balance"]) for row in log
    ]
    assert {row["asset"] for row in rows if row["asset_class"] == "spot"} == {"BTC", "USD"}
    emulator.lose_frames("ledgers", 1, "unified")
    futures.placed(size="0.1", price=None)
    assert frames_of(unified_private, "ledgers")[0]["sequence"] == len(frames) + 2


def test_balances(futures: FuturesAccount, account: Account, unified_private: Socket) -> None:
    frame = first(unified_private, "balances")
    usd = next(row for row in frame["data"] if row["asset"] == "USD")
    wallets = {(each["type"], each["id"]): each["balance"] for each in usd["wallets"]}
    accounts = futures.call("GET", "accounts")["accounts"]
    assert wallets["spot", "main"] == Decimal(account.call("Balance")["ZUSD"])
    assert wallets["derivatives", "cash"] == accounts["cash"]["balances"]["usd"]
    assert wallets["derivatives", "flex"] == accounts["flex"]["currencies"]["USD"]["quantity"]
    assert usd["balance"] == sum(wallets.values())
    futures.call("POST", "transfer", fromAccount="cash", toAccount="flex", unit="USD", amount="100")
    account.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.01")
    frames = frames_of(unified_private, "balances")
    assert [each["sequence"] for each in frames] == list(range(2, 2 + len(frames)))
    for row in (row for each in frames for row in each["data"] if row["asset"] == "USD"):
        wallets[row["wallet_type"], row["wallet_id"]] = row["balance"]
    accounts = futures.call("GET", "accounts")["accounts"]
    assert wallets["spot", "main"] == Decimal(account.call("Balance")["ZUSD"])
    assert wallets["derivatives", "flex"] == accounts["flex"]["currencies"]["USD"]["quantity"]


# ---------------------------------------------------------------------- trouble


def test_connections_end(emulator: Emulator, unified: Socket, unified_private: Socket) -> None:
    assert emulator.drop_connections("unified_private") == 1
    with pytest.raises(ConnectionClosed):
        unified_private.next()
    assert unified.reply("ping")["method"] == "pong"
    assert emulator.drop_connections("unified_public", code=1013) == 1
    with pytest.raises(ConnectionClosed):
        unified.next()
    with pytest.raises(InvalidStatus), connect(f"{emulator.unified_ws_url}/v2"):
        pass


def test_silence_and_frames_of_all_kinds(emulator: Emulator, unified: Socket) -> None:
    first(unified, "ticker", symbol=[XBT])
    emulator.silence()
    emulator.tick(60, XBT)
    assert unified.next_after_ping() == []
    assert emulator.push("{", "unified_public") == 1
    assert unified.connection.recv(5) == "{"


def test_quotes_warm_up(emulator: Emulator, unified_private: Socket) -> None:
    emulator.warm_up_quotes(2)
    words = "RFQ feed warming up, please retry"
    for _ in range(2):
        assert unified_private.refused("subscribe", channel="quotes", **ON) == words
    assert first(unified_private, "quotes")["data"]


def test_faults_of_methods(emulator: Emulator, futures: FuturesAccount, unified_private: Socket) -> None:
    emulator.faults.add("add_order", "accept-then-hang")
    params = {"order_type": "limit", "side": "buy", "symbol": XBT, "order_qty": 0.5, "limit_price": 60000}
    unified_private.ask("add_order", **ON, **params)
    assert unified_private.next_after_ping() == []
    assert len(futures.open) == 1
