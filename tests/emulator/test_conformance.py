"""The emulator against the specs: it takes what their examples send, and answers what their schemas say."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from jsonschema import Draft202012Validator

from kraken.emulator.schema import Mode
from kraken.emulator.specs import Channel, Document, Operation, load, specs_folder

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


def closed(schema: Any) -> Any:
    """The schema with every object refusing what it does not name: the emulator makes nothing up."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items() if not key.startswith("x-kraken")}
    if "properties" in found and isinstance(found.get("type"), str):
        found.setdefault("additionalProperties", False)
    return found


def result_schemas() -> dict[str, Any]:
    found = {}
    for path in sorted((specs_folder() / "spot" / "rest").glob("*.yaml")):
        document = Document.open(path)
        for route, item in document.content.get("paths", {}).items():
            for facts in item.values():
                (media,) = facts["responses"]["200"]["content"].values()
                schema = document.resolved(media["schema"])["properties"]["result"]
                found[route.rpartition("/")[2]] = closed(schema)
    return found


def message_schemas() -> dict[str, Any]:
    found = {}
    for path in sorted((specs_folder() / "spot" / "websocket").glob("*.yaml")):
        document = Document.open(path)
        for facts in document.content.get("channels", {}).values():
            for name, message in document.resolved(facts["messages"]).items():
                found[name] = closed(message["payload"])
    return found


RESULTS = result_schemas()
MESSAGES = message_schemas()


def check(schema: Any, value: Any) -> None:
    Draft202012Validator(schema).validate(value)


# ---------------------------------------------------------------------- examples


@pytest.mark.parametrize("operation", SPOT.operations.values(), ids=lambda each: each.name)
def test_examples_of_rest_requests_are_understood(operation: Operation) -> None:
    for example in operation.examples:
        given = dict(parse_qsl(example["wire"], keep_blank_values=True))
        operation.shape.check(given, Mode.TEXT)
    assert json.loads(operation.example())["error"] == []


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


@pytest.mark.parametrize("operation", SPOT.operations.values(), ids=lambda each: each.name)
def test_answers_are_what_the_specs_say(account: Account, operation: Operation) -> None:
    name = operation.name
    account.emulator.tick(30)
    if name == "AddOrder":
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "60000"}
        more: list[dict[str, str]] = [{}, {"validate": "true"}, {"close[ordertype]": "limit", "close[price]": "90000"}]
        for each in more:
            check(RESULTS[name], account.call(name, **order, **each))
    elif name in ("AmendOrder", "CancelOrder"):
        check(RESULTS[name], account.call(name, txid=account.limit(), **({"order_qty": "1"} if name[0] == "A" else {})))
    elif name in ("OpenOrders", "QueryOrders"):
        orders = [
            account.limit(userref="1", oflags="post", timeinforce="GTD", expiretm="+60"),
            account.limit(ordertype="stop-loss-limit", price="60000", price2="60100", cl_ord_id="a"),
            account.limit(ordertype="market"),
        ]
        account.call("CancelOrder", txid=orders[1])
        arguments = {"txid": ",".join(orders)} if name == "QueryOrders" else {}
        check(RESULTS[name], account.call(name, trades="true", **arguments))
    elif operation.signed:
        check(RESULTS[name], account.call(name, **PLAIN.get(name, {})))
    else:
        check(RESULTS[name], account.public(name, **PLAIN.get(name, {})))


def test_public_frames_are_what_the_specs_say(emulator: Emulator, public: Socket) -> None:
    names = ("ticker", "book", "trade", "instrument")
    for name in names:
        symbols = {} if name == "instrument" else {"symbol": ["BTC/USD", "SHIB/USD"]}
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


def check_granted(result: dict[str, Any]) -> None:
    channel = result.pop("channel")
    check(MESSAGES[f"{channel.title()}Subscribed"], result)


def test_replies_are_what_the_specs_say(emulator: Emulator, private: Socket) -> None:
    check_granted(private.result("subscribe", channel="executions", snap_trades=True))
    check_granted(private.result("subscribe", channel="balances"))
    order = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "order_qty": 0.01, "limit_price": 60000}
    replies = [
        private.reply("add_order", **order, cl_ord_id="a", time_in_force="gtd", expire_time="2099-01-01T00:00:00Z"),
        private.reply("amend_order", cl_ord_id="a", order_qty=0.02),
        private.reply("cancel_order", cl_ord_id=["a"]),
        private.reply("cancel_order", cl_ord_id=["a"]),
    ]
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
