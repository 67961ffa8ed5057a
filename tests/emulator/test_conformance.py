"""The emulator against the specs: it takes what their examples send, and answers what their schemas say."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from kraken.emulator.schema import Mode
from kraken.emulator.specs import Channel, Operation, load, specs_folder
from kraken.emulator.wire import loads

from .schemas import MESSAGES, RESULTS, check

if TYPE_CHECKING:
    from kraken.emulator import Emulator

    from .conftest import Account, Socket

SPOT = load(specs_folder(), "spot")
PLAIN: dict[str, dict[str, Any]] = {
    "OHLC": {"pair": "XBTUSD"},
    "Depth": {"pair": "XBTUSD"},
    "GroupedBook": {"pair": "XBTUSD"},
    "Trades": {"pair": "XBTUSD"},
    "Spread": {"pair": "XBTUSD"},
    "Level3": {"pair": "XBTUSD"},
}
"""The least that an operation needs; those with orders in them are further down."""


# ---------------------------------------------------------------------- examples


@pytest.mark.parametrize("operation", SPOT.operations.values(), ids=lambda each: each.name)
def test_examples_of_rest_requests_are_understood(operation: Operation) -> None:
    for example in operation.examples:
        wire, arguments = example["wire"], example["arguments"]
        in_path = {name: str(arguments.get(name, "ABDEM01-EVM77-WALLT1")) for name in in_the_path(operation)}
        if wire.startswith("{"):
            operation.shape.check({**loads(wire), **in_path}, Mode.LENIENT)
        else:
            operation.shape.check({**dict(parse_qsl(wire, keep_blank_values=True)), **in_path}, Mode.TEXT)
    if operation.envelope == "spot" and operation.media == "application/json":
        assert json.loads(operation.example())["error"] == []


def in_the_path(operation: Operation) -> list[str]:
    return [name for name, place in operation.places.items() if place == "path"]


@pytest.mark.parametrize("channel", [*SPOT.channels.values(), *SPOT.methods.values()], ids=lambda each: each.name)
def test_examples_of_websocket_requests_are_understood(channel: Channel) -> None:
    for example in channel.examples:
        if "request" not in example:
            continue
        params = json.loads(example["request"], parse_float=Decimal).get("params", {})
        assert channel.shape is not None
        given = {name: value for name, value in params.items() if channel.is_method or name != "channel"}
        channel.shape.check(given, Mode.STRICT)


# ---------------------------------------------------------------------- answers


def needs_no_story(operation: Operation) -> bool:
    """Whether nothing has to happen before the operation can answer; funding and earn have tests of their own."""
    needed = [name for name in operation.shape.required if name not in PLAIN.get(operation.name, {})]
    told = operation.name in ("AddOrder", "AmendOrder", "CancelOrder", "QueryOrders")
    chosen = operation.shape.one_of and not told
    return operation.envelope == "spot" and operation.media == "application/json" and (told or not (needed or chosen))


@pytest.mark.parametrize(
    "operation", [each for each in SPOT.operations.values() if needs_no_story(each)], ids=lambda each: each.name
)
def test_answers_are_what_the_specs_say(account: Account, operation: Operation) -> None:
    name = operation.name
    account.emulator.tick(30)
    if name == "AddOrder":
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
        more: list[dict[str, str]] = [{}, {"validate": "true"}, {"close[ordertype]": "limit", "close[price]": "90000"}]
        for each in more:
            check(RESULTS[operation.id], account.call(name, **order, **each))
    elif name in ("AmendOrder", "CancelOrder"):
        check(
            RESULTS[operation.id],
            account.call(name, txid=account.limit(), **({"order_qty": "1"} if name[0] == "A" else {})),
        )
    elif name in ("OpenOrders", "QueryOrders"):
        orders = [
            account.limit(userref="1", oflags="post", timeinforce="GTD", expiretm="+60"),
            account.limit(ordertype="stop-loss-limit", price="60000", price2="60100", cl_ord_id="a"),
            account.limit(ordertype="market"),
        ]
        account.call("CancelOrder", txid=orders[1])
        arguments = {"txid": ",".join(orders)} if name == "QueryOrders" else {}
        check(RESULTS[operation.id], account.call(name, trades="true", **arguments))
    elif operation.signed:
        check(RESULTS[operation.id], account.call(name, **PLAIN.get(name, {})))
    else:
        check(RESULTS[operation.id], account.public(name, **PLAIN.get(name, {})))


def test_public_frames_are_what_the_specs_say(emulator: Emulator, public: Socket) -> None:
    names = ("ticker", "book", "trade", "instrument", "ohlc")
    for name in names:
        symbols: dict[str, Any] = {} if name == "instrument" else {"symbol": ["BTC/USD", "SHIB/USD"]}
        symbols |= {"interval": 5} if name == "ohlc" else {}
        public.ask("subscribe", channel=name, **symbols, snapshot=True)
    frames = public.next_after_ping()
    emulator.tick(60)
    emulator.set_status("post_only")
    seen = set()
    for frame in frames + public.next_after_ping():
        if "method" in frame:
            check_granted(frame["result"])
        else:
            seen.add((frame["channel"], frame["type"]))
            check(MESSAGES[f"{frame['channel'].title()}Message"], frame)
    assert seen == {(name, kind) for name in names for kind in ("snapshot", "update")} | {("status", "update")}


def test_frames_of_single_orders_are_what_the_specs_say(emulator: Emulator, level3: Socket) -> None:
    check_granted(level3.result("subscribe", channel="level3", symbol=["BTC/USD"]))
    emulator.tick(120, "BTC/USD")
    frames = [each for each in level3.next_after_ping() if "channel" in each]
    events = {row.get("event") for each in frames for row in each["data"][0]["bids"] + each["data"][0]["asks"]}
    assert events == {None, "add", "modify", "delete"}
    for frame in frames:
        check(MESSAGES["Level3Message"], frame)


def check_granted(result: dict[str, Any]) -> None:
    channel = result.pop("channel")
    check(MESSAGES[f"{channel.title()}Subscribed"], result)


def test_replies_are_what_the_specs_say(emulator: Emulator, private: Socket) -> None:
    check_granted(private.result("subscribe", channel="executions", snap_trades=True))
    check_granted(private.result("subscribe", channel="balances"))
    order = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "order_qty": 0.01, "limit_price": 60000}
    batched = {name: value for name, value in order.items() if name != "symbol"} | {"order_userref": 8}
    replies = [
        private.reply("add_order", **order, cl_ord_id="a", time_in_force="gtd", expire_time="2099-01-01T00:00:00Z"),
        private.reply("amend_order", cl_ord_id="a", order_qty=0.02),
        private.reply("cancel_order", cl_ord_id=["a"]),
        private.reply("cancel_order", cl_ord_id=["a"]),
        added := private.reply("add_order", **order, order_userref=7),
        private.reply("edit_order", order_id=added["result"]["order_id"], symbol="BTC/USD", limit_price=60001),
        private.reply("batch_add", symbol="BTC/USD", orders=[batched, {**batched, "order_qty": 1000}]),
        private.reply("batch_cancel", orders=[8, 9]),
        private.reply("cancel_all_orders_after", timeout=60),
        private.reply("cancel_all_orders_after", timeout=0),
        private.reply("cancel_all"),
    ]
    assert [each.get("error") for each in replies] == [None] * 3 + ["EOrder:Unknown order"] + [None] * 7

    for reply in replies:
        check(MESSAGES[f"{''.join(map(str.title, reply['method'].split('_')))}Reply"], reply)
    check(MESSAGES["PingReply"], private.reply("ping"))


def test_account_frames_are_what_the_specs_say(emulator: Emulator, account: Account, private: Socket) -> None:
    private.ask("subscribe", channel="executions", snap_trades=True)
    private.ask("subscribe", channel="balances")
    frames = private.next_after_ping()
    account.limit(ordertype="stop-loss-limit", price="60000", price2="60100", userref="9")
    for more in (
        {"oflags": "post"},
        {"timeinforce": "GTD", "expiretm": "+60"},
        {"ordertype": "iceberg", "displayvol": "0.01"},
    ):
        order = account.limit(cl_ord_id="a", **more)
        account.call("AmendOrder", txid=order, order_qty="0.02")
        emulator.fill("a", "0.005")
        account.call("CancelOrder", txid=order)
    frames = [each for each in frames + private.next_after_ping() if "channel" in each]
    kinds = {row["exec_type"] for each in frames if each["channel"] == "executions" for row in each["data"]}
    assert kinds == {"pending_new", "new", "trade", "amended", "canceled"}
    for frame in frames:
        check(MESSAGES[f"{frame['channel'].title()}Message"], frame)
